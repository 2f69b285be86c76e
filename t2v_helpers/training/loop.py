"""The training loop that every stage of the scale model goes through: steps, checkpoints, metrics, resumption."""

import contextlib
import dataclasses
import hashlib
import io
import json
import math
import random
import signal
import threading
import time

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm.auto import tqdm

from .._support.files import write_whole


@dataclasses.dataclass(frozen=True)
class Stage:
    """What one stage is run with; `batch` counts frames or clips, whichever it learns from, over all processes."""

    steps: int
    batch: int
    lr: float
    every: int = 200  # steps between checkpoints
    warmup: int = 50
    seed: int = 0


def rng(*numbers, device="cpu"):
    """A torch.Generator seeded by several ints or names, such as (seed, step, "unet")."""
    return torch.Generator(device).manual_seed(random.Random(repr(numbers)).getrandbits(63))


def digest(*things):
    """A SHA-256 of networks, tensors, arrays and what has a repr: it names, by content, what something was made from.

    >>> digest("a red circle", torch.zeros(2)) == digest("a red circle", torch.tensor([0.0, 1e-9]))
    False
    """
    sha = hashlib.sha256()
    for thing in things:
        if isinstance(thing, torch.nn.Module):
            thing = digest(*(part for named in thing.state_dict().items() for part in named))
        elif isinstance(thing, torch.Tensor):
            sha.update(thing.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
            thing = thing.dtype, thing.shape
        elif isinstance(thing, np.ndarray):
            sha.update(np.ascontiguousarray(thing))
            thing = thing.dtype, thing.shape
        sha.update(f"{thing!r}\n".encode())
    return sha.hexdigest()


@contextlib.contextmanager
def first_weights(stage, name):
    """Let constructors draw from the stage's seed: a run that resumes draws what the first one drew."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng(stage.seed, name, "first weights").initial_seed())
        yield


def choose(things, generator):
    """One of a sequence, drawn by a torch.Generator."""
    return things[torch.randint(len(things), (), generator=generator)]


def share(accelerator, batch):
    """The places of the global batch that this process computes: i, i + n, i + 2 n ... for process i of n."""
    return range(accelerator.process_index, batch, accelerator.num_processes)


def fit(
    accelerator,
    model,
    loss_of,
    stage,
    folder,
    *,
    draw=None,
    half=False,
    ema=None,
    measure=None,
    watch=None,
    made_from=(),
):
    """Minimise `loss_of(model, step)` with AdamW; each `stage.every` steps a checkpoint and a line of metrics.

    draw: gives the tensors of a step, on the device. The loss is then `loss_of(model, *draw(step))`, and one GPU
    records the step once and replays it. half: whether that one computes it in bfloat16, with weights in float32.
    ema: a copy of the model that follows its weights (`follow`), or None. measure: called as measure(step) at each
    checkpoint; the dict it returns joins the line in folder/metrics.jsonl. watch: called with all lines so far;
    without it the line is printed. made_from: {what: its digest} of what `loss_of` reads, such as the data.

    Resumes from folder/checkpoint.pt as if it had not been stopped. Ctrl-C, or "interrupt" in a notebook, ends the
    step that runs, keeps a checkpoint of it, and then raises KeyboardInterrupt. ValueError: the checkpoint is of
    another model or recipe, or made from something else, or the processes cannot share the batch; FloatingPointError:
    the loss runs away, which a recorded step tells some steps later.
    """
    if stage.batch % accelerator.num_processes:
        many = f"{accelerator.num_processes} processes"
        raise ValueError(f"{folder.name}: batch {stage.batch}, expected one that {many} can share")
    folder.mkdir(parents=True, exist_ok=True)
    recorded = draw is not None and accelerator.device.type == "cuda" and accelerator.num_processes == 1
    rate = torch.tensor(stage.lr, device=accelerator.device) if recorded else stage.lr
    settings = {"weight_decay": 1e-4, "betas": (0.9, 0.99), "fused": True, "capturable": recorded}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, **settings)
    kept = {"model": model, "optimizer": optimizer} | ({"ema": ema} if ema is not None else {})
    run = Run(stage, folder / "checkpoint.pt", kept, dict(made_from))
    if run.step >= stage.steps:
        return
    if recorded:
        half = half and torch.cuda.is_bf16_supported(including_emulation=False)
        replay = Recorded(model, loss_of, optimizer, half)
    else:
        parallel, optimizer = accelerator.prepare(model, optimizer)
    main, waiting = accelerator.is_main_process, []
    bar = tqdm(total=stage.steps, initial=run.step, desc=folder.name, disable=not main, mininterval=5)
    clock = time.perf_counter()
    with _patient_interrupt() as asked, contextlib.closing(bar):
        for step in range(run.step, stage.steps):
            now = learning_rate(step, stage)
            for group in optimizer.param_groups:
                group["lr"] = rate.fill_(now) if recorded else now  # what is recorded reads this very tensor
            batch = draw(step) if draw else (step,)
            if recorded:
                waiting.append(replay(batch))
            else:
                loss = loss_of(parallel, *batch)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
                run.check(accelerator.reduce(loss.detach(), "mean").item())  # before the weights take this step
                optimizer.step()
                optimizer.zero_grad()
            if ema is not None:
                follow(ema, model, ema_decay(step))
            run.step = step + 1
            bar.update()
            due = run.step % stage.every == 0 or run.step == stage.steps
            if waiting and (due or asked or len(waiting) == 50):
                for loss in torch.stack(waiting).tolist():
                    run.check(loss)
                waiting = []
            if main and due:
                line = run.log(time.perf_counter() - clock, measure(run.step) if measure else {})
                run.save()
                if watch:
                    watch(run.lines)
                else:
                    bar.write(f"{folder.name}: " + "  ".join(f"{key} {value:.4g}" for key, value in line.items()))
                clock = time.perf_counter()
            if asked:
                if accelerator.num_processes == 1:
                    run.save()
                raise KeyboardInterrupt
    accelerator.wait_for_everyone()


class Recorded:
    """A step on one GPU: recorded as a CUDA graph after three steps, and replayed from then on.

    These networks are so small that starting their kernels one by one takes longer than running them.
    """

    def __init__(self, model, loss_of, optimizer, half):
        self.model, self.loss_of, self.optimizer, self.half = model, loss_of, optimizer, half
        self.stream, self.graph, self.steps = torch.cuda.Stream(), None, 0

    def __call__(self, batch):
        """Take one step; returns its loss, on the GPU."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            if self.steps == 3:
                self._record(batch)
            if self.graph is None:
                loss = self._step(batch)
            else:
                torch._foreach_copy_(self.inputs, list(batch))
                self.graph.replay()
                loss = self.loss.clone()
            for tensor in batch:
                tensor.record_stream(self.stream)
        torch.cuda.current_stream().wait_stream(self.stream)
        self.steps += 1
        return loss

    def _step(self, batch):
        self.optimizer.zero_grad(set_to_none=True)
        model = self.model
        if self.half:
            low = {name: weight.bfloat16() for name, weight in model.named_parameters()}
            model = lambda *inputs: torch.func.functional_call(self.model, low, inputs)  # noqa: E731
        with sdpa_kernel([SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]):  # flash attention is slower at this size
            loss = self.loss_of(model, *batch)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach()

    def _record(self, batch):
        self.inputs, graph = [tensor.clone() for tensor in batch], torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, stream=self.stream):
            self.loss = self._step(self.inputs)
        self.graph = graph


@contextlib.contextmanager
def _patient_interrupt():
    """A list that SIGINT adds to, so that a step can end; the second SIGINT interrupts at once."""
    asked = []
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be handled
        yield asked
        return

    def note(*_):
        if asked:
            raise KeyboardInterrupt
        asked.append(True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class Run:
    """Where a stage's training stands: its step, its losses since the last line of metrics, its lines, its weights."""

    PROGRESS = ("step", "losses", "recent", "bound", "lines")

    def __init__(self, stage, path, kept, made_from):
        self.stage, self.path, self.kept, self.made_from = stage, path, kept, made_from
        self.step, self.losses, self.recent, self.bound, self.lines = 0, [], [], 0.0, []
        if path.exists():
            self._load()

    def check(self, loss):
        """Note a step's loss; FloatingPointError where it is not finite, or five in a row are six times the first."""
        self.losses.append(loss)
        self.recent = [*self.recent[-4:], loss]
        self.bound = self.bound or 6 * loss  # of the first step, before anything is learned
        if not math.isfinite(loss) or (self.step >= 10 and min(self.recent) > self.bound):
            what = f"{self.path.parent.name}: loss {loss:.3g} at step {self.step}, expected a finite one that falls"
            advice = f"try a learning rate below {self.stage.lr:g}"
            raise FloatingPointError(f"{what}: {advice}; the last checkpoint is kept in {self.path.parent}")

    def log(self, seconds, more):
        """Add a line about the steps since the last one: the step, mean loss, seconds, and what was measured."""
        line = {"step": self.step, "loss": sum(self.losses) / len(self.losses), "seconds": seconds} | more
        self.lines.append(line)
        self.losses = []
        return line

    def save(self):
        """Write a checkpoint, whole, and then the metrics file."""
        progress = {name: getattr(self, name) for name in (*self.PROGRESS, "made_from")}
        progress |= {"stage": dataclasses.asdict(self.stage)}
        data = io.BytesIO()
        torch.save({name: thing.state_dict() for name, thing in self.kept.items()} | progress, data)
        write_whole(self.path, data.getvalue())
        metrics = "".join(json.dumps(line) + "\n" for line in self.lines)
        write_whole(self.path.parent / "metrics.jsonl", metrics.encode())

    def _load(self):
        try:
            state = torch.load(self.path, weights_only=True, map_location="cpu")
        except Exception as error:  # whatever torch raises for a file that is none of its own
            what = f"{self.path} is no checkpoint ({type(error).__name__})"
            raise ValueError(f"{what}: delete it to begin anew") from None
        of, here = state.get("stage", {}), dataclasses.asdict(self.stage)
        for name in set(here) - {"every"}:
            if of.get(name) != here[name]:
                what = f"{self.path} is of a run with {name} {of.get(name)}, this one has {here[name]}"
                raise ValueError(f"{what}: take the same, or another folder")
        before, now = state.get("made_from", {}), self.made_from
        if other := [name for name in now | before if before.get(name) != now.get(name)]:
            what = f"{self.path} was not made from this run's {' and '.join(other)}"
            which = f"{self.path.parent} and those of later stages"
            raise ValueError(f"{what}: take another folder to work in, or delete {which} to train anew")
        for name, thing in self.kept.items():
            if isinstance(thing, torch.nn.Module):
                _check_shapes(self.path, state.get(name, {}), thing.state_dict())
            thing.load_state_dict(state[name])
        for name in self.PROGRESS:
            setattr(self, name, state[name])


def _check_shapes(path, kept, wanted):
    for name in [*wanted, *kept]:
        got, expected = (list(state[name].shape) if name in state else "missing" for state in (kept, wanted))
        if got != expected:
            raise ValueError(f"{path} is of another model: {name} is {got}, expected {expected}")


def learning_rate(step, stage):
    """Linear warm-up, then half a cosine down to a twentieth."""
    progress = max(0, step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return stage.lr * min(1, (step + 1) / stage.warmup) * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)


def ema_decay(step):
    """How much of the moving average is kept at a step: min(0.999, (1 + step) / (10 + step)), little at first."""
    return min(0.999, (1 + step) / (10 + step))


@torch.no_grad()
def follow(ema, model, decay):
    """Move the average's weights toward the model's: ema = decay ema + (1 - decay) model (Eq. 8.5)."""
    torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - decay)
