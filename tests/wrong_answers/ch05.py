import torch


def mean(x, y, power=1):
    return torch.cdist(x, y).pow(power).mean()


WRONG = {
    "5.1": {
        "not 0 for a set": lambda x, y: mean(x, y),
        "twice": lambda x, y: mean(x, y) - mean(x, x) - mean(y, y),
        "sign": lambda x, y: mean(x, x) + mean(y, y) - 2 * mean(x, y),
        "squares": lambda x, y: 2 * mean(x, y, 2) - mean(x, x, 2) - mean(y, y, 2),
        "None": lambda x, y: None,
        "means over all pairs": lambda x, y: (x.mean(0) - y.mean(0)).norm(),
    },
    "5.2": {
        "precision": lambda real, fake, r: float((torch.cdist(real, fake).min(0).values < r).float().mean()),
        "how many": lambda real, fake, r: int((torch.cdist(real, fake).min(1).values < r).sum()),
        "pairs": lambda real, fake, r: float((torch.cdist(real, fake) < r).float().mean()),
        "None": lambda real, fake, r: None,
    },
}
