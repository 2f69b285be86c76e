import math


def forget_in_place(texts, u, p):
    for i, number in enumerate(u):
        if number < p:
            texts[i] = ""
    return texts


WRONG = {
    "8.1": {
        "what the UNet is given": lambda x, e, a: a.sqrt() * x + (1 - a).sqrt() * e,
        "the sign": lambda x, e, a: (1 - a).sqrt() * x - a.sqrt() * e,
        "square roots": lambda x, e, a: a * e - (1 - a) * x,
        "wrong at alpha_bar": lambda x, e, a: e - x,
    },
    "8.2": {
        "swapped": lambda old, new, n: old + min(0.999, (1 + n) / (10 + n)) * (new - old),
        "at most 0.999": lambda old, new, n: (1 + n) / (10 + n) * old + 9 / (10 + n) * new,
        "wrong at step 0": lambda old, new, n: 0.999 * old + 0.001 * new,
    },
    "8.3": {
        "None": lambda texts, u, p: None,
        "has changed": forget_in_place,
        "nine of ten": lambda texts, u, p: [text if n < p else "" for text, n in zip(texts, u, strict=True)],
        "in the place": lambda texts, u, p: [text for text, n in zip(texts, u, strict=True) if n >= p],
        "only these": lambda texts, u, p: texts[:],
    },
    "8.4": {
        "None": lambda memory, parameters, kept: None,
        "four bytes": lambda memory, parameters, kept: max(0, int((memory - 4 * parameters) // kept)),
        "half a clip": lambda memory, parameters, kept: max(0, (memory - 16 * parameters) / kept),
        "too many": lambda memory, parameters, kept: max(0, math.ceil((memory - 16 * parameters) / kept)),
        "less than none": lambda memory, parameters, kept: int((memory - 16 * parameters) // kept),
        "a clip: 4, got 8": lambda memory, parameters, kept: max(0, int(memory // kept)),
    },
}
