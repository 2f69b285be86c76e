"""The training loop that every stage of the scale model goes through: steps, checkpoints, metrics, resumption."""

import contextlib
import dataclasses
import io
import json
import math
import os
import random
import signal
import threading
import time

import torch

from .._support.files import write_whole


@dataclasses.dataclass(frozen=True)
class Stage:
    """What one stage is run with; `batch` counts frames (autoencoder) or clips, over all processes together."""

    steps: int
    batch: int
    lr: float
    every: int = 200  # steps between checkpoints
    warmup: int = 50
    seed: int = 0


def rng(*numbers, device="cpu") -> torch.Generator:
    """A torch.Generator seeded by several ints or names, such as (seed, step, "unet")."""
    return torch.Generator(device).manual_seed(random.Random(repr(numbers)).getrandbits(63))


@contextlib.contextmanager
def first_weights(stage, name):
    """Let constructors draw from the stage's seed: a run that goes on draws what the first one drew."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng(stage.seed, name, "first weights").initial_seed())
        yield


def choose(things, generator):
    """One of a sequence, drawn by a torch.Generator."""
    return things[torch.randint(len(things), (), generator=generator)]


def share(accelerator, batch):
    """The places of the global batch that this process computes: i, i + n, i + 2 n ... for process i of n."""
    return slice(accelerator.process_index, batch, accelerator.num_processes)


def fit(accelerator, model, draw, stage, folder, *, ema=None, measure=None, watch=None, half=False):
    """Minimise a loss with AdamW; each `stage.every` steps a checkpoint and a line of metrics.

    Goes on from folder/checkpoint.pt where there is one, exactly as if it had not been stopped. Ctrl-C, or "interrupt"
    in a notebook, ends the step that runs, keeps a checkpoint of it, and then raises KeyboardInterrupt.

    Args:
        accelerator: An accelerate.Accelerator.
        model: A module whose forward takes what `draw` gives and returns the loss.
        draw: draw(step) gives the tensors of a step, the same at every run, of this process's share of the batch.
        stage: A `Stage`.
        folder: For checkpoint.pt and metrics.jsonl.
        ema: A copy of the model that follows its weights (`follow`), or None.
        measure: Called as measure(step) at each checkpoint; the dict it returns joins the line of metrics.
        watch: Called with all lines so far, where else the line is printed.
        half: Whether one GPU, under --mixed_precision bf16, may compute in bfloat16; the weights stay in float32.

    Raises:
        ValueError: A checkpoint is of another model or recipe, or the batch does not divide among the processes.
        FloatingPointError: The loss runs away; told within a few steps (on a GPU: within 50), and the last good
            checkpoint is kept.
        OSError: A checkpoint cannot be written; the last one is kept.
    """
    from tqdm.auto import tqdm

    if stage.batch % accelerator.num_processes:
        raise ValueError(
            f"{folder.name}: batch {stage.batch}, expected one that {accelerator.num_processes} processes can share"
        )
    folder.mkdir(parents=True, exist_ok=True)
    weights = [p for p in model.parameters() if p.requires_grad]
    alone = accelerator.device.type == "cuda" and accelerator.num_processes == 1
    rate = torch.tensor(stage.lr, device=accelerator.device) if alone else stage.lr
    optimizer = torch.optim.AdamW(
        weights, lr=rate, weight_decay=1e-4, betas=(0.9, 0.99), fused=alone or None, capturable=alone
    )
    kept = {"model": model, "optimizer": optimizer} | ({"ema": ema} if ema is not None else {})
    run = Run(stage, folder / "checkpoint.pt", kept)
    if run.step >= stage.steps:
        return
    if alone:
        low = torch.bfloat16 if half and accelerator.mixed_precision == "bf16" else None
        take, patience = Recorded(model, optimizer, weights, low), 50
    else:
        parallel, optimizer = accelerator.prepare(model, optimizer)
        patience = 1

        def take(*batch):
            loss = parallel(*batch)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(weights, 1.0)
            run.check([accelerator.reduce(loss.detach(), "mean")])  # before the weights take this step
            optimizer.step()
            optimizer.zero_grad()
            return None

    main, waiting = accelerator.is_main_process, []
    bar = tqdm(total=stage.steps, initial=run.step, desc=folder.name, disable=not main, mininterval=5)
    clock = time.perf_counter()
    with _patient_interrupt() as asked, contextlib.closing(bar):
        for step in range(run.step, stage.steps):
            for group in optimizer.param_groups:
                if alone:
                    group["lr"] = rate.fill_(learning_rate(step, stage))  # the same tensor, which the graph reads
                else:
                    group["lr"] = learning_rate(step, stage)
            waiting.append(take(*draw(step)))
            if ema is not None:
                follow(ema, model, ema_decay(step))
            run.step = step + 1
            due = run.step % stage.every == 0 or run.step == stage.steps or bool(asked)
            if alone and (due or len(waiting) == patience):
                run.check(waiting)
                waiting = []
            bar.update()
            if main and (run.step % stage.every == 0 or run.step == stage.steps):
                line = run.line(time.perf_counter() - clock) | (measure(run.step) if measure else {})
                run.save(line)
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
    """A training step on one GPU, recorded as a CUDA graph after three steps and replayed from then on.

    These networks are so small that starting their kernels one by one takes longer than running them. Where recording
    fails, or with T2V_GRAPH=0 in the environment, every step is computed as it is.
    """

    def __init__(self, model, optimizer, weights, low):
        self.model, self.optimizer, self.weights, self.low = model, optimizer, weights, low
        self.stream, self.graph, self.steps = torch.cuda.Stream(), None, 0
        self.records = os.environ.get("T2V_GRAPH", "1") != "0"

    def __call__(self, *batch):
        """Take one step; returns its loss, on the GPU."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            if self.records and self.graph is None and self.steps == 3:
                self._record(batch)
            if self.graph is None:
                loss = self._step(*batch)
            else:
                torch._foreach_copy_(self.inputs, list(batch))
                self.graph.replay()
                loss = self.loss.clone()
            self.steps += 1
            for tensor in batch:
                tensor.record_stream(self.stream)
        torch.cuda.current_stream().wait_stream(self.stream)
        return loss

    def _step(self, *batch):
        self.optimizer.zero_grad(set_to_none=True)
        if self.low:
            state = {name: p.to(self.low) for name, p in self.model.named_parameters()}
            loss = torch.func.functional_call(self.model, state, batch)
        else:
            loss = self.model(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        return loss.detach()

    def _record(self, batch):
        self.inputs = [tensor.clone() for tensor in batch]
        graph = torch.cuda.CUDAGraph()
        try:
            self.optimizer.zero_grad(set_to_none=True)
            torch.cuda.synchronize()
            with torch.cuda.graph(graph, stream=self.stream):
                self.loss = self._step(*self.inputs)
            self.graph = graph
        except RuntimeError as error:
            self.records = False
            torch.cuda.synchronize()
            print("the step could not be recorded:", str(error).splitlines()[0][:200])


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

    def __init__(self, stage, path, kept):
        self.stage, self.path, self.kept = stage, path, kept
        self.step, self.losses, self.recent, self.bound, self.lines = 0, [], [], 0.0, []
        if path.exists():
            self._load()

    def check(self, losses):
        """Note the losses of steps; FloatingPointError where one is not finite, or five are six times the first."""
        first = self.step if len(losses) == 1 else self.step - len(losses)
        for step, loss in enumerate(torch.stack(losses).tolist(), first):
            self.losses.append(loss)
            self.recent = [*self.recent[-4:], loss]
            self.bound = self.bound or 6 * loss  # of the first step, before anything is learned
            if not math.isfinite(loss) or (step >= 10 and min(self.recent) > self.bound):
                raise FloatingPointError(
                    f"{self.path.parent.name}: loss {loss:.3g} at step {step}, expected a finite one that falls: try "
                    f"a learning rate below {self.stage.lr:g}; the last checkpoint is kept in {self.path.parent}"
                )

    def line(self, seconds):
        """What is logged of the steps since the last line: the step, the mean loss, the seconds."""
        line = {"step": self.step, "loss": sum(self.losses) / len(self.losses), "seconds": seconds}
        self.losses = []
        return line

    def save(self, line=None):
        """Write a checkpoint, whole, and then the metrics file with `line` as its last one."""
        self.lines += [line] if line else []
        progress = {name: getattr(self, name) for name in _PROGRESS} | {"stage": dataclasses.asdict(self.stage)}
        data = io.BytesIO()
        torch.save({name: thing.state_dict() for name, thing in self.kept.items()} | progress, data)
        write_whole(self.path, data.getvalue())
        metrics = "".join(json.dumps(line) + "\n" for line in self.lines)
        write_whole(self.path.parent / "metrics.jsonl", metrics.encode())

    def _load(self):
        try:
            state = torch.load(self.path, weights_only=True, map_location="cpu")
        except Exception as error:  # whatever torch raises for a file that is none of its own
            raise ValueError(
                f"{self.path} is no checkpoint ({type(error).__name__}): delete it to begin anew"
            ) from None
        of, here = state.get("stage", {}), dataclasses.asdict(self.stage)
        for name in set(here) - {"every"}:
            if of.get(name) != here[name]:
                raise ValueError(
                    f"{self.path} is of a run with {name} {of.get(name)}, this one has {here[name]}: "
                    "take the same, or another folder"
                )
        for name, thing in self.kept.items():
            if isinstance(thing, torch.nn.Module):
                _check_shapes(self.path, state.get(name, {}), thing.state_dict())
            thing.load_state_dict(state[name])
        for name in _PROGRESS:
            setattr(self, name, state[name])


_PROGRESS = ("step", "losses", "recent", "bound", "lines")


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
