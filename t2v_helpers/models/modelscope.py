"""ModelScope's settings, from the config files of `ali-vilab/text-to-video-ms-1.7b`; the rest are class defaults.

Source: Wang et al. 2023, arXiv 2308.06571.
"""

UNET = dict(sample_size=32, in_channels=4, block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=1024)
VAE = dict(
    sample_size=256,
    block_out_channels=(128, 256, 512, 512),
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    layers_per_block=2,
)
TEXT = dict(
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=23,
    num_attention_heads=16,
    max_position_embeddings=77,
    hidden_act="gelu",
)
SCHEDULER = dict(
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    clip_sample=False,
    set_alpha_to_one=False,
    steps_offset=1,
)
