"""What only the notebooks draw, in the style of `plots`; a name loads its module, and matplotlib, when first used."""

import importlib

_NAMES = {
    "points": "plane clouds discriminators chain paths film",
    "charts": "lines bars brightness scores history cost_panels",
    "pictures": "heatmap images digit_sheet",
    "diagrams": "gan_diagram gan_beside_diffusion",
    "explorers": "Watch schedule_explorer forward_explorer sampler_explorer training_explorer",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
