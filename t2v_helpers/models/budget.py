"""What a model will cost (download, memory, time) and how to fit it onto a GPU, estimated before anything is loaded.

Memory and arithmetic were counted on torch's meta device (counting.py) and are kept here as a table, so that
`plan(name)` is immediate. What cannot be counted there is a guess, as the comments beside the numbers say.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import psutil

from . import hub, machine
from .registry import DTYPES, MODELS, Model, check_shape, describe

PLANS = {
    "full": "all weights on the GPU, the whole clip decoded at once",
    "vae-slicing": "all weights on the GPU, decoded in slices or tiles",
    "model-offload": "one network at a time on the GPU, the others in RAM",
    "fp8": "all weights on the GPU, the denoiser's in eight bits",
    "int8-text": "as model-offload, the text encoder in eight bits",
    "layer-offload": "one layer at a time on the GPU, the others in RAM",
}
# Each of these needs less memory and more time than the one before, and draws the same clip up to rounding and blended
# seams of tiles. Eight bits change the numbers more than that: fp8 is used only when you ask for it, and int8-text also
# where the weights would not fit into RAM, because the text encoders of the newer models are their largest part.
EXACT = ("full", "vae-slicing", "model-offload", "layer-offload")

WORKSPACE = 0.1e9  # bytes; guess: what convolutions take while they run (0.04 to 0.6 GB on an H100, by plan)
CONTEXT = 0.5e9  # bytes; guess: CUDA's own, and what a desktop takes
MARGIN = 0.3e9  # bytes; guess: holes between tensors
PROGRAM = 1.5e9  # bytes of RAM; guess: Python, torch with CUDA, diffusers
BUS = 6e9  # bytes a second; guess: from RAM to a GPU, half of what PCIe 3 x16 can do
SHARE = 0.2  # of a GPU's rate on paper, or of a matrix product's; guess: what a video model reaches


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts for one clip of a model's own length and size; memory in bytes, rounded to 0.01 GB.

    parameters: weights of text encoder, denoiser and autoencoder. denoiser, decoder: peak of the tensors alive in one
    call, beside the weights; decoder_saved: with sliced or tiled decoding. layer: weights of the largest layer. step,
    once: floating-point operations of a guided step, and of text encoder and decoder; attention: those of a step on
    pairs of tokens, the text's included. stored: bytes a weight in the hub's files; used: on the GPU.
    """

    parameters: tuple[int, int, int]
    denoiser: float
    decoder: float
    decoder_saved: float
    layer: float
    step: float
    attention: float
    once: float
    stored: int = 2
    used: int = 2


# Wan's files are 28.9 GB in all, and the text encoder of LTX-Video comes in four shards of up to 5 GB.
COUNTS = {
    "modelscope": Counts(
        (340_387_840, 1_411_233_860, 83_653_863), denoiser=0.70e9, decoder=1.61e9, decoder_saved=0.11e9, layer=0.10e9,
        step=9.774e12, attention=0.287e12, once=10.04e12,
    ),
    "wan": Counts(
        (5_680_910_336, 1_418_996_800, 126_892_531), denoiser=1.60e9, decoder=8.18e9, decoder_saved=1.82e9,
        layer=2.10e9, step=566.0e12, attention=401.8e12, once=280.2e12, stored=4,
    ),
    "cogvideox": Counts(
        (4_762_310_656, 1_693_783_872, 215_583_907), denoiser=1.65e9, decoder=15.82e9, decoder_saved=4.04e9,
        layer=0.26e9, step=240.0e12, attention=145.6e12, once=319.3e12,
    ),
    "ltx": Counts(
        (4_762_310_656, 1_923_385_472, 419_193_649), denoiser=0.98e9, decoder=5.81e9, decoder_saved=4.23e9,
        layer=0.26e9, step=74.26e12, attention=25.50e12, once=52.91e12, stored=4,
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Card:
    """A machine: memory of its GPU and RAM, bytes; operations a second on its data sheet (half precision).

    bfloat16: whether the GPU computes in it. NVIDIA's do since 2020; the T4 is of 2018.
    """

    name: str
    memory: float
    ram: float
    rate: float | None = None
    bfloat16: bool = True


CARDS = (
    Card("H100, 80 GB", 85.0e9, 128e9, 989e12),  # NVIDIA H100 SXM data sheet
    Card("T4 in Colab, 15 GB", 15.8e9, 13.6e9, 65e12, bfloat16=False),  # T4 data sheet; RAM: what Colab calls 12.7 GB
    Card("a GPU of 6 GB", 6.4e9, 16e9),
    Card("a GPU of 4 GB", 4.3e9, 8e9),
)


def needs(weights: Sequence[float], counts: Counts, share: float = 1.0) -> dict[str, float]:
    """Estimate the peak of GPU memory by plan, for that share of the clip that was counted; weights: bytes of each."""
    text, net, vae = weights
    run, saved, whole = (share * n for n in (counts.denoiser, counts.decoder_saved, counts.decoder))
    peaks = {
        "full": sum(weights) + max(run, whole),
        "vae-slicing": sum(weights) + max(run, saved),
        # The layer that is computed is in 16 bits meanwhile: a denoiser's are of less than WORKSPACE.
        "fp8": text + net / counts.used + vae + max(run, saved),
        "model-offload": max(text, net + run, vae + saved),
        "int8-text": max(int8_bytes(text, counts), net + run, vae + saved),
        # A layer and the next one, or tensors: they peak where layers are small (ModelScope: 0.74 GB on an H100).
        "layer-offload": max(2 * counts.layer, run, saved),
    }
    return {plan: peak + WORKSPACE for plan, peak in peaks.items()}


def int8_bytes(text: float, counts: Counts) -> float:
    """Bytes of a text encoder of `text` bytes whose linear layers are in eight bits; its embedding, `layer`, is not."""
    embedding = min(counts.layer, text)
    return embedding + (text - embedding) / counts.used


def ram_needs(weights: Sequence[float], counts: Counts) -> dict[str, float]:
    """Estimate the RAM that loading takes by plan; weights: bytes of text encoder, denoiser and autoencoder."""
    text, *others = weights
    whole = PROGRAM + sum(weights)
    return dict.fromkeys(PLANS, whole) | {"int8-text": PROGRAM + int8_bytes(text, counts) + sum(others)}


def best_plan(free: float, need: Mapping[str, float]) -> str:
    """The first plan of EXACT whose need fits into `free` bytes of GPU memory with `MARGIN` to spare, or the last."""
    return next((plan for plan in EXACT if need[plan] + MARGIN <= free), EXACT[-1])


def counted(model: Model) -> str | None:
    """The name in `COUNTS` of a model, whatever it was asked for by; None if it was not counted."""
    return next((key for key in COUNTS if MODELS[key].repo == model.repo), None)


def precision(model: Model, dtype: str | None, bfloat16: bool) -> str | None:
    """What `load_pipeline` loads a model in on a GPU: `dtype`, or the model's own; float32 for want of bfloat16."""
    dtype = dtype or model.gpu_dtype
    return "float32" if dtype == "bfloat16" and not bfloat16 else dtype


def weight_bytes(model: Model, counts: Counts, dtype: str | None = None) -> list[int]:
    """Bytes of (text encoder, denoiser, autoencoder) in a precision; None: one of 16 bits."""
    sizes = zip(("text_encoder", "denoiser", "vae"), counts.parameters, strict=True)
    return [count * (4 if dtype == "float32" or part in model.float32 else 2) for part, count in sizes]


def in_precision(model: Model, counts: Counts, dtype: str | None) -> Counts:
    """The counts, which are of 16 bits, in another precision: in float32 tensors take twice as much."""
    many, vae = (2 if dtype == "float32" and part not in model.float32 else 1 for part in ("denoiser", "vae"))
    tensors = {"denoiser": many * counts.denoiser, "layer": many * counts.layer}
    tensors |= {"decoder": vae * counts.decoder, "decoder_saved": vae * counts.decoder_saved}
    return dataclasses.replace(counts, used=2 * many, **tensors)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What `plan` foresees, in bytes, seconds and floating-point operations; `print` shows it as a table.

    cached: how much of the download the hub's cache holds. need, ram: memory of the GPU and of the machine, by plan.
    step, flops: of one step, of the clip. choices: (machine, plan, seconds or None).
    """

    name: str
    clip: str
    download: float
    cached: float
    need: dict[str, float]
    ram: dict[str, float]
    step: float
    flops: float
    choices: list[tuple[Card, str, float | None]]

    def __str__(self) -> str:
        gb = {p: f"{self.need[p] / 1e9:6.1f}GB{self.ram[p] / 1e9:7.1f}GB" for p in PLANS}
        plans = "\n".join(f"  {p:<15}{gb[p]}   {about}" for p, about in PLANS.items())
        machines = "\n".join(f"  {card.name:<30}{took:<38}{_time(t):>8}" for card, took, t in self.choices)
        return f"""\
{self.name}: {self.clip}
  download {self.download / 1e9:.2f} GB, {self.cached / 1e9:.2f} GB of it in the cache
  arithmetic {self.step / 1e12:.2f} TFLOP a step, {self.flops / 1e12:.0f} a clip

  {"plan":<15}{"GPU":>8}{"RAM":>9}
{plans}

  {"machine":<30}{"takes":<38}{"about":>8}
{machines}

  counted: weights, tensors alive, arithmetic. Guesses: workspace, margin, the program's RAM,
  and time: the arithmetic at {SHARE:.0%} of a GPU's rate on paper (here: of a matrix product's)."""


def plan(
    name: str = "modelscope",
    *,
    num_frames: int | None = None,
    height: int | None = None,
    width: int | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    dtype: str | None = None,
    cards: Sequence[Card] = CARDS,
) -> Estimate:
    """Estimate what a clip will cost by memory plan, and which plan this machine and `cards` would take.

    Scales counts made for the model's own clip: by frames times pixels, and attention by its square. Loads nothing.

    Args:
        name: A model of `COUNTS`.
        num_frames: Length of the clip; None, here and below, is the model's own.
        height: In pixels.
        width: In pixels.
        steps: Denoising steps.
        guidance: Guidance scale; up to 1, a step costs half.
        dtype: As `load_pipeline` takes it. By default it is the model's own, and a card without it takes float32.
        cards: Machines to plan for, beside this one.

    Raises:
        ValueError: The model was not counted, or cannot make the clip; one line.
    """
    model = describe(name)
    key = counted(model)
    if dtype not in (None, *DTYPES):
        raise ValueError(f"dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    if key is None:
        raise ValueError(f"model {name!r}: expected one that was counted: {', '.join(COUNTS)}")
    check_shape(model, num_frames, height, width)
    counts, frames, steps = COUNTS[key], num_frames or model.num_frames, steps or model.steps
    width, height = width or model.size[0], height or model.size[1]
    guidance = model.guidance if guidance is None else guidance
    share = frames * width * height / (model.num_frames * model.size[0] * model.size[1])
    step = (counts.step - counts.attention) * share + counts.attention * share**2
    step /= 1 if guidance > 1 else 2
    flops = steps * step + counts.once * share

    def memory(used: str | None) -> tuple[list[int], dict[str, float], dict[str, float]]:
        weights, tensors = weight_bytes(model, counts, used), in_precision(model, counts, used)
        return weights, needs(weights, tensors, share), ram_needs(weights, tensors)

    def take(card: Card) -> tuple[Card, str, float | None]:
        used = precision(model, dtype, card.bfloat16) if card.memory else "float32"
        weights, need, ram = memory(used)
        if not card.memory:
            short = ram["full"] + need["layer-offload"] > card.ram
            return card, "the CPU; RAM is short" if short else "the CPU", flops / (card.rate * SHARE)
        moved = {"model-offload": sum(weights), "layer-offload": weights[1] * steps}
        moved["int8-text"] = ram["int8-text"] - PROGRAM
        took, short = best_plan(card.memory - CONTEXT, need), False
        if ram[took] > card.ram:
            fits = ram["int8-text"] <= card.ram and need["int8-text"] + MARGIN <= card.memory - CONTEXT
            took, short = ("int8-text", False) if fits else (took, True)
        if need[took] + MARGIN > card.memory - CONTEXT:
            return card, "does not fit", None
        slower = used == "float32" and card in cards  # its rate is that of half precision
        if short or slower or card.rate is None:
            return card, f"{took}{', float32' * slower}{'; RAM is short' * short}", None
        compute, copying = flops / (card.rate * SHARE), moved.get(took, 0) / BUS
        return card, took, max(compute, copying) if took == "layer-offload" else compute + copying

    clip = f"{frames} frames of {width}x{height}, {steps} steps, guidance {guidance:g}"
    download, cached = counts.stored * sum(counts.parameters), hub.cached_bytes(model.repo, *model.also)
    choices = [take(card) for card in (*cards, _here(model, dtype))]
    return Estimate(key, clip, download, cached, *memory(dtype)[1:], step, flops, choices)


def _here(model: Model, dtype: str | None) -> Card:
    """This machine, with a rate that is measured on the spot; without a GPU, its memory is 0 and the CPU computes."""
    import torch

    ram = psutil.virtual_memory().total
    if torch.cuda.is_available():
        (free, _), bfloat16 = torch.cuda.mem_get_info(), machine.has_bfloat16("cuda")
        rate = machine.matmul_rate("cuda", getattr(torch, precision(model, dtype, bfloat16)), 4096)
        return Card(f"here: {torch.cuda.get_device_name()}"[:29], free + CONTEXT, ram, rate, bfloat16)
    return Card("here: no GPU", 0, ram, machine.matmul_rate("cpu", torch.float32, 768))


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else "hours"
