import numpy as np

from t2v_helpers import shapes

WRONG = {
    "0.1": {
        "axis 0": lambda f: f.mean(axis=(1, 2)),
        "three": lambda f: f.mean(),
        "axes 0, 1 and 2": lambda f: f.mean(axis=(0, 1)),
        "not the averages": lambda f: np.median(f, axis=(0, 1, 2)),
    },
    "0.2": {
        "divide by": lambda p, cs: sum(shapes.judge(c) == shapes.parse(p) for c in cs),
        "parse": lambda p, cs: sum(shapes.judge(c) == p for c in cs) / len(cs),
        "does not count": lambda p, cs: sum(shapes.judge(c).color == shapes.parse(p).color for c in cs) / len(cs),
        "says the same": lambda p, cs: sum(str(shapes.judge(c)) == p for c in cs) / len(cs),
    },
}
