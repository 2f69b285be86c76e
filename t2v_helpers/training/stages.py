"""Train the scale model: an autoencoder, two towers as in CLIP, and a UNet (unet.py), as ModelScope's were trained.

What a step draws (data, times, noise) depends on the seed and the step's number alone. So a run that was stopped
resumes exactly where its last checkpoint was, and several processes share one global batch.
"""

import dataclasses
import json
import math
import os
import pathlib
import tempfile
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from .. import shapes
from .._support.files import write_whole
from .._support.logs import quiet
from ..models import MODELS, SETTINGS, cpu_autocast, settings
from . import scale_model
from .loop import Stage, choose, digest, first_weights, fit, rng, share
from .scale_model import to_model
from .unet import encode_clips, train_clips, train_images

RECIPE = {
    "autoencoder": Stage(steps=800, batch=64, lr=2e-3),
    "clip": Stage(steps=500, batch=96, lr=2e-3, every=100),
    "image": Stage(steps=4000, batch=128, lr=2.5e-3, every=500, warmup=100),
    "unet": Stage(steps=2000, batch=36, lr=2e-3, warmup=100),
}


def mean_colors(images):
    """Mean colours of 8 x 8 pixels of images (b, 3, H, W); the background is 0, other colours are twice as far off."""
    background = images.new_tensor(shapes.BACKGROUND)[:, None, None] * 2 - 1
    return 2 * (F.avg_pool2d(images, 8) - background)


class AutoencoderLoss(nn.Module):
    """The autoencoder's objective: absolute and squared error, a small KL to N(0, I) (Rombach et al. 2022), an anchor.

    The anchor ties the first latent channels to mean colours. Without it this small autoencoder laid the six colours on
    one line of its latent space, and the UNet mixed them within a clip.

    colors: what they are tied to, of images. decode: gives images of latents; by default autoencoder.decode.
    """

    def __init__(self, autoencoder, colors=mean_colors, decode=None):
        super().__init__()
        self.autoencoder, self.colors = autoencoder, colors
        self.decode = decode or (lambda latents: autoencoder.decode(latents).sample)

    def forward(self, images, eps):
        """The loss of images (b, 3, H, W), or clips (b, 3, F, H, W), in [-1, 1], with noise eps for their latents."""
        latents = self.autoencoder.encode(images).latent_dist
        error = self.decode(latents.mean + latents.std * eps).float() - images
        kl = (latents.mean.square() + latents.var - 1 - latents.logvar).float().mean() / 2
        colors = self.colors(images)
        anchor = latents.mean[:, : colors.shape[1]].float() - colors
        return error.abs().mean() + error.square().mean() + 1e-3 * kl + 0.3 * anchor.square().mean()


def train_autoencoder(accelerator, stage, folder, world, watch=None, latent_channels=4, vae=None):
    """Stage 1, on single frames of every kind: it has to draw what it is told, not to know any caption.

    vae: a trained one that learns on, such as one that knows larger frames; by default a new one.
    """
    made_from = {"data": world.identity()} | ({"trained autoencoder": digest(vae)} if vae else {})
    if vae is None:
        with first_weights(stage, "autoencoder"):
            vae = scale_model.new_autoencoder(world.size, latent_channels)

    def loss_of(model, step):
        images, eps = [], []
        for index in share(accelerator, stage.batch):
            generator = rng(stage.seed, step, index)
            kind = int(torch.randint(len(world.kinds), (), generator=generator))
            images.append(choose(to_model(world.clip(kind, generator)).unbind(1), generator))
            eps.append(torch.randn(latent_channels, world.size // 8, world.size // 8, generator=generator))
        images, eps = (torch.stack(many).to(accelerator.device) for many in (images, eps))
        with cpu_autocast(accelerator.device):
            return model(images, eps)

    def measure(step):
        if not world.judged:
            return {}
        return {"adherence": reconstruction_adherence(vae, world, min(54, 3 * len(world.kinds)))}

    model = AutoencoderLoss(vae).to(accelerator.device)
    fit(accelerator, model, loss_of, stage, folder, measure=measure, watch=watch, made_from=made_from)
    vae.register_to_config(scaling_factor=1 / _latent_deviation(vae, world))
    return vae.eval()


@torch.no_grad()
def reconstruction_adherence(vae, world, clips, seed=10**6):
    """Share of rendered clips that the judge still reads rightly once the autoencoder has coded and decoded them."""
    right = 0
    for i in range(clips):
        kind = i * len(world.kinds) // clips
        images = to_model(world.clip(kind, rng(seed, i))).movedim(1, 0).to(vae.device)
        decoded = vae.decode(vae.encode(images).latent_dist.mean).sample.float().cpu()
        right += shapes.judge((decoded / 2 + 0.5).clamp(0, 1).movedim(1, -1)) == world.kinds[kind]
    return right / clips


@torch.no_grad()
def _latent_deviation(vae, world):
    kinds = range(0, len(world.kinds), max(1, len(world.kinds) // 36))
    clips = [to_model(world.clip(kind, rng(2 * 10**6, kind))).movedim(1, 0) for kind in kinds]
    return vae.encode(torch.cat(clips).to(vae.device)).latent_dist.mean.std().item()


class ContrastiveLoss(nn.Module):
    """CLIP's symmetric cross-entropy over the cosines of a batch of captions and clips (Radford et al. 2021).

    read: called with the text encoder and a tuple of what it reads; gives a vector for each caption.
    """

    def __init__(self, text_encoder, video_tower, read):
        super().__init__()
        self.text_encoder, self.video_tower, self.read = text_encoder, video_tower, read
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, tokens, frames):
        """The loss of captions, a tuple of tensors (b, tokens), and their clips (b, 3, F, H, W)."""
        logits = self.log_scale.clamp(max=math.log(100)).exp() * self.cosines(tokens, frames)
        target = torch.arange(len(frames), device=frames.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

    def cosines(self, tokens, frames):
        """Those of each caption and each clip (b, b)."""
        return F.normalize(self.read(self.text_encoder, *tokens), dim=1) @ self.video_tower(frames).T


def train_clip(accelerator, stage, folder, world, watch=None):
    """Stage 2: the text tower, whose words the UNet will read, and a video tower to measure CLIPSIM with."""
    tokenizer = scale_model.new_tokenizer(None if world.judged else world.kinds)
    many, most = len(world.kinds), scale_model.MAX_TOKENS
    if not world.judged and (long := sum(len(tokenizer(text).input_ids) > most for text in world.kinds)):
        warnings.warn(f"{long} of {many} captions have over {most} tokens, and their ends are not read", stacklevel=2)

    def read(text_encoder, ids):
        return text_encoder(ids).pooler_output

    with first_weights(stage, "clip"):
        text_encoder = scale_model.new_text_encoder(tokenizer, rng(stage.seed, "embeddings"))
        model = ContrastiveLoss(text_encoder, scale_model.VideoTower(), read).to(accelerator.device)
    train_towers(
        accelerator,
        stage,
        folder,
        world,
        model,
        lambda texts: (scale_model.token_ids(tokenizer, texts),),
        "clip",
        watch,
    )
    return tokenizer, text_encoder.eval(), model.video_tower.eval()


def train_towers(accelerator, stage, folder, world, model, tokenize, name, watch=None):
    """Train a `ContrastiveLoss` on clips and captions. tokenize: gives the tuple that it reads; name: of the draws."""

    def batch(seed, step, kinds):  # whole in every process, as each clip is a negative for each caption
        generator = rng(seed, step, name)
        order = torch.randperm(kinds, generator=generator)[: stage.batch].tolist()
        texts = [world.text(kind, generator) for kind in order]
        frames = torch.stack([to_model(world.clip(kind, generator)) for kind in order])
        return tuple(some.to(accelerator.device) for some in tokenize(texts)), frames.to(accelerator.device)

    @torch.no_grad()
    def measure(step):
        found = model.cosines(*batch(10**6, step, len(world.kinds))).argmax(1).cpu()
        return {"retrieval": (found == torch.arange(len(found))).float().mean().item()}

    def loss_of(model, step):
        return model(*batch(stage.seed, step, len(world.trained)))

    made_from = {"data": world.identity()}
    fit(accelerator, model, loss_of, stage, folder, measure=measure, watch=watch, made_from=made_from)


def train(accelerator, recipe, work, output, world):
    """All four stages; checkpoints, metrics and samples go to `work`, the pipeline to `output`."""
    vae = train_autoencoder(accelerator, recipe["autoencoder"], work / "autoencoder", world)
    tokenizer, text_encoder, video_tower = train_clip(accelerator, recipe["clip"], work / "clip", world)
    latents = encode_clips(accelerator, vae, world, work / "latents.pt")
    parts = tokenizer, text_encoder, vae
    image_unet = train_images(accelerator, recipe["image"], work / "image", parts, latents, world)
    unet = train_clips(accelerator, recipe["unet"], work / "unet", parts, latents, world, image_unet)
    if accelerator.is_main_process:
        save(output, scale_model.new_pipeline(*parts, unet), MODELS["tiny"], world, recipe, work, video_tower)


def save(output, pipeline, model, world, recipe, work, video_tower=None):
    """Write the pipeline's folder, weights as safetensors in half precision, and settings, video tower and history.

    model: what the settings say beside the world's clips. recipe, work: the stages, and where their metrics are.

    All is written beside `output` first and moved there file by file, so that a full disk leaves the old model. What an
    older model had in a part's folder goes, so that none of its weights are loaded in place of these.
    """
    from safetensors.torch import save_file

    with quiet(bars=True):  # diffusers logs that no part of it stays in float32
        pipeline = pipeline.to(dtype=torch.float16)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=output.parent) as folder:
        new = pathlib.Path(folder)
        pipeline.save_pretrained(new, safe_serialization=True)
        # transformers would load it as it was saved, beside a denoiser in float32
        config = new / "text_encoder" / "config.json"
        config.write_text(config.read_text().replace('"dtype": "float16"', '"dtype": "float32"'))
        if video_tower is not None:
            (new / "video_tower").mkdir()
            save_file(video_tower.half().state_dict(), new / "video_tower" / "model.safetensors")
        own = dataclasses.replace(model, size=(world.size,) * 2, num_frames=world.num_frames, fps=world.fps)
        (new / SETTINGS).write_text(json.dumps(settings(own), indent=1) + "\n")
        files = [file.relative_to(new) for file in new.rglob("*") if file.is_file()]
        for file in files:
            (output / file).parent.mkdir(exist_ok=True)
            os.replace(new / file, output / file)
        for part in {file.parent for file in files} - {pathlib.Path()}:
            for file in (output / part).iterdir():
                if file.relative_to(output) not in files and file.suffix in (".safetensors", ".json", ".txt"):
                    file.unlink()
    history = {}
    for name, stage in recipe.items():
        lines = (work / name / "metrics.jsonl").read_text().splitlines()
        history[name] = {"recipe": dataclasses.asdict(stage), "metrics": [json.loads(line) for line in lines]}
    write_whole(output / "training.json", (json.dumps(history, indent=1) + "\n").encode())
