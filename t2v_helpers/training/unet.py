"""The UNet's two stages of training: on single frames, then on clips.

Stable Diffusion knew what things look like before ModelScope taught it how they move. Here too, colour and shape are
learned from frames, which are sixteen times cheaper than clips, and time is learned last.
"""

import copy
import functools
import io

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import nn

from .. import shapes
from .._support.files import write_whole
from ..models import quicken
from . import scale_model
from .loop import digest, first_weights, fit, rng, share

UNCONDITIONAL = 0.1  # share of captions replaced by "" (classifier-free guidance, Ho & Salimans 2022)


@torch.no_grad()
def encode_clips(accelerator, vae, world, path, clips_per_kind=None, encode=scale_model.encode):
    """Latents of clips, scaled to deviation 1: (kinds * clips_per_kind, c, F, size / 8, size / 8), float16.

    Kind by kind, without those held out; kept in `path` and read from there the next time, if world and autoencoder are
    the same. encode: what makes latents of an autoencoder and the frames of clips.
    """
    clips_per_kind = clips_per_kind or world.examples_per_kind
    made_from = {"data": world.identity(), "autoencoder": digest(vae), "clips": clips_per_kind}
    if (kept := _read_latents(path, made_from)) is not None:
        return kept
    pool, mine = world.pool(clips_per_kind).to(accelerator.device), []
    batches = torch.arange(len(world.trained) * clips_per_kind, device=accelerator.device).split(64)
    for number in share(accelerator, len(batches)):
        frames = pool.paint(batches[number]).movedim(1, -1) / 2 + 0.5
        mine.append((number, encode(vae, frames).half().cpu()))
    latents = torch.cat([some for _, some in sorted(gather_object(mine), key=lambda pair: pair[0])])
    if accelerator.is_main_process and latents.numel() < 10**8:  # more is sooner made again than read
        path.parent.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        torch.save({"latents": latents, "made_from": made_from}, data)
        write_whole(path, data.getvalue())
    accelerator.wait_for_everyone()
    return latents


def _read_latents(path, made_from):
    """What `encode_clips` has kept, or None if it kept nothing of this."""
    try:
        kept = torch.load(path, weights_only=True)
        return kept["latents"] if kept["made_from"] == made_from else None
    except Exception:  # no file, or whatever torch raises for one that is none of its own
        return None


def train_images(accelerator, stage, folder, parts, latents, world, watch=None, learn_text=False):
    """Predict v of single frames from the noisy latent, the step and the text. Returns the weights' moving average.

    parts: tokenizer, text encoder and autoencoder. latents: as `encode_clips` gives them. learn_text: whether the text
    encoder learns as well; afterwards it has the average of its own weights.
    """
    with first_weights(stage, "image"):
        unet = scale_model.new_image_unet(*_sizes(parts, world))
    return _train(accelerator, stage, folder, parts, latents, world, unet, 1, watch, learn_text, {})


def train_clips(
    accelerator, stage, folder, parts, latents, world, image_unet, watch=None, still=True, learn_text=False
):
    """The same on whole clips, from the weights of `image_unet` on. still: see `scale_model.new_unet`."""
    with first_weights(stage, "unet"):
        unet = scale_model.new_unet(image_unet, *_sizes(parts, world), still=still)
    start = {"image model": digest(image_unet), "start along time": still}
    return _train(accelerator, stage, folder, parts, latents, world, unet, world.num_frames, watch, learn_text, start)


class Denoiser(nn.Module):
    """A UNet and the text encoder whose words it reads; its forward is the loss."""

    def __init__(self, unet, text_encoder):
        super().__init__()
        self.unet, self.text_encoder, self.scheduler = unet, text_encoder, scale_model.new_scheduler()

    def forward(self, x0, ids, t, eps):
        """The loss of latents x0 (b, c, F, h, w), or (b, c, h, w) of single frames, with captions ids (b, tokens)."""
        return v_loss(self.unet, x0, t, eps, self.text_encoder(ids).last_hidden_state, self.scheduler)


def _sizes(parts, world):
    return world.size // 8, parts[2].config.latent_channels


def _train(accelerator, stage, folder, parts, latents, world, unet, num_frames, watch, learn_text, start):
    device, (tokenizer, text_encoder, vae) = accelerator.device, parts
    made_from = {"data": world.identity(), "autoencoder": digest(vae), "number of examples": len(latents)}
    made_from |= {"text tower": digest(sorted(tokenizer.get_vocab().items()), text_encoder)} | start
    model = Denoiser(unet.eval(), text_encoder.eval()).to(device)  # the convolutions' dropout along time helps nobody
    model.unet.requires_grad_(True)
    model.text_encoder.requires_grad_(learn_text)
    average = copy.deepcopy(model).requires_grad_(False)
    captions, latents = caption_ids(tokenizer, world).to(device), latents.to(device)
    if device.type == "cuda":
        quicken(model)

    def drawn(step):
        singles = world.singles if num_frames > 1 else None
        generator = rng(stage.seed, step, "unet", device=device)
        batch = draw(latents, captions, generator, stage.batch, num_frames == 1, singles, step / stage.steps)
        return [some[accelerator.process_index :: accelerator.num_processes] for some in batch]

    def measure(step):
        whole = average.unet
        if num_frames == 1:
            whole = scale_model.new_unet(whole, *_sizes(parts, world)).to(device).eval()
        pipeline = scale_model.new_pipeline(tokenizer, average.text_encoder, vae, whole)
        path = folder / f"samples-{step:05d}.png"
        return adherence(pipeline, world, num_frames, step, path, guidance=2.0 if learn_text else 4.0)

    fit(
        accelerator, model, _own_loss, stage, folder, draw=drawn, half=True, ema=average, measure=measure, watch=watch,
        made_from=made_from,
    )  # fmt: skip
    if learn_text:
        text_encoder.load_state_dict(average.text_encoder.state_dict())
    return average.unet


def _own_loss(model, *batch):
    return model(*batch)


def caption_ids(tokenizer, world, variants=16):
    """Token ids (1 + kinds, variants, tokens): of no text, then of wordings of each trained kind."""
    variants = 1 if world.plain else variants
    ids = np.full((1 + len(world.trained), variants, scale_model.MAX_TOKENS), tokenizer.eos_token_id)
    ids[..., 0] = tokenizer.bos_token_id
    tokens = functools.cache(lambda word: tokenizer(word).input_ids[1:-1])  # quicker than millions of whole texts
    for kind in range(len(world.trained)):
        generator = rng(kind, "captions")
        for row in ids[1 + kind]:
            said = [token for word in world.text(kind, generator).split() for token in tokens(word)]
            row[1:-1][: len(said)] = said[: len(row) - 2]
    return torch.from_numpy(ids)


def draw(latents, captions, generator, batch, single, singles=None, progress=0.0):
    """A batch: latents x0 (b, c, F, h, w), or (b, c, h, w) of `single` frames; ids of texts; steps; noise.

    captions: as `caption_ids` gives them. singles: see `worlds.whole`; progress: of the training, from 0 to 1.
    """
    some, count = {"generator": generator, "device": latents.device}, len(latents)
    which = torch.rand(batch, **some)
    if singles:
        border, first, last = singles
        one = torch.rand(batch, **some) < first + (last - first) * progress
        which = torch.where(one, border * which, border + (1 - border) * which)
    which = (which * count).long().clamp(max=count - 1)
    kind = 1 + which * (len(captions) - 1) // count
    kind = torch.where(torch.rand(batch, **some) < UNCONDITIONAL, 0, kind)  # Eq. 8.4
    ids = captions[kind, torch.randint(captions.shape[1], (batch,), **some)]
    x0 = latents[which, :, torch.randint(latents.shape[2], (batch,), **some)] if single else latents[which]
    t = torch.randint(1000, (batch,), **some)
    return x0.float(), ids, t, torch.randn(x0.shape, **some)


@torch.no_grad()
def encode_texts(parts, texts, device):
    """Captions as the UNet reads them: (b, 24, 64)."""
    tokenizer, text_encoder, _ = parts
    return text_encoder(scale_model.token_ids(tokenizer, list(texts)).to(device)).last_hidden_state


def v_loss(model, x0, t, eps, context, scheduler):
    """The mean square of v_hat - v, for v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x0 (Salimans & Ho 2022)."""
    x_t = scheduler.add_noise(x0, eps, t).to(context.dtype)  # bfloat16 where the weights are, on a GPU
    v_hat = model(x_t, t, context).sample.float()
    return (v_hat - scheduler.get_velocity(x0, eps, t)).square().mean()  # Eq. 8.3


def adherence(pipeline, world, num_frames, seed, path=None, guidance=4.0):
    """Shares of samples that show what the caption says: of clips, and of their things each attribute.

    pairs: share of the clips of two things in which both are right. A few of the samples go to `path`.
    """
    seen, unseen = world.trained[:: max(1, len(world.trained) // max(18, len(world.held_out)))], world.held_out
    clips = sample(pipeline, [str(names) for names in seen + unseen], num_frames, seed, world.size, guidance)
    if path:
        _log_samples(clips[:: max(1, len(clips) // 16)], path)
    if not world.judged:
        return {}
    kinds = shapes.Attributes._fields if num_frames > 1 else ("color", "shape")  # a picture does not move
    found = [
        [
            [getattr(hit, kind) for kind in kinds]
            for hit in shapes.compare(names, shapes.look(clip, fit=world.fit).scene).hits
        ]
        for clip, names in zip(clips, seen + unseen, strict=True)
    ]
    right = [all(map(all, hits)) for hits in found]

    def mean(values):
        return sum(values) / len(values)

    shares = {"adherence": mean(right[: len(seen)])} | ({"held_out": mean(right[len(seen) :])} if unseen else {})
    every = zip(*(hit for hits in found for hit in hits), strict=True)
    shares |= {kind: mean(hits) for kind, hits in zip(kinds, every, strict=True)}
    pairs = [whole for whole, hits in zip(right, found, strict=True) if len(hits) == 2]
    return shares | ({"pairs": mean(pairs)} if pairs else {})


@torch.inference_mode()
def sample(pipeline, prompts, num_frames, seed, size=shapes.SIZE, guidance=4.0):
    """A clip for each prompt, all in one batch, with few steps: float32 array (b, num_frames, H, W, 3)."""
    settings = {"num_inference_steps": 12, "guidance_scale": guidance, "num_frames": num_frames}
    settings |= {"max_sequence_length": scale_model.MAX_TOKENS} if hasattr(pipeline, "transformer") else {}
    settings |= {"height": size, "width": size, "generator": rng(seed, "sample"), "output_type": "np"}
    return pipeline(prompts, **settings).frames


def _log_samples(clips, path):
    from PIL import Image

    rows = [torch.cat([torch.as_tensor(frame) for frame in clip[::3]], 1) for clip in clips]
    Image.fromarray((torch.cat(rows) * 255).round().byte().numpy()).save(path)
