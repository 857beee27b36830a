"""Two methods on the same draws: the mean difference within draws, and its interval."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from embgan_edu.base.errors import DataError, check_number


@dataclass(frozen=True)
class PairedDifference:
    """A mean difference over draws and its confidence interval, in the unit of what was compared.

    Example:
        >>> print(PairedDifference(mean=1.24, low=0.61, high=1.87, n=16))
        +1.2 [0.6, 1.9]
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        # Adding zero turns the -0.0 of a small negative number into 0.0.
        mean, low, high = (round(x, 1) + 0.0 for x in (self.mean, self.low, self.high))
        return f"{mean:+.1f} [{low:.1f}, {high:.1f}]"


def paired_difference(
    a: Float[np.ndarray, " draw"], b: Float[np.ndarray, " draw"], confidence: float = 0.95
) -> PairedDifference:
    r"""Return the mean of ``a - b`` over draws, with Student's t interval.

    The interval is :math:`\bar d \pm t_{(1 + c)/2,\, n - 1}\; s_d / \sqrt n`, where
    :math:`d = a - b`, s is its standard deviation with n - 1 in the denominator, and c the
    confidence. It is about the mean over draws of *this* corpus.

    Args:
        a: One number per draw.
        b: One number per draw, for the same draws in the same order.
        confidence: Share of such intervals that hold the true mean, between 0 and 1.

    Raises:
        ConfigError: ``confidence`` is not between 0 and 1.
        DataError: Different draws, fewer than two, or a value that is not finite.

    Example:
        >>> print(paired_difference(np.array([64.0, 67.0, 63.0]), np.array([62.0, 66.0, 60.0])))
        +2.0 [-0.5, 4.5]
    """
    check_number(
        "a number above 0 and below 1, such as 0.95", lambda c: 0 < c < 1, confidence=confidence
    )
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise DataError(
            f"a has shape {a.shape} and b has shape {b.shape}; expected one number per draw in "
            "each, for the same draws, and at least two draws."
        )
    difference = a - b
    if not np.isfinite(difference).all():
        draw = int(np.flatnonzero(~np.isfinite(difference))[0])
        raise DataError(
            f"Draw {draw} has the values {a[draw]} and {b[draw]}; expected finite numbers. "
            "Find out why that draw failed; do not leave it out."
        )
    mean, n = difference.mean(), len(difference)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * difference.std(ddof=1) / np.sqrt(n)
    return PairedDifference(float(mean), float(mean - half), float(mean + half), n)
