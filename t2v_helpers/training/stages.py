"""Train the scale model: stages, each on its own, as ModelScope's were trained.

    accelerate launch -m t2v_helpers.training --output runs/mine/model --work runs/mine

1. `autoencoder`: AutoencoderKL on single frames, judged by what its reconstructions show.
2. The UNet on latents, v-prediction on a schedule with zero terminal SNR (Lin et al. 2023), in two runs: `image`, its
   spatial part on single frames, then `unet`, the whole of it on clips. The text encoder learns with it.
3. `clip`: a video tower, contrastively against that text encoder (Radford et al. 2021), to measure with.

What a step draws (data, times, noise) depends on the seed and the step's number alone. So a run that was stopped goes
on exactly where its last checkpoint was, and several processes share one global batch.
"""

import dataclasses
import json
import os
import pathlib
import tempfile
import time

import torch

from .._support.files import write_whole
from . import scale_model
from .autoencoder import AutoencoderLoss, reconstruction_adherence, train_autoencoder
from .clip import train_clip
from .loop import Stage, rng
from .unet import encode_clips, train_clips, train_images

__all__ = ["RECIPE", "AutoencoderLoss", "reconstruction_adherence", "save", "train", "train_autoencoder", "train_clip"]

RECIPE = {  # what made the weights in assets/tiny-t2v: 7 minutes on one H100, and too short (the loss was still falling)
    "autoencoder": Stage(steps=1400, batch=256, lr=2e-3, every=1400, warmup=100),
    "image": Stage(steps=4200, batch=512, lr=2e-3, every=1400, warmup=200),
    "unet": Stage(steps=2046, batch=128, lr=1.2e-3, every=409, warmup=200),
    "clip": Stage(steps=700, batch=256, lr=2e-3, every=1400),
}


def train(accelerator, recipe, work, output, world):
    """Run all stages; checkpoints, metrics and samples go to `work`, the pipeline to `output`."""
    begin = time.perf_counter()

    def tell(what):
        if accelerator.is_main_process:
            print(f"{time.perf_counter() - begin:6.1f} s: {what}", flush=True)

    if accelerator.device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    tell(f"{len(world.trained)} kinds of clips, {len(world.pool())} clips")
    vae = train_autoencoder(accelerator, recipe["autoencoder"], work / "autoencoder", world)
    tell("the autoencoder is trained")
    latents = encode_clips(accelerator, vae, world, work / "latents.pt")
    tell(f"clips are coded: {tuple(latents.shape)}")
    tokenizer = scale_model.new_tokenizer()
    text_encoder = scale_model.new_text_encoder(tokenizer, rng(recipe["image"].seed, "embeddings"))
    parts = tokenizer, text_encoder.to(accelerator.device), vae
    image_unet = train_images(accelerator, recipe["image"], work / "image", parts, latents, world, learn_text=True)
    tell("the UNet has learned frames")
    unet = train_clips(accelerator, recipe["unet"], work / "unet", parts, latents, world, image_unet, learn_text=True)
    tell("the UNet has learned clips")
    *_, video_tower = train_clip(accelerator, recipe["clip"], work / "clip", world, text_encoder=text_encoder)
    tell("the video tower is trained")
    if accelerator.is_main_process:
        save(output, tokenizer, text_encoder, vae, unet, video_tower)
        history = {name: (work / name / "metrics.jsonl").read_text().splitlines() for name in recipe}
        history = {
            name: {"recipe": dataclasses.asdict(recipe[name]), "metrics": [json.loads(line) for line in lines]}
            for name, lines in history.items()
        }
        write_whole(output / "training.json", (json.dumps(history, indent=1) + "\n").encode())


def save(output, tokenizer, text_encoder, vae, unet, video_tower):
    """Write the pipeline's folder, weights as safetensors in half precision, and the video tower beside it.

    All is written beside `output` first and moved there file by file, so that a full disk leaves the old model.
    """
    from safetensors.torch import save_file

    pipeline = scale_model.new_pipeline(tokenizer, text_encoder, vae, unet).to(dtype=torch.float16)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=output.parent) as folder:
        new = pathlib.Path(folder)
        pipeline.save_pretrained(new, safe_serialization=True)
        config = (
            new / "text_encoder" / "config.json"
        )  # transformers would load it as it was saved, beside a float32 UNet
        config.write_text(config.read_text().replace('"dtype": "float16"', '"dtype": "float32"'))
        (new / "video_tower").mkdir()
        save_file(video_tower.half().state_dict(), new / "video_tower" / "model.safetensors")
        for file in [path for path in new.rglob("*") if path.is_file()]:
            (output / file.relative_to(new)).parent.mkdir(exist_ok=True)
            os.replace(file, output / file.relative_to(new))
