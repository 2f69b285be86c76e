import numpy as np
import torch


def _difference(alpha_bars):
    return torch.cat([torch.ones(1), alpha_bars[:-1]]) - alpha_bars


def _root(alpha_bars):
    return 1 - (alpha_bars / torch.cat([torch.ones(1), alpha_bars[:-1]])).sqrt()


WRONG = {
    "4.1": {
        "clean data": lambda steps, T: list(range(T, -1, -(T // steps))),
        "have to fall": lambda steps, T: list(range(T // steps, T + 1, T // steps)),
        "leading": lambda steps, T: list(range(0, T, T // steps))[::-1],
        "indices": lambda steps, T: list(range(T - 1, 0, -(T // steps))),
        "not for 5 of 50": lambda steps, T: [1000, 750, 500, 250],
    },
    "4.2": {
        "noise so far": lambda alpha_bars: 1 - alpha_bars,
        "missing": lambda alpha_bars: 1 - alpha_bars[1:] / alpha_bars[:-1],
        "square root": _root,
        "ratio": _difference,
    },
    "4.3": {
        "sign": lambda steps, errors: np.log(errors[-1] / errors[0]) / np.log(steps[-1] / steps[0]),
        "exponent": lambda steps, errors: errors[0] / errors[-1],
        "upside down": lambda steps, errors: -np.log(steps[-1] / steps[0]) / np.log(errors[-1] / errors[0]),
    },
}
