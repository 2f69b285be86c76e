"""Write a scale model for the playground: three networks as ONNX files, and what the browser needs beside them.

The weights stay in half precision, as they are in `assets/`, and are computed with in single precision, as everywhere.
"""

import contextlib
import io
import json
import logging
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from t2v_helpers import load_pipeline
from t2v_helpers._support.files import write_whole
from t2v_helpers.models.placing import denoiser
from t2v_helpers.models.request import known_words

LEAST = 64  # numbers: smaller constants stay as they are


class TextEncoder(torch.nn.Module):
    """Tokens (b, 24) to vectors (b, 24, c)."""

    def __init__(self, pipe):
        super().__init__()
        self.encoder = pipe.text_encoder

    def forward(self, ids):
        return self.encoder(ids)[0]


class WanTextEncoder(TextEncoder):
    """The same; vectors behind the text's end are zero."""

    def forward(self, ids):
        mask = (ids != self.encoder.config.pad_token_id).long()
        return self.encoder(ids, mask)[0] * mask[..., None]


class Denoiser(torch.nn.Module):
    """Latents (b, c, f, h, w), one time and the text's vectors to v or u, of the latents' shape."""

    def __init__(self, pipe):
        super().__init__()
        self.network = denoiser(pipe)

    def forward(self, latents, t, text):
        return self.network(latents, t.expand(len(latents)), text).sample


class Decoder(torch.nn.Module):
    """Latents (c, f, h, w) to pixels (f, 3, 8 h, 8 w) in [-1, 1]."""

    def __init__(self, pipe):
        super().__init__()
        self.vae = pipe.vae

    def forward(self, latents):
        return self.vae.decode(latents.transpose(0, 1) / self.vae.config.scaling_factor).sample


class WanDecoder(Decoder):
    """Latents (c, f, h, w) to pixels (4 (f - 1) + 1, 3, 8 h, 8 w).

    `vae.decode` takes the latent frames one by one. The first has to be alone; all others at once are the same, faster.
    """

    def forward(self, latents):
        decoder, config = self.vae.decoder, self.vae.config
        mean, deviation = (torch.tensor(x)[:, None, None, None] for x in (config.latents_mean, config.latents_std))
        cache = [None] * self.vae._cached_conv_counts["decoder"]
        latents = self.vae.post_quant_conv((latents * deviation + mean)[None])
        first = decoder(latents[:, :, :1], feat_cache=cache, feat_idx=[0], first_chunk=True)
        others = decoder(latents[:, :, 1:], feat_cache=cache, feat_idx=[0])
        return torch.cat([first, others], dim=2)[0].transpose(0, 1)


def halve(model):
    """Store float32 weights as float16 where that changes none of them, with a Cast behind each."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if np.array_equal(half, values):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    for node in nodes:
        del node.metadata_props[:]  # where in torch's source it comes from
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)


def to_onnx(network, inputs, free):
    """The bytes of an ONNX file; inputs: an example of each argument; free: which axis of some may have any length."""
    free = {name: {free[name]: torch.export.Dim.DYNAMIC} if name in free else None for name in inputs}
    logger = logging.getLogger("torch.onnx")
    level, silent = logger.level, contextlib.redirect_stdout(io.StringIO())
    with warnings.catch_warnings(), torch.no_grad(), silent:
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)  # it would name the parts of torchvision that are not installed
        program = torch.onnx.export(
            network.eval(), kwargs=inputs, dynamic_shapes=free, input_names=list(inputs), output_names=["out"],
            dynamo=True, opset_version=18, verbose=False,
        )  # fmt: skip
    logger.setLevel(level)
    model = program.model_proto
    halve(model)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def vocabulary(tokenizer):
    """Each known word, and the comma behind one, with its tokens; the marks around a text; how many tokens are read."""

    def ids(text, marks=False):
        return tokenizer(text, add_special_tokens=marks, padding=False).input_ids

    words = {word: ids(word) for word in known_words(tokenizer)}
    words[","] = ids("a,")[len(ids("a")) :]
    marks = ids("", marks=True)  # CLIP has two, T5 one at the end
    ends = {"start": marks[:-1], "end": marks[-1:], "pad": tokenizer.pad_token_id}
    return {"words": words, **ends, "length": tokenizer.model_max_length}


def schedule(scheduler):
    """What the playground computes a diffusion's or a flow's steps from."""
    total = scheduler.config.num_train_timesteps
    if hasattr(scheduler, "alphas_cumprod"):
        return {"alpha_bars": scheduler.alphas_cumprod.tolist()}
    return {"shift": scheduler.shift, "sigmas": [scheduler.sigma_max, scheduler.sigma_min], "total": total}


def write(name, folder, runtime):
    """Write text.onnx, denoiser.onnx, decoder.onnx and model.json.

    Args:
        name: Of a scale model.
        folder: Created if it does not exist.
        runtime: Bytes of what runs the networks.
    """
    pipe = load_pipeline(name, device="cpu")
    model, network, length = pipe.t2v_model, denoiser(pipe), pipe.tokenizer.model_max_length
    side = model.size[0] // 8
    shape = [network.config.in_channels, (model.num_frames - 1) // model.frame_step + 1, side, side]
    if model.pipeline_class == "WanPipeline":
        text_encoder, decoder, free = WanTextEncoder, WanDecoder, {}
    else:
        text_encoder, decoder, free = TextEncoder, Decoder, {"latents": 1}  # frames alone
    text = torch.zeros(2, length, pipe.text_encoder.config.hidden_size)
    noisy = {"latents": torch.zeros(2, *shape), "t": torch.tensor(0.0), "text": text}
    networks = {
        "text": (text_encoder(pipe), {"ids": torch.zeros(2, length, dtype=torch.long)}, {"ids": 0}),
        "denoiser": (Denoiser(pipe), noisy, {"latents": 0, "text": 0}),
        "decoder": (decoder(pipe), {"latents": torch.zeros(shape)}, free),
    }
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {}
    for part, described in networks.items():
        data = to_onnx(*described)
        write_whole(folder / f"{part}.onnx", data)
        sizes[f"{part}.onnx"] = len(data)
    about = {
        "bytes": sizes,
        "runtime": runtime,
        "vocabulary": vocabulary(pipe.tokenizer),
        "latents": shape,
        "frames": model.num_frames,
        "steps": model.steps,
        "guidance": model.guidance,
        "fps": model.fps,
    }
    write_whole(folder / "model.json", json.dumps(about | schedule(pipe.scheduler)).encode())
