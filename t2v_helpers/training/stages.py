"""Train the scale model: an autoencoder, a UNet (unet.py) with its text encoder, and a video tower to measure with.

What a step draws (data, times, noise) depends on the seed and the step's number alone. So a run that was stopped
resumes exactly where its last checkpoint was, and several processes share one global batch.
"""

import copy
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
from .loop import Stage, digest, first_weights, fit, rng
from .scale_model import to_model
from .unet import encode_clips, train_clips, train_images

# What the weights in assets/tiny-t2v have seen, in three runs (see its training.json): 7 minutes on an H100, from there
# on 10 on an H200, and then the video tower on a CPU. The first had rates and batches of its own in two of the stages.
RECIPE = {
    "autoencoder": Stage(steps=1400 + 3941, batch=256, lr=1.5e-3, every=1000, warmup=150),
    "image": Stage(steps=4200, batch=512, lr=2e-3, every=1400, warmup=200),
    "unet": Stage(steps=2046 + 5390, batch=128, lr=1.2e-3, every=1000, warmup=150),
    "clip": Stage(steps=700 + 4814, batch=64, lr=1e-3, every=1000),
}


def mean_colors(images):
    """Mean colours of 8 x 8 pixels of images (b, 3, H, W), from -1 for none to 3."""
    return 2 * F.avg_pool2d(images, 8) + 1


class AutoencoderLoss(nn.Module):
    """The autoencoder's objective: absolute and squared error, a small KL to N(0, I) (Rombach et al. 2022), an anchor.

    The anchor ties the first latent channels to mean colours. Without it a small autoencoder laid six colours on one
    line of its latent space, and the UNet mixed them within a clip.

    colors: what they are tied to, of images. decode: gives images of latents; by default autoencoder.decode.
    """

    def __init__(self, autoencoder, colors=mean_colors, decode=None):
        super().__init__()
        self.autoencoder, self.colors, self.decode = autoencoder, colors, decode

    def forward(self, images, eps):
        """The loss of images (b, 3, H, W), or clips (b, 3, F, H, W), in [-1, 1], with noise eps for their latents."""
        latents = self.autoencoder.encode(images).latent_dist
        sample = latents.mean + latents.std * eps
        error = (self.decode(sample) if self.decode else self.autoencoder.decode(sample).sample).float() - images
        kl = (latents.mean.square() + latents.var - 1 - latents.logvar).float().mean() / 2
        colors = self.colors(images)
        anchor = latents.mean[:, : colors.shape[1]].float() - colors
        return error.abs().mean() + error.square().mean() + 1e-3 * kl + 0.3 * anchor.square().mean()


def train_autoencoder(
    accelerator, stage, folder, world, watch=None, latent_channels=scale_model.LATENT[0], vae=None, colors=mean_colors
):
    """Stage 1, on single frames of every kind: it has to draw what it is told, not to know any caption.

    vae: a trained one that learns on, such as one that knows larger frames; by default a new one. colors: see
    `AutoencoderLoss`.
    """
    made_from = {"data": world.identity()} | ({"trained autoencoder": digest(vae)} if vae else {})
    if vae is None:
        with first_weights(stage, "autoencoder"):
            vae = scale_model.new_autoencoder(world.size, latent_channels)
    model, pool = AutoencoderLoss(vae, colors).to(accelerator.device), world.pool().to(accelerator.device)
    average, side = copy.deepcopy(model).requires_grad_(False), world.size // 8

    def draw(step):
        generator = rng(stage.seed, step, "autoencoder", device=accelerator.device)
        some = {"generator": generator, "device": accelerator.device}
        which, frame = (torch.randint(many, (stage.batch,), **some) for many in (len(pool), world.num_frames))
        eps = torch.randn(stage.batch, vae.config.latent_channels, side, side, **some)
        mine = slice(accelerator.process_index, None, accelerator.num_processes)
        return pool.paint(which[mine], frame[mine])[:, :, 0], eps[mine]

    def loss_of(model, images, eps):
        with cpu_autocast(accelerator.device):
            return model(images, eps)

    def measure(step):
        if not world.judged:
            return {}
        return {"adherence": reconstruction_adherence(average.autoencoder, world, min(54, 3 * len(world.kinds)))}

    fit(
        accelerator, model, loss_of, stage, folder, draw=draw, ema=average, measure=measure, watch=watch,
        made_from=made_from,
    )  # fmt: skip
    vae = average.autoencoder
    with torch.no_grad():
        some = torch.arange(0, len(pool), max(1, len(pool) // 64), device=accelerator.device)
        latents = [vae.encode(clip.movedim(1, 0)).latent_dist.mean for clip in pool.paint(some)]
    vae.register_to_config(scaling_factor=1 / torch.cat(latents).std().item())
    return vae.eval()


@torch.no_grad()
def reconstruction_adherence(vae, world, clips, seed=10**6, margin=0):
    """Share of rendered clips that the judge still reads rightly once the autoencoder has coded and decoded them.

    margin: pixels of ground laid around a clip before it is encoded, and cut off again once it is decoded.
    """
    right = 0
    for i in range(clips):
        kind = i * len(world.kinds) // clips
        images = to_model(world.clip(kind, rng(seed, i))).movedim(1, 0).to(vae.device)
        framed = nn.functional.pad(images, [margin] * 4, mode="replicate")
        decoded = vae.decode(vae.encode(framed).latent_dist.mean).sample.float().cpu()
        decoded = decoded[..., margin : margin + images.shape[-2], margin : margin + images.shape[-1]]
        seen = shapes.look((decoded / 2 + 0.5).clamp(0, 1).movedim(1, -1), fit=world.fit).scene
        right += shapes.compare(world.kinds[kind], seen).right
    return right / clips


class ContrastiveLoss(nn.Module):
    """CLIP's symmetric cross-entropy over the cosines of a batch of captions and clips (Radford et al. 2021).

    read: called with the text encoder and a tuple of what it reads; gives a vector for each caption.
    """

    def __init__(self, text_encoder, video_tower, read):
        super().__init__()
        self.text_encoder, self.video_tower, self.read = text_encoder, video_tower, read
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, tokens, frames, confused=None):
        """The loss of captions, a tuple of tensors (b, tokens), and their clips (b, 3, F, H, W).

        confused: captions that are nearly right, from which each clip has to be told as well.
        """
        scale, video = self.log_scale.clamp(max=math.log(100)).exp(), self.video_tower(frames)
        logits = scale * self._text(tokens) @ video.T
        target, to_text = torch.arange(len(frames), device=frames.device), logits.T
        if confused is not None:
            wrong = scale * (self._text(confused) * video).sum(1, keepdim=True)
            to_text = torch.cat([to_text, wrong], 1)
        return (F.cross_entropy(logits, target) + F.cross_entropy(to_text, target)) / 2

    def cosines(self, tokens, frames):
        """Those of each caption and each clip (b, b)."""
        return self._text(tokens) @ self.video_tower(frames).T

    def _text(self, tokens):
        return F.normalize(self.read(self.text_encoder, *tokens), dim=1)


def new_words(world, stage):
    """A tokenizer of a world's words and an untrained text encoder: of two layers for a small world, else of three."""
    tokenizer = scale_model.new_tokenizer(None if world.judged else world.kinds)
    many, most = len(world.kinds), scale_model.MAX_TOKENS
    if not world.judged and (long := sum(len(tokenizer(text).input_ids) > most for text in world.kinds)):
        warnings.warn(f"{long} of {many} captions have over {most} tokens, and their ends are not read", stacklevel=2)
    layers = 3 if world.size >= shapes.SIZE else 2
    with first_weights(stage, "words"):
        return tokenizer, scale_model.new_text_encoder(tokenizer, rng(stage.seed, "embeddings"), layers)


def train_clip(accelerator, stage, folder, world, watch=None, words=None):
    """The two towers of a CLIP: one reads captions, one looks at clips, to measure CLIPSIM with.

    words: a tokenizer and a trained text encoder, which stays as it is; by default it is new and learns.
    """
    tokenizer, text_encoder = words or new_words(world, stage)

    def read(text_encoder, ids):
        return text_encoder(ids).pooler_output

    def tokenize(texts):
        return (scale_model.token_ids(tokenizer, texts),)

    with first_weights(stage, "clip"):
        model = ContrastiveLoss(text_encoder, scale_model.VideoTower(), read).to(accelerator.device)
    text_encoder.requires_grad_(words is None)
    made_from = {"text tower": digest(text_encoder)} if words else {}
    train_towers(
        accelerator, stage, folder, world, model, tokenize, "clip", watch, made_from, world.judged and bool(words)
    )
    return tokenizer, text_encoder.eval(), model.video_tower.eval()


def train_towers(accelerator, stage, folder, world, model, tokenize, name, watch=None, made_from=(), confused=False):
    """Train a `ContrastiveLoss` on clips and captions. tokenize: gives the tuple that it reads; name: of the draws.

    confused: whether to hold each clip against a caption that is nearly right as well.
    """
    pool, device = world.pool().to(accelerator.device), accelerator.device
    per_kind = len(pool) // len(world.kinds)

    def batch(seed, step, kinds):  # whole in every process, as each clip is a negative for each caption
        generator = rng(seed, step, name)
        order = torch.randperm(kinds, generator=generator)[: stage.batch]
        texts = [
            [say(kind, generator) for kind in order.tolist()] for say in (world.text, world.confused)[: 1 + confused]
        ]
        which = order * per_kind + torch.randint(per_kind, order.shape, generator=generator)
        tokens, *wrong = (tuple(some.to(device) for some in tokenize(many)) for many in texts)
        return tokens, pool.paint(which.to(device)), *wrong

    @torch.no_grad()
    def measure(step):
        found = model.cosines(*batch(10**6, step, len(world.kinds))[:2]).argmax(1).cpu()
        return {"retrieval": (found == torch.arange(len(found))).float().mean().item()}

    def loss_of(model, step):
        return model(*batch(stage.seed, step, len(world.trained)))

    made_from = {"data": world.identity()} | dict(made_from)
    fit(accelerator, model, loss_of, stage, folder, measure=measure, watch=watch, made_from=made_from)


def train(accelerator, recipe, work, output, world):
    """All four stages; checkpoints, metrics and samples go to `work`, the pipeline to `output`."""
    if accelerator.device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    vae = train_autoencoder(accelerator, recipe["autoencoder"], work / "autoencoder", world)
    latents = encode_clips(accelerator, vae, world, work / "latents.pt")
    words = tokenizer, text_encoder = new_words(world, recipe["image"])
    parts = tokenizer, text_encoder.to(accelerator.device), vae
    image_unet = train_images(accelerator, recipe["image"], work / "image", parts, latents, world, learn_text=True)
    unet = train_clips(accelerator, recipe["unet"], work / "unet", parts, latents, world, image_unet, learn_text=True)
    *_, video_tower = train_clip(accelerator, recipe["clip"], work / "clip", world, words=words)
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
