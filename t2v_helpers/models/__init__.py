"""From a name and a prompt to a clip; a name loads its module when first used, so names and rules need no torch."""

from .._support.lazy import attach

_NAMES = {
    "budget": "CARDS COUNTS PLANS plan",
    "counting": "profile skeleton",
    "machine": "clock cpu_autocast matmul_rate quicken",
    "pipelines": "fit generate identity load_pipeline make",
    "probes": "read_instead record_attention without_time",
    "registry": "DTYPES MODELS SETTINGS Model check_shape describe settings",
    "request": "Request add_options check_prompt known_words looks_english",
}
__getattr__, __dir__, __all__ = attach(__name__, _NAMES)
