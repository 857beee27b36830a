"""Each measure by identity, by hand or closed form, and against a library that is trusted."""

from itertools import pairwise

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from scipy.stats import special_ortho_group
from vendi_score import vendi

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.measure.metrics import (
    _directions,
    authenticity,
    coverage,
    precision,
    recall,
    sliced_wasserstein,
    variance_ratio,
    vendi_ratio,
    vendi_score,
)

PAIR_METRICS = [
    precision,
    recall,
    coverage,
    vendi_ratio,
    variance_ratio,
    authenticity,
    sliced_wasserstein,
]
ORDERS = [0.5, 1, 2, np.inf]


def clouds(seed: int, n: int = 40, dim: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping Gaussian clouds with different centers and spreads."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)), rng.normal(0.5, 0.7, size=(n, dim))


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


seeds = st.integers(0, 10**6)

# Identities


@pytest.mark.parametrize("metric", [recall, coverage, vendi_ratio, variance_ratio])
def test_a_cloud_against_itself_is_one(metric) -> None:
    X, _ = clouds(0)
    assert metric(X, X) == pytest.approx(1)
    doubled = np.concatenate([X, X, X])  # every point has copies at distance 0
    assert metric(doubled, doubled) == pytest.approx(1)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_radii_of_zero_still_hold_their_center(k: int) -> None:
    copies = np.repeat(clouds(0)[0], k + 1, axis=0)  # so NN_k is 0 everywhere
    assert recall(copies, copies, k) == coverage(copies, copies, k) == 1


@pytest.mark.parametrize("metric", [recall, coverage])
def test_far_clouds_do_not_meet(metric) -> None:
    X, Y = clouds(0)
    assert metric(X, Y + 100) == 0


def test_copies_are_not_authentic_and_far_points_are() -> None:
    X, Y = clouds(0)
    assert authenticity(X, X) == 0
    assert authenticity(X, np.concatenate([X, X])) == 0
    assert authenticity(np.concatenate([X, X]), X) == 0
    assert authenticity(X, Y + 100) == 1


def test_sliced_wasserstein_to_itself_is_zero() -> None:
    X, _ = clouds(0)
    assert sliced_wasserstein(X, X) == 0
    assert sliced_wasserstein(X, X[::-1]) == 0  # a cloud has no order


@pytest.mark.parametrize("order", ORDERS)
def test_vendi_counts_different_points(order: float) -> None:
    assert vendi_score(np.tile([[3.0, 1.0, 2.0]], (7, 1)), order) == pytest.approx(1)
    assert vendi_score(np.diag([1.0, 2.0, 5.0, 9.0]), order) == pytest.approx(4)
    rotated = special_ortho_group.rvs(6, random_state=0)
    assert vendi_score(rotated, order) == pytest.approx(6)


def test_vendi_of_a_low_order_does_not_count_rounding() -> None:
    points = np.tile(np.random.default_rng(0).normal(size=50), (500, 1))
    assert vendi_score(points, order=0.01) == pytest.approx(1)


def test_vendi_counts_directions_and_not_rows() -> None:
    line = np.array([[1.0, 2.0], [-1.0, -2.0], [3.0, 6.0]])
    assert vendi_score(np.tile(line, (50, 1))) == pytest.approx(1)
    noise = np.random.default_rng(0).normal(size=(500, 5))
    assert 4.9 < vendi_score(noise) <= 5  # five hundred different rows


def test_vendi_of_points_at_the_origin() -> None:
    assert vendi_score(np.zeros((5, 3))) == 1  # all alike
    # Two at the origin, one on each of two axes: weights 2/4, 1/4, 1/4.
    X = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert vendi_score(X, order=2) == pytest.approx(1 / (0.25 + 0.0625 + 0.0625))


# Hand-worked cases


def test_precision_is_recall_with_the_clouds_exchanged() -> None:
    a, b = clouds(0, n=60, dim=6)
    assert precision(a, b[:40]) == recall(b[:40], a) != recall(a, b[:40])
    # A collapsed cloud is faithful and reaches nothing; noise reaches and is not faithful.
    corner, wide = a[:1] + 1e-3 * b, 3 * b
    assert precision(a, corner) == 1 and recall(a, corner) < 0.1
    assert precision(a, wide) < 0.2


def test_recall_looks_from_the_synthetic_balls_and_coverage_from_the_real_ones() -> None:
    # real        0     1     2     3        nearest other real point: 1 for each
    # synthetic           1.5 1.6            nearest other synthetic point: 0.1 for each
    # recall: 1 to 1.5 is 0.5 > 0.1 and 2 to 1.6 is 0.4 > 0.1, the others are further: 0 of 4.
    # coverage: 1 to 1.5 is 0.5 <= 1, 2 to 1.6 is 0.4 <= 1, 0 to 1.5 and 3 to 1.6 are > 1: 2 of 4.
    real, synthetic = column(0, 1, 2, 3), column(1.5, 1.6)
    assert recall(real, synthetic, k=1) == 0
    assert coverage(real, synthetic, k=1) == 0.5
    # The other way round every ball has radius 1 and reaches both points; of the balls of radius
    # 0.1 around 1.5 and 1.6 none holds 0, 1, 2, or 3.
    assert recall(synthetic, real, k=1) == 1
    assert coverage(synthetic, real, k=1) == 0


def test_the_kth_neighbor_does_not_count_the_point_itself() -> None:
    # synthetic 0, 1, 3: k = 1 gives radii 1, 1, 2; k = 2 gives 3, 2, 3.
    # real -2 and 5.5: distances to 0 and 3 are 2 and 2.5: in no ball for k = 1, in one each for 2.
    real, synthetic = column(-2, 5.5), column(0, 1, 3)
    assert recall(real, synthetic, k=1) == 0
    assert recall(real, synthetic, k=2) == 1


def test_a_point_on_the_surface_of_a_ball_is_inside() -> None:
    assert recall(column(2), column(0, 1), k=1) == 1
    assert coverage(column(0, 1), column(2), k=1) == 0.5


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (0.5, (0.75**0.5 + 0.25**0.5) ** 2),  # 1.866
        (1, np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))),  # 1.755
        (2, 1 / (0.75**2 + 0.25**2)),  # 1.6
        (np.inf, 1 / 0.75),  # 1.333
    ],
)
def test_vendi_by_hand(order: float, expected: float) -> None:
    """Three points along one axis, one along another: K / 4 has the eigenvalues 3/4 and 1/4."""
    X = np.array([[1.0, 0.0], [2.0, 0.0], [7.0, 0.0], [0.0, 3.0]])
    assert vendi_score(X, order) == pytest.approx(expected)


def test_vendi_ratio_centers_by_the_real_mean() -> None:
    # Real: four corners about (10, 10), which span two axes alike: Vendi 2.
    # Synthetic: three points to the right of the real mean, one direction: Vendi 1.
    real = np.array([[11.0, 10], [9, 10], [10, 11], [10, 9]])
    assert vendi_ratio(real, np.array([[11.0, 10], [12, 10], [13, 10]])) == pytest.approx(0.5)
    # From the real mean these are (1, 1) and (1, -1): orthogonal, Vendi 2. From their own mean
    # they are opposite, and from the origin almost parallel: Vendi 1.
    assert vendi_ratio(real, np.array([[11.0, 11], [11, 9]])) == pytest.approx(1)


@pytest.mark.parametrize("order", ORDERS)
def test_vendi_ratio_heeds_the_order(order: float) -> None:
    """Trap: the order ignored."""
    real, synthetic = clouds(0)
    center = real.mean(axis=0)
    expected = vendi_score(synthetic - center, order) / vendi_score(real - center, order)
    assert vendi_ratio(real, synthetic, order) == pytest.approx(expected)


def test_variance_ratio_by_hand() -> None:
    # Real: variances 1 and 4, total 5. Synthetic: 9 and 1, total 10.
    real, synthetic = np.array([[0.0, 0], [2, 4]]), np.array([[5.0, 7], [11, 9]])
    assert variance_ratio(real, synthetic) == pytest.approx(10 / 5)


def test_authenticity_by_hand() -> None:
    """Trap: indexed by the wrong set."""
    # train        0   1   5      radius to the nearest other training point: 1, 1, 4
    # synthetic    7    2.0 from 5, radius 4: a copy
    #              8    3.0 from 5, radius 4: a copy
    #              0.4  0.4 from 0, radius 1: a copy
    #              9.5  4.5 from 5, radius 4: authentic
    #             -1.5  1.5 from 0, radius 1: authentic
    # Radii to the nearest *synthetic* point would be 2 at 5 and 0.4 at 0: 8 would be authentic.
    # Radii among the synthetic points would be 1, 1, 1.9, 1.5, 1.9: so would 7 and 8, not -1.5.
    # Both make 3 of 5.
    train, synthetic = column(0, 1, 5), column(7, 8, 0.4, 9.5, -1.5)
    assert authenticity(train, synthetic) == 2 / 5
    assert [authenticity(train, row[None]) for row in synthetic] == [0, 0, 0, 1, 1]


def test_a_training_point_with_a_copy_has_radius_zero() -> None:
    assert authenticity(column(0, 0, 5), column(0.1)) == 1
    assert authenticity(column(0, 0, 5), column(0)) == 0


def test_sliced_wasserstein_by_hand() -> None:
    # On a line the only directions are + and -. Sorted: 0, 1 against 1, 4: gaps 1 and 3,
    # sqrt((1 + 9) / 2) = 2.236. Without sorting 0 would go to 4.
    assert sliced_wasserstein(column(0, 1), column(4, 1)) == pytest.approx(5**0.5)


# Closed forms


def test_coverage_of_one_distribution_by_another_sample_of_it() -> None:
    """The k nearest of the other n - 1 real and m synthetic points must not all be real.

    All orders of their distances are equally likely, in any dimension, so a point is missed with
    probability (n-1)/(n+m-1) * (n-2)/(n+m-2) * ... * (n-k)/(n+m-k).
    """
    n, k = 60, 3
    missed = np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])
    rng = np.random.default_rng(0)
    runs = [coverage(*rng.normal(size=(2, n, 5)), k) for _ in range(100)]
    error = np.std(runs) / 10
    assert error < 0.006
    assert np.mean(runs) == pytest.approx(1 - missed, abs=4 * error)


@given(seeds, st.floats(0.1, 3))
def test_scaling_about_the_mean_scales_variance_and_keeps_directions(seed, factor) -> None:
    X, _ = clouds(seed)
    scaled = X.mean(axis=0) + factor * (X - X.mean(axis=0))
    assert variance_ratio(X, scaled) == pytest.approx(factor**2)
    assert vendi_ratio(X, scaled) == pytest.approx(1)


def test_sliced_wasserstein_of_a_shift_and_of_a_stretch() -> None:
    X, _ = clouds(0, n=200, dim=4)
    shift = np.array([3.0, 0.0, 4.0, 0.0])  # length 5; E<theta, v>^2 = 25 / 4
    assert sliced_wasserstein(X, X + shift, projections=20_000) == pytest.approx(2.5, rel=0.02)
    # Stretching keeps the order on every line, so the gaps are those of the points themselves.
    expected = np.sqrt((X**2).sum(axis=1).mean() / 4)
    assert sliced_wasserstein(X, 2 * X, projections=20_000) == pytest.approx(expected, rel=0.02)


def test_directions_are_uniform_unit_vectors() -> None:
    directions = _directions(3, 20_000, random_state=0)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1)
    np.testing.assert_allclose(directions @ directions.T / 20_000, np.eye(3) / 3, atol=0.01)
    np.testing.assert_allclose(directions.mean(axis=1), 0, atol=0.02)


# Trusted implementations


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_prdc_agrees(seed: int, k: int) -> None:
    real, synthetic = clouds(seed, n=60, dim=6)
    expected = compute_prdc(real, synthetic[:50], nearest_k=k)
    assert recall(real, synthetic[:50], k) == pytest.approx(expected["recall"])
    assert coverage(real, synthetic[:50], k) == pytest.approx(expected["coverage"])
    assert precision(real, synthetic[:50], k) == pytest.approx(expected["precision"])
    assert 0 < expected["recall"] < 1 and 0 < expected["coverage"] < 1  # neither is a corner case


# That package looks up a class where scipy no longer wants it to be looked up.
@pytest.mark.filterwarnings("ignore:Please import `csr_matrix`:DeprecationWarning")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(30, 4), (5, 12)])
def test_vendi_score_agrees(shape: tuple[int, int], order: float) -> None:
    """Trap: the order ignored, as that package's own ``score_X`` does; ``score_K`` heeds it."""
    X = np.random.default_rng(0).normal(size=shape)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    q = "inf" if np.isinf(order) else order
    assert vendi_score(X, order) == pytest.approx(vendi.score_K(unit @ unit.T, q=q), rel=1e-5)


@pytest.mark.parametrize("dim", [1, 3, 20])
def test_pot_agrees(dim: int) -> None:
    a, b = clouds(1, n=50, dim=dim)
    directions = _directions(dim, 128, random_state=5)
    expected = ot.sliced_wasserstein_distance(a, b, projections=directions, p=2)
    assert sliced_wasserstein(a, b, random_state=5) == pytest.approx(expected)
    if dim == 1:
        assert sliced_wasserstein(a, b) ** 2 == pytest.approx(ot.wasserstein_1d(a, b, p=2).item())


def slow_authenticity(train: np.ndarray, synthetic: np.ndarray) -> float:
    """The definition, word by word."""
    authentic = 0
    for point in synthetic:
        best, best_distance = -1, np.inf
        for i, row in enumerate(train):
            distance = sum((point - row) ** 2) ** 0.5
            if distance < best_distance:
                best, best_distance = i, distance
        others = [sum((train[best] - row) ** 2) ** 0.5 for i, row in enumerate(train) if i != best]
        authentic += best_distance > min(others)
    return authentic / len(synthetic)


@settings(max_examples=20)
@given(seeds, st.integers(2, 15), st.integers(1, 15), st.integers(1, 4))
def test_authenticity_is_the_slow_loop(seed: int, n: int, m: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    train, synthetic = rng.normal(size=(n, dim)), rng.normal(size=(m, dim))
    assert authenticity(train, synthetic) == pytest.approx(slow_authenticity(train, synthetic))


# Properties


@given(seeds)
def test_bounds(seed: int) -> None:
    a, b = clouds(seed, n=20)
    for share in (recall(a, b), coverage(a, b), authenticity(a, b)):
        assert 0 <= share <= 1
    for order in ORDERS:
        assert 1 - 1e-9 <= vendi_score(a, order) <= 3 + 1e-9  # at most the dimension
    assert vendi_ratio(a, b) > 0 and variance_ratio(a, b) > 0
    # A projection shortens, so no sliced distance exceeds the whole one.
    whole = np.sqrt(ot.emd2([], [], ot.dist(a, b)))
    assert 0 < sliced_wasserstein(a, b) <= whole + 1e-9


@given(seeds)
def test_vendi_falls_with_the_order(seed: int) -> None:
    """Renyi entropies do, and strictly so unless all weights are equal."""
    X, _ = clouds(seed)
    scores = [vendi_score(X + 1, order) for order in (0.1, 0.5, 1, 2, 5, np.inf)]
    assert all(high > low + 1e-9 for high, low in pairwise(scores))


@given(seeds)
def test_vendi_is_continuous_at_order_one(seed: int) -> None:
    X, _ = clouds(seed)
    assert vendi_score(X, 1 + 1e-5) == pytest.approx(vendi_score(X), rel=1e-4)


@given(seeds, st.integers(1, 10), st.integers(1, 10))
def test_more_neighbors_reach_further(seed: int, k: int, more: int) -> None:
    real, synthetic = clouds(seed)
    assert recall(real, synthetic, k + more) >= recall(real, synthetic, k)
    assert coverage(real, synthetic, k + more) >= coverage(real, synthetic, k)


@pytest.mark.parametrize("metric", PAIR_METRICS)
@given(seed=seeds)
def test_a_cloud_has_no_order(metric, seed: int) -> None:
    real, synthetic = clouds(seed)
    rng = np.random.default_rng(seed)
    expected = metric(real, synthetic)
    assert metric(rng.permutation(real), rng.permutation(synthetic)) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [m for m in PAIR_METRICS if m is not sliced_wasserstein])
@given(seed=seeds, factor=st.floats(0.1, 10))
def test_moving_both_clouds_together_changes_nothing(metric, seed: int, factor: float) -> None:
    real, synthetic = clouds(seed)
    rotation = special_ortho_group.rvs(3, random_state=seed)

    def moved(X: np.ndarray) -> np.ndarray:
        return factor * X @ rotation + [3.0, -1.0, 2.0]

    assert metric(moved(real), moved(synthetic)) == pytest.approx(metric(real, synthetic))


@given(seeds, st.floats(0.1, 10))
def test_sliced_wasserstein_is_a_distance_in_the_unit_of_the_points(seed, factor) -> None:
    """Trap: |a - b| without the absolute value, which would cancel or change its sign."""
    a, b = clouds(seed)
    c = clouds(seed + 1)[1]
    distance = sliced_wasserstein(a, b)
    assert distance > 0
    assert sliced_wasserstein(b, a) == pytest.approx(distance)
    assert sliced_wasserstein(factor * a + 7, factor * b + 7) == pytest.approx(factor * distance)
    assert distance <= sliced_wasserstein(a, c) + sliced_wasserstein(c, b) + 1e-9


def test_opposite_gaps_do_not_cancel() -> None:
    # Sorted gaps -1 and +1: their mean is 0, the distance is 1.
    assert sliced_wasserstein(column(-1, 1), column(0, 0)) == pytest.approx(1)


@given(seeds, st.floats(0.1, 10))
def test_vendi_sees_directions_only(seed: int, factor: float) -> None:
    X, _ = clouds(seed)
    lengths = np.random.default_rng(seed).uniform(0.5, 2, size=(len(X), 1))
    assert vendi_score(factor * lengths * X) == pytest.approx(vendi_score(X))


# What the book says about the measures


def test_no_measure_alone_is_enough() -> None:
    """A shrunk cloud keeps its coverage and loses its recall; a memorizer is all copies."""
    rng = np.random.default_rng(0)
    train, real, other = rng.normal(size=(3, 400, 50))
    shrunk = 0.7 * other
    assert coverage(real, other) > 0.94 and recall(real, other) > 0.6
    assert coverage(real, shrunk) > 0.98 and recall(real, shrunk) < 0.05
    assert variance_ratio(real, shrunk) == pytest.approx(0.49, abs=0.02)
    assert vendi_ratio(real, shrunk) == pytest.approx(1, abs=0.02)  # blind to a shrunk cloud
    assert authenticity(train, train[:200]) == 0
    assert authenticity(train, other) > 0.6


def test_what_fools_each_measure() -> None:
    """The table of chapter 5, on clouds for which every cause is known."""
    rng = np.random.default_rng(0)
    train, real, other = rng.normal(size=(3, 400, 50))
    midpoints = (train[rng.permutation(400)] + train) / 2  # as SMOTE stays inside
    assert precision(real, midpoints) == 1 > precision(real, other)
    wide = 1.5 * other
    assert recall(real, wide) > 0.95 > recall(real, other) and precision(real, wide) < 0.02
    assert coverage(real, 0.7 * other) > coverage(real, other)
    two = np.sqrt(50) * np.eye(50)[:1] * np.repeat([[1.0], [-1.0]], 200, axis=0)
    assert variance_ratio(real, two) == pytest.approx(1, abs=0.02)
    assert vendi_ratio(real, two) < 0.1  # opposite points count as one
    flat = real * np.linspace(3, 0.3, 50)
    assert vendi_ratio(flat, other) > 1.2  # noise has more directions than such rows
    assert authenticity(train, wide) == 1 > authenticity(train, other)


def test_noise_is_shorter_than_the_way_to_a_neighbor_in_many_dimensions() -> None:
    """The same rows and noise; only features are left out. So says chapter 5 of jitter."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 50))
    noisy = rows + 0.3 * rng.normal(size=(100, 50))
    new = [authenticity(rows[:, :d], noisy[:, :d]) for d in (2, 5, 10, 50)]
    assert new[0] > 0.3 > new[1] > new[2] >= new[3] == 0


# Errors


@pytest.mark.parametrize("metric", PAIR_METRICS)
def test_bad_clouds_are_named(metric) -> None:
    X, Y = clouds(0)
    first = metric.__code__.co_varnames[0]
    second = metric.__code__.co_varnames[1]
    broken = X.copy()
    broken[4, 2] = np.nan
    with pytest.raises(DataError, match=rf"{first}\[4, 2\] is nan; expected finite"):
        metric(broken, Y)
    with pytest.raises(DataError, match=rf"{second}\[4, 2\] is nan"):
        metric(X, broken)
    with pytest.raises(DataError, match=rf"{second} has 2 dimensions and {first} has 3"):
        metric(X, Y[:, :2])
    with pytest.raises(DataError, match=rf"{first} has shape \(1, 40, 3\).*one draw at a time"):
        metric(X[None], Y)
    with pytest.raises(DataError, match=rf"{second} has shape \(0, 3\)"):
        metric(X, Y[:0])


def test_too_few_rows_for_the_neighbors() -> None:
    X, Y = clouds(0)
    with pytest.raises(DataError, match=r"synthetic has 5 points; .*k=5 needs at least 6"):
        recall(X, Y[:5])
    with pytest.raises(DataError, match=r"real has 5 points; .*k=5 needs at least 6"):
        coverage(X[:5], Y)
    with pytest.raises(DataError, match=r"train has 1 points; .*needs at least 2"):
        authenticity(X[:1], Y)
    assert recall(X[:1], Y[:6]) in (0, 1) and coverage(X[:6], Y[:1]) >= 0  # just enough


def test_impossible_settings() -> None:
    X, Y = clouds(0)
    for metric in (recall, coverage):
        with pytest.raises(ConfigError, match="k=0; expected a whole number of 1 or more"):
            metric(X, Y, k=0)
    for order in (0, -1, np.nan):
        with pytest.raises(ConfigError, match=f"order={order}"):
            vendi_score(X, order)
    with pytest.raises(ConfigError, match="projections=0"):
        sliced_wasserstein(X, Y, projections=0)
    with pytest.raises(ConfigError, match="random_state=-1"):
        sliced_wasserstein(X, Y, random_state=-1)
    with pytest.raises(DataError, match=r"a has 40 points and b has 30.*Give 30 of both"):
        sliced_wasserstein(X, Y[:30])
    with pytest.raises(DataError, match="All 3 real points are the same"):
        variance_ratio(np.full((3, 3), 0.1), Y)
    with pytest.raises(DataError, match=r"X\[0, 0\] is inf"):
        vendi_score(np.full((3, 3), np.inf))


def test_float32_is_computed_in_double_precision() -> None:
    X, Y = clouds(0)
    far = [np.float32(cloud + 1000) for cloud in (X, Y)]
    for metric in PAIR_METRICS:
        expected = metric(*(cloud.astype(float) for cloud in far))
        assert metric(*far) == expected
