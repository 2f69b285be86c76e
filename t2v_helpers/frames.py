"""What a clip is: `as_frames` checks and normalises it, in one place for all; `film_strip` lays it out.

A clip is what diffusers gives: `frames`, float32 in [0, 1], axes (F, H, W, 3).
"""

import numpy as np


def as_frames(video):
    """Check a clip and give it as float32 frames (F, H, W, 3) in [0, 1], the form that all the course uses.

    video: one of
      - a numpy array (F, H, W, 3): floats in [0, 1] (float32 is returned as it is, not copied), or uint8 in 0..255;
      - a torch tensor of either kind, (F, 3, H, W), or (F, H, W, 3) where axis 1 is neither 3 nor 1 long;
      - a list of frames of one size: PIL images of any mode, arrays (H, W, 3) or tensors (3, H, W).
      Grey arrays and tensors keep their channel axis, of length 1, which is repeated: (F, H, W, 1), (F, 1, H, W).
      Values up to 0.001 outside [0, 1], as rounding and resampling leave them, are clipped.
    Raises ValueError, one line, for anything else: another shape or dtype, a batch of clips, a clip without frames or
    pixels, NaN or infinite values, values out of [0, 1].

    >>> as_frames(np.zeros((16, 64, 64, 3), dtype=np.uint8)).dtype
    dtype('float32')
    """
    frames, expected = _stack(video) if isinstance(video, list | tuple) else _as_array(video), "expected (F, H, W, 3)"
    if frames.dtype.kind != "f" and frames.dtype != np.uint8:
        got = f"dtype {frames.dtype}" if frames.ndim else f"a {type(video).__name__}"
        raise ValueError(f"a clip is floats in [0, 1] or uint8: got {got}, {expected}")
    if frames.ndim == 5:
        raise ValueError(f"got a batch of {len(frames)} clips, shape {frames.shape}, {expected}: give one clip of it")
    if frames.ndim != 4 or frames.shape[-1] not in (1, 3):
        raise ValueError(f"a clip has four axes, the last one red, green, blue: got shape {frames.shape}, {expected}")
    if frames.size == 0:
        raise ValueError(f"got an empty clip, shape {frames.shape}, {expected} with at least one frame and pixel")
    if frames.dtype == np.uint8:
        frames = frames / np.float32(255)
    finite = np.isfinite(frames).all(axis=(1, 2, 3))
    if not finite.all():
        raise ValueError(f"got NaN or infinite values in {(~finite).sum()} of {len(frames)} frames, expected [0, 1]")
    low, high = frames.min(), frames.max()
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(f"got values from {low:.4g} to {high:.4g}, expected [0, 1] (or uint8)")
    if low < 0 or high > 1:
        frames = frames.clip(0, 1)
    if frames.shape[-1] == 1:
        frames = frames.repeat(3, axis=-1)
    return frames.astype(np.float32, copy=False)


def _as_array(picture):
    """A picture or a clip, of PIL, torch or numpy, as an array with its channels last."""
    if hasattr(picture, "convert"):  # PIL
        return np.asarray(picture.convert("RGB"))
    if hasattr(picture, "detach"):  # torch
        picture = picture.detach().cpu()
        if picture.ndim >= 3 and picture.shape[-3] in (1, 3):
            picture = picture.movedim(-3, -1)
        return (picture.float() if picture.is_floating_point() else picture).numpy()
    return np.asarray(picture)


def _stack(pictures):
    pictures = [_as_array(picture) for picture in pictures]
    shapes = sorted({picture.shape for picture in pictures})
    if not shapes:
        raise ValueError("got an empty clip, expected at least one frame")
    if len(shapes) > 1:
        raise ValueError(f"got frames of different shapes, {shapes[0]} and {shapes[1]}, expected all of one")
    return np.stack(pictures)


def as_clips(video):
    """One clip, or a list of clips, as a list of frames arrays; see `as_frames`."""
    first = video[0] if isinstance(video, list | tuple) and video else None
    several = isinstance(first, list | tuple) or getattr(first, "ndim", 0) == 4
    return [as_frames(clip) for clip in video] if several else [as_frames(video)]


def to_uint8(frames):
    """Frames in [0, 1] as the nearest of the 256 levels that files keep."""
    return (frames * 255).round().astype(np.uint8)


def film_strip(video, count=8):
    """Lay frames of a clip side by side in one picture, from the first frame to the last.

    video: a clip, see `as_frames`, or a list of clips, one row each.
    count: how many frames to take, evenly spaced in time; all of them where the clip has fewer.
    Returns a PIL image, which a notebook shows where it is a cell's last value (`display(film_strip(...))` elsewhere)
    and `.save("strip.png")` writes. Pixels of small frames are drawn as squares; the gaps are transparent.
    Raises ValueError on a bad clip or count.

    >>> film_strip(np.zeros((16, 64, 64, 3)), count=4).size
    (536, 128)
    """
    from PIL import Image

    if not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"got count {count!r}, expected a whole number of frames, at least 1")
    gap, rows = 8, []
    for frames in as_clips(video):
        taken = frames[np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)]
        zoom = max(1, 128 // frames.shape[1])
        rows.append([Image.fromarray(frame) for frame in to_uint8(taken).repeat(zoom, 1).repeat(zoom, 2)])
    width = max(len(row) * (row[0].width + gap) for row in rows) - gap
    strip = Image.new("RGBA", (width, sum(row[0].height + gap for row in rows) - gap))
    y = 0
    for row in rows:
        for i, picture in enumerate(row):
            strip.paste(picture, (i * (picture.width + gap), y))
        y += row[0].height + gap
    return strip
