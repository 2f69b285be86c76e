"""Train the scale model of Wan. Autoencoder and transformer learn from single frames before clips.

A frame costs a fraction of a clip, and what a thing looks like can be learned from it; time is learned last. Wan's
autoencoder and transformer were trained in this order as well (Wan et al. 2025, sections 4.1 and 4.3).
"""

import copy
import functools
import math

import torch
from torch.nn import functional as F

from .. import shapes
from ..flow import flow_loss
from ..models import MODELS
from ..schedules import shift_times
from . import scale_model, stages, wan
from .loop import Stage, choose, digest, first_weights, fit, rng, share
from .scale_model import to_model
from .unet import UNCONDITIONAL, adherence, encode_clips

RECIPE = {
    "frames": Stage(steps=800, batch=64, lr=3e-3, every=100),
    "autoencoder": Stage(steps=1200, batch=8, lr=1.5e-3, every=100),
    "text": Stage(steps=500, batch=96, lr=2e-3, every=100),
    "image": Stage(steps=1600, batch=128, lr=2e-3, every=500, warmup=100),
    "transformer": Stage(steps=2000, batch=64, lr=2e-3, every=200, warmup=100),
    "outlines": Stage(steps=1500, batch=64, lr=1e-3, every=250, warmup=100),
    "polish": Stage(steps=1000, batch=64, lr=1e-3, every=250, warmup=100),
}
WINDOW = 9  # frames of a clip that the autoencoder learns from at a time, in three quarters of its width and height
PER_KIND = {"image": 15, "transformer": 45}  # clips of each kind that the transformer learns from


def mean_colors(clips):
    """Mean colours of 8 x 8 pixels, the plain ground's being 0; those of four frames are in one: (b, 12, N + 1, h, w).

    The first frame is a group of its own, four times the same.
    """
    ground = clips.new_tensor(shapes.BACKGROUND)[:, None, None, None] * 2 - 1
    colors = 2 * (F.avg_pool3d(clips, (1, 8, 8)) - ground)
    colors = torch.cat([colors[:, :, :1].expand(-1, -1, wan.GROUP - 1, -1, -1), colors], dim=2)
    return colors.unflatten(2, (-1, wan.GROUP)).movedim(3, 2).flatten(1, 2)


def train_autoencoder(accelerator, recipe, work, world):
    """The first two stages: on single frames of every kind, then on windows of clips."""
    with first_weights(recipe["frames"], "autoencoder"):
        vae = wan.new_autoencoder()
    model = stages.AutoencoderLoss(vae, mean_colors, functools.partial(wan.decode, vae)).to(accelerator.device)
    made_from = {"data": world.identity()}
    for name, length in (("frames", 1), ("autoencoder", min(WINDOW, world.num_frames))):
        stage, side = recipe[name], world.size if length == 1 else world.size * 3 // 4 // 8 * 8

        def loss_of(model, step, stage=stage, length=length, side=side):
            clips, eps = [], []
            for index in share(accelerator, stage.batch):
                generator = rng(stage.seed, step, index, length)
                kind = int(torch.randint(len(world.kinds), (), generator=generator))
                clip = to_model(world.clip(kind, generator))
                for axis, whole, part in ((1, world.num_frames, length), (2, world.size, side), (3, world.size, side)):
                    begin = int(torch.randint(whole - part + 1, (), generator=generator))
                    clip = clip.narrow(axis, begin, part)
                clips.append(clip)
                shape = wan.LATENT[0], 1 + (length - 1) // wan.GROUP, side // 8, side // 8
                eps.append(torch.randn(shape, generator=generator))
            return model(*(torch.stack(many).to(accelerator.device) for many in (clips, eps)))

        def measure(step, length=length):
            return reconstruction(vae, world, 36, length)

        for layer in wan.time_layers(vae):
            layer.requires_grad_(length > 1)
        fit(accelerator, model, loss_of, stage, work / name, measure=measure, made_from=made_from)
        made_from = {"data": world.identity(), "autoencoder of frames": digest(vae)}
    vae.register_to_config(**_statistics(vae, world))
    return vae.eval()


@torch.no_grad()
def reconstruction(vae, world, clips, length, seed=10**6):
    """Of rendered clips coded and decoded: PSNR (dB), the outlines' overlap, and the judge's share of right ones."""
    error, overlap, right = 0.0, 0.0, 0
    for i in range(clips):
        names = world.kinds[i * len(world.kinds) // clips]
        clip = torch.as_tensor(world.clip(world.kinds.index(names), rng(seed, i)))[:length]
        latents = vae.encode(to_model(clip)[None].to(vae.device)).latent_dist.mean
        decoded = (vae.decode(latents).sample[0].cpu() / 2 + 0.5).movedim(0, -1)
        error += (decoded - clip).square().mean().item() / clips
        masks = [(some - torch.tensor(shapes.BACKGROUND)).abs().amax(-1) > 0.2 for some in (decoded, clip)]
        overlap += ((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()).item() / clips
        if length > 1 and world.judged:
            right += shapes.judge(decoded.numpy()) == names
    shares = {"adherence": right / clips} if length > 1 and world.judged else {}
    return {"psnr": -10 * math.log10(error), "overlap": overlap} | shares


@torch.no_grad()
def _statistics(vae, world):
    """The latents' mean and deviation in each channel, for the autoencoder's config."""
    kinds = range(0, len(world.kinds), max(1, len(world.kinds) // 36))
    clips = torch.stack([to_model(world.clip(kind, rng(2 * 10**6, kind))) for kind in kinds]).to(vae.device)
    latents = torch.cat([vae.encode(clip[None]).latent_dist.mean for clip in clips]).movedim(1, 0).flatten(1)
    mean, deviation = latents.mean(1), latents.std(1)
    return {"latents_mean": mean.tolist(), "latents_std": deviation.clamp(min=0.1 * deviation.max()).tolist()}


def latents_of(accelerator, vae, world, work):
    """What the transformer learns from, by stage: latents of a clip's frames one by one, and of whole clips."""
    ways = {"image": _encode_frames, "transformer": wan.encode}
    return {
        name: encode_clips(accelerator, vae, world, work / f"latents-{name}.pt", PER_KIND[name], way)
        for name, way in ways.items()
    }


def _encode_frames(vae, clip):
    """Latents (..., 16, F, h, w) of clips' frames (..., F, H, W, 3), each by itself."""
    return wan.encode(vae, torch.as_tensor(clip).unsqueeze(-4)).squeeze(-3).movedim(-4, -3)


def train_text(accelerator, stage, folder, world):
    """Stage 3: the text encoder, beside a video tower that only serves to train it."""
    tokenizer = wan.new_tokenizer(None if world.judged else world.kinds)

    def tokenize(texts):
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        return tokens.input_ids, tokens.attention_mask

    def read(text_encoder, ids, mask):  # a caption is the mean of its tokens' vectors, up to its length
        return (text_encoder(ids, mask).last_hidden_state * mask[..., None]).sum(1)

    with first_weights(stage, "text"):
        text_encoder = wan.new_text_encoder(tokenizer)
        model = stages.ContrastiveLoss(text_encoder, scale_model.VideoTower(), read).to(accelerator.device)
    stages.train_towers(accelerator, stage, folder, world, model, tokenize, "text")
    return tokenizer, text_encoder.eval()


def train_transformer(accelerator, recipe, work, parts, latents, world):
    """The last four stages. Returns the weights' moving average.

    The last two go on with whole clips at lower rates: what is still missing by then are outlines.
    parts: tokenizer, text encoder and autoencoder, which stay as they are. latents: as `latents_of` gives.
    """
    with first_weights(recipe["image"], "transformer"):
        transformer = wan.new_transformer()
    for name in ("image", "transformer", "outlines", "polish"):
        still, folder = name == "image", work / name

        def measure(step, ema, folder=folder, length=1 if still else world.num_frames):
            path = folder / f"samples-{step:05d}.png"
            return adherence(wan.new_pipeline(*parts, ema), world, length, step, path, guidance=3.0)

        examples = latents["image" if still else "transformer"]
        transformer = learn_velocity(
            accelerator, recipe[name], folder, parts, examples, world, transformer, measure, still=still
        )
    return transformer.eval()


def learn_velocity(accelerator, stage, folder, parts, examples, world, network, measure, *, still=False):
    """Train network(x_t, 1000 t, texts) by conditional flow matching. Returns the weights' moving average.

    parts, world: as `train_transformer` has them. examples: latents by kind, as `encode_clips` gives. network: any of
    diffusers', such as WanTransformer3DModel or UNet3DConditionModel. measure: called as measure(step, average) at each
    checkpoint, see `fit`. still: whether to learn from one latent frame at a time.
    """
    (tokenizer, text_encoder, vae), network = parts, network.to(accelerator.device)
    ema = copy.deepcopy(network).requires_grad_(False)
    made_from = {"data": world.identity(), "autoencoder": digest(vae), "number of examples": len(examples)}
    made_from |= {"text encoder": digest(sorted(tokenizer.get_vocab().items()), text_encoder)}
    made_from |= {"first weights": digest(network)}

    def loss_of(model, step):
        generators = (rng(stage.seed, step, i) for i in share(accelerator, stage.batch))
        drawn = [_draw(world, examples, generator, still) for generator in generators]
        x0, texts, t, eps = zip(*drawn, strict=True)
        context = wan.encode_texts(tokenizer, text_encoder, texts)
        x0, t, eps = (torch.stack(many).to(accelerator.device) for many in (x0, t, eps))
        return flow_loss(lambda x_t, t: model(x_t, 1000 * t, context, return_dict=False)[0], x0, t, eps)

    def measured(step):
        return measure(step, ema)

    fit(accelerator, network, loss_of, stage, folder, ema=ema, measure=measured, made_from=made_from)
    return ema.requires_grad_(True)


def _draw(world, latents, generator, still):
    """One sample of a batch: latents x0 (16, N + 1, h, w), of a `still` (16, 1, h, w); a text; a flow time; noise.

    The time is logit-normal (Esser et al. 2024), then shifted toward noise as the sampler's times are.
    """
    which = int(torch.randint(len(latents), (), generator=generator))
    drop = torch.rand((), generator=generator) < UNCONDITIONAL
    text = "" if drop else world.text(which * len(world.trained) // len(latents), generator)
    t = torch.randn((), generator=generator).sigmoid()
    x0 = latents[which].float()
    x0 = choose(x0.split(1, dim=1), generator) if still else x0
    return x0, text, shift_times(t, wan.SHIFT), torch.randn(x0.shape, generator=generator)


def train(accelerator, recipe, work, output, world):
    """All seven stages; checkpoints, metrics and samples go to `work`, the pipeline to `output`."""
    vae = train_autoencoder(accelerator, recipe, work, world)
    tokenizer, text_encoder = train_text(accelerator, recipe["text"], work / "text", world)
    parts = tokenizer, text_encoder, vae
    latents = latents_of(accelerator, vae, world, work)
    transformer = train_transformer(accelerator, recipe, work, parts, latents, world)
    if accelerator.is_main_process:
        stages.save(output, wan.new_pipeline(*parts, transformer), MODELS["tiny-wan"], world, recipe, work)
