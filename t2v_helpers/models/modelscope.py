"""ModelScope's three networks as bare shapes, to count and compare without the 3.7 GB of their weights.

The settings are those of `ali-vilab/text-to-video-ms-1.7b` (Wang et al. 2023, arXiv 2308.06571) as its config files
give them; tests hold the counts of parameters against the published weights' shapes.
"""

UNET = dict(
    sample_size=32,
    in_channels=4,
    out_channels=4,
    block_out_channels=(320, 640, 1280, 1280),
    down_block_types=("CrossAttnDownBlock3D", "CrossAttnDownBlock3D", "CrossAttnDownBlock3D", "DownBlock3D"),
    up_block_types=("UpBlock3D", "CrossAttnUpBlock3D", "CrossAttnUpBlock3D", "CrossAttnUpBlock3D"),
    layers_per_block=2,
    cross_attention_dim=1024,
    attention_head_dim=64,
)
VAE = dict(
    sample_size=256,
    block_out_channels=(128, 256, 512, 512),
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    layers_per_block=2,
    latent_channels=4,
    scaling_factor=0.18215,
)
TEXT = dict(
    vocab_size=49408,
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=23,
    num_attention_heads=16,
    max_position_embeddings=77,
    projection_dim=512,
    hidden_act="gelu",
)
SCHEDULER = dict(
    num_train_timesteps=1000,
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    clip_sample=False,
    set_alpha_to_one=False,
    steps_offset=1,
)


def skeleton():
    """The three networks on torch's meta device, which have shapes and no numbers.

    Returns a dict with the pipeline's names: "text_encoder", "unet" and "vae".

    >>> sum(p.numel() for p in skeleton()["unet"].parameters())
    1411233860
    """
    import torch
    from diffusers import AutoencoderKL, UNet3DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        return {
            "text_encoder": CLIPTextModel(CLIPTextConfig(**TEXT)),
            "unet": UNet3DConditionModel(**UNET),
            "vae": AutoencoderKL(**VAE),
        }


def count_parameters(module):
    """How many numbers a network has learned."""
    return sum(parameter.numel() for parameter in module.parameters())
