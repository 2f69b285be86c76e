"""What only the notebooks draw, in the style of `plots`; a name loads its module, and matplotlib, when first used."""

from .._support.lazy import attach

_NAMES = {
    "points": "plane clouds discriminators chain paths film noise_map",
    "charts": "lines sweep bars intervals brightness scores history cost_panels runs memory",
    "pictures": "heatmap images digit_sheet forward_strip with_clock digit_film",
    "solvers": "orders quality shrinking",
    "diagrams": "gan_diagram gan_beside_diffusion",
    "reverse": "chain_diagram basins density_paths",
    "explorers": "Watch schedule_explorer forward_explorer sampler_explorer training_explorer",
}
__getattr__, __dir__, __all__ = attach(__name__, _NAMES)
