"""From a name and a prompt to a clip; a name loads its module when first used, so names and rules need no torch."""

import importlib

_NAMES = {
    "budget": "CARDS COUNTS PLANS plan",
    "counting": "profile skeleton",
    "machine": "clock cpu_autocast matmul_rate",
    "pipelines": "fit generate load_pipeline make",
    "probes": "highlight record_attention without_time",
    "registry": "MODELS Model check_shape describe",
    "request": "Request add_options check_prompt known_words looks_english",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
