"""What a model will cost (download, memory, time) and how to fit it into a card: told before anything is loaded.

Memory and arithmetic were counted on torch's meta device (counting.py; tests count them again) and are kept here as a
table, so that a plan takes no time. What cannot be counted there is a guess and is named one: `WORKSPACE`, `CONTEXT`,
`MARGIN`, `PROGRAM`, `BUS` and `SHARE`. `plan(name)` puts it all into one table.
"""

import dataclasses

from . import hub, machine
from .registry import MODELS, check_shape, describe

# A plan that does not fit gives way to the next of EXACT, which takes less memory and more time, and means the same
# clip up to rounding. (Where a video autoencoder decodes by overlapping tiles, as the newer models' do, their seams are
# blended: the same clip to the eye.) Eight bits change the numbers more than that, and are taken by name alone.
ONCE, CARD, PART, EIGHT, LAYER = PLANS = (
    "on the card, decoded at once",
    "on the card",
    "one model at a time",
    "on the card, in eight bits",
    "one layer at a time",
)
EXACT = (ONCE, CARD, PART, LAYER)

WORKSPACE = 0.1e9  # bytes; guess: what convolutions take for themselves while they run
CONTEXT = 0.5e9  # bytes; guess: CUDA's own, and what a desktop takes
MARGIN = 0.3e9  # bytes; guess: holes between tensors
PROGRAM = 1.5e9  # bytes of RAM; guess: Python, torch with CUDA, diffusers
BUS = 6e9  # bytes a second; guess: from RAM to a card, half of what PCIe 3 x16 can do
SHARE = 0.2  # of a card's rate on paper, or of a matrix product's; guess: what a video model reaches


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counted on the meta device for one clip of the model's own length and size.

    parameters: of the text encoder, the denoiser (UNet or transformer) and the decoder's autoencoder. text, denoiser,
    decoder: bytes alive in one call beside the weights; decoder_saved: the same with sliced or tiled decoding.
    layer: bytes of the largest layer's weights; eight_bits: of the denoiser's, stored in eight bits where it may be.
    step, attention: floating-point operations of one guided step, and those of them that grow with the square of the
    clip; once: those of text encoder and decoder.
    """

    parameters: tuple[int, int, int]
    text: int
    denoiser: int
    decoder: int
    decoder_saved: int
    layer: int
    eight_bits: int
    step: float
    attention: float
    once: float


_MODELSCOPE = (340_387_840, 1_411_233_860, 83_653_863)
COUNTS = {
    "modelscope": Counts(
        _MODELSCOPE, 1_892_968, 697_767_176, 1_610_874_880, 106_700_800, 101_187_584, 1_413_749_572,
        step=9.774e12, attention=0.287e12, once=10.04e12,
    ),
    "zeroscope": Counts(
        _MODELSCOPE, 1_892_968, 2_928_743_688, 6_795_878_400, 309_127_680, 101_187_584, 1_413_749_572,
        step=42.79e12, attention=3.115e12, once=42.35e12,
    ),
    "wan": Counts(
        (5_680_910_336, 1_418_996_800, 126_892_531), 100_663_296, 1_603_465_224, 8_175_363_072, 1_821_874_176,
        2_100_297_728, 1_445_325_440, step=566.0e12, attention=401.8e12, once=280.2e12,
    ),
    "cogvideox": Counts(
        (4_762_310_656, 1_693_783_872, 215_583_907), 32_457_220, 1_648_269_320, 15_823_814_400, 4_044_003_840,
        263_192_576, 2_058_699_136, step=240.0e12, attention=145.6e12, once=319.3e12,
    ),
    "ltx": Counts(
        (4_762_310_656, 1_923_385_472, 419_193_649), 16_777_216, 975_922_696, 5_812_314_112, 4_227_653_632,
        263_192_576, 1_924_489_472, step=74.26e12, attention=25.50e12, once=52.91e12,
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Card:
    """A machine to plan for: name; memory of its GPU and RAM, bytes; rate: operations a second on paper, in half
    precision with dense matrices (its data sheet), None if not stated."""

    name: str
    memory: float
    ram: float
    rate: float | None = None


CARDS = (
    Card("H100, 80 GB", 85.0e9, 128e9, 989e12),  # NVIDIA H100 SXM data sheet
    Card("T4 in Colab, 15 GB", 15.8e9, 12.7e9, 65e12),  # NVIDIA T4 data sheet
    Card("a card of 6 GB", 6.4e9, 16e9),
    Card("a card of 4 GB", 4.3e9, 8e9),
)


def needs(weights, counts, share=1.0, eight_bits=None):
    """GPU memory at its peak, by plan: {plan: bytes}.

    weights: bytes of (text encoder, denoiser, autoencoder); counts: of the model; share: of the clip that was
    counted, in frames times pixels. eight_bits: of the denoiser; None: as counted.

    >>> round(needs([2 * n for n in _MODELSCOPE], COUNTS["modelscope"])["one model at a time"] / 1e9, 1)
    3.6
    """
    text, net, vae = weights
    run, saved, whole = (share * n for n in (counts.denoiser, counts.decoder_saved, counts.decoder))
    eight = text + vae + (counts.eight_bits if eight_bits is None else eight_bits)
    peaks = {
        ONCE: sum(weights) + max(run, whole, counts.text),
        CARD: sum(weights) + max(run, saved, counts.text),
        EIGHT: eight + max(run + counts.layer, saved, counts.text),
        PART: max(text + counts.text, net + run, vae + saved),
        LAYER: 2 * counts.layer + max(run, saved, counts.text),  # a layer, and the next one on its way
    }
    return {plan: peak + WORKSPACE for plan, peak in peaks.items()}


def choose(free_bytes, need):
    """The first plan of EXACT that fits into a GPU's free memory with `MARGIN` to spare, or the last.

    need: {plan: bytes}, see `needs`.
    """
    fits = [plan for plan in EXACT if need[plan] + MARGIN <= free_bytes]
    return (fits or EXACT[-1:])[0]


def part_bytes(model, counts, on_gpu=True):
    """Bytes of the weights of (text encoder, denoiser, autoencoder), in the precision that a GPU or the CPU takes."""
    half = {"float32": 4}.get(model.gpu_dtype, 2)
    sizes = zip(("text_encoder", "denoiser", "vae"), counts.parameters, strict=True)
    return [count * (half if on_gpu and part not in model.float32 else 4) for part, count in sizes]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What `plan` foresees; bytes, seconds and floating-point operations. It prints as a table.

    download: bytes to fetch in all, at two a weight; cached: bytes of it in the hub's cache. need, ram: by plan.
    flops: of the clip. choices: [(Card, plan, seconds or None)].
    """

    name: str
    clip: str
    download: float
    cached: float
    need: dict
    ram: dict
    step: float
    flops: float
    choices: list

    def __str__(self):
        rows = [
            f"{self.name}: {self.clip}",
            f"  download {self.download / 1e9:.2f} GB at two bytes a weight, {self.cached / 1e9:.2f} GB in the cache",
            f"  arithmetic {self.step / 1e12:.2f} TFLOP a step, {self.flops / 1e12:.0f} a clip",
            "",
            f"  {'plan':<30}{'GPU':>8}{'RAM':>8}",
        ]
        rows += [f"  {p:<30}{self.need[p] / 1e9:6.1f}GB{self.ram[p] / 1e9:6.1f}GB" for p in PLANS]
        rows += ["", f"  {'machine':<30}{'takes':<30}{'about':>8}"]
        for card, took, seconds in self.choices:
            rows.append(f"  {card.name:<30}{took:<30}{_time(seconds):>8}")
        return "\n".join(
            [
                *rows,
                "",
                "  counted: weights, tensors alive, arithmetic. Guesses: workspace, margin, the program's RAM,",
                f"  and time: the arithmetic at {SHARE:.0%} of a card's rate on paper (here: of a matrix product's).",
            ]
        )


def plan(name="modelscope", *, num_frames=None, height=None, width=None, steps=None, guidance=None, cards=CARDS):
    """What a model of `COUNTS` will cost for a clip, by plan, and which plan this machine and `cards` would take.

    num_frames; height, width: pixels; steps; guidance: None is the model's own. Tensors and arithmetic are counted
    for the model's own clip and grow with frames times pixels, attention's arithmetic with the square of it.
    Nothing is loaded or downloaded. Returns an `Estimate`: print it. Raises ValueError with one line.

    >>> plan("modelscope").choices[1][1]  # a T4
    'on the card, decoded at once'
    """
    model = describe(name)
    key = next((key for key in COUNTS if MODELS[key].repo == model.repo), None)
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
    sizes = part_bytes(model, counts)
    need = needs(sizes, counts, share)
    ram = {p: PROGRAM + sum(sizes) for p in PLANS}
    choices = [(card, *_take(card, need, ram, sizes, steps, flops)) for card in cards]
    choices.append(_here(model, counts, need, ram, sizes, steps, flops))
    clip = f"{frames} frames of {width}x{height}, {steps} steps, guidance {guidance:g}"
    download, cached = 2 * sum(counts.parameters), hub.cached_bytes(model.repo)
    return Estimate(key, clip, download, cached, need, ram, step, flops, choices)


def _take(card, need, ram, sizes, steps, flops):
    took = choose(card.memory - CONTEXT, need)
    if need[took] + MARGIN > card.memory - CONTEXT:
        return "does not fit", None
    if ram[took] > card.ram:
        return f"{took}; RAM is short", None
    if card.rate is None:
        return took, None
    moved = {PART: sum(sizes), LAYER: sizes[1] * steps}.get(took, 0) / BUS
    compute = flops / (card.rate * SHARE)
    return took, max(compute, moved) if took == LAYER else compute + moved


def _here(model, counts, need, ram, sizes, steps, flops):
    """This machine: its GPU, or its CPU in single precision, with a rate that is measured on the spot."""
    import torch

    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        rate = machine.matmul_rate("cuda", getattr(torch, model.gpu_dtype), 4096)
        card = Card(f"here: {torch.cuda.get_device_name()}"[:29], free + CONTEXT, machine.ram(), rate)
        return card, *_take(card, need, ram, sizes, steps, flops)
    card = Card("here: no GPU", 0, machine.ram(), machine.matmul_rate("cpu", torch.float32, 768))
    short = PROGRAM + sum(part_bytes(model, counts, on_gpu=False)) + need[LAYER] > card.ram
    return card, "the CPU; RAM is short" if short else "the CPU", flops / (card.rate * SHARE)


def _time(seconds):
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else "hours"
