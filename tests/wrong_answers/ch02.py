import torch


def _last(betas):
    return betas[-1] if betas else 0.0


def _zero_based(betas):
    below = (torch.cumprod(1 - betas, 0) < 0.5).nonzero()
    return below[0].item() if len(below) else None


def _always(betas):
    return int((torch.cumprod(1 - betas, 0) < 0.5).int().argmax()) + 1


WRONG = {
    "2.1": {
        "square roots are missing": lambda x0, a, eps: a * x0 + (1 - a) * eps,
        "noise's variance": lambda x0, a, eps: a.sqrt() * x0 + (1 - a) * eps,
        "swapped": lambda x0, a, eps: (1 - a).sqrt() * x0 + a.sqrt() * eps,
        "add up to 1": lambda x0, a, eps: a.sqrt() * x0 + (1 - a.sqrt()) * eps,
        "None": lambda x0, a, eps: None,
    },
    "2.2": {
        "plain sum": lambda betas: sum(betas),
        "left of the signal": lambda betas: torch.prod(1 - torch.tensor(betas)).item(),
        "standard deviation": lambda betas: (1 - torch.prod(1 - torch.tensor(betas)).item()) ** 0.5,
        "only the last": _last,
    },
    "2.3": {
        "index": _zero_based,
        "one step's noise": lambda betas: (betas > 0.5).nonzero()[0].item() + 1,
        "square": lambda betas: (torch.cumprod((1 - betas) ** 2, 0) < 0.5).nonzero()[0].item() + 1,
        "expected None": _always,
    },
}
