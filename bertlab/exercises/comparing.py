"""Comparing a learner's answer with the expected one, and random numbers that are the same each time."""

from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from . import expect


def is_number(answer: object) -> bool:
    """Is the answer one number: an int, a float, or a tensor or array without axes?"""
    if isinstance(answer, Tensor | np.ndarray):
        return answer.ndim == 0
    return isinstance(answer, int | float | np.number) and not isinstance(answer, bool)


def as_number(answer: object, what: str = "one number") -> float:
    """The answer as a float. Raises Hint when it is not one number; `what` names what to return."""
    kind = "None" if answer is None else f"a {type(answer).__name__}"
    expect(is_number(answer), f"Return {what}. Your function returns {kind}.")
    return float(answer)


def is_close(answer: object, expected: Tensor | float, tolerance: float = 1e-5) -> bool:
    """Is the answer a tensor or number of the expected shape whose values differ by less than the tolerance?"""
    if not (isinstance(answer, Tensor) or is_number(answer)):
        return False
    answer, expected = (torch.as_tensor(values).detach().double() for values in (answer, expected))
    return answer.shape == expected.shape and bool(((answer - expected).abs() < tolerance).all())


def explain_shapes(error: Exception, hint: str) -> NoReturn:
    """Raise Hint where the error is about shapes, and otherwise the error itself."""
    about = any(word in str(error) for word in ("size", "shape", "dimension", "broadcast", "unpack"))
    expect(not about, f"{hint} The error: {error}")
    raise error


def random_numbers(seed: int, *shape: int) -> Tensor:
    """The same normally distributed float64 numbers each time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
