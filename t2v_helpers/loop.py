"""The training loop that every stage of the scale model goes through: steps, checkpoints, metrics, resumption."""

import dataclasses
import json
import math
import os
import random
import time

import torch


@dataclasses.dataclass(frozen=True)
class Stage:
    """What one stage is run with; `batch` counts frames (autoencoder) or clips, over all processes together."""

    steps: int
    batch: int
    lr: float
    every: int = 200  # steps between checkpoints
    warmup: int = 50
    seed: int = 0


def rng(*numbers):
    """A torch.Generator seeded by several ints, such as (seed, step, process)."""
    return torch.Generator().manual_seed(random.Random(repr(numbers)).getrandbits(63))


def choose(things, generator):
    """One of a sequence, drawn by a torch.Generator."""
    return things[torch.randint(len(things), (), generator=generator)]


def fit(accelerator, model, loss_of, stage, folder, *, ema=None, measure=None):
    """Minimise `loss_of(model, step)` with AdamW; each `stage.every` steps a checkpoint and a line of metrics.

    ema: a copy of the model that follows its weights with decay min(0.999, (1 + step) / (10 + step)), or None.
    measure: called as measure(step) at each checkpoint; the dict it returns joins the line in folder/metrics.jsonl.
    Goes on from folder/checkpoint.pt where there is one. Raises FloatingPointError when the loss is not finite.
    """
    from tqdm.auto import tqdm

    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=stage.lr, weight_decay=1e-4, betas=(0.9, 0.99))
    kept = {"model": model, "optimizer": optimizer} | ({"ema": ema} if ema is not None else {})
    begin = _load(folder / "checkpoint.pt", kept)
    if begin >= stage.steps:
        return
    parallel, optimizer = accelerator.prepare(model, optimizer)
    main = accelerator.is_main_process
    bar = tqdm(total=stage.steps, initial=begin, desc=folder.name, disable=not main, mininterval=5)
    losses, clock = [], time.perf_counter()
    for step in range(begin, stage.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, stage)
        loss = loss_of(parallel, step)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if ema is not None:
            _follow(ema, model, min(0.999, (1 + step) / (10 + step)))
        losses.append(accelerator.reduce(loss.detach(), "mean").item())
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"{folder.name}: loss {losses[-1]} at step {step}, expected a finite number: try a learning rate below "
                f"{stage.lr:g}; the last checkpoint is kept in {folder}"
            )
        bar.update()
        if main and ((step + 1) % stage.every == 0 or step + 1 == stage.steps):
            line = {"step": step + 1, "loss": sum(losses) / len(losses), "seconds": time.perf_counter() - clock}
            line |= measure(step + 1) if measure else {}
            _save(folder / "checkpoint.pt", kept, step + 1)
            with open(folder / "metrics.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
            bar.write(f"{folder.name}: " + "  ".join(f"{key} {value:.4g}" for key, value in line.items()))
            losses, clock = [], time.perf_counter()
    bar.close()
    accelerator.wait_for_everyone()


def learning_rate(step, stage):
    """Linear warm-up, then half a cosine down to a twentieth."""
    progress = max(0, step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return stage.lr * min(1, (step + 1) / stage.warmup) * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)


@torch.no_grad()
def _follow(ema, model, decay):
    for slow, fast in zip(ema.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def _save(path, kept, step):
    state = {name: thing.state_dict() for name, thing in kept.items()}
    torch.save(state | {"step": step}, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def _load(path, kept):
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    for name, thing in kept.items():
        thing.load_state_dict(state[name])
    return state["step"]
