"""The UNet's two stages of training: on single frames, then on clips.

Stable Diffusion knew what things look like before ModelScope taught it how they move. Here too: colour, shape and which
belongs to which are learned from frames, sixteen times cheaper than clips, and time is learned last.
"""

import copy
import io

import torch
from torch import nn

from .. import shapes
from .._support.files import write_whole
from . import scale_model
from .loop import choose, first_weights, fit, rng, share
from .worlds import see

UNCONDITIONAL = 0.1  # share of captions replaced by "" (classifier-free guidance, Ho & Salimans 2022)


@torch.no_grad()
def encode_clips(accelerator, vae, world, path, clips_per_kind=None, seed: int = 0) -> torch.Tensor:
    """Code clips of the trained kinds, kind by kind.

    Args:
        accelerator: An accelerate.Accelerator.
        vae: The trained autoencoder.
        world: From worlds.py.
        path: File that keeps the latents; read, where it is there.
        clips_per_kind: Clips of each kind; by default as many as the world has examples of.
        seed: Of where things are.

    Returns:
        Latents (kinds * clips_per_kind, c, F, size / 8, size / 8), float16, scaled to deviation 1.
    """
    if path.exists():
        return torch.load(path, weights_only=True)
    pool = world.pool(clips_per_kind or world.examples_per_kind, seed).to(vae.device)
    count, parts = len(pool) // len(world.kinds) * len(world.trained), []
    fast = vae.device.type == "cuda"
    coder = copy.deepcopy(vae).half() if fast else vae
    for which in torch.arange(count, device=vae.device).split(64):
        frames = pool.paint(which).movedim(1, 2).flatten(0, 1).to(coder.dtype)
        mean = coder.encode(frames).latent_dist.mean.float() * vae.config.scaling_factor
        parts.append(mean.unflatten(0, (len(which), -1)).movedim(1, 2).half())
    latents = torch.cat(parts)
    if accelerator.is_main_process and latents.numel() < 10**8:  # a whole world is coded again sooner than it is read
        path.parent.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        torch.save(latents, data)
        write_whole(path, data.getvalue())
    accelerator.wait_for_everyone()
    return latents


def train_images(accelerator, stage, folder, parts, latents, world, watch=None, learn_text: bool = False):
    """Learn to predict v of single frames from the noisy latent, the step and the text.

    Args:
        accelerator: An accelerate.Accelerator.
        stage: Steps, batch (in frames) and rate.
        folder: For checkpoints, metrics and samples.
        parts: Tokenizer, text encoder and autoencoder.
        latents: From `encode_clips`.
        world: From worlds.py.
        watch: See `loop.fit`.
        learn_text: Whether the text encoder learns with the UNet; `parts` then has the average of its weights.

    Returns:
        The moving average of the UNet's weights, a UNet2DConditionModel.
    """
    with first_weights(stage, "image"):
        unet = scale_model.new_image_unet(*_sizes(parts, world))
    return _train(accelerator, stage, folder, parts, latents, world, unet, 1, watch, learn_text)


def train_clips(
    accelerator, stage, folder, parts, latents, world, image_unet, watch=None, still: bool = True, learn_text=False
):
    """The same on whole clips, from the weights of `image_unet` on. still: see `scale_model.new_unet`."""
    with first_weights(stage, "unet"):
        unet = scale_model.new_unet(image_unet, *_sizes(parts, world), still=still)
    return _train(accelerator, stage, folder, parts, latents, world, unet, world.num_frames, watch, learn_text)


class Denoiser(nn.Module):
    """A UNet and the text encoder whose words it reads; its forward is the loss."""

    def __init__(self, unet, text_encoder):
        super().__init__()
        self.unet, self.text_encoder, self.scheduler = unet, text_encoder, scale_model.new_scheduler()

    def forward(self, x0, ids, t, eps):
        """The loss of latents x0 (b, c, F, h, w), or (b, c, h, w) of single frames, with captions ids (b, tokens)."""
        return v_loss(self.unet, x0, t, eps, self.text_encoder(ids).last_hidden_state, self.scheduler)


def draw(world, latents, generator, single: bool):
    """One sample: latents x0 (c, F, h, w), or (c, h, w) of a `single` frame; a text; a step; noise."""
    which = int(torch.randint(len(latents), (), generator=generator))
    drop = torch.rand((), generator=generator) < UNCONDITIONAL
    text = "" if drop else world.text(which * len(world.trained) // len(latents), generator)  # Eq. 8.4
    x0 = latents[which].float()
    x0 = choose(x0.unbind(1), generator) if single else x0
    eps = torch.randn(x0.shape, generator=generator)
    return x0, text, torch.randint(1000, (), generator=generator), eps


def draw_batch(latents, captions, generator, batch: int, single: bool):
    """A batch of what `draw` draws, at once, where the latents are.

    Args:
        latents: From `encode_clips`.
        captions: Token ids (1 + kinds, variants, tokens), those of "" first.
        generator: On the latents' device.
        batch: Samples.
        single: Whether to take one frame of each clip.

    Returns:
        x0, ids, t, eps.
    """
    some = {"generator": generator, "device": latents.device}
    which = torch.randint(len(latents), (batch,), **some)
    kind = 1 + which * (len(captions) - 1) // len(latents)
    kind = torch.where(torch.rand(batch, **some) < UNCONDITIONAL, 0, kind)
    ids = captions[kind, torch.randint(captions.shape[1], (batch,), **some)]
    x0 = latents[which, :, torch.randint(latents.shape[2], (batch,), **some)] if single else latents[which]
    t = torch.randint(1000, (batch,), **some)
    return x0.float(), ids, t, torch.randn(x0.shape, **some)


@torch.no_grad()
def encode_texts(parts, texts, device) -> torch.Tensor:
    """Captions as the UNet reads them: (b, 24, 64)."""
    tokenizer, text_encoder, _ = parts
    return text_encoder(scale_model.token_ids(tokenizer, list(texts)).to(device)).last_hidden_state


def v_loss(model, x0, t, eps, context, scheduler) -> torch.Tensor:
    """The mean square of v_hat - v, for v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x0 (Salimans & Ho 2022)."""
    x_t = scheduler.add_noise(x0, eps, t).to(context.dtype)  # bfloat16 where the weights are, on a GPU
    v_hat = model(x_t, t, context).sample.float()
    return (v_hat - scheduler.get_velocity(x0, eps, t)).square().mean()  # Eq. 8.3


def adherence(pipeline, world, num_frames: int, seed: int, path=None, guidance: float = 4.0) -> dict[str, float]:
    """How many samples show what their captions say, of a few captions; a few of the samples go to `path`.

    Args:
        pipeline: The model as it stands.
        world: What it is trained on.
        num_frames: 1 for pictures, of which colours and shapes count.
        seed: Of the noise.
        path: File for pictures, or None.
        guidance: The scale w.

    Returns:
        Shares in [0, 1]: adherence and held_out of all that is said; of things, each attribute; in a world with scenes
        of two things, pairs: of those with both things right.
    """
    few = max(18, len(world.held_out))
    seen, unseen = world.trained[:: max(1, len(world.trained) // few)], world.held_out
    asked = seen + unseen
    clips = sample(pipeline, [str(names) for names in asked], num_frames, seed, world.size, guidance)
    if path:
        _log_samples(clips[:: max(1, len(clips) // 16)], path)
    found = [shapes.compare(names, scene) for names, scene in zip(asked, see(clips), strict=True)]
    kinds = shapes.Attributes._fields if num_frames > 1 else ("color", "shape")  # a picture does not move
    things = [[{kind: getattr(hit, kind) for kind in kinds} for hit in one.hits] for one in found]
    every = [float(all(all(hit.values()) for hit in many)) for many in things]

    def mean(values):
        return sum(values) / len(values)

    shares = {"adherence": mean(every[: len(seen)])} | ({"held_out": mean(every[len(seen) :])} if unseen else {})
    shares |= {kind: mean([hit[kind] for many in things for hit in many]) for kind in kinds}
    pairs = [right for right, many in zip(every, things, strict=True) if len(many) == 2]
    return shares | ({"pairs": mean(pairs)} if pairs else {})


@torch.inference_mode()
def sample(pipeline, prompts, num_frames: int, seed: int, size: int = shapes.SIZE, guidance: float = 4.0):
    """A clip for each prompt, all in one batch, with few steps: float32 array (b, num_frames, H, W, 3)."""
    return pipeline(
        prompts,
        num_frames=num_frames,
        height=size,
        width=size,
        num_inference_steps=12,
        guidance_scale=guidance,
        generator=rng(seed, "sample"),
        output_type="np",
    ).frames


def _train(accelerator, stage, folder, parts, latents, world, unet, num_frames, watch, learn_text):
    device, (tokenizer, text_encoder, vae) = accelerator.device, parts
    model = Denoiser(unet.eval(), text_encoder.eval())  # the temporal convolutions' dropout helps nobody here
    model.requires_grad_(True).text_encoder.requires_grad_(learn_text)
    average = copy.deepcopy(model.to(device)).requires_grad_(False)
    captions = world.caption_ids(tokenizer)
    nothing = scale_model.token_ids(tokenizer, [""]).expand(1, captions.shape[1], -1)
    captions, latents = torch.cat([nothing, captions]).to(device), latents.to(device)
    if device.type == "cuda":
        for module in unet.modules():
            if isinstance(module, nn.Conv3d):
                module.forward = _AlongTime(module)

    def drawn(step):
        generator = rng(stage.seed, step, "unet", device=device)
        mine = share(accelerator, stage.batch)
        return [some[mine] for some in draw_batch(latents, captions, generator, stage.batch, num_frames == 1)]

    def measure(step):
        unet = average.unet
        unet = scale_model.new_unet(unet, *_sizes(parts, world)).to(device) if num_frames == 1 else unet
        pipeline = scale_model.new_pipeline(tokenizer, average.text_encoder, vae, unet.eval())
        path = folder / f"samples-{step:05d}.png"
        return adherence(pipeline, world, num_frames, step, path, guidance=2.0 if learn_text else 4.0)

    fit(accelerator, model, drawn, stage, folder, ema=average, measure=measure, watch=watch, half=True)
    if learn_text:
        text_encoder.load_state_dict(average.text_encoder.state_dict())
    return average.unet


class _AlongTime:
    """A convolution over time alone, as one in two dimensions, which is the faster on a GPU."""

    def __init__(self, convolution):
        self.convolution = convolution

    def __call__(self, x):
        layer = self.convolution
        out = nn.functional.conv2d(x.flatten(3), layer.weight[..., 0], layer.bias, padding=(1, 0))
        return out.unflatten(3, x.shape[3:])


def _sizes(parts, world):
    """The side and the channels of the latents."""
    return world.size // 8, parts[2].config.latent_channels


def _log_samples(clips, path):
    from PIL import Image

    rows = [torch.cat([torch.as_tensor(frame) for frame in clip[::3]], 1) for clip in clips]
    Image.fromarray((torch.cat(rows) * 255).round().byte().numpy()).save(path)
