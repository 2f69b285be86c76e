"""Helpers for the text-to-video course: noise schedules, diffusion steps, video display and export, the models.

Each name below loads its module when you first use it, so `import t2v_helpers` costs next to nothing.
"""

import importlib
import pathlib

ASSETS = pathlib.Path(__file__).resolve().parent.parent / "assets"  # the scale model, figures, lessons
_HOME = {
    "NoiseSchedule": "schedules",
    "q_sample": "diffusion",
    "plot_noise_schedule": "plots",
    "show_video": "video",
    "save_video": "video",
    "save_frames": "video",
    "film_strip": "video",
    "load_pipeline": "models.pipelines",
    "generate": "models.pipelines",
    "plan": "models.budget",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
