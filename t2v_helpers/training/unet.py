"""The UNet's two stages of training: on single frames, then on clips.

Stable Diffusion knew what things look like before ModelScope taught it how they move. Here too, colour and shape are
learned from frames, which are sixteen times cheaper than clips, and time is learned last.
"""

import io

import torch
from accelerate.utils import gather_object

from .. import shapes
from .._support.files import write_whole
from ..measures import outline_fit
from . import scale_model
from .loop import choose, digest, first_weights, fit, rng, share

UNCONDITIONAL = 0.1  # share of captions replaced by "" (classifier-free guidance, Ho & Salimans 2022)


@torch.no_grad()
def encode_clips(accelerator, vae, world, path, clips_per_kind=None, encode=scale_model.encode):
    """Latents of clips, scaled to deviation 1: (kinds * clips_per_kind, 4, F, size / 8, size / 8), float16.

    Kind by kind, without those held out; kept in `path` and read from there the next time, if world and autoencoder are
    the same. encode: what makes latents of an autoencoder and a clip's frames.
    """
    clips_per_kind = clips_per_kind or world.examples_per_kind
    made_from = {"data": world.identity(), "autoencoder": digest(vae), "clips": clips_per_kind}
    if _read_latents(path, made_from) is None:
        mine = []
        for index in share(accelerator, len(world.trained) * clips_per_kind):
            clip = world.example(*divmod(index, clips_per_kind), rng(0, index, "latents"))
            mine.append((index, encode(vae, clip).half().cpu()))
        everyones = sorted(gather_object(mine), key=lambda pair: pair[0])
        if accelerator.is_main_process:
            path.parent.mkdir(parents=True, exist_ok=True)
            data = io.BytesIO()
            torch.save({"latents": torch.stack([latent for _, latent in everyones]), "made_from": made_from}, data)
            write_whole(path, data.getvalue())
        accelerator.wait_for_everyone()
    return _read_latents(path, made_from)


def _read_latents(path, made_from):
    """What `encode_clips` has kept, or None if it kept nothing of this."""
    try:
        kept = torch.load(path, weights_only=True)
        return kept["latents"] if kept["made_from"] == made_from else None
    except Exception:  # no file, or whatever torch raises for one that is none of its own
        return None


def train_images(accelerator, stage, folder, parts, latents, world, watch=None):
    """Predict v of single frames from the noisy latent, the step and the text. Returns the weights' moving average.

    parts: tokenizer, text encoder and autoencoder, which stay as they are. latents: as `encode_clips` gives them.
    """
    with first_weights(stage, "image"):
        new = [scale_model.new_image_unet(*_sizes(parts, world)) for _ in range(2)]
    return _train(accelerator, stage, folder, parts, latents, world, *new, 1, watch, {})


def train_clips(accelerator, stage, folder, parts, latents, world, image_unet, watch=None, still=True):
    """The same on whole clips, from the weights of `image_unet` on. still: see `scale_model.new_unet`."""
    with first_weights(stage, "unet"):
        new = [scale_model.new_unet(some, *_sizes(parts, world), still=still) for some in (image_unet, None)]
    start = {"image model": digest(image_unet), "start along time": still}
    return _train(accelerator, stage, folder, parts, latents, world, *new, world.num_frames, watch, start)


def _sizes(parts, world):
    return world.size // 8, parts[2].config.latent_channels


def _train(accelerator, stage, folder, parts, latents, world, unet, ema, num_frames, watch, start):
    device, (tokenizer, text_encoder, vae) = accelerator.device, parts
    made_from = {"data": world.identity(), "autoencoder": digest(vae), "number of examples": len(latents)}
    made_from |= {"text tower": digest(sorted(tokenizer.get_vocab().items()), text_encoder)} | start
    unet, ema = unet.to(device).eval(), ema.to(device).eval()  # the temporal convolutions' dropout helps nobody here
    ema.load_state_dict(unet.state_dict())
    ema.requires_grad_(False)
    scheduler = scale_model.new_scheduler()

    def loss_of(model, step):
        generators = (rng(stage.seed, step, i, "unet") for i in share(accelerator, stage.batch))
        drawn = [draw(world, latents, generator, num_frames == 1) for generator in generators]
        x0, texts, t, eps = zip(*drawn, strict=True)
        context = encode_texts(parts, texts, device)
        return v_loss(model, *(torch.stack(many).to(device) for many in (x0, t, eps)), context, scheduler)

    def measure(step):
        whole = scale_model.new_unet(ema, *_sizes(parts, world)) if num_frames == 1 else ema
        pipeline = scale_model.new_pipeline(*parts, whole)
        return adherence(pipeline, world, num_frames, step, folder / f"samples-{step:05d}.png")

    fit(accelerator, unet, loss_of, stage, folder, ema=ema, measure=measure, watch=watch, made_from=made_from)
    return ema


def draw(world, latents, generator, single):
    """One sample of a batch: latents x0 (4, F, h, w), or (4, h, w) of a `single` frame; a text; a step; noise."""
    which = int(torch.randint(len(latents), (), generator=generator))
    drop = torch.rand((), generator=generator) < UNCONDITIONAL
    text = "" if drop else world.text(which * len(world.trained) // len(latents), generator)  # Eq. 8.4
    x0 = latents[which].float()
    x0 = choose(x0.unbind(1), generator) if single else x0
    eps = torch.randn(x0.shape, generator=generator)
    return x0, text, torch.randint(1000, (), generator=generator), eps


@torch.no_grad()
def encode_texts(parts, texts, device):
    """Captions as the UNet reads them: (b, 24, 64)."""
    tokenizer, text_encoder, _ = parts
    return text_encoder(scale_model.token_ids(tokenizer, list(texts)).to(device)).last_hidden_state


def v_loss(model, x0, t, eps, context, scheduler):
    """The mean square of v_hat - v, for v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x0 (Salimans & Ho 2022)."""
    v_hat = model(scheduler.add_noise(x0, eps, t), t, context).sample
    return (v_hat - scheduler.get_velocity(x0, eps, t)).square().mean()  # Eq. 8.3


def adherence(pipeline, world, num_frames, seed, path=None, guidance=4.0):
    """Shares of samples whose colour, shape and motion are those of the caption, and how well outlines fit.

    A few of the samples go to `path`.
    """
    seen, unseen = world.trained[:: max(1, len(world.trained) // 18)], world.held_out
    clips = sample(pipeline, [str(names) for names in seen + unseen], num_frames, seed, world.size, guidance)
    if path:
        _log_samples(clips[::5], path)
    if not world.judged:
        return {}
    pairs = [(shapes.judge(clip), names) for clip, names in zip(clips, seen + unseen, strict=True)]
    kinds = shapes.Attributes._fields if num_frames > 1 else ("color", "shape")  # a picture does not move
    right = {kind: [getattr(told, kind) == getattr(asked, kind) for told, asked in pairs] for kind in kinds}
    every = torch.tensor(list(right.values())).all(0).float()
    shares = {"adherence": every[: len(seen)].mean().item()}
    shares |= {"held_out": every[len(seen) :].mean().item()} if unseen else {}
    shares |= {kind: sum(hits) / len(hits) for kind, hits in right.items()}
    fits = [outline_fit(clip, names.shape) for clip, names in zip(clips, seen + unseen, strict=True)]
    return shares | {"outline": sum(fits) / len(fits)}


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
