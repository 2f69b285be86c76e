"""Checkers of notebooks 00, 01 and 05: clips, GANs, and fair comparisons."""

import math
from collections.abc import Callable

import numpy as np
import torch

from .. import shapes, toys
from ..gan import alternating_step
from ..measures import energy_distance, nearest_distance
from . import ANYTHING, exercise, first_mistake


@exercise("0.1")
def _chance(attempt: Callable) -> None:
    prompts = ["a red disc going left", "a red circle growing", "a blue circle rising", "a green star going right"]
    prompts.append("a white heart bouncing")
    clips = [shapes.render(prompt, 1) for prompt in prompts]
    got = attempt(prompts, clips)
    mistakes = {
        "that is how many agree; divide by the number of pairs to get a share": 6,
        "a clip and its own prompt agree by merit, not by chance: leave these pairs out": 0.44,
        "you took a few pairs; take each clip with the prompt of every other clip": 0.4,
        "that pairs each clip with its own prompt only; take every other prompt": 1.0,
        "that compares the colours; compare the shapes": 0.1,
        "none agrees: compare the shapes alone, judge(clip).shape with parse(prompt).shape": 0.0,
        "divide by the number of pairs that you looked at, 20 for 5 clips": 0.24,
        f"6 of these 20 pairs agree in shape, expected 0.3, got {got}": ANYTHING,
    }
    first_mistake(got, 0.3, mistakes)
    assert attempt(prompts[:3], clips[:3]) == 1, "with three circles every pair agrees in shape: expected 1"


@exercise("0.2")
def _mirror(attempt: Callable) -> None:
    frames = np.random.default_rng(0).random((3, 4, 4, 3))
    mistakes = {
        "that plays the clip backwards: what grows would shrink; turn the columns round, not the frames": frames[::-1],
        "that stands the clip on its head: turn the columns round, not the rows": frames[:, ::-1],
        "that swaps red with blue: turn the columns round, axis 2, not the colours": frames[..., ::-1],
        "the columns are turned round, and something else as well": frames[::-1, :, ::-1],
        "nothing has changed: turn the columns round": frames,
        "it is not the mirrored clip": ANYTHING,
    }
    first_mistake(attempt(frames.copy()), frames[:, :, ::-1], mistakes)


@exercise("0.3")
def _survivors(attempt: Callable) -> None:
    clips = [
        shapes.render(f"a red square {motion}", 1) for motion in ("moving left", "moving up", "growing", "falling")
    ]
    got = attempt(lambda frames: frames[:, :, ::-1], clips)
    mistakes = {
        "that is how many survive; divide by the number of clips to get a share": 3,
        "that is the share that changes; the share that survives is asked for": 0.25,
        "all survive: compare the judge's words before the edit with those after it": 1.0,
        "none survives: compare what the judge sees, not the pixels": 0.0,
        f"mirrored, 3 of these 4 clips still show the same, expected 0.75, got {got}": ANYTHING,
    }
    first_mistake(got, 0.75, mistakes)
    assert attempt(lambda frames: frames, clips) == 1, "an edit that changes nothing: all clips survive it"


@exercise("1.1")
def _mended_round(attempt: Callable) -> None:
    def weights(play: Callable, rounds: int) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        networks = [toys.MLP(sizes, generator) for sizes in ((2, 8, 2), (2, 8, 1))]
        sgd = [torch.optim.SGD(net.parameters(), 0.5) for net in networks]
        for _ in range(rounds):
            play(*networks, sgd, *torch.randn(3, 16, 2, generator=generator))
        return [torch.cat([p.detach().flatten() for p in net.parameters()]) for net in networks]

    start, first, second = (weights(alternating_step, rounds) for rounds in range(3))
    got = weights(attempt, 1)
    stays, learns = (torch.equal(now, before) for now, before in zip(got, start, strict=True))
    assert not learns, "the discriminator doesn't move: its loss needs a backward() and a step of its optimizer"
    assert not stays, "the generator doesn't move: detach G(z) in the discriminator's loss only"
    assert torch.allclose(got[1], first[1], atol=1e-6), "in the first round, the discriminator doesn't follow (1.3)"
    said = "the generator doesn't follow (1.7) alone: what has D_loss.backward() left in its gradients?"
    assert torch.allclose(got[0], first[0], atol=1e-6), said
    said = "from the second round on, gradients of an earlier loss are added: clear them right before each backward()"
    assert all(map(torch.allclose, weights(attempt, 2), second)), said


@exercise("1.2")
def _best_discriminator(attempt: Callable) -> None:
    p, q, share = torch.tensor([0.2, 3.0, 0.0]), torch.tensor([0.6, 1.0, 2.0]), 0.2
    mistakes = {
        "the other way round: D is the probability that x is data": 0.8 * q / (0.2 * p + 0.8 * q),
        "that is (1.4), which holds for a share of 1/2 only": p / (p + q),
        "the shares are swapped: share belongs to the data": 0.8 * p / (0.8 * p + 0.2 * q),
        "that ratio can be above 1, and D is a probability: divide by both terms together": p / (4 * q),
        "you need two weights that add up to 1: share for the data, 1 - share for the rest": 0.2 * p / (0.2 * p + q),
        "expected 1/2 where share * p = (1 - share) * q, and 0 where there are no data": ANYTHING,
    }
    first_mistake(attempt(p, q, share), 0.2 * p / (0.2 * p + 0.8 * q), mistakes)


@exercise("1.3")
def _cheat(attempt: Callable) -> None:
    generator = torch.Generator().manual_seed(0)
    data, held_out = toys.ring(3000, generator), toys.ring(3000, generator)
    worst = max(energy_distance(toys.ring(3000, generator), held_out) for _ in range(10))
    x = attempt(data.clone(), generator)
    assert x is not None, "it returns None: is the return missing?"
    shape = tuple(np.shape(x))
    assert shape == (3000, 2), f"the result has shape {shape}, expected as many points as there are data, (3000, 2)"
    far, distance = energy_distance(x, held_out) / worst, nearest_distance(x, data)
    share = (distance < nearest_distance(held_out, data).median()).float().mean().item()
    assert (distance > 0).all(), f"{(distance == 0).float().mean():.0%} of them are exact copies: move every point"
    said = "of the points are closer to a training point than usual, expected less than 55%: move them farther"
    assert share < 0.55, f"{share:.0%} {said}"
    said = "times the worst fresh draw, expected less than 2: stay closer to the training points"
    assert far < 2, f"the energy distance is {far:.1f} {said}"


@exercise("1.4")
def _growth(attempt: Callable) -> None:
    def measured(rate: float, rounds: int) -> float:
        theta, psi = 1.0, 0.0
        for _ in range(rounds):
            theta, psi = theta + rate * psi, psi - rate * theta
        return math.hypot(theta, psi)

    rate, rounds = 0.2, 40
    got = attempt(rate, rounds)
    mistakes = {
        "1 holds for infinitely small steps; each real step leaves the circle along its tangent": 1.0,
        "that is the squared distance: take the root": (1 + rate**2) ** rounds,
        "a step moves at right angles to the way to the solution, so its length adds as in Pythagoras": (
            (1 + rate) ** rounds
        ),
        "that is the growth of one step: there are `rounds` of them": (1 + rate**2) ** 0.5,
        f"measured with rate 0.2 and 40 rounds: {measured(rate, rounds):.3f}, got {got}": ANYTHING,
    }
    first_mistake(got, measured(rate, rounds), mistakes)


@exercise("5.1")
def _coverage(attempt: Callable) -> None:
    data = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [30.0]])
    x = torch.tensor([[0.5], [0.6], [11.4], [31.0], [-40.0], [90.0]])
    across, radius = torch.cdist(data, x), torch.cdist(data, data).kthvalue(2).values
    of_samples = torch.cdist(x, x).kthvalue(2).values
    mistakes = {
        "that is recall: the balls have to be around the data, each as far as a data point's k-th neighbor": (
            (across < of_samples).any(1).float().mean()
        ),
        "that is the share of samples in a ball: coverage asks for the share of balls with a sample in it": (
            (across < radius[:, None]).any(0).float().mean()
        ),
        "that is density: coverage counts a ball once, however many samples it holds": (
            (across < radius[:, None]).float().sum(0).mean()
        ),
        "the nearest of all is the point itself: the k-th neighbor is number k + 1": 0.0,
        "expected the share of data with a sample nearer than their k-th neighbor among the data": ANYTHING,
    }
    first_mistake(attempt(data, x, 1), (across < radius[:, None]).any(1).float().mean(), mistakes)


@exercise("5.2")
def _break_even(attempt: Callable) -> None:
    got = attempt(1000.0, 2.0, 200.0, 10.0)
    mistakes = {
        "the sign: from there on A has to be the cheaper one": -100.0,
        "divide by what A saves on each sample, the difference of the two prices": 400.0,
        "divide by the difference of the two prices, not by B's price": 80.0,
        "A's higher training cost is a difference too: B was not trained for free": 125.0,
        f"100 samples cost 1000 + 100 * 2 = 200 + 100 * 10, expected 100, got {got}": ANYTHING,
    }
    first_mistake(got, 100.0, mistakes)
    never = attempt(100.0, 2.0, 200.0, 10.0)
    assert abs(never) < 1e-9, f"A was cheaper to train as well, so it is cheaper from sample 0 on, got {never}"


@exercise("5.3")
def _luck(attempt: Callable) -> None:
    got = attempt([1.0, 2.0, 3.0], [7.0, 8.0, 9.0])
    mistakes = {
        "the other way round counts as well: two of the 20 deals separate the hands": 0.05,
        "that is how many deals: divide by the number of all deals": 2,
        "deals that do as well count too, the real one among them: at least as much, not more": 0.0,
        "that leaves out the real deal, which is one of the 20": 2 / 19,
        f"2 of the 20 deals differ as much, expected 0.1, got {got}": ANYTHING,
    }
    first_mistake(got, 0.1, mistakes)
    first_mistake(
        attempt([1.0, 4.0], [2.0, 3.0, 9.0]), 0.7, {"wrong for hands of 2 and 3: compare their means": ANYTHING}
    )
