"""What only the notebooks draw, in the style of `plots`; a name loads its module, and matplotlib, when first used."""

from .._support.lazy import attach

_NAMES = {
    "points": "plane clouds discriminators chain paths film noise_map game_strip before_after",
    "charts": "lines sweep bars intervals brightness scores history dot_rows runs run_panels memory "
    "loss_parts differences carried",
    "pictures": "heatmap word_maps winners images digit_sheet forward_strip with_clock digit_film trails",
    "solvers": "orders quality enlarged shrinking",
    "diagrams": "gan_diagram gan_beside_diffusion text_diagram guidance_diagram lora_diagram",
    "reverse": "chain_diagram basins density_paths",
    "flows": "flow_paths continuity clocks",
    "explorers": "Watch schedule_explorer forward_explorer sampler_explorer training_explorer",
    "prompt_box": "PromptBox",
    "stages": "pipeline_diagram strips while_it_plays",
    "video_transformer": "two_architectures tokens reach modulation",
}
__getattr__, __dir__, __all__ = attach(__name__, _NAMES)
