"""Train the scale model: three stages, each on its own, as ModelScope's were trained.

    accelerate launch -m t2v_helpers.training --output assets/tiny-t2v --work runs/tiny-t2v

1. `autoencoder`: AutoencoderKL on single frames, judged by what its reconstructions show.
2. `clip`: a text tower and a video tower, contrastively on captions and clips (Radford et al. 2021).
3. `unet`: UNet3DConditionModel on latents, v-prediction on a schedule with zero terminal SNR (Lin et al. 2023).

What a step draws (data, times, noise) depends on the seed and the step's number alone. So a run that was stopped goes
on exactly where its last checkpoint was, and several processes share one global batch.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import sys

import torch
from accelerate.utils import gather_object
from torch import nn
from torch.nn import functional as F

from . import shapes, tiny
from .loop import Stage, fit, rng

RECIPE = {
    "autoencoder": Stage(steps=800, batch=64, lr=2e-3),
    "clip": Stage(steps=500, batch=96, lr=2e-3, every=100),
    "unet": Stage(steps=2000, batch=36, lr=2.5e-3, warmup=100),
}
CLIPS_PER_COMBINATION = 80  # whose latents the UNet is trained on, for each of the 90 combinations not held out
UNCONDITIONAL = 0.1  # share of captions replaced by "" (classifier-free guidance, Ho & Salimans 2022)


def combinations(held_out=False):
    """The combinations trained on; held_out=True the others, None all of them."""
    return [c for c in shapes.COMBINATIONS if held_out is None or (str(c) in shapes.HELD_OUT) == held_out]


def choose(things, generator):
    """One of a sequence, drawn by a torch.Generator."""
    return things[torch.randint(len(things), (), generator=generator)]


def to_model(frames):
    """Frames (..., F, H, W, 3) in [0, 1] to what the networks take: (..., 3, F, H, W) in [-1, 1]."""
    return torch.as_tensor(frames).movedim(-1, -4) * 2 - 1


# ---- stage 1 -------------------------------------------------------------------------------------------------------
class AutoencoderLoss(nn.Module):
    """The autoencoder's objective: absolute and squared error, a small KL to N(0, I) (Rombach et al. 2022), an anchor.

    The anchor ties three of the four latent channels to the mean colour of their 8 x 8 pixels, as seen against the
    background. Without it this small autoencoder laid the six colours on one line of its latent space, yellow nearer to
    purple than to itself in another place, and the UNet mixed them within a clip.
    """

    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, images, eps):
        latents = self.autoencoder.encode(images).latent_dist
        error = self.autoencoder.decode(latents.mean + latents.std * eps).sample.float() - images
        kl = (latents.mean.square() + latents.var - 1 - latents.logvar).float().mean() / 2
        background = images.new_tensor(shapes.BACKGROUND)[:, None, None] * 2 - 1
        anchor = latents.mean[:, :3].float() - 2 * (F.avg_pool2d(images, 8) - background)
        return error.abs().mean() + error.square().mean() + 1e-3 * kl + 0.3 * anchor.square().mean()


def train_autoencoder(accelerator, stage, folder):
    """Stage 1, on single frames of every combination: it has to draw what it is told, not to know any caption."""
    vae = tiny.new_autoencoder()

    def loss_of(model, step):
        images = []
        for index in range(accelerator.process_index, stage.batch, accelerator.num_processes):
            generator = rng(stage.seed, step, index)
            clip = shapes.render(choose(shapes.COMBINATIONS, generator), generator)
            images.append(to_model(clip)[:, torch.randint(len(clip), (), generator=generator)])
        eps = torch.randn(len(images), 4, 8, 8, generator=rng(stage.seed, step, accelerator.process_index, "eps"))
        with torch.autocast(accelerator.device.type, torch.bfloat16):
            return model(torch.stack(images).to(accelerator.device), eps.to(accelerator.device))

    fit(
        accelerator,
        AutoencoderLoss(vae).to(accelerator.device),
        loss_of,
        stage,
        folder,
        measure=lambda step: {"adherence": reconstruction_adherence(vae, 54)},
    )
    vae.register_to_config(scaling_factor=1 / _latent_deviation(vae))
    return vae.eval()


@torch.no_grad()
def reconstruction_adherence(vae, clips, seed=10**6):
    """Share of rendered clips that the judge still reads rightly once the autoencoder has coded and decoded them."""
    right = 0
    for i in range(clips):
        names = shapes.COMBINATIONS[i * len(shapes.COMBINATIONS) // clips]
        images = to_model(shapes.render(names, seed + i)).movedim(1, 0).to(vae.device)
        decoded = vae.decode(vae.encode(images).latent_dist.mean).sample.float().cpu()
        right += shapes.judge((decoded / 2 + 0.5).clamp(0, 1).movedim(1, -1)) == names
    return right / clips


@torch.no_grad()
def _latent_deviation(vae):
    clips = [to_model(shapes.render(names, 2 * 10**6)).movedim(1, 0) for names in shapes.COMBINATIONS[::3]]
    return vae.encode(torch.cat(clips).to(vae.device)).latent_dist.mean.std().item()


# ---- stage 2 -------------------------------------------------------------------------------------------------------
class ContrastiveLoss(nn.Module):
    """CLIP's symmetric cross-entropy over the similarities of a batch of captions and clips (Radford et al. 2021)."""

    def __init__(self, text_encoder, video_tower):
        super().__init__()
        self.text_encoder, self.video_tower = text_encoder, video_tower
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, ids, frames):
        text = F.normalize(self.text_encoder(ids).pooler_output, dim=1)
        logits = self.log_scale.clamp(max=math.log(100)).exp() * text @ self.video_tower(frames).T
        target = torch.arange(len(ids), device=ids.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def train_clip(accelerator, stage, folder):
    """Stage 2: the text tower, whose words the UNet will read, and a video tower to measure CLIPSIM with.

    Every process computes the whole batch (each clip is a negative for each caption), which takes seconds.
    """
    tokenizer = tiny.new_tokenizer()
    text_encoder = tiny.new_text_encoder(tokenizer, rng(stage.seed, "embeddings"))
    model = ContrastiveLoss(text_encoder, tiny.VideoTower()).to(accelerator.device)

    def batch(seed, step, held_out):
        generator = rng(seed, step, "clip")
        names = combinations(held_out)
        order = torch.randperm(len(names), generator=generator)[: stage.batch].tolist()
        texts = [choose(shapes.wordings(names[i]), generator) for i in order]
        frames = torch.stack([to_model(shapes.render(names[i], generator)) for i in order])
        return token_ids(tokenizer, texts).to(accelerator.device), frames.to(accelerator.device)

    @torch.no_grad()
    def measure(step):
        ids, frames = batch(10**6, step, held_out=None)
        text = F.normalize(text_encoder(ids).pooler_output, dim=1)
        right = (text @ model.video_tower(frames).T).argmax(1) == torch.arange(len(ids), device=text.device)
        return {"retrieval": right.float().mean().item()}

    fit(accelerator, model, lambda model, step: model(*batch(stage.seed, step, False)), stage, folder, measure=measure)
    return tokenizer, text_encoder.eval(), model.video_tower.eval()


def token_ids(tokenizer, texts):
    """Captions as the pipeline tokenises them: ids (b, 24), padded with the end token."""
    return tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids


# ---- stage 3 -------------------------------------------------------------------------------------------------------
@torch.no_grad()
def encode_clips(accelerator, vae, names, per_combination, seed, path):
    """Latents of rendered clips, scaled to deviation 1: (len(names) * per_combination, 4, 16, 8, 8), float16.

    Combination by combination, shared among the processes; kept in `path` and read from there the next time.
    """
    if not path.exists():
        mine = []
        for index in range(accelerator.process_index, len(names) * per_combination, accelerator.num_processes):
            clip = shapes.render(names[index // per_combination], rng(seed, index, "latents"))
            mean = vae.encode(to_model(clip).movedim(1, 0).to(vae.device)).latent_dist.mean
            mine.append((index, (mean * vae.config.scaling_factor).movedim(0, 1).half().cpu()))
        everyones = sorted(gather_object(mine), key=lambda pair: pair[0])
        if accelerator.is_main_process:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(torch.stack([latent for _, latent in everyones]), path.with_suffix(".tmp"))
            os.replace(path.with_suffix(".tmp"), path)
        accelerator.wait_for_everyone()
    return torch.load(path, weights_only=True)


def train_unet(accelerator, stage, folder, tokenizer, text_encoder, vae):
    """Stage 3: predict v from noisy latents, the step and the text. Returns the moving average of the weights."""
    device = accelerator.device
    unet, ema = tiny.new_unet().to(device), tiny.new_unet().to(device)
    unet.eval()  # its temporal convolutions hold a fixed dropout of 0.1, which helps nobody here
    ema.load_state_dict(unet.state_dict())
    ema.requires_grad_(False)
    scheduler, names = tiny.new_scheduler(), combinations()
    latents = encode_clips(accelerator, vae, names, CLIPS_PER_COMBINATION, stage.seed, folder / "latents.pt")

    def loss_of(model, step):
        x0, eps, t, texts = [], [], [], []
        for index in range(accelerator.process_index, stage.batch, accelerator.num_processes):
            generator = rng(stage.seed, step, index, "unet")
            which = int(torch.randint(len(latents), (), generator=generator))
            drop = torch.rand((), generator=generator) < UNCONDITIONAL
            texts.append("" if drop else choose(shapes.wordings(names[which // CLIPS_PER_COMBINATION]), generator))
            x0.append(latents[which].float())
            eps.append(torch.randn(tiny.LATENT, generator=generator))
            t.append(torch.randint(scheduler.config.num_train_timesteps, (), generator=generator))
        x0, eps, t = (torch.stack(many).to(device) for many in (x0, eps, t))
        with torch.no_grad():
            context = text_encoder(token_ids(tokenizer, texts).to(device)).last_hidden_state
        v = model(scheduler.add_noise(x0, eps, t), t, context).sample
        return (v - scheduler.get_velocity(x0, eps, t)).square().mean()

    def measure(step):
        pipeline = tiny.new_pipeline(tokenizer, text_encoder, vae, ema)
        seen, unseen = combinations()[::5], combinations(held_out=True)
        with torch.inference_mode():
            clips = sample(pipeline, [str(names) for names in seen + unseen], seed=step)
        right = [shapes.judge(clip) == names for clip, names in zip(clips, seen + unseen, strict=True)]
        _log_samples(clips[:: -(-len(clips) // 12)], folder / f"samples-{step:05d}.png")
        shares = torch.tensor(right).float().split([len(seen), len(unseen)])
        return {"adherence": shares[0].mean().item(), "held_out": shares[1].mean().item()}

    fit(accelerator, unet, loss_of, stage, folder, ema=ema, measure=measure)
    return ema


def sample(pipeline, prompts, *, seed, steps=12, guidance=4.0):
    """A clip for each prompt, all in one batch: float32 array (b, F, H, W, 3)."""
    return pipeline(
        prompts,
        num_frames=shapes.NUM_FRAMES,
        height=shapes.SIZE,
        width=shapes.SIZE,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=rng(seed, "sample"),
        output_type="np",
    ).frames


def _log_samples(clips, path):
    from PIL import Image

    rows = [torch.cat([torch.as_tensor(frame) for frame in clip[::3]], 1) for clip in clips]
    Image.fromarray((torch.cat(rows) * 255).round().byte().numpy()).save(path)


# ---- the command -------------------------------------------------------------------------------------------------
def train(accelerator, recipe, work, output):
    """All three stages; checkpoints, metrics and samples go to `work`, the pipeline to `output`."""
    torch.manual_seed(recipe["unet"].seed)  # what the constructors draw the first weights from
    vae = train_autoencoder(accelerator, recipe["autoencoder"], work / "autoencoder")
    tokenizer, text_encoder, video_tower = train_clip(accelerator, recipe["clip"], work / "clip")
    unet = train_unet(accelerator, recipe["unet"], work / "unet", tokenizer, text_encoder, vae)
    if accelerator.is_main_process:
        save(output, tokenizer, text_encoder, vae, unet, video_tower)
        history = {name: (work / name / "metrics.jsonl").read_text().splitlines() for name in recipe}
        history = {
            name: {"recipe": dataclasses.asdict(recipe[name]), "metrics": [json.loads(line) for line in lines]}
            for name, lines in history.items()
        }
        (output / "training.json").write_text(json.dumps(history, indent=1) + "\n")


def save(output, tokenizer, text_encoder, vae, unet, video_tower):
    """Write the pipeline's folder, weights as safetensors in half precision, and the video tower beside it."""
    from safetensors.torch import save_file

    pipeline = tiny.new_pipeline(tokenizer, text_encoder, vae, unet)
    pipeline.to(dtype=torch.float16).save_pretrained(output, safe_serialization=True)
    (output / "video_tower").mkdir(exist_ok=True)
    save_file(video_tower.half().state_dict(), output / "video_tower" / "model.safetensors")


def main(arguments=None):
    """The command line; see --help."""
    parser = argparse.ArgumentParser("python -m t2v_helpers.training", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for the trained pipeline")
    parser.add_argument(
        "--work",
        type=pathlib.Path,
        default=pathlib.Path("runs/tiny-t2v"),
        help="folder for checkpoints, metrics and samples; an interrupted run goes on from it",
    )
    for name, stage in RECIPE.items():
        parser.add_argument(f"--{name}-steps", type=int, default=stage.steps, help=f"default {stage.steps}")
    given = parser.parse_args(arguments)
    recipe = {name: dataclasses.replace(stage, steps=getattr(given, f"{name}_steps")) for name, stage in RECIPE.items()}
    from accelerate import Accelerator

    train(Accelerator(), recipe, given.work, given.output)


if __name__ == "__main__":
    sys.exit(main())
