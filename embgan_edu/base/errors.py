"""Errors of the package: each message says what was given, what was expected, and what to do."""

from collections.abc import Callable
from numbers import Integral, Real


class EmbganError(Exception):
    """Base of all errors that this package raises on purpose.

    >>> issubclass(DataError, EmbganError) and issubclass(DataError, ValueError)
    True
    """


class DataError(EmbganError, ValueError):
    """Data, or an argument about data, cannot be used."""


class DownloadError(EmbganError, RuntimeError):
    """An archive cannot be fetched, or is not the one that was pinned."""


class ConfigError(EmbganError, ValueError):
    """A configuration is impossible, or a name is unknown; the message lists what is possible."""


class DivergenceError(EmbganError, RuntimeError):
    """A loss is no longer finite; the message names the step, the draw, and a way out."""


class FigureError(EmbganError, AssertionError):
    """A published figure left its band."""


def check_whole(least: int, **numbers: object) -> None:
    """Refuse arguments that are not whole numbers of ``least`` or more.

    Raises:
        ConfigError: names the argument and its value.

    Example:
        >>> check_whole(1, n_train=100, draws=16)
        >>> check_whole(1, draws=0)
        Traceback (most recent call last):
        embgan_edu.base.errors.ConfigError: draws=0; expected a whole number of 1 or more.
    """
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ConfigError(f"{name}={value!r}; expected a whole number of {least} or more.")


def check_number(expected: str, holds: Callable[[float], bool], **numbers: object) -> None:
    """Refuse arguments that are not numbers, or not such numbers as expected.

    Raises:
        ConfigError: names the argument, its value, and what is expected.

    Example:
        >>> check_number("a number above 0", lambda x: x > 0, scale=0.3)
        >>> check_number("a number above 0", lambda x: x > 0, scale=-1.0)
        Traceback (most recent call last):
        embgan_edu.base.errors.ConfigError: scale=-1.0; expected a number above 0.
    """
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not holds(float(value)):
            raise ConfigError(f"{name}={value!r}; expected {expected}.")
