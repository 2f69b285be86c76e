WRONG = {
    "7.1": {
        "swapped": lambda e, t, w: t + w * (e - t),
        "start from v_empty": lambda e, t, w: t + w * (t - e),
        "difference": lambda e, t, w: e + w * t,
        "None": lambda e, t, w: None,
        "shape": lambda e, t, w: (e + w * (t - e))[0],
    },
    "7.2": {
        "square roots": lambda x, v, a: a * x - (1 - a) * v,
        "sign": lambda x, v, a: a.sqrt() * x + (1 - a).sqrt() * v,
        "noise": lambda x, v, a: a.sqrt() * v + (1 - a).sqrt() * x,
        "wrong at alpha_bar = 0": lambda x, v, a: (x - (1 - a).sqrt() * (a.sqrt() * v + (1 - a).sqrt() * x)) / a.sqrt(),
    },
    "7.3": {
        "4 channels": lambda f, h, w: (3, f, h // 8, w // 8),
        "before frames": lambda f, h, w: (f, 4, h // 8, w // 8),
        "time": lambda f, h, w: (4, f // 8, h // 8, w // 8),
        "rows": lambda f, h, w: (4, f, w // 8, h // 8),
        "whole numbers": lambda f, h, w: (4, f, h / 8, w / 8),
    },
}
