"""Write the scale model for the playground: three networks as ONNX files, and what the browser needs beside them.

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
from t2v_helpers.models.request import known_words

LEAST = 64  # numbers: smaller constants stay as they are


class TextEncoder(torch.nn.Module):
    """Tokens (b, 24) to vectors (b, 24, c)."""

    def __init__(self, pipe):
        super().__init__()
        self.encoder = pipe.text_encoder

    def forward(self, ids):
        return self.encoder(ids)[0]


class Denoiser(torch.nn.Module):
    """Latents (b, c, f, h, w), one time and the text's vectors to v, of the latents' shape."""

    def __init__(self, pipe):
        super().__init__()
        self.unet = pipe.unet

    def forward(self, latents, t, text):
        return self.unet(latents, t, encoder_hidden_states=text).sample


class Decoder(torch.nn.Module):
    """Latents of single frames (f, c, h, w) to pixels (f, 3, 8 h, 8 w) in [-1, 1]."""

    def __init__(self, pipe):
        super().__init__()
        self.vae = pipe.vae

    def forward(self, latents):
        return self.vae.decode(latents / self.vae.config.scaling_factor).sample


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


def to_onnx(network, inputs):
    """The bytes of an ONNX file; inputs: an example of each argument, whose first axis may have any length."""
    free = {name: {0: torch.export.Dim.DYNAMIC} if x.ndim else None for name, x in inputs.items()}
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
    """Each known word, and the comma, with its tokens; the marks; how many tokens are read."""
    words = {
        word: tokenizer(word, add_special_tokens=False, padding=False).input_ids for word in known_words(tokenizer)
    }
    words[","] = tokenizer(",", add_special_tokens=False, padding=False).input_ids
    ends = {"start": tokenizer.bos_token_id, "end": tokenizer.pad_token_id}
    return {"words": words, **ends, "length": tokenizer.model_max_length}


def write(name, folder, **more):
    """Write text.onnx, unet.onnx, decoder.onnx and model.json.

    Args:
        name: Of a scale model of ModelScope, or its folder.
        folder: Created if it does not exist.
        more: Other files that the playground loads, by name: their bytes.
    """
    pipe = load_pipeline(name, device="cpu")
    model, length = pipe.t2v_model, pipe.tokenizer.model_max_length
    frames, side = model.num_frames, model.size[0] // pipe.vae_scale_factor
    channels, width = pipe.unet.config.in_channels, pipe.text_encoder.config.hidden_size
    networks = {
        "text": (TextEncoder(pipe), {"ids": torch.zeros(2, length, dtype=torch.long)}),
        "unet": (
            Denoiser(pipe),
            {
                "latents": torch.zeros(2, channels, frames, side, side),
                "t": torch.tensor(0),
                "text": torch.zeros(2, length, width),
            },
        ),
        "decoder": (Decoder(pipe), {"latents": torch.zeros(2, channels, side, side)}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {}
    for part, (network, inputs) in networks.items():
        data = to_onnx(network, inputs)
        write_whole(folder / f"{part}.onnx", data)
        sizes[part] = len(data)
    about = {
        "bytes": sizes | more,
        "vocabulary": vocabulary(pipe.tokenizer),
        "latents": [channels, frames, side, side],
        "alpha_bars": pipe.scheduler.alphas_cumprod.tolist(),
        "total": pipe.scheduler.config.num_train_timesteps,
        "steps": model.steps,
        "guidance": model.guidance,
        "fps": model.fps,
    }
    write_whole(folder / "model.json", json.dumps(about).encode())
