"""The world of the scale models: captioned clips of one moving thing or two, and a judge that reads them back.

A clip is 16 frames of 64 x 64 pixels at 8 frames a second. `captions` has the words, `render` draws, `judge` looks.
The program that draws a clip and the judge that looks at one share the palette, the grounds and the outlines, and
neither uses a network.
"""

from .captions import (
    COLORS,
    COMBINATIONS,
    FIRST,
    GROUNDS,
    HELD_OUT,
    MOTIONS,
    SHAPES,
    TEMPLATES,
    Attributes,
    Scene,
    captions,
    combinations,
    is_held_out,
    pair_is_held_out,
    parse,
    read,
    sample_scene,
    wordings,
    words,
)
from .judge import Comparison, Seen, Sight, compare, ground_of, judge, look, outline_iou, track, verdict
from .render import BACKGROUND, FPS, NUM_FRAMES, SIZE, compose, coverage, outline, place, render, sky

__all__ = [
    "BACKGROUND",
    "COLORS",
    "COMBINATIONS",
    "FIRST",
    "FPS",
    "GROUNDS",
    "HELD_OUT",
    "MOTIONS",
    "NUM_FRAMES",
    "SHAPES",
    "SIZE",
    "TEMPLATES",
    "Attributes",
    "Comparison",
    "Scene",
    "Seen",
    "Sight",
    "captions",
    "combinations",
    "compare",
    "compose",
    "coverage",
    "ground_of",
    "is_held_out",
    "judge",
    "look",
    "outline",
    "outline_iou",
    "pair_is_held_out",
    "parse",
    "place",
    "read",
    "render",
    "sample_scene",
    "sky",
    "track",
    "verdict",
    "wordings",
    "words",
]
