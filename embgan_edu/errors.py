"""Errors of the package: each message says what was given, what was expected, and what to do."""


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
