import torch


def weigh(x, points, a, power=2, two=2, scale=None, axis=1):
    distance = torch.cdist(x, (a.sqrt() if scale is None else scale) * points) ** power
    return (-distance / (two * (1 - a))).softmax(axis) @ points


def x0_of(x, e, a):
    return (x - (1 - a).sqrt() * e) / a.sqrt()


WRONG = {
    "3.1": {
        "printed": lambda x, b, n: (1 - b).sqrt() * x - b.sqrt() * n,
        "sign": lambda x, b, n: (x + b.sqrt() * n) / (1 - b).sqrt(),
        "square roots": lambda x, b, n: (x - b * n) / (1 - b),
        "all of it is divided": lambda x, b, n: x / (1 - b).sqrt() - b.sqrt() * n,
        "what is left": lambda x, b, n: x - b.sqrt() * n,
        "lead back": lambda x, b, n: x,
        "None": lambda x, b, n: None,
    },
    "3.2": {
        "nearest": lambda x, p, a: p[torch.cdist(x, a.sqrt() * p).argmin(1)],
        "mean of all": lambda x, p, a: p.mean(0).expand(len(x), -1),
        "has shrunk": lambda x, p, a: weigh(x, p, a, scale=1),
        "squared": lambda x, p, a: weigh(x, p, a, power=1),
        "factor 2": lambda x, p, a: weigh(x, p, a, two=1),
        "points themselves": lambda x, p, a: a.sqrt() * weigh(x, p, a),
        "other axis": lambda x, p, a: weigh(x, p, a, axis=0),
        "(3.4)": lambda x, p, a: weigh(x, p, 1 - a),
        "shape": lambda x, p, a: weigh(x, p, a)[0],
    },
    "3.3": {
        "all the way": lambda x, e, at, as_: x0_of(x, e, at),
        "x_t again": lambda x, e, at, as_: at.sqrt() * x0_of(x, e, at) + (1 - at).sqrt() * e,
        "noise of t": lambda x, e, at, as_: as_.sqrt() * x0_of(x, e, at) + (1 - at).sqrt() * e,
        "not with x_t": lambda x, e, at, as_: as_.sqrt() * x0_of(x, e, at) + (1 - as_).sqrt() * x,
        "is missing": lambda x, e, at, as_: as_.sqrt() * x + (1 - as_).sqrt() * e,
        "square roots": lambda x, e, at, as_: as_ * x0_of(x, e, at) + (1 - as_) * e,
        "with the true eps": lambda x, e, at, as_: (1 - as_).sqrt() * x0_of(x, e, at) + as_.sqrt() * e,
    },
}
