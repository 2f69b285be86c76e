"""Train the scale model: three stages, each on its own, as ModelScope's were trained.

    accelerate launch -m t2v_helpers.training --output assets/tiny-t2v --work runs/tiny-t2v

1. `autoencoder`: AutoencoderKL on single frames, judged by what its reconstructions show.
2. `clip`: a text tower and a video tower, contrastively on captions and clips (Radford et al. 2021).
3. The UNet on latents, v-prediction on a schedule with zero terminal SNR (Lin et al. 2023), in two runs: `image`, its
   spatial part on single frames, then `unet`, the whole of it on clips (training_unet.py).

What a step draws (data, times, noise) depends on the seed and the step's number alone. So a run that was stopped goes
on exactly where its last checkpoint was, and several processes share one global batch.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

from . import shapes, tiny
from .loop import Stage, choose, fit, rng
from .tiny import to_model
from .training_unet import encode_clips, train_clips, train_images

RECIPE = {
    "autoencoder": Stage(steps=800, batch=64, lr=2e-3),
    "clip": Stage(steps=500, batch=96, lr=2e-3, every=100),
    "image": Stage(steps=4000, batch=128, lr=2.5e-3, every=500, warmup=100),
    "unet": Stage(steps=2000, batch=36, lr=2e-3, warmup=100),
}


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
        names = shapes.combinations(held_out)
        order = torch.randperm(len(names), generator=generator)[: stage.batch].tolist()
        texts = [choose(shapes.wordings(names[i]), generator) for i in order]
        frames = torch.stack([to_model(shapes.render(names[i], generator)) for i in order])
        return tiny.token_ids(tokenizer, texts).to(accelerator.device), frames.to(accelerator.device)

    @torch.no_grad()
    def measure(step):
        ids, frames = batch(10**6, step, held_out=None)
        text = F.normalize(text_encoder(ids).pooler_output, dim=1)
        right = (text @ model.video_tower(frames).T).argmax(1) == torch.arange(len(ids), device=text.device)
        return {"retrieval": right.float().mean().item()}

    fit(accelerator, model, lambda model, step: model(*batch(stage.seed, step, False)), stage, folder, measure=measure)
    return tokenizer, text_encoder.eval(), model.video_tower.eval()


# ---- the command -------------------------------------------------------------------------------------------------
def train(accelerator, recipe, work, output):
    """All three stages; checkpoints, metrics and samples go to `work`, the pipeline to `output`."""
    torch.manual_seed(recipe["unet"].seed)  # what the constructors draw the first weights from
    vae = train_autoencoder(accelerator, recipe["autoencoder"], work / "autoencoder")
    tokenizer, text_encoder, video_tower = train_clip(accelerator, recipe["clip"], work / "clip")
    latents = encode_clips(accelerator, vae, work / "latents.pt")
    parts = tokenizer, text_encoder, vae
    image_unet = train_images(accelerator, recipe["image"], work / "image", parts, latents)
    unet = train_clips(accelerator, recipe["unet"], work / "unet", parts, latents, image_unet)
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
