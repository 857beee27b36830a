r"""How near two clouds of points are, and how diverse one is beside the other.

One call compares one pair of clouds, each ``(n, dim)``. One number alone misleads: a cloud shrunk
towards its center keeps its coverage and loses its recall. So read them side by side, and each
beside its value for real data against other real data.

:math:`\mathrm{NN}_k(x)` below is the distance from a point to its k-th nearest neighbor in its own
cloud, itself not counted. Distances are Euclidean; balls hold their surface. A copy of a point is
a neighbor at distance 0.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from embgan_edu.base.errors import DataError, check_number, check_whole

Cloud = Float[np.ndarray, "n dim"]


def precision(real: Cloud, synthetic: Cloud, k: int = 5) -> float:
    r"""Share of *synthetic* points that lie in the k-neighbor ball of some *real* point.

    .. math:: \frac1m \sum_j \mathbb 1\bigl[\exists i: \|s_j - x_i\| \le \mathrm{NN}_k(x_i)\bigr]

    It is :func:`recall` with the clouds exchanged, and asks for fidelity: does a synthetic point
    lie where real ones do? Points in a small corner of the real cloud all do, so it says nothing
    about diversity. From 0 to 1.

    Source: Kynkäänniemi et al. (2019), "Improved precision and recall metric for assessing
    generative models", section 2, equations 1 and 2.

    Raises:
        ConfigError: ``k`` below 1.
        DataError: Not a finite cloud, other dimensions, or not more than ``k`` real points.

    Example:
        >>> real, synthetic = np.array([[0.0], [1.0]]), np.array([[0.5], [9.0]])
        >>> precision(real, synthetic, k=1)
        0.5
    """
    real, synthetic = check_clouds(real=real, synthetic=synthetic)
    reached = cdist(synthetic, real) <= _radii("real", real, k)
    return float(reached.any(axis=1).mean())


def recall(real: Cloud, synthetic: Cloud, k: int = 5) -> float:
    r"""Share of *real* points that lie in the k-neighbor ball of some *synthetic* point.

    .. math:: \frac1n \sum_i \mathbb 1\bigl[\exists j: \|x_i - s_j\| \le \mathrm{NN}_k(s_j)\bigr]

    The balls are around the synthetic points: where these crowd together, the balls are small and
    recall drops. From 0 to 1; more is more diverse.

    Source: Kynkäänniemi et al. (2019), "Improved precision and recall metric for assessing
    generative models", section 2, equations 1 and 2.

    Raises:
        ConfigError: ``k`` below 1.
        DataError: Not a finite cloud, other dimensions, or not more than ``k`` synthetic points.

    Example:
        >>> real, synthetic = np.array([[0.5], [9.0]]), np.array([[0.0], [1.0]])
        >>> recall(real, synthetic, k=1)
        0.5
    """
    real, synthetic = check_clouds(real=real, synthetic=synthetic)
    reached = cdist(real, synthetic) <= _radii("synthetic", synthetic, k)
    return float(reached.any(axis=1).mean())


def coverage(real: Cloud, synthetic: Cloud, k: int = 5) -> float:
    r"""Share of *real* points whose own k-neighbor ball holds some *synthetic* point.

    .. math:: \frac1n \sum_i \mathbb 1\bigl[\exists j: \|x_i - s_j\| \le \mathrm{NN}_k(x_i)\bigr]

    The balls are around the real points, so an outlier among the synthetic ones cannot raise it.
    From 0 to 1; more is better. Two clouds of one distribution reach :math:`1 - 2^{-k}` about.

    Source: Naeem et al. (2020), "Reliable fidelity and diversity metrics for generative models",
    section 3.2.

    Raises:
        ConfigError: ``k`` below 1.
        DataError: Not a finite cloud, other dimensions, or not more than ``k`` real points.

    Example:
        >>> real, synthetic = np.array([[0.0], [1.0], [9.0]]), np.array([[0.5]])
        >>> round(coverage(real, synthetic, k=1), 3)
        0.667
    """
    real, synthetic = check_clouds(real=real, synthetic=synthetic)
    nearest = cdist(real, synthetic).min(axis=1)
    return float((nearest <= _radii("real", real, k)).mean())


def vendi_score(X: Cloud, order: float = 1.0) -> float:
    r"""Effective number of directions: 1 when all points are alike, n when all are orthogonal.

    .. math:: \exp\Bigl(\frac{1}{1 - q} \log \sum_i \lambda_i^q\Bigr), \qquad
              \exp\Bigl(-\sum_i \lambda_i \log \lambda_i\Bigr) \text{ for } q = 1

    Here :math:`\lambda_i` are the eigenvalues of K / n, and K holds the cosines between the points.
    So only directions from the origin count: center the points first. A point and its opposite
    count as one, and no cloud counts more than its dimension, however many points it has, or one
    more where some lie at the origin: these have no direction, and count as alike, and as
    orthogonal to all others.

    Args:
        X: The points, centered by whoever calls.
        order: q, above 0; a larger one looks more at the common points. ``np.inf`` gives the
            inverse of the largest eigenvalue.

    Source: Friedman & Dieng (2023), "The Vendi score", definition 3.1, for q = 1; Pasarkar & Dieng
    (2024), "Cousins of the Vendi score", for the other orders.

    Raises:
        ConfigError: ``order`` is not above 0.
        DataError: Not a finite cloud.

    Example:
        >>> vendi_score(np.array([[1.0, 0.0], [0.0, 2.0]]))
        2.0
    """
    check_number("a number above 0, or np.inf", lambda q: q > 0, order=order)
    (X,) = check_clouds(X=X)
    length = np.linalg.norm(X, axis=1, keepdims=True)
    unit = np.divide(X, length, out=np.zeros_like(X), where=length > 0)
    # unit.T @ unit (dim, dim) has the same eigenvalues as the cosines (n, n), but for zeros.
    eigenvalues = np.append(np.linalg.eigvalsh(unit.T @ unit / len(X)), np.mean(length == 0))
    weights = eigenvalues[eigenvalues > 1e-12]  # less is rounding, which low orders would count
    if order == 1:
        return float(np.exp(-np.sum(weights * np.log(weights))))
    if np.isinf(order):
        return float(1 / weights.max())
    return float(np.sum(weights**order) ** (1 / (1 - order)))


def vendi_ratio(real: Cloud, synthetic: Cloud, order: float = 1.0) -> float:
    """Vendi score of the synthetic cloud over that of the real one.

    Both are centered by the *real* mean: a synthetic cloud in a corner then points in few
    directions, and scores low. The score grows with the number of points, so compare equal numbers.
    1 means as diverse as real data; it can be more.

    Raises:
        ConfigError: ``order`` is not above 0.
        DataError: Not a finite cloud, or other dimensions.

    Example:
        >>> corners = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
        >>> vendi_ratio(corners, np.tile([[1.0, 0]], (4, 1)))
        0.5
    """
    real, synthetic = check_clouds(real=real, synthetic=synthetic)
    center = real.mean(axis=0)
    return vendi_score(synthetic - center, order) / vendi_score(real - center, order)


def variance_ratio(real: Cloud, synthetic: Cloud) -> float:
    """Total variance of the synthetic cloud over that of the real one.

    Total variance is the sum of the variances of all dimensions, each about its own cloud's mean:
    the trace of the covariance. 1 means as spread out as real data; it can be more.

    Raises:
        DataError: Not a finite cloud, other dimensions, or real points that are all the same.

    Example:
        >>> real = np.array([[0.0, 1.0], [2.0, 1.0]])
        >>> variance_ratio(real, 3 * real)
        9.0
    """
    real, synthetic = check_clouds(real=real, synthetic=synthetic)
    if not np.ptp(real, axis=0).any():
        raise DataError(
            f"All {len(real)} real points are the same, so there is no variance to compare with. "
            "Give real points that differ."
        )
    return float(synthetic.var(axis=0).sum() / real.var(axis=0).sum())


def authenticity(train: Cloud, synthetic: Cloud) -> float:
    r"""Share of synthetic points that are not copies of a training point.

    .. math:: \frac1m \sum_j \mathbb 1\bigl[\|s_j - r_j\| > \mathrm{NN}_1(r_j)\bigr]

    Here :math:`r_j` is the *training* point nearest to :math:`s_j`, and its ball reaches to the
    nearest other training point. A point inside is nearer to a training point than real data come
    to each other. From 0, all copies, to 1.

    Source: Alaa et al. (2022), "How faithful is your synthetic data?", the estimator of
    authenticity.

    Raises:
        DataError: Not a finite cloud, other dimensions, or fewer than two training points.

    Example:
        >>> train = np.array([[0.0], [1.0], [5.0]])
        >>> authenticity(train, np.array([[0.4], [7.0], [9.5]]))  # balls of radius 1, 1, 4
        0.333...
    """
    train, synthetic = check_clouds(train=train, synthetic=synthetic)
    distances = cdist(synthetic, train)
    nearest = distances.argmin(axis=1)
    return float((distances.min(axis=1) > _radii("train", train, 1)[nearest]).mean())


def sliced_wasserstein(a: Cloud, b: Cloud, projections: int = 128, random_state: int = 0) -> float:
    r"""Distance between two clouds as a whole, in the unit of the points.

    Both clouds are projected on random directions. On a line the best way to carry one cloud to the
    other keeps the order, so sorting gives it:

    .. math:: \mathrm{SW}_2 = \sqrt{\mathbb E_\theta\;
              \frac1n \sum_i \bigl(\langle\theta, a\rangle_{(i)} -
              \langle\theta, b\rangle_{(i)}\bigr)^2}

    0 for equal clouds. A shift by v in every point gives :math:`\|v\| / \sqrt{\mathrm{dim}}` about.

    Source: Bonneel et al. (2015), "Sliced and Radon Wasserstein barycenters of measures".

    Args:
        a, b: As many points in each.
        projections: Number of directions.
        random_state: Seed of the directions, 0 or more.

    Raises:
        ConfigError: ``projections`` below 1, or a negative seed.
        DataError: Not a finite cloud, other dimensions, or another number of points.

    Example:
        >>> sliced_wasserstein(np.array([[0.0], [1.0]]), np.array([[4.0], [3.0]]))
        3.0
    """
    check_whole(1, projections=projections)
    check_whole(0, random_state=random_state)
    a, b = check_clouds(a=a, b=b)
    if len(a) != len(b):
        raise DataError(
            f"a has {len(a)} points and b has {len(b)}; expected as many in each. "
            f"Give {min(len(a), len(b))} of both."
        )
    directions = _directions(a.shape[1], projections, random_state)
    gaps = np.sort(a @ directions, axis=0) - np.sort(b @ directions, axis=0)
    return float(np.sqrt(np.mean(gaps**2)))


def _directions(dim: int, projections: int, random_state: int) -> Float[np.ndarray, "dim p"]:
    """Uniform random unit vectors, one per column."""
    normal = np.random.default_rng(random_state).standard_normal((dim, projections))
    return normal / np.linalg.norm(normal, axis=0)


def _radii(name: str, X: Cloud, k: int) -> Float[np.ndarray, " n"]:
    """Distance from each point to its k-th nearest neighbor in the same cloud."""
    check_whole(1, k=k)
    if len(X) <= k:
        raise DataError(
            f"{name} has {len(X)} points; a neighbor number k={k} needs at least {k + 1}. "
            "Give more points, or a smaller k where there is one."
        )
    # Position 0 is the distance of each point to itself, so position k is its k-th neighbor.
    return np.partition(cdist(X, X), k, axis=1)[:, k]


def check_clouds(**clouds: Any) -> list[Cloud]:
    """Return clouds, given by name, as float64, or say what is wrong with one of them.

    Raises:
        DataError: Not a cloud, a value that is not finite, or other dimensions than the first.

    Example:
        >>> [cloud.dtype.name for cloud in check_clouds(real=np.ones((3, 2), dtype="float32"))]
        ['float64']
    """
    checked: list[Cloud] = []
    for name, given in clouds.items():
        X = np.asarray(given, dtype=np.float64)
        if X.ndim != 2 or 0 in X.shape:
            raise DataError(
                f"{name} has shape {X.shape}; expected (n, dim), at least one point and one "
                "dimension. Compare one draw at a time."
            )
        bad = np.argwhere(~np.isfinite(X))
        if len(bad):
            row, column = bad[0]
            raise DataError(
                f"{name}[{row}, {column}] is {X[row, column]}; expected finite numbers. Find out "
                "where it comes from; a model whose training diverged often makes such rows."
            )
        if checked and X.shape[1] != checked[0].shape[1]:
            first = next(iter(clouds))
            raise DataError(
                f"{name} has {X.shape[1]} dimensions and {first} has {checked[0].shape[1]}; "
                "expected as many in both. Embed both with the same word vectors."
            )
        checked.append(X)
    return checked
