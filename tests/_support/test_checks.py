"""What the checks of arguments refuse, once for all the functions that call them."""

import math

import pytest
import torch

from t2v_helpers._support import checks

X = torch.zeros(4, 2)


@pytest.mark.parametrize(
    "call, says",
    [
        *[
            (lambda n=n: checks.check_count("n", n), "n = .*, expected a whole number")
            for n in (0, -3, 10.0, "9", None, True)
        ],
        (lambda: checks.check_tensors(x=X, y=X.long()), "y is torch.int64, expected a tensor of floats"),
        (lambda: checks.check_tensors(x=X.numpy()), "x is float32, expected a tensor of floats"),
        (lambda: checks.check_tensors(x=[1.0]), "x is list, expected a tensor of floats"),
        (lambda: checks.check_tensors(x=X[:0]), r"x is empty, its shape is \(0, 2\)"),
        (lambda: checks.check_tensors(x=X + math.inf), "x has NaN or infinite values"),
        (lambda: checks.check_alike(x=X, y=X[:1]), r"y has shape \(1, 2\), x has \(4, 2\)"),
        (lambda: checks.check_alike(x=X, y=X * math.nan), "y has NaN"),
        (lambda: checks.check_choice("kind", "hinge", ("a", "b")), "kind = 'hinge', expected one of a, b"),
        *[
            (lambda n=n: checks.check_share("eta", n), "eta = .*, expected a number from 0")
            for n in (-0.1, 1.5, math.nan)
        ],
        (lambda: checks.check_generator(0), "generator is a int, expected a torch.Generator"),
    ],
)
def test_what_is_refused_in_one_line(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_what_passes():
    assert checks.check_count("n", torch.tensor(3)) == 3
    checks.check_alike(x=X, y=X)
    checks.check_choice("kind", "a", ("a", "b"))
    checks.check_share("eta", 1)
    checks.check_generator(torch.Generator())
