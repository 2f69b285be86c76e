"""The two towers of a tiny CLIP: one reads captions, one looks at clips (Radford et al. 2021)."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from . import scale_model
from .loop import first_weights, fit, rng


class ContrastiveLoss(nn.Module):
    """CLIP's symmetric cross-entropy over the similarities of a batch of captions and clips (Radford et al. 2021)."""

    def __init__(self, text_encoder, video_tower):
        super().__init__()
        self.text_encoder, self.video_tower = text_encoder, video_tower
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, ids: torch.Tensor, frames: torch.Tensor, confused: torch.Tensor | None = None) -> torch.Tensor:
        """The loss of ids (b, tokens) and frames (b, 3, F, H, W); confused: captions that are nearly right."""
        scale = self.log_scale.clamp(max=math.log(100)).exp()
        text = F.normalize(self.text_encoder(ids).pooler_output, dim=1)
        video = self.video_tower(frames)
        logits = scale * text @ video.T
        target = torch.arange(len(ids), device=ids.device)
        to_text = logits.T
        if confused is not None:
            wrong = F.normalize(self.text_encoder(confused).pooler_output, dim=1)
            to_text = torch.cat([to_text, scale * (wrong * video).sum(1, keepdim=True)], 1)
        return (F.cross_entropy(logits, target) + F.cross_entropy(to_text, target)) / 2


def train_clip(accelerator, stage, folder, world, watch=None, text_encoder=None):
    """Train a video tower, and a text tower with it unless there is one already.

    Every process computes the whole batch (each clip is a negative for each caption), which takes seconds.

    Args:
        accelerator: An accelerate.Accelerator.
        stage: Steps, batch (in clips of different kinds) and rate.
        folder: For checkpoints and metrics.
        world: From worlds.py.
        watch: See `loop.fit`.
        text_encoder: A trained one, which stays as it is; each clip is then also held against a caption that is wrong
            in one attribute, or swaps two.

    Returns:
        Tokenizer, text encoder, video tower.
    """
    device, tokenizer, trained = accelerator.device, scale_model.new_tokenizer(), text_encoder is not None
    with first_weights(stage, "clip"):
        if not trained:
            text_encoder = scale_model.new_text_encoder(tokenizer, rng(stage.seed, "embeddings"))
        model = ContrastiveLoss(text_encoder.requires_grad_(not trained), scale_model.VideoTower()).to(device)
    pool, ids = world.pool().to(device), world.caption_ids(tokenizer).to(device)
    per_kind, kinds = len(pool) // len(world.kinds), len(world.trained)
    confused = world.caption_ids(tokenizer, 4, confused=True).to(device) if trained else None
    batch = min(stage.batch, kinds)

    def drawn(seed, step):
        generator = rng(seed, step, "clip", device=device)
        some = {"generator": generator, "device": device}
        kind = torch.randperm(kinds, **some)[:batch]
        texts, example = torch.randint(ids.shape[1], (batch,), **some), torch.randint(per_kind, (batch,), **some)
        frames = pool.paint(kind * per_kind + example)
        wrong = [confused[kind, torch.randint(confused.shape[1], (batch,), **some)]] if trained else []
        return ids[kind, texts], frames, *wrong

    @torch.no_grad()
    def measure(step):
        some, frames, *_ = drawn(10**6, step)
        text = F.normalize(text_encoder(some).pooler_output, dim=1)
        right = (text @ model.video_tower(frames).T).argmax(1) == torch.arange(len(some), device=device)
        return {"retrieval": right.float().mean().item()}

    fit(accelerator, model, lambda step: drawn(stage.seed, step), stage, folder, measure=measure, watch=watch)
    return tokenizer, text_encoder.eval(), model.video_tower.eval()
