"""Checks of the tensors that mathematics is given: ValueError, in one line that names the argument."""

import torch


def check_floats(name, x):
    """Check that x is a tensor of floats."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise ValueError(f"{name} is {getattr(x, 'dtype', type(x).__name__)}, expected a tensor of floats")


def check_values(name, x):
    """Check that there are values in x, and that all of them are finite."""
    if x.numel() == 0:
        raise ValueError(f"{name} is empty, its shape is {tuple(x.shape)}")
    if not x.isfinite().all():
        raise ValueError(f"{name} has NaN or infinite values, expected finite ones")
