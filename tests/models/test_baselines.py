"""The baselines make what they say, with the labels asked for, each draw on its own."""

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.covariance import LedoitWolf

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.models.baselines import (
    Baseline,
    Blurred,
    ClassGaussian,
    Jitter,
    Memorizer,
    Noise,
    PoolGaussian,
    RealPool,
    Relabeled,
    Smote,
)
from embgan_edu.models.gan import GAN


def make_rows(n: int = 40, draws: int = 3, dim: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which a quarter has label 1, and lies elsewhere."""
    y = np.tile(np.arange(n) % 4 == 0, (draws, 1)).astype(np.int64)
    X = np.random.default_rng(0).normal(size=(draws, n, dim)).astype(np.float32)
    return X + 10 * y[..., None].astype(np.float32), y


def make_pool() -> RealPool:
    """Real rows of another corpus: twice as many, most with label 1."""
    X, y = make_rows(80)
    return RealPool(X + 0.5, 1 - y)


MAKERS: list[Callable[[], Baseline]] = [Memorizer, Jitter, Smote, ClassGaussian, make_pool]
every_baseline = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


# What all have in common


@every_baseline
def test_shapes_types_and_label_frequencies(make) -> None:
    X, y = make_rows()
    X_new, y_new = make().fit(X, y).sample(2000)
    assert X_new.shape == (3, 2000, 3) and X_new.dtype == np.float32
    assert y_new.shape == (3, 2000) and y_new.dtype == np.int64
    assert np.isfinite(X_new).all()
    # A quarter, within five standard errors: 5 * sqrt(0.25 * 0.75 / 2000) = 0.048.
    np.testing.assert_allclose((y_new == 1).mean(axis=1), 0.25, atol=0.048)


@every_baseline
def test_frequencies_are_those_of_each_draw(make) -> None:
    X, y = make_rows()
    y[1] = np.arange(40) % 2
    _, y_new = make().fit(X, y).sample(40)
    # As many rows as there are: without replacement, so the frequencies are met exactly.
    assert (y_new == 1).sum(axis=1).tolist() == [10, 20, 10]


@every_baseline
def test_rows_belong_to_their_labels(make) -> None:
    X, y = make_rows()
    sampler = RealPool(X, y) if make is make_pool else make()
    X_new, y_new = sampler.fit(X, y).sample(200)
    # Label 1 lies around 10, label 0 around 0, with a standard deviation of 1.
    np.testing.assert_array_equal(X_new.mean(axis=2) > 5, y_new == 1)


@every_baseline
@pytest.mark.parametrize("label", [0, 1])
def test_a_label_can_be_asked_for(make, label: int) -> None:
    X_new, y_new = make().fit(*make_rows()).sample(30, label=label)
    assert X_new.shape == (3, 30, 3)
    assert (y_new == label).all()


@every_baseline
def test_the_same_seed_gives_the_same_sample(make) -> None:
    sampler = make().fit(*make_rows())
    first, again, other = (sampler.sample(30, random_state=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


@every_baseline
def test_a_draw_does_not_depend_on_its_neighbors(make) -> None:
    """Trap: one random stream for all draws."""
    X, y = make_rows()
    many = make().fit(X, y).sample(30)
    changed = X.copy()
    changed[0] += 100
    y_changed = y.copy()
    y_changed[0, :20] = 1
    beside_others = make().fit(changed, y_changed).sample(30)
    np.testing.assert_array_equal(many[0][1:], beside_others[0][1:])
    np.testing.assert_array_equal(many[1][1:], beside_others[1][1:])
    if make is not make_pool:
        alone = make().fit(X[:1], y[:1]).sample(30)
        np.testing.assert_array_equal(many[0][:1], alone[0])


@every_baseline
def test_draws_differ_even_when_their_rows_do_not(make) -> None:
    X, y = make_rows(80)
    X, y = np.repeat(X[:1], 3, axis=0), np.repeat(y[:1], 3, axis=0)
    sampler = RealPool(X, y) if make is make_pool else make()
    X_new, _ = sampler.fit(X, y).sample(10, label=1)
    assert (X_new[0] != X_new[1]).any()


@every_baseline
def test_training_rows_are_left_as_they_were(make) -> None:
    X, y = make_rows()
    X_before, y_before = X.copy(), y.copy()
    make().fit(X, y).sample(30)[0].fill(7)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)


@every_baseline
def test_an_unknown_label_lists_the_possible_ones(make) -> None:
    sampler = make().fit(*make_rows())
    for label in (2, -1):
        with pytest.raises(ConfigError, match=rf"label={label} is not .*possible: 0, 1\."):
            sampler.sample(5, label=label)


def test_a_label_that_one_draw_lacks_is_refused() -> None:
    X, y = make_rows()
    y[1] = 0
    with pytest.raises(ConfigError, match=r"label=1 is not .* every draw; possible: 0\."):
        Memorizer().fit(X, y).sample(5, label=1)


@every_baseline
def test_sampling_before_fit_is_refused(make) -> None:
    with pytest.raises(ConfigError, match=r"call fit\(X, y\) first"):
        make().sample(5)


@every_baseline
def test_impossible_numbers_are_refused(make) -> None:
    sampler = make().fit(*make_rows())
    with pytest.raises(ConfigError, match="n=0; expected a whole number of 1 or more"):
        sampler.sample(0)
    with pytest.raises(ConfigError, match="random_state=-1"):
        sampler.sample(5, random_state=-1)


@every_baseline
def test_bad_training_rows_are_refused(make) -> None:
    X, y = make_rows()
    with pytest.raises(DataError, match=r"expected \(draw, n, dim\)"):
        make().fit(X[0], y[0])
    X[1, 4, 2] = np.inf
    with pytest.raises(DataError, match=r"X\[1, 4\] holds a value that is not finite"):
        make().fit(X, y)


@pytest.mark.parametrize("make", [Smote, ClassGaussian])
def test_one_row_of_a_label_is_too_few(make) -> None:
    X, y = make_rows()
    y[2] = 0
    y[2, 7] = 1
    with pytest.raises(DataError, match=rf"Draw 2 has 1 row with label 1; {make.__name__} needs 2"):
        make().fit(X, y)
    y[2, 8] = 1
    X_new, _ = make().fit(X, y).sample(10, label=1)
    assert np.isfinite(X_new).all()


def test_the_gan_can_stand_in_for_a_baseline() -> None:
    assert inspect.signature(GAN.sample).parameters == inspect.signature(Baseline.sample).parameters
    assert list(inspect.signature(GAN.fit).parameters)[:3] == ["self", "X", "y"]


# Each on its own


def rows_of(X: np.ndarray) -> set[tuple[float, ...]]:
    return set(map(tuple, X.tolist()))


def test_memorizer_gives_exact_rows_with_their_labels() -> None:
    X, y = make_rows()
    X_new, y_new = Memorizer().fit(X, y).sample(100)
    for k in range(3):
        for label in (0, 1):
            assert rows_of(X_new[k][y_new[k] == label]) <= rows_of(X[k][y[k] == label])


def test_memorizer_gives_each_row_once_while_there_are_enough() -> None:
    X, y = make_rows()
    X_new, _ = Memorizer().fit(X, y).sample(40)
    for k in range(3):
        assert rows_of(X_new[k]) == rows_of(X[k])


def test_jitter_adds_noise_of_the_given_scale() -> None:
    X, y = np.full((1, 4, 5), 2.0), np.array([[0, 1, 0, 1]])
    X_new, _ = Jitter(scale=0.3).fit(X, y).sample(4000)
    # Five standard errors of a standard deviation: 5 * 0.3 / sqrt(2 * 20,000) = 0.0075.
    assert X_new.std() == pytest.approx(0.3, abs=0.0075)
    assert X_new.mean() == pytest.approx(2, abs=0.011)
    noise = np.corrcoef((X_new[0] - 2).T) - np.eye(5)
    assert np.abs(noise).max() < 0.1  # each dimension has noise of its own


def test_jitter_without_noise_gives_training_rows() -> None:
    X, y = make_rows()
    X_new, _ = Jitter(scale=0).fit(X, y).sample(60)
    for k in range(3):
        assert rows_of(X_new[k]) <= rows_of(X[k])
    for scale in (-0.1, np.nan, np.inf):
        with pytest.raises(ConfigError, match=f"scale={scale}"):
            Jitter(scale)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 6))
def test_smote_lies_between_two_rows_of_the_label(seed: int, per_label: int, neighbors: int):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(1, 2 * per_label, 3)), np.tile([0, 1], (1, per_label))
    X_new, y_new = Smote(neighbors).fit(X, y).sample(20, random_state=seed)
    for point, label in zip(X_new[0].astype(float), y_new[0], strict=True):
        rows = X[0][y[0] == label]
        a, b = rows[:, None], rows[None, :]
        ways = np.linalg.norm(point - a, axis=2) + np.linalg.norm(point - b, axis=2)
        detours = ways - np.linalg.norm(a - b, axis=2)
        assert detours.min() < 1e-3  # on the straight line from one row to the other


def test_smote_makes_new_rows_of_balanced_data() -> None:
    """Trap: SMOTE tops up the rarer label, and where labels are balanced does nothing."""
    X, _ = make_rows()
    y = np.tile(np.arange(40) % 2, (3, 1))
    X_new, y_new = Smote().fit(X, y).sample(50)
    assert X_new.shape == (3, 50, 3)
    for k in range(3):
        assert {0, 1} == set(y_new[k].tolist())
        assert not rows_of(X_new[k]) & rows_of(X[k])
        assert len(rows_of(X_new[k])) == 50


def test_smote_keeps_to_the_nearest_neighbors() -> None:
    # Label 1 has the rows 0, 1 and 100, 101. With one neighbor nothing lies between 1 and 100,
    # with three something does.
    X = np.array([0, 1, 100, 101, 50, 50], dtype=float)[None, :, None]
    y = np.array([[1, 1, 1, 1, 0, 0]])

    def between(neighbors: int) -> int:
        X_new, _ = Smote(neighbors).fit(X, y).sample(100, label=1)
        return int(((X_new > 1.001) & (X_new < 99.999)).sum())

    assert between(1) == 0
    assert between(3) > 30
    with pytest.raises(ConfigError, match="neighbors=0"):
        Smote(0)


def test_class_gaussian_has_the_mean_and_the_covariance_of_each_label() -> None:
    X, y = make_rows(200, draws=2)
    X[..., 1] += X[..., 0] * (1 - 2 * y)  # correlated one way for label 0, the other for label 1
    sampler = ClassGaussian().fit(X, y)
    for label in (0, 1):
        X_new, _ = sampler.sample(40_000, label=label)
        for k in range(2):
            expected = LedoitWolf().fit(X[k][y[k] == label])
            np.testing.assert_allclose(X_new[k].mean(axis=0), expected.location_, atol=0.06)
            covariance = np.cov(X_new[k].T)
            np.testing.assert_allclose(covariance, expected.covariance_, atol=0.08)
            assert np.sign(covariance[0, 1]) == 1 - 2 * label


def test_class_gaussian_depends_on_no_choice_of_eigenvectors() -> None:
    """With 10 rows in 40 dimensions 31 eigenvalues are equal, and any basis belongs to them."""
    X = np.random.default_rng(0).normal(size=(10, 40)).astype(np.float32)
    fitted = LedoitWolf().fit(X.astype(np.float64))
    z = np.random.default_rng(1).standard_normal((20, 40))
    expected = fitted.location_ + z @ sqrtm(fitted.covariance_)
    rows = ClassGaussian()._rows(X, 20, np.random.default_rng(1))
    np.testing.assert_allclose(rows, expected, atol=1e-10)


def test_class_gaussian_takes_constant_features() -> None:
    X, y = make_rows()
    X_new, _ = ClassGaussian().fit(np.zeros_like(X), y).sample(20)
    np.testing.assert_allclose(X_new, 0, atol=1e-6)


def test_real_pool_gives_each_real_row_once_while_there_are_enough() -> None:
    X_pool, y_pool = make_rows(80)
    X, y = make_rows(40)
    pool = RealPool(X_pool, y_pool).fit(X, y)
    X_new, _ = pool.sample(20, label=1)  # the pool has 20 such rows
    for k in range(3):
        assert rows_of(X_new[k]) == rows_of(X_pool[k][y_pool[k] == 1])
    assert pool.sample(50, label=1)[0].shape == (3, 50, 3)


def test_real_pool_learns_the_frequencies_of_the_target_and_none_of_its_rows() -> None:
    X, y = make_rows()
    pool = make_pool()  # three quarters have label 1, of the target one quarter
    first = pool.fit(X, y).sample(40)
    assert (first[1] == 1).sum(axis=1).tolist() == [10, 10, 10]
    again = pool.fit(X * 0, y).sample(40)
    np.testing.assert_array_equal(first[0], again[0])


def test_real_pool_refuses_other_draws_dimensions_and_labels() -> None:
    X, y = make_rows()
    with pytest.raises(DataError, match="X has 2 draws and 3 dimensions, the pool 3 and 3"):
        make_pool().fit(X[:2], y[:2])
    with pytest.raises(DataError, match="X has 3 draws and 2 dimensions, the pool 3 and 3"):
        make_pool().fit(X[..., :2], y)
    y[1, 5] = 2
    with pytest.raises(DataError, match="the label 2 in draw 1, but the pool has no such row"):
        make_pool().fit(X, y)
    with pytest.raises(DataError, match=r"expected \(draw, n, dim\)"):
        RealPool(X[0], y[0])


# Rows that a classifier labels, and rows of another sampler


class Rising:
    """A classifier: label 1 where the second feature is above the first by more than a margin."""

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = margin

    def logits(self, X: np.ndarray) -> np.ndarray:
        score = X[..., 1] - X[..., 0] - self.margin
        return np.stack([-score, score], axis=-1)


def judged_noise(margin: float = 0.0) -> Relabeled:
    return Relabeled(Noise(), Rising(margin))


WRAPPERS = [Noise, judged_noise, lambda: Blurred(ClassGaussian(), 0.3)]
every_wrapper = pytest.mark.parametrize("make", WRAPPERS, ids=["noise", "judged noise", "blurred"])


@every_wrapper
def test_wrappers_keep_frequencies_seeds_and_draws_apart(make) -> None:
    X, y = make_rows()
    sampler = make().fit(X, y)
    X_new, y_new = sampler.sample(40)
    assert X_new.shape == (3, 40, 3) and X_new.dtype == np.float32
    assert (y_new == 1).sum(axis=1).tolist() == [10, 10, 10]
    np.testing.assert_array_equal(X_new, sampler.sample(40)[0])
    assert (X_new != sampler.sample(40, random_state=1)[0]).any()
    assert (X_new[0] != X_new[1]).any()
    assert (sampler.sample(7, label=1)[1] == 1).all()
    alone = make().fit(X[:1], y[:1]).sample(40)
    np.testing.assert_array_equal(alone[0], X_new[:1])


def test_noise_is_standard_normal_and_knows_no_row() -> None:
    X, y = make_rows()
    rows, _ = Noise().fit(X, y).sample(4000)
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=0.08)
    np.testing.assert_allclose(rows.std(axis=1), 1, atol=0.06)
    np.testing.assert_array_equal(rows, Noise().fit(X + 5, y).sample(4000)[0])


@pytest.mark.parametrize("margin", [0.0, 1.5])
def test_relabeled_rows_have_the_labels_that_the_classifier_gives(margin: float) -> None:
    """With a margin the classifier gives label 1 to one row in seven; half of them are wanted."""
    X, y = make_rows()
    y[:] = np.arange(40) % 2
    X_new, y_new = judged_noise(margin).fit(X, y).sample(300)
    np.testing.assert_array_equal(Rising(margin).logits(X_new).argmax(axis=2), y_new)
    assert ((y_new == 1).mean(axis=1) > 0.4).all()
    assert all(len(np.unique(rows, axis=0)) == 300 for rows in X_new), "a row came twice"


def test_a_label_that_the_classifier_never_gives_is_named() -> None:
    with pytest.raises(ConfigError, match=r"label 1 to 0 of [\d,]+ rows of draw 0; \d+ are wanted"):
        judged_noise(margin=99.0).fit(*make_rows()).sample(40)


def test_a_blur_adds_its_variance_and_keeps_the_labels() -> None:
    X, y = make_rows()
    rows, labels = Memorizer().fit(X, y).sample(40)
    blurred, same = Blurred(Memorizer(), 0.5).fit(X, y).sample(40)
    np.testing.assert_array_equal(same, labels)
    assert (blurred - rows).std() == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ConfigError, match="scale=-1"):
        Blurred(Memorizer(), -1)


def test_a_pool_gaussian_is_that_of_the_pool_with_the_frequencies_of_the_target() -> None:
    X, y = make_rows(80)
    ours, labels = PoolGaussian(X, y).fit(*make_rows()).sample(40, random_state=3)
    theirs = ClassGaussian().fit(X, y)
    theirs.targets_ = make_rows()[1]
    np.testing.assert_array_equal(ours, theirs.sample(40, random_state=3)[0])
    assert (labels == 1).sum(axis=1).tolist() == [10, 10, 10]
