"""What only the notebooks draw, in the style of `plots`; a name loads its module, and matplotlib, when first used."""

import importlib

_HOME = {
    "plane": "points",
    "clouds": "points",
    "discriminators": "points",
    "clip_of_clouds": "points",
    "samples": "points",
    "arrows": "points",
    "chain": "points",
    "paths": "points",
    "chain_frames": "points",
    "measured": "charts",
    "bars": "charts",
    "brightness": "charts",
    "densities": "charts",
    "curves": "charts",
    "lines": "charts",
    "scores": "charts",
    "against_cost": "charts",
    "history": "charts",
    "cost_panels": "charts",
    "sweep": "charts",
    "heatmap": "pictures",
    "images": "pictures",
    "digit_sheet": "pictures",
    "gan_diagram": "diagrams",
    "gan_beside_diffusion": "diagrams",
    "Explorer": "explorers",
    "Watch": "explorers",
    "schedule_explorer": "explorers",
    "forward_explorer": "explorers",
    "sampler_explorer": "explorers",
    "training_explorer": "explorers",
}
__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__():
    return sorted([*globals(), *__all__])
