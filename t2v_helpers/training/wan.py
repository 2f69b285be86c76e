"""The scale model of Wan 2.1 (Wan et al. 2025, arXiv 2503.20314), part by part, untrained: the same classes, small.

Each function returns one component of a `WanPipeline`. Where it differs from Wan's other than in width, the function
says so and why; the model card (assets/tiny-wan/README.md) has the measurements.
"""

import string

import torch
from torch import nn

from .. import shapes
from .._support.logs import quiet
from .scale_model import MAX_TOKENS, WIDTH, to_model

GROUP = 4  # frames that one latent frame stands for; the first stands for one frame alone
NUM_FRAMES = 17  # 4N + 1
LATENT = (16, 1 + (NUM_FRAMES - 1) // GROUP, shapes.SIZE // 8, shapes.SIZE // 8)  # Wan: (16, 21, 60, 104)
SHIFT = 3.0  # of the times toward noise, as Wan's at 480p


def new_tokenizer(texts=None):
    """A T5Tokenizer, as Wan's is: a SentencePiece vocabulary of the words of texts, and letters for all others.

    texts: by default the captions of the first world. `known_words` are their words.
    """
    from transformers import T5Tokenizer

    texts = texts or [text for names in shapes.FIRST for text in shapes.wordings(names)]
    words = sorted({word for text in texts for word in text.replace(",", " ").split()})
    # A piece's score is its log-probability: a word as a whole is likelier than its letters.
    pieces = [(mark, 0.0) for mark in ("<pad>", "</s>", "<unk>")] + [(f"▁{word}", -4.0) for word in words]
    letters = dict.fromkeys(["▁", ",", *string.ascii_lowercase, *sorted({*"".join(texts)} - {" "})])
    pieces += [(letter, -10.0) for letter in letters]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=MAX_TOKENS, known_words=words)


def new_text_encoder(tokenizer):
    """A two-layer UMT5EncoderModel: token ids (b, 24) and their mask to vectors (b, 24, 64); Wan's: (b, 512, 4096)."""
    from transformers import UMT5Config, UMT5EncoderModel

    size = {"d_model": WIDTH, "d_kv": WIDTH // 4, "d_ff": 4 * WIDTH, "num_layers": 2, "num_heads": 4}
    special = {name: getattr(tokenizer, name) for name in ("eos_token_id", "pad_token_id")}
    return UMT5EncoderModel(UMT5Config(vocab_size=len(tokenizer), dropout_rate=0.0, **size, **special))


def new_autoencoder():
    """AutoencoderKLWan: clips (b, 3, 4 N + 1, 64, 64) in [-1, 1] to latents (b, 16, N + 1, 8, 8) and back.

    It makes clips 8x smaller and, but for the first frame, 4x shorter, as Wan's does. It starts as an autoencoder of
    single frames: convolutions along time see the latest frame alone, and give it on. Wan's was trained so as well,
    pictures first.
    """
    from diffusers import AutoencoderKLWan

    channels = LATENT[0]
    vae = AutoencoderKLWan(
        base_dim=8,
        z_dim=channels,
        dim_mult=[1, 2, 4, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * channels,
        latents_std=[1.0] * channels,
    )
    with torch.no_grad():
        for name, module in vae.named_modules():
            if isinstance(module, nn.Conv3d):
                module.weight[:, :, :-1] = 0  # the past
            if name.endswith("time_conv"):  # as many frames as go in come out, or half, or two copies of each
                copies = module.out_channels // module.in_channels
                module.weight[:, :, -1, 0, 0] = torch.eye(module.in_channels).repeat(copies, 1)
                module.bias.zero_()
    return vae


def time_layers(vae):
    """The layers of an autoencoder that make clips shorter and longer; a single frame passes them by."""
    return [module for name, module in vae.named_modules() if name.endswith("time_conv")]


def decode(vae, latents):
    """Frames (b, 3, 4 N + 1, H, W) for latents (b, 16, N + 1, h, w), as vae.decode gives them before it clips them.

    A clipped pixel has no gradient, and training needs one.
    """
    latents = vae.post_quant_conv(latents)
    cache, chunks = [None] * vae._cached_conv_counts["decoder"], []
    for latent in latents.split(1, dim=2):
        chunks.append(vae.decoder(latent, feat_cache=cache, feat_idx=[0], first_chunk=not chunks))
    return torch.cat(chunks, dim=2)


@torch.no_grad()
def encode(vae, clip):
    """Latents (..., 16, N + 1, h, w) of clips' frames (..., 4 N + 1, H, W, 3), channels with mean 0 and deviation 1."""
    clips = to_model(clip).to(vae.device)
    mean = vae.encode(clips.reshape(-1, *clips.shape[-4:])).latent_dist.mean
    kept = vae.config.latents_mean, vae.config.latents_std  # of each channel
    center, deviation = (mean.new_tensor(some)[:, None, None, None] for some in kept)
    return ((mean - center) / deviation).reshape(*clips.shape[:-4], *mean.shape[1:])


@torch.no_grad()
def encode_texts(tokenizer, text_encoder, texts):
    """Captions as the pipeline gives them to the transformer: vectors (b, 24, 64), zero after each caption's end."""
    asked = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
    tokens = tokenizer(list(texts), **asked).to(text_encoder.device)
    return text_encoder(**tokens).last_hidden_state * tokens.attention_mask[..., None]


def new_transformer():
    """WanTransformer3DModel: latents (b, 16, 5, 8, 8), times (b,) and texts (b, 24, 64) to velocities like latents."""
    from diffusers import WanTransformer3DModel

    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=6,
        attention_head_dim=32,
        in_channels=LATENT[0],
        out_channels=LATENT[0],
        text_dim=WIDTH,
        freq_dim=64,
        ffn_dim=512,
        num_layers=6,
        rope_max_seq_len=32,
    )


def new_scheduler():
    """FlowMatchEulerDiscreteScheduler with Wan's shift."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(shift=SHIFT)


def new_pipeline(tokenizer, text_encoder, vae, transformer):
    """The components as one `WanPipeline`, the class that Wan's weights are loaded into."""
    from diffusers import WanPipeline

    with quiet(bars=True):
        pipeline = WanPipeline(tokenizer, text_encoder, vae, new_scheduler(), transformer)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
