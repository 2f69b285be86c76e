"""Small random stand-ins for the models: a folder like the scale model's, and a hub cache laid out as ModelScope's.

The pipelines draw noise, but load, run and fail as the real ones do. The names of the files, the layout and the quirks
of the configs are those of ali-vilab/text-to-video-ms-1.7b; the sizes are not.
"""

import hashlib
import json
import os
import pathlib

import torch

from t2v_helpers.models import modelscope

REPO, REVISION = "ali-vilab/text-to-video-ms-1.7b", "8227dddca75a8561bf858d604cc5dae52b954d01"
START, END = "<|startoftext|>", "<|endoftext|>"


def small_models(tokenizer, *, sample_size, tokens):
    """Text encoder, UNet and autoencoder with some 200,000 random weights, the same ones each time."""
    from diffusers import AutoencoderKL, UNet3DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    sizes = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    sizes |= dict(vocab_size=len(tokenizer), max_position_embeddings=tokens)
    # the random weights are large, so that two prompts differ in more than rounding
    text = CLIPTextConfig(**sizes, **marks, initializer_range=1.0, initializer_factor=20.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {
            "text_encoder": CLIPTextModel(text).eval(),
            "unet": UNet3DConditionModel(
                sample_size=sample_size,
                block_out_channels=(8, 16),
                down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
                up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
                layers_per_block=1,
                attention_head_dim=8,
                norm_num_groups=4,
                cross_attention_dim=16,
            ).eval(),
            "vae": AutoencoderKL(
                sample_size=8 * sample_size,
                block_out_channels=(4, 4, 4, 4),
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                layers_per_block=1,
                norm_num_groups=2,
            ).eval(),
        }


def write_scale_model(folder):
    """A pipeline folder with the scale model's own tokenizer and scheduler, and random weights."""
    from diffusers import TextToVideoSDPipeline

    from t2v_helpers.training import scale_model

    tokenizer = scale_model.new_tokenizer()
    parts = small_models(tokenizer, sample_size=8, tokens=tokenizer.model_max_length)
    TextToVideoSDPipeline(tokenizer=tokenizer, scheduler=scale_model.new_scheduler(), **parts).save_pretrained(folder)
    return pathlib.Path(folder)


def write_hub_cache(cache, repo=REPO):
    """A hub cache that holds ModelScope's repository, or the same files under another id; returns the snapshot."""
    from safetensors.torch import save
    from transformers import CLIPTokenizer

    vocab, marks = letters()
    config = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "errors": "replace"}
    files = {"README.md": "---\nlicense: cc-by-nc-4.0\n---\n", "model_index.json": json.dumps(INDEX)}
    files |= {"tokenizer/vocab.json": json.dumps(vocab), "tokenizer/merges.txt": "#version: 0.2\n"}
    files["tokenizer/tokenizer_config.json"] = json.dumps(config | marks)
    files["scheduler/scheduler_config.json"] = json.dumps(SCHEDULER)
    tokenizer = CLIPTokenizer(vocab=vocab, merges=[], **marks)
    models = small_models(tokenizer, sample_size=32, tokens=77)
    for name, model in models.items():
        stem = "model" if name == "text_encoder" else "diffusion_pytorch_model"
        pickle = "pytorch_model" if name == "text_encoder" else stem
        config = json.loads(model.config.to_json_string() if name == "text_encoder" else model.to_json_string())
        tensors = _old_names(name, model.state_dict())
        if name == "text_encoder":
            config.pop("dtype", None)
            config |= {"torch_dtype": "float16", "architectures": ["CLIPTextModel"], "model_type": "clip_text_model"}
        files[f"{name}/config.json"] = json.dumps(config)
        half = {key: t.half() if t.is_floating_point() else t for key, t in tensors.items()}
        files[f"{name}/{stem}.safetensors"] = save(tensors, {"format": "pt"})
        files[f"{name}/{stem}.fp16.safetensors"] = save(half, {"format": "pt"})
        files[f"{name}/{pickle}.bin"] = files[f"{name}/{pickle}.fp16.bin"] = "a pickle that must never be opened"
    return store_files(cache, files, repo)


def _old_names(part, tensors):
    """The names that the tensors had when the weights were published, in 2023."""
    if part == "text_encoder":
        old = {f"text_model.{name}": tensor for name, tensor in tensors.items()}
        return old | {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    if part == "vae":
        for new, old in {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}.items():
            tensors = {name.replace(f"attentions.0.{new}", f"attentions.0.{old}"): t for name, t in tensors.items()}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def letters():
    """Vocabulary and marks of a CLIP tokenizer that makes one token of each letter (give it no merges)."""
    from tokenizers.pre_tokenizers import ByteLevel

    bytes_ = sorted(ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*bytes_, *(f"{byte}</w>" for byte in bytes_), START, END])}
    return vocab, {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}


def store_folder(cache, repo, folder, revision=REVISION):
    """Put a pipeline's folder into a hub cache as the repository of that id; returns the snapshot's folder."""
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return store_files(cache, {str(path.relative_to(folder)): path.read_bytes() for path in files}, repo, revision)


def store_files(cache, files, repo=REPO, revision=REVISION):
    """Write files as the hub's client does: contents under blobs/<hash>, links under snapshots/<commit>/."""
    repo = pathlib.Path(cache) / f"models--{repo.replace('/', '--')}"
    snapshot = repo / "snapshots" / revision
    for folder in (repo / "blobs", repo / "refs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (repo / "refs" / "main").write_text(revision)
    for name, content in files.items():
        content = content.encode() if isinstance(content, str) else content
        blob = repo / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


INDEX = {
    "_class_name": "TextToVideoSDPipeline",
    "_diffusers_version": "0.15.0.dev0",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet3DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "_diffusers_version": "0.15.0.dev0",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "skip_prk_steps": True,
} | modelscope.SCHEDULER
