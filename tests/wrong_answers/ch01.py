import torch


def nearest(x, centers):
    return torch.cdist(x, centers).argmin(1).unique()


WRONG = {
    "1.1": {
        "sign": lambda logits: torch.nn.functional.logsigmoid(logits).mean(),
        "minimax": lambda logits: (1 - logits.sigmoid()).log().mean(),
        "rewards the discriminator": lambda logits: -(1 - logits.sigmoid()).log().mean(),
        "average": lambda logits: -logits.sigmoid().log().sum(),
        "not probabilities": lambda logits: -logits.log().mean(),
        "infinite": lambda logits: -logits.sigmoid().log().mean(),
        "None": lambda logits: None,
    },
    "1.2": {
        "other way round": lambda p, q: q / (p + q),
        "above 1": lambda p, q: p / q,
        "sigmoid": lambda p, q: p.log() - q.log(),
        "1/2": lambda p, q: (p > q).float(),
    },
    "1.3": {
        "count centres": lambda x, c, r: int((torch.cdist(x, c).min(1).values < r).sum()),
        "for being the nearest": lambda x, c, r: len(nearest(x, c)),
        "share": lambda x, c, r: float((torch.cdist(x, c).min(0).values < r).float().mean()),
        "None": lambda x, c, r: None,
    },
}
