"""From a name and a prompt to a clip; a name loads its module when first used, so names and rules need no torch."""

import importlib

_HOME = {
    "CARDS": "budget",
    "COUNTS": "budget",
    "PLANS": "budget",
    "plan": "budget",
    "profile": "counting",
    "skeleton": "counting",
    "cpu_autocast": "machine",
    "fit": "pipelines",
    "generate": "pipelines",
    "load_pipeline": "pipelines",
    "make": "pipelines",
    "highlight": "probes",
    "record_attention": "probes",
    "without_time": "probes",
    "MODELS": "registry",
    "Model": "registry",
    "check_shape": "registry",
    "describe": "registry",
    "Request": "request",
    "add_options": "request",
    "check_prompt": "request",
    "known_words": "request",
    "looks_english": "request",
}
__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
