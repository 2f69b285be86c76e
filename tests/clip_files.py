"""Clips to write, and how other programs read them back."""

import html.parser
import warnings

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageSequence

from t2v_helpers import shapes

CLIP = shapes.render("a red circle moving left", seed=0)
OTHER = shapes.render("a yellow triangle growing", seed=1)


def read(path):
    """Frames (F, H, W, 3) in 0..255 as another program reads them from a file."""
    if path.suffix == ".mp4":
        return by_ffmpeg(iio.imread, path).astype(float)
    with Image.open(path) as image:
        return np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]).astype(float)


def by_ffmpeg(function, path):
    """What imageio reads through ffmpeg, whose pipes it leaves open, with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return function(path, plugin="FFMPEG")


def psnr(a, b):
    """Peak signal-to-noise ratio in dB of pictures in 0..255."""
    return 10 * np.log10(255**2 / max(np.square(a - b).mean(), 1e-9))


def noise(frames=4, height=8, width=8, seed=0):
    return np.random.default_rng(seed).random((frames, height, width, 3), dtype=np.float32)


class Page(html.parser.HTMLParser):
    """What a browser reads in a page: tags in order, the attributes of each, and the captions below clips."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.videos, self.captions = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes.append([name for name, _ in attributes])
        if tag == "video":
            self.videos.append(dict(attributes))

    def handle_data(self, data):
        if self.tags[-1] == "figcaption":
            self.captions.append(data)
