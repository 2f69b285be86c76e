"""Checkers of notebook 11: what a longer clip costs, the rows of an output layer, the gates of a block."""

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
def _rows_in_order(attempt: Callable) -> None:
    for width in ((5,), ()):  # a weight (4 c, d), then a bias (4 c,)
        rows = torch.randn(28, *width, generator=torch.Generator().manual_seed(0))

        def moved(within: tuple, order: tuple, rows: torch.Tensor = rows) -> torch.Tensor:
            cut = rows.unflatten(0, within)
            return cut.permute(*order, *range(3, cut.ndim)).flatten(0, 2)

        mistakes = {
            "nothing has moved: the colleague's function would still read channels where places are": rows,
            "that is the way back: our rows are now ordered (row, column, channel)": moved((-1, 2, 2), (1, 2, 0)),
            "the channel is first now, but row and column within a patch have changed places": moved(
                (2, 2, -1), (2, 1, 0)
            ),
            "the other way round: the last row comes first": rows.flip(0),
            "row 4 c + 2 p + q of the new layer is the row of channel c, place (p, q), of ours": ANYTHING,
        }
        first_mistake(attempt(rows), moved((2, 2, -1), (2, 0, 1)), mistakes)


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
