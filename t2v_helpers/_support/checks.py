"""Checks of arguments: each raises ValueError, in one line that names the argument and says what was expected."""

import operator
from collections.abc import Collection

import torch


def check_count(name: str, n: int) -> int:
    """Return n as an int, if it is a whole number and at least 1."""
    if isinstance(n, bool) or not hasattr(n, "__index__") or operator.index(n) < 1:
        raise ValueError(f"{name} = {n!r}, expected a whole number, at least 1")
    return operator.index(n)


def check_tensors(**tensors: torch.Tensor) -> None:
    """Check that each argument is a tensor of finite floats, and not empty."""
    for name, x in tensors.items():
        if not isinstance(x, torch.Tensor) or not x.is_floating_point():
            raise ValueError(f"{name} is {getattr(x, 'dtype', type(x).__name__)}, expected a tensor of floats")
        if x.numel() == 0:
            raise ValueError(f"{name} is empty, its shape is {tuple(x.shape)}")
        if not x.isfinite().all():
            raise ValueError(f"{name} has NaN or infinite values, expected finite ones")


def check_alike(**tensors: torch.Tensor) -> None:
    """Check tensors as `check_tensors` does, and that all have the shape of the first."""
    check_tensors(**tensors)
    first = next(iter(tensors))
    for name, x in tensors.items():
        if x.shape != tensors[first].shape:
            raise ValueError(f"{name} has shape {tuple(x.shape)}, {first} has {tuple(tensors[first].shape)}")


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Check that the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} = {value!r}, expected one of {', '.join(choices)}")


def check_share(name: str, value: float) -> None:
    """Check that the value is a number from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} = {value}, expected a number from 0 to 1")


def check_generator(generator: torch.Generator) -> None:
    """Check that noise can be drawn from this generator."""
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator is a {type(generator).__name__}, expected a torch.Generator to draw noise from")
