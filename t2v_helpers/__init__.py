"""Helpers for the text-to-video course: noise schedules, diffusion steps, video display and export, the models.

Each name below loads its module when you first use it, so `import t2v_helpers` costs next to nothing.
"""

import pathlib

from ._support.lazy import attach

# The scale models, figures and lessons; a package that pip has installed holds the scale models alone.
ASSETS = pathlib.Path(__file__).resolve().parent / "assets"
ASSETS = ASSETS if ASSETS.is_dir() else ASSETS.parent.parent / "assets"
_NAMES = {
    "schedules": "NoiseSchedule",
    "diffusion": "q_sample",
    "plots": "plot_noise_schedule",
    "clips": "read_video",
    "video": "show_video save_video save_frames film_strip",
    "models.pipelines": "load_pipeline generate",
    "models.budget": "plan",
}
__getattr__, __dir__, __all__ = attach(__name__, _NAMES)
