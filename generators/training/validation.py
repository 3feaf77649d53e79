"""Checks of parameters, with uniform messages."""

from collections.abc import Sequence


def one_of(name: str, value: str, known: Sequence[str]) -> None:
    """Check that a parameter has one of its known values.

    Raises:
        ValueError: If it has another value.
    """
    if value not in known:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(known)}")


def at_least(name: str, value: float, least: float) -> None:
    """Check a lower bound of a parameter.

    Raises:
        ValueError: If the value is below `least`.
    """
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")


def not_negative(name: str, value: float) -> None:
    """Check that a parameter is not negative.

    Raises:
        ValueError: If it is negative.
    """
    if value < 0:
        raise ValueError(f"{name} is {value}; it must not be negative")
