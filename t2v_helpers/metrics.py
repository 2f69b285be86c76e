"""Measures of generated clips: adherence to the caption, CLIPSIM, and how different two clips are."""

import numpy as np
import torch

from . import shapes


def adherence(clips, captions, colors=shapes.COLORS):
    """Share of clips that show what their caption says, by `shapes.judge`.

    clips: sequence of frames (F, H, W, 3) in [0, 1]; captions: texts or `shapes.Attributes`, one for each clip.
    colors: the judge's palette.
    Returns a dict of shares in [0, 1]: "color", "shape", "motion", and "all" three together.
    """
    if len(clips) != len(captions) or not len(clips):
        raise ValueError(f"got {len(clips)} clips and {len(captions)} captions, expected as many of both, at least one")
    said = [c if isinstance(c, shapes.Attributes) else shapes.parse(c) for c in captions]
    seen = [shapes.judge(clip, colors) for clip in clips]
    right = np.array([[a == b for a, b in zip(*pair, strict=True)] for pair in zip(seen, said, strict=True)])
    shares = dict(zip(shapes.Attributes._fields, right.mean(0).tolist(), strict=True))
    return shares | {"all": right.all(1).mean().item()}


def object_mask(clip):
    """Where a clip (F, H, W, 3) shows an object: bool array (F, H, W), True where a pixel is unlike the background."""
    return np.abs(np.asarray(clip) - np.array(shapes.BACKGROUND)).max(-1) > 0.2


def object_overlap(clip, other):
    """Intersection over union of where two clips show an object, averaged over frames; 1 for equal clips."""
    masks = [object_mask(c) for c in (clip, other)]
    both, either = (masks[0] & masks[1]).sum((1, 2)), (masks[0] | masks[1]).sum((1, 2))
    return float((both / np.maximum(either, 1)).mean())


@torch.no_grad()
def clipsim(texts, clips, tokenizer, text_encoder, video_tower):
    """Cosine of each text with each clip in the tiny CLIP's space: tensor (len(texts), len(clips)) in [-1, 1].

    CLIPSIM, the figure that ModelScope's report gives, is the mean over pairs that belong together (the diagonal).
    """
    ids = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt").input_ids
    text = torch.nn.functional.normalize(text_encoder(ids).pooler_output, dim=1)
    frames = torch.as_tensor(np.stack(clips)).movedim(-1, 1) * 2 - 1
    return text @ video_tower(frames).T
