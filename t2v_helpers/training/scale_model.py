"""The scale model of ModelScope, part by part, untrained: the same classes, 1/330 of the weights.

Each function returns one component of a `TextToVideoSDPipeline`. Where it differs from ModelScope's other than in
width, the function says so and why; the model card (assets/tiny-t2v/README.md) has the measurements.
"""

import json
import pathlib

import torch
from torch import nn

from .. import shapes
from .._support.logs import quiet

MAX_TOKENS = 24  # ModelScope: 77
WIDTH = 64  # of the text tower; ModelScope: 1024
LATENT = (8, shapes.NUM_FRAMES, shapes.SIZE // 8, shapes.SIZE // 8)  # ModelScope: (4, 16, 32, 32)


def new_tokenizer(texts=None):
    """A CLIPTokenizer, its byte-pair merges learned from texts, or the world's captions; `known_words`: their words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    texts = sorted(texts) if texts else [*shapes.words(), ","]
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    words = sorted({word for text in texts for word in text.replace(",", " ").split()})
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)  # how CLIP writes what is not ASCII
    texts = [" ".join(byte_level.pre_tokenize_str(word)[0][0] for word in text.split()) for text in texts]
    letters = sorted({letter for text in texts for letter in text} - {" "})
    # The trainer numbers letters in an order that changes from run to run, and breaks ties by number: so name them.
    special = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    settings = {"vocab_size": 1000, "end_of_word_suffix": "</w>", "special_tokens": special, "show_progress": False}
    bpe.train_from_iterator(texts, trainers.BpeTrainer(**settings))
    learned = json.loads(bpe.to_str())["model"]
    merges = [tuple(merge) for merge in learned["merges"]]
    return CLIPTokenizer(vocab=learned["vocab"], merges=merges, model_max_length=MAX_TOKENS, known_words=words)


def token_ids(tokenizer, texts):
    """Captions as the pipeline tokenises them: ids (b, 24), padded with the end token."""
    return tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids


def new_text_encoder(tokenizer, generator=None, layers=3):
    """A CLIPTextModel of three layers: token ids (b, 24) to a context (b, 24, 64).

    CLIP draws its embeddings with a deviation of 0.02. Here words are drawn far apart (1.0, positions 0.3): at this
    size and budget that decides whether the text is learned at all.
    """
    from transformers import CLIPTextConfig, CLIPTextModel

    size = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": layers, "num_attention_heads": 4}
    size |= {"vocab_size": len(tokenizer), "max_position_embeddings": MAX_TOKENS, "projection_dim": WIDTH}
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    model = CLIPTextModel(CLIPTextConfig(hidden_act="gelu", **size, **special))
    with torch.no_grad():
        model.get_input_embeddings().weight.normal_(0, 1.0, generator=generator)
        for name, parameter in model.named_parameters():
            if "position_embedding" in name:
                parameter.normal_(0, 0.3, generator=generator)
    return model


class VideoTower(nn.Module):
    """The video half of the tiny CLIP: frames (b, 3, 16, 64, 64) in [-1, 1] to a vector (b, 64) of length 1."""

    def __init__(self):
        super().__init__()
        layers = [nn.AvgPool3d((1, 2, 2))]
        for channels, more in ((3, 16), (16, 32), (32, 64)):
            layers += [nn.Conv3d(channels, more, kernel_size=3, stride=2, padding=1), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool3d((2, 1, 1)), nn.Flatten(), nn.Linear(128, WIDTH))

    def forward(self, frames):
        """Vectors (b, 64) of length 1 for frames (b, 3, F, H, W) in [-1, 1]."""
        return nn.functional.normalize(self.layers(frames), dim=1)


def new_autoencoder(size=shapes.SIZE, latent_channels=LATENT[0]):
    """AutoencoderKL: frames (b, 3, size, size) in [-1, 1] to latents (b, 8, size / 8, size / 8) and back.

    It makes pictures 8x smaller, as ModelScope's does. size: pixels, a multiple of 8. latent_channels: 4 in ModelScope;
    in pictures of 64 x 64 pixels an outline is so small that its code needs 8.
    """
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 32, 32, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=8,
        latent_channels=latent_channels,
        sample_size=size,
    )


CHANNELS = (48, 80, 96)  # of the UNet's three levels, 8 x 8, 4 x 4 and 2 x 2; ModelScope: (320, 640, 1280, 1280)
SMALL = (32, 64, 96)  # of one for frames below 64 x 64, which has less to learn
HEAD = 8  # channels of one head of attention; ModelScope: 64


def _unet_config(sample_size, latent_channels, kind):
    """Both UNets' settings. Attention to the text sits at 8 x 8 and 4 x 4."""
    channels, texts = (CHANNELS, (0, 1)) if sample_size >= 8 else (SMALL, (0,))
    down = [f"{'CrossAttn' * (level in texts)}DownBlock{kind}" for level in range(3)]
    return {
        "sample_size": sample_size,
        "in_channels": latent_channels,
        "out_channels": latent_channels,
        "block_out_channels": channels,
        "down_block_types": tuple(down),
        "up_block_types": tuple(block.replace("Down", "Up") for block in reversed(down)),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "cross_attention_dim": WIDTH,
    }


def new_image_unet(sample_size=LATENT[-1], latent_channels=LATENT[0]):
    """UNet2DConditionModel: one latent frame (b, 8, 8, 8), step (b,) and context (b, 24, 64) to v (b, 8, 8, 8).

    The part of `new_unet` that looks at a single frame. It is trained first, as Stable Diffusion's was for ModelScope.
    """
    from diffusers import UNet2DConditionModel

    config = _unet_config(sample_size, latent_channels, "2D")
    heads = tuple(c // HEAD for c in config["block_out_channels"])  # what this class calls attention_head_dim
    return UNet2DConditionModel(attention_head_dim=heads, use_linear_projection=True, **config)


def new_unet(image_unet=None, sample_size=LATENT[-1], latent_channels=LATENT[0], still=True):
    """UNet3DConditionModel: latents (b, 8, 16, 8, 8), step (b,) and context (b, 24, 64) to v (b, 8, 16, 8, 8).

    image_unet: a model from `new_image_unet`, whose weights it takes over. still: whether layers that look along time
    start as the identity, so that it starts as the image model on each frame alone, as ModelScope started from Stable
    Diffusion (Wang et al. 2023). Otherwise their last layers are drawn: it starts worse, but learns sooner.
    """
    from diffusers import UNet3DConditionModel
    from diffusers.models.resnet import TemporalConvLayer
    from diffusers.models.transformers.transformer_temporal import TransformerTemporalModel

    unet = UNet3DConditionModel(attention_head_dim=HEAD, **_unet_config(sample_size, latent_channels, "3D"))
    for module in unet.modules():
        if isinstance(module, TransformerTemporalModel) and still:
            nn.init.zeros_(module.proj_out.weight)
            nn.init.zeros_(module.proj_out.bias)
        if isinstance(module, TemporalConvLayer) and not still:
            module.conv4[-1].reset_parameters()
    if image_unet is not None:
        unet.load_state_dict(image_unet.state_dict(), strict=False)
    return unet


def to_model(frames):
    """Frames (..., F, H, W, 3) in [0, 1] to what the networks take: (..., 3, F, H, W) in [-1, 1]."""
    return torch.as_tensor(frames).movedim(-1, -4) * 2 - 1


@torch.no_grad()
def encode(vae, clip):
    """Latents (..., 8, F, h, w) of clips' frames (..., F, H, W, 3), scaled to deviation 1."""
    frames = to_model(clip).movedim(-4, -3).to(vae.device)
    mean = vae.encode(frames.flatten(0, -4)).latent_dist.mean * vae.config.scaling_factor
    return mean.unflatten(0, frames.shape[:-3]).movedim(-4, -3)


@torch.no_grad()
def decode(vae, latents):
    """Clips' frames (..., F, H, W, 3) in [0, 1], as an array, of latents as `encode` gives them."""
    latents = latents.float().movedim(-4, -3) / vae.config.scaling_factor
    frames = vae.decode(latents.flatten(0, -4)).sample.unflatten(0, latents.shape[:-3])
    return (frames / 2 + 0.5).clamp(0, 1).movedim(-3, -1).cpu().numpy()


def new_scheduler():
    """DDIM that predicts v on ModelScope's scaled-linear betas, up to 0.03 and rescaled to zero terminal SNR.

    ModelScope predicts epsilon with beta up to 0.012, which leaves signal in x_T. Here x_T is pure noise, so that what
    the clip shows has to come from the text (Lin et al. 2023; notebook 02 measures it, 08 finds no clear effect).
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.03,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        steps_offset=1,
    )


def new_pipeline(tokenizer, text_encoder, vae, unet):
    """The components as one `TextToVideoSDPipeline`, the class that ModelScope's weights are loaded into."""
    from diffusers import TextToVideoSDPipeline

    with quiet(bars=True):
        pipeline = TextToVideoSDPipeline(vae, text_encoder, tokenizer, unet, new_scheduler())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_video_tower(folder):
    """The trained video tower beside a pipeline's folder, or None if it has none."""
    from safetensors.torch import load_file

    path, tower = pathlib.Path(folder) / "video_tower" / "model.safetensors", VideoTower()
    if not path.exists():
        return None
    tower.load_state_dict(load_file(path))
    return tower.eval()
