"""Two methods on the same draws: the mean difference within draws, and its interval.

What an interval means depends on what was repeated. Given one number per draw, it speaks of other
draws *from the same reviews, with the same pretrained networks*. Given one number for each draw and
each part of the test reviews, it also speaks of other networks and of other reviews. The book's
gains are stated with the second.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from embgan_edu.base.errors import DataError, check_number

NETWORKS = 8  # pretrained networks; draw k starts from number k modulo 8
PARTS = 8  # of the test reviews; review i of the corpus is in part i modulo 8


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

    def within(self, margin: float) -> bool:
        """Tell whether the whole interval is nearer to zero than ``margin``.

        Only then does a difference count as *none*: an interval that holds zero may hold much more.
        This is the test of equivalence by two one-sided tests, each at half of the interval's
        miss rate, 2.5 % for a 95 % interval.

        Source: Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power
        approach for assessing the equivalence of average bioavailability".

        Example:
            >>> PairedDifference(0.1, -0.3, 0.4, 64).within(0.5)
            True
            >>> PairedDifference(0.1, -0.9, 1.1, 64).within(0.5)
            False
        """
        return max(-self.low, self.high) < margin


def paired_difference(
    a: Float[np.ndarray, "draw ..."], b: Float[np.ndarray, "draw ..."], confidence: float = 0.95
) -> PairedDifference:
    r"""Return the mean of ``a - b``, with Student's t interval.

    With :math:`d = a - b` and one number per draw, the interval is
    :math:`\bar d \pm t_{(1 + c)/2,\, n - 1}\; s_d / \sqrt n`, where s is the standard deviation
    with n - 1 in the denominator, and c the confidence.

    With one number for each draw and each part of the test reviews, draws that start from the same
    pretrained network belong together, and so do numbers from the same reviews. The variance of
    the mean is that of the means of networks, plus that of the means of parts, minus what both
    count, :math:`V = V_\text{network} + V_\text{part} - V_\text{both}`, and no less than the larger
    of the first two. Where numbers fall into groups :math:`g`,

    .. math:: V_g = \frac{G}{G - 1} \sum_g \Bigl(\frac1N \sum_{i \in g} (d_i - \bar d)\Bigr)^2,

    N being the number of all. The degrees of freedom are those of the fewest groups, minus one.

    Source: Cameron, Gelbach & Miller (2011), "Robust inference with multiway clustering", section
    2.2; the degrees of freedom: Cameron & Miller (2015), "A practitioner's guide to cluster-robust
    inference", section VI.D.

    Args:
        a: One number per draw, or per draw and part; draw k is number k modulo ``NETWORKS`` of the
            pretrained networks.
        b: The same for the other method, for the same draws and parts in the same order.
        confidence: Share of such intervals that hold the true mean, between 0 and 1.

    Raises:
        ConfigError: ``confidence`` is not between 0 and 1.
        DataError: Different draws, fewer than two, or a value that is not finite.

    Example:
        >>> print(paired_difference(np.array([64.0, 67.0, 63.0]), np.array([62.0, 66.0, 60.0])))
        +2.0 [-0.5, 4.5]
        >>> a = np.array([[3.0, 1.0], [5.0, 3.0], [4.0, 2.0]])  # two parts, one easier by 2
        >>> print(paired_difference(a, np.zeros((3, 2))))
        +3.0 [-9.7, 15.7]
    """
    check_number(
        "a number above 0 and below 1, such as 0.95", lambda c: 0 < c < 1, confidence=confidence
    )
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim not in {1, 2} or a.shape != b.shape or len(a) < 2 or a.shape[-1] < 2:
        raise DataError(
            f"a has shape {a.shape} and b has shape {b.shape}; expected one number per draw in "
            "each, or one per draw and part of the test reviews, for the same draws, and at least "
            "two draws."
        )
    difference = a - b
    if not np.isfinite(difference).all():
        where = tuple(np.argwhere(~np.isfinite(difference))[0])
        raise DataError(
            f"Draw {where[0]} has the values {a[where]} and {b[where]}; expected finite numbers. "
            "Find out why that draw failed; do not leave it out."
        )
    mean, n = difference.mean(), len(difference)
    if difference.ndim == 1:
        variance, groups = difference.var(ddof=1) / n, n
    else:
        network, part = np.indices(difference.shape)
        network %= NETWORKS
        variance, groups = _two_way(difference - mean, network, part)
    half = stats.t.ppf((1 + confidence) / 2, groups - 1) * np.sqrt(variance)
    return PairedDifference(float(mean), float(mean - half), float(mean + half), n)


def _two_way(
    deviation: Float[np.ndarray, "draw part"],
    network: Int[np.ndarray, "draw part"],
    part: Int[np.ndarray, "draw part"],
) -> tuple[float, int]:
    """Variance of the mean when networks and parts are both drawn, and the fewest groups."""

    def variance(group: Int[np.ndarray, "draw part"]) -> float:
        shares = np.bincount(group.ravel(), deviation.ravel()) / deviation.size
        return float(len(shares) / (len(shares) - 1) * (shares**2).sum())

    n_parts = part.max() + 1
    by_network, by_part = variance(network), variance(part)
    both = variance(network * n_parts + part)
    total = max(by_network + by_part - both, by_network, by_part)
    return total, min(network.max() + 1, n_parts)
