"""What the benchmark runs: ModelScope's architecture, or a thousandth of it, with random weights.

Both sides of the comparison load it from a folder laid out as the hub would, as a user does.
"""

import dataclasses
import math

from ..models import MODELS, modelscope

PROMPT, SEED = "a panda eating bamboo on a rock", 0


@dataclasses.dataclass(frozen=True)
class Config:
    """The three networks' settings and the clip that is asked for; size: pixels, both sides."""

    about: str
    unet: dict
    vae: dict
    text: dict
    num_frames: int = 16
    size: int = 256
    steps: int = 25


_UNET = {"sample_size": 8, "block_out_channels": (8, 16, 16, 16), "layers_per_block": 1, "norm_num_groups": 4}
_UNET |= {"cross_attention_dim": 16, "attention_head_dim": 8}
_VAE = {"sample_size": 64, "block_out_channels": (4, 4, 4, 4), "layers_per_block": 1, "norm_num_groups": 2}
_TEXT = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_TEXT |= {"vocab_size": 514, "bos_token_id": 512, "eos_token_id": 513}
_SMALL = modelscope.UNET | _UNET, modelscope.VAE | _VAE, modelscope.TEXT | _TEXT
CONFIGS = {
    "full": Config("ModelScope's, 1.835 billion weights", modelscope.UNET, modelscope.VAE, modelscope.TEXT),
    "tiny": Config("four levels as in ModelScope's, 8 and 16 channels", *_SMALL, num_frames=4, size=64, steps=4),
}


def write_pipeline(folder, config, device):
    """Write a pipeline folder with random weights, drawn on the device, in half precision and ModelScope's file names.

    The weights are diffusers' own draw, but for what would make the comparison blind: layers that start at zero (the
    last of each temporal convolution) are drawn as well, and the UNet's last layer is scaled so that what it predicts
    for noise has deviation 1, as a trained network's does.
    """
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, TextToVideoSDPipeline, UNet3DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    device = torch.device(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(SEED)
        with device:
            unet = UNet3DConditionModel(**config.unet).eval()
            _wake(unet)
            unet.half()  # before the next one is drawn: in float32 ModelScope's takes 5.6 GB
            vae = AutoencoderKL(**config.vae).eval()
            text_encoder = CLIPTextModel(CLIPTextConfig(**config.text)).eval()
    tokenizer, scheduler = _tokenizer(config.text["max_position_embeddings"]), DDIMScheduler(**modelscope.SCHEDULER)
    pipe = TextToVideoSDPipeline(vae, text_encoder, tokenizer, unet, scheduler)
    pipe.to(dtype=torch.float16).save_pretrained(folder, variant="fp16")


def _wake(unet):
    import torch

    with torch.no_grad():
        for parameter in unet.parameters():
            if parameter.ndim > 1 and not parameter.any():
                torch.nn.init.kaiming_uniform_(parameter, a=math.sqrt(5))
        out = unet(*step_inputs(unet.config, 4, unet.device)).sample
        for parameter in unet.conv_out.parameters():
            parameter /= out.std()


def load_recipe(folder, device):
    """A pipeline as ModelScope's card says; without offload on a CPU, which has nothing to offload from."""
    import torch
    from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler

    dtype = torch.float16 if device.type == "cuda" else torch.float32
    pipe = DiffusionPipeline.from_pretrained(folder, dtype=dtype, variant="fp16")
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    if device.type == "cuda":
        pipe.enable_model_cpu_offload(device=device)
    return pipe


def recipe_clip(pipe, config):
    """A clip as the card makes it, from the noise that `generate` draws for SEED."""
    import torch

    shape = (1, pipe.unet.config.in_channels, config.num_frames, *[config.unet["sample_size"]] * 2)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED)).to(pipe.unet.dtype)
    return pipe(PROMPT, num_inference_steps=config.steps, num_frames=config.num_frames, latents=noise).frames[0]


def as_model(folder, config):
    """The `Model` of such a folder, with ModelScope's defaults except for length, size and steps."""
    own = {"repo": str(folder), "revision": None, "also": (), "licence": "", "progress": False}
    own |= {"num_frames": config.num_frames, "size": (config.size, config.size), "steps": config.steps}
    return dataclasses.replace(MODELS["modelscope"], **own)


def step_inputs(unet_config, num_frames, device):
    """Noise in the place of a guided step's inputs: latents (2, c, f, h, w), the step, context (2, 77, d)."""
    import torch

    side = unet_config["sample_size"]
    latents = torch.randn(2, unet_config["in_channels"], num_frames, side, side, device=device)
    context = torch.randn(2, 77, unet_config["cross_attention_dim"], device=device)
    return latents, torch.tensor(500, device=device), context


def step_flops(config):
    """Floating-point operations of a denoising step with guidance, counted on the meta device."""
    import torch
    from diffusers import UNet3DConditionModel

    from ..models import profile

    with torch.device("meta"):
        unet = UNet3DConditionModel(**config.unet)
    return profile(lambda: unet(*step_inputs(unet.config, config.num_frames, "meta")), unet).flops


def _tokenizer(tokens):
    """A CLIPTokenizer that makes a token of each letter: ModelScope's own words are not at hand, and cost the same."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    vocab = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(vocab)}, merges=[], model_max_length=tokens)
