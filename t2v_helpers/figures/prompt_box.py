"""A box to type prompts into, for the first notebook; it answers where a kernel runs."""

import html
import os
import pathlib
import re
import warnings
from collections.abc import Callable
from itertools import count

import ipywidgets
import numpy as np

from ..video import InlineVideo, save_video


class PromptBox(ipywidgets.VBox):
    """A box to type a prompt into: seed, steps, guidance, a button and its progress, and the clip that comes out.

    Where no kernel runs, a page shows a still picture of the box, and the clip that it began with.

    Args:
        generate: `t2v_helpers.generate`.
        pipeline: What `load_pipeline` returns, of any model.
        prompt: What the box says at first.
        frames: The clip that it shows at first, (F, H, W, 3).
        seed: The seed of that clip.
        folder: Where the button "Keep it" saves a clip.
    """

    def __init__(
        self,
        generate: Callable[..., np.ndarray],
        pipeline: object,
        prompt: str,
        frames: np.ndarray,
        seed: int = 0,
        folder: str | os.PathLike = ".",
    ) -> None:
        self._generate, self._pipeline, self._folder, model = generate, pipeline, folder, pipeline.t2v_model
        self._fps, most = model.fps, max(50, model.steps)
        scales = sorted({0, 1, 1.5, 2, 3, 4, 6, 8, 12, model.guidance})
        self.controls = {
            "prompt": ipywidgets.Text(prompt, description="prompt", layout={"width": "98%"}),
            "seed": ipywidgets.BoundedIntText(seed, 0, 2**31, description="seed", layout={"width": "180px"}),
            "steps": ipywidgets.IntSlider(model.steps, 1, most, description="steps"),
            "guidance": ipywidgets.SelectionSlider(
                options=[(f"{w:g}", w) for w in scales], value=model.guidance, description="guidance"
            ),
        }
        self.make = ipywidgets.Button(description="Make the clip", button_style="primary")
        self.keep, self.bar = ipywidgets.Button(description="Keep it"), ipywidgets.IntProgress(0, max=model.steps)
        self.words, self.film = ipywidgets.HTML(), ipywidgets.HTML()
        self.make.on_click(lambda button: self._make())
        self.keep.on_click(lambda button: self._save())
        self._show(frames, prompt)
        rows = [[*self.controls.values()][1:], [self.make, self.keep, self.bar]]
        rows = [ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        super().__init__([self.controls["prompt"], *rows, self.words, self.film])

    def _make(self) -> None:
        """Generate what the controls say; errors and warnings are shown in the box."""
        asked = {name: control.value for name, control in self.controls.items()}
        self.bar.value, self.bar.max, self.make.disabled = 0, asked["steps"], True
        self.words.value = "denoising …"
        try:
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always", UserWarning)
                frames = self._generate(pipeline=self._pipeline, **asked, progress=self._progress)
            self._show(frames, asked["prompt"], *(str(n.message) for n in notes if n.category is UserWarning))
        except (ValueError, OSError) as error:
            self.words.value = f"<b>{html.escape(str(error))}</b>"
        finally:
            self.make.disabled = False

    def _progress(self, done: int, total: int) -> None:
        self.bar.value = done
        self.words.value = f"denoising: step {done} of {total}" if done < total else "decoding the frames …"

    def _show(self, frames: np.ndarray, prompt: str, *notes: str) -> None:
        self._clip, self._inline = (frames, prompt), InlineVideo(frames, self._fps, prompt, 384)
        self.film.value, self.words.value = self._inline.html, html.escape(" ".join(notes))

    def _save(self) -> None:
        """Save the clip under a name made of its prompt, with the first number that is free."""
        frames, prompt = self._clip
        name = re.sub(r"\W+", "-", prompt.lower()).strip("-")[:60]
        paths = (pathlib.Path(self._folder, f"{name}-{i}.mp4").expanduser() for i in count(1))
        path = next(path for path in paths if not path.exists())
        try:
            save_video(frames, path, self._fps)
            self.words.value = f"saved as {html.escape(str(path.absolute()))}"
        except OSError as error:
            self.words.value = f"<b>{html.escape(str(error))}</b>"

    def __repr__(self) -> str:
        return "[a box for prompts; it answers where a kernel runs]"

    def _repr_mimebundle_(self, **options: object) -> dict:
        edge = '<span style="border:1px solid #8888;border-radius:4px;padding:2px 10px">{}</span>'
        lines = ["<i>A still picture of the box: run this cell to use it.</i>"]
        for name, control in self.controls.items():
            lines.append(f"{name} {edge.format(html.escape(str(control.value)))}")
        lines.append(" ".join(edge.format(f"<b>{button.description}</b>") for button in (self.make, self.keep)))
        still = f'<div style="flex:0 1 360px">{"".join(f"<p>{line}</p>" for line in lines)}</div><figure'
        return super()._repr_mimebundle_(**options) | {"text/html": self._inline.html.replace("<figure", still, 1)}
