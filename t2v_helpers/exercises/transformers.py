"""Checkers of notebook 11: what a longer clip costs, tokens that become latents again, the gates of a block."""

from collections.abc import Callable

import torch

from . import ANYTHING, exercise, first_mistake


@exercise("11.1")
def _times_the_work(attempt: Callable) -> None:
    d, f = 1536, 8960

    def work(n: float) -> float:
        return n * (n + 3 * d + f)

    def tokens(num_frames: int, height: int, width: int, group: int = 4, side: int = 16) -> int:
        return (1 + (num_frames - 1) // group) * (height // side) * (width // side)

    wan, n0 = (81, 480, 832), 32_760
    for clip in ((161, 480, 832), (81, 960, 1664), (81, 480, 832), (33, 240, 416)):
        n, places = tokens(*clip), [tokens(*size, side=8) for size in (clip, wan)]
        frames = [tokens(*size, group=1) for size in (clip, wan)]
        mistakes = {
            "that is how many times the tokens: attention grows with their square": n / n0,
            "that is attention alone: the linear layers grow with n": (n / n0) ** 2,
            "that is attention's share of the work, (11.3): what is the work itself?": n / (n + 3 * d + f),
            "a token stands for a group of four frames, and the first frame for itself": work(frames[0])
            / work(frames[1]),
            "a token is a patch of 2 x 2 latent places: 16 x 16 pixels": work(places[0]) / work(places[1]),
            "not yet divided by the work for Wan's own clip": work(n),
            "upside down: divide by the work for Wan's own clip": work(n0) / work(n),
            f"for {clip[0]} frames of {clip[1]} x {clip[2]} it is {work(n) / work(n0):.2f}": ANYTHING,
        }
        first_mistake(attempt(*clip), work(n) / work(n0), mistakes, 1e-4)


@exercise("11.2")
def _patches_in_order(attempt: Callable) -> None:
    frames, rows, columns, channels = 2, 3, 5, 7
    latents = torch.randn(2, channels, frames, 2 * rows, 2 * columns, generator=torch.Generator().manual_seed(0))
    cut = latents.unflatten(4, (columns, 2)).unflatten(3, (rows, 2))  # b c t y p x q
    tokens = cut.permute(0, 2, 3, 5, 4, 6, 1).flatten(4).flatten(1, 3)
    parts = tokens.unflatten(1, (frames, rows, columns))

    def joined(patches: torch.Tensor, *order: int) -> torch.Tensor:
        return patches.permute(order).flatten(5, 6).flatten(3, 4)

    mistakes = {
        "the bug is still there: in which order are a token's numbers?": joined(
            parts.unflatten(4, (channels, 2, 2)), 0, 4, 1, 2, 5, 3, 6
        ),
        "the channel is last now, but row and column within a patch have changed places": joined(
            parts.unflatten(4, (2, 2, channels)), 0, 6, 1, 2, 5, 3, 4
        ),
        "right within the patches, but they don't lie side by side: a latent row runs through all patches of a row": (
            joined(parts.unflatten(4, (2, 2, channels)), 0, 6, 1, 4, 2, 5, 3)
        ),
        "a token's 4 numbers of each channel are one patch, by row and column": ANYTHING,
    }
    first_mistake(attempt(tokens, frames, rows, columns), latents, mistakes)


@exercise("11.3")
def _closed_gates(attempt: Callable) -> None:
    table, by_time = torch.randn(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    given = table.clone()

    def with_rows(rows: list[int], values: torch.Tensor | float) -> torch.Tensor:
        made = given.clone()
        made[:, rows] = values[:, rows] if isinstance(values, torch.Tensor) else values
        return made

    got = attempt(table, by_time)
    assert torch.equal(table, given), "it alters the table that it was given: clone it first"
    mistakes = {
        "the table's gates are 0, but the time adds its own": with_rows([2, 5], 0.0),
        "table and time are added: that doubles the time's gates": with_rows([2, 5], by_time),
        "only attention's gate is closed: the MLP has one too": with_rows([2], -by_time),
        "only the MLP's gate is closed: attention has one too": with_rows([5], -by_time),
        "that stops the scales: the six are shift, scale, gate for attention, then for the MLP": with_rows(
            [1, 4], -by_time
        ),
        "that is the shifts: the six are shift, scale, gate for attention, then for the MLP": with_rows(
            [0, 3], -by_time
        ),
        "all six are 0 now; shifts and scales should stay": -by_time,
        "at this time, both gates have to be 0, and nothing else may change": ANYTHING,
    }
    first_mistake(got, with_rows([2, 5], -by_time), mistakes)
