"""The UNet's two stages of training: on single frames, then on clips.

Stable Diffusion knew what things look like before ModelScope taught it how they move. Here too: colour and shape are
learned from frames, sixteen times cheaper than clips, and time is learned last.
"""

import os

import torch
from accelerate.utils import gather_object

from . import shapes, tiny
from .loop import choose, fit, rng

CLIPS_PER_COMBINATION = 80  # whose latents are trained on, for each of the 90 combinations that are not held out
UNCONDITIONAL = 0.1  # share of captions replaced by "" (classifier-free guidance, Ho & Salimans 2022)


@torch.no_grad()
def encode_clips(accelerator, vae, path, seed=0):
    """Latents of rendered clips, scaled to deviation 1: (90 * CLIPS_PER_COMBINATION, 4, 16, 8, 8), float16.

    Combination by combination, shared among the processes; kept in `path` and read from there the next time.
    """
    names = shapes.combinations(held_out=False)
    if not path.exists():
        mine = []
        count = len(names) * CLIPS_PER_COMBINATION
        for index in range(accelerator.process_index, count, accelerator.num_processes):
            clip = shapes.render(names[index // CLIPS_PER_COMBINATION], rng(seed, index, "latents"))
            mean = vae.encode(tiny.to_model(clip).movedim(1, 0).to(vae.device)).latent_dist.mean
            mine.append((index, (mean * vae.config.scaling_factor).movedim(0, 1).half().cpu()))
        everyones = sorted(gather_object(mine), key=lambda pair: pair[0])
        if accelerator.is_main_process:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(torch.stack([latent for _, latent in everyones]), path.with_suffix(".tmp"))
            os.replace(path.with_suffix(".tmp"), path)
        accelerator.wait_for_everyone()
    return torch.load(path, weights_only=True)


def train_images(accelerator, stage, folder, parts, latents):
    """Predict v of single frames from the noisy latent, the step and the text. Returns the weights' moving average.

    parts: tokenizer, text encoder and autoencoder, which stay as they are. latents: as `encode_clips` gives them.
    """
    return _train(accelerator, stage, folder, parts, latents, tiny.new_image_unet(), tiny.new_image_unet(), 1)


def train_clips(accelerator, stage, folder, parts, latents, image_unet):
    """The same on whole clips, from the weights of `image_unet` on."""
    models = tiny.new_unet(image_unet), tiny.new_unet()
    return _train(accelerator, stage, folder, parts, latents, *models, shapes.NUM_FRAMES)


def _train(accelerator, stage, folder, parts, latents, unet, ema, num_frames):
    tokenizer, text_encoder, _ = parts
    device, images = accelerator.device, num_frames == 1
    unet, ema = unet.to(device).eval(), ema.to(device).eval()  # the temporal convolutions' dropout helps nobody here
    ema.load_state_dict(unet.state_dict())
    ema.requires_grad_(False)
    scheduler, names = tiny.new_scheduler(), shapes.combinations(held_out=False)

    def loss_of(model, step):
        x0, eps, t, texts = [], [], [], []
        for index in range(accelerator.process_index, stage.batch, accelerator.num_processes):
            generator = rng(stage.seed, step, index, "unet")
            which = int(torch.randint(len(latents), (), generator=generator))
            drop = torch.rand((), generator=generator) < UNCONDITIONAL
            texts.append("" if drop else choose(shapes.wordings(names[which // CLIPS_PER_COMBINATION]), generator))
            clip = latents[which].float()
            x0.append(choose(clip.unbind(1), generator) if images else clip)
            eps.append(torch.randn(x0[-1].shape, generator=generator))
            t.append(torch.randint(scheduler.config.num_train_timesteps, (), generator=generator))
        x0, eps, t = (torch.stack(many).to(device) for many in (x0, eps, t))
        with torch.no_grad():
            context = text_encoder(tiny.token_ids(tokenizer, texts).to(device)).last_hidden_state
        v = model(scheduler.add_noise(x0, eps, t), t, context).sample
        return (v - scheduler.get_velocity(x0, eps, t)).square().mean()

    def measure(step):
        pipeline = tiny.new_pipeline(*parts, tiny.new_unet(ema) if images else ema)
        return _adherence(pipeline, num_frames, step, folder / f"samples-{step:05d}.png")

    fit(accelerator, unet, loss_of, stage, folder, ema=ema, measure=measure)
    return ema


def _adherence(pipeline, num_frames, seed, path):
    """Shares of samples whose colour, shape and motion are those of the caption; a few of the samples go to `path`."""
    seen, unseen = shapes.combinations(held_out=False)[::5], shapes.combinations(held_out=True)
    with torch.inference_mode():
        clips = sample(pipeline, [str(names) for names in seen + unseen], num_frames, seed)
    _log_samples(clips[::5], path)
    pairs = [(shapes.judge(clip), names) for clip, names in zip(clips, seen + unseen, strict=True)]
    kinds = shapes.Attributes._fields if num_frames > 1 else ("color", "shape")  # a picture does not move
    right = {kind: [getattr(told, kind) == getattr(asked, kind) for told, asked in pairs] for kind in kinds}
    every = torch.tensor(list(right.values())).all(0).float()
    shares = {"adherence": every[: len(seen)].mean().item(), "held_out": every[len(seen) :].mean().item()}
    return shares | {kind: sum(hits) / len(hits) for kind, hits in right.items()}


def sample(pipeline, prompts, num_frames, seed):
    """A clip for each prompt, all in one batch, with few steps: float32 array (b, num_frames, H, W, 3)."""
    return pipeline(
        prompts,
        num_frames=num_frames,
        height=shapes.SIZE,
        width=shapes.SIZE,
        num_inference_steps=12,
        guidance_scale=4.0,
        generator=rng(seed, "sample"),
        output_type="np",
    ).frames


def _log_samples(clips, path):
    from PIL import Image

    rows = [torch.cat([torch.as_tensor(frame) for frame in clip[::3]], 1) for clip in clips]
    Image.fromarray((torch.cat(rows) * 255).round().byte().numpy()).save(path)
