"""A sheet to draw on in pixels, 1600 wide: at half size, as GitHub shows it, its smallest letters can be read."""

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from t2v_helpers import plots

WIDTH, DPI = 1600, 200
SMALL, LARGE = 10, 12  # points, of 200 / 72 pixels
INK, GREY = plots.STYLE["text.color"], "#555555"


class Sheet:
    """A white figure of WIDTH x height pixels; x runs to the right and y down, as in a picture."""

    def __init__(self, height):
        self.figure = plots.pyplot().figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor="white")
        self.ax = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        self.ax.axis("off")

    def text(self, x, y, words, size=SMALL, color=INK, ha="center", va="center_baseline", **more):
        return self.ax.text(x, y, words, fontsize=size, color=color, ha=ha, va=va, linespacing=1.35, **more)

    def picture(self, x, y, array, zoom):
        """A picture (h, w) or (h, w, 3) with its upper left corner at x, y, each of its pixels a square of `zoom`."""
        height, width = (zoom * side for side in array.shape[:2])
        extent = (x, x + width, y + height, y)
        look = {} if array.ndim == 3 else {"cmap": "RdBu_r", "vmin": -abs(array).max(), "vmax": abs(array).max()}
        self.ax.imshow(array, extent=extent, aspect="auto", interpolation="nearest", **look)

    def rectangle(self, x, y, width, height, **look):
        """A rectangle with its middle at x, y, of exactly that size."""
        self.ax.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, **look))

    def box(self, x, y, width, height, color):
        """A box with round corners, in the colour of its role."""
        style = {"boxstyle": "round,pad=0,rounding_size=16", "facecolor": "white", "edgecolor": color, "linewidth": 2}
        self.ax.add_patch(FancyBboxPatch((x, y), width, height, **style))

    def arrow(self, start, end, color="#444444", bend=0.0, **more):
        style = {"arrowstyle": "->", "mutation_scale": 14, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
        style |= {"connectionstyle": f"arc3,rad={bend}", "color": color}
        self.ax.add_patch(FancyArrowPatch(start, end, **style | more))
