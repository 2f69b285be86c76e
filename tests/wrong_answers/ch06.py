import torch

WRONG = {
    "6.1": {
        "square root of d": lambda Q, K, V: (Q @ K.T).softmax(1) @ V,
        "divided by d": lambda Q, K, V: (Q @ K.T / 4).softmax(1) @ V,
        "along the places": lambda Q, K, V: (Q @ K.T / 2).softmax(0) @ V,
        "expected softmax": lambda Q, K, V: (Q @ K.T / 2) @ V,
    },
    "6.2": {
        "whole map": lambda weights, mask: (weights * mask).sum(),
        "share of the area": lambda weights, mask: mask.mean(),
        "number of its places": lambda weights, mask: (weights * mask).mean(),
        "expected 0.375": lambda weights, mask: torch.tensor(0.5),
    },
    "6.3": {
        "sum to 1": lambda p, q, w: q * (p / q) ** w,
        "multiplied": lambda p, q, w: q + w * (p - q),
        "start from q": lambda p, q, w: p * (p / q) ** w / (p * (p / q) ** w).sum(),
        "wrong at w = 2": lambda p, q, w: p,
    },
}
