"""Splits are scarce, paired, and standardized without a look at the test rows."""

from dataclasses import fields, replace

import numpy as np
import pytest

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits, draw_splits


def make_corpus(n: int = 60, dim: int = 4, seed: int = 0) -> EmbeddedCorpus:
    X = np.random.default_rng(seed).normal(3.0, 2.0, size=(n, dim))
    return EmbeddedCorpus("toy", X, np.arange(n) % 2, ("negative", "positive"), 0)


def assert_same(a: ScarceSplits, b: ScarceSplits) -> None:
    for field in fields(a):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))


def test_shapes_types_and_rows() -> None:
    corpus = make_corpus()
    splits = draw_splits(corpus, n_train=20, n_test=30, draws=3)
    assert (splits.n_draws, splits.n_classes) == (3, 2)
    assert splits.X_train.shape == (3, 20, 4) and splits.X_train.dtype == np.float32
    assert splits.X_test.shape == (3, 30, 4) and splits.X_test.dtype == np.float32
    assert splits.y_train.shape == (3, 20) and splits.y_train.dtype == np.int64
    for k in range(3):
        both = np.concatenate([splits.train_index[k], splits.test_index[k]])
        assert len(set(both.tolist())) == 50  # no row twice, so none in both sets
        for X, y, index in (
            (splits.X_train[k], splits.y_train[k], splits.train_index[k]),
            (splits.X_test[k], splits.y_test[k], splits.test_index[k]),
        ):
            restored = X * splits.scale[k] + splits.mean[k]
            np.testing.assert_allclose(restored, corpus.X[index], atol=1e-5)
            np.testing.assert_array_equal(y, corpus.y[index])


def test_all_other_rows_are_tested_on_where_fewer_than_n_test_are_left() -> None:
    splits = draw_splits(make_corpus(60), n_train=20, n_test=1800, draws=2)
    assert splits.X_test.shape[1] == 40


def test_a_draw_does_not_depend_on_how_many_there_are() -> None:
    corpus = make_corpus()
    assert_same(draw_splits(corpus, 20, draws=6).select(slice(2)), draw_splits(corpus, 20, draws=2))


def test_draws_and_seeds_differ() -> None:
    splits = draw_splits(make_corpus(), 20, draws=2)
    other = draw_splits(make_corpus(), 20, draws=2, random_state=7)
    assert (splits.train_index[0] != splits.train_index[1]).any()
    assert (splits.train_index != other.train_index).any()


def test_a_larger_n_train_adds_rows_and_keeps_the_test_set() -> None:
    few, more = (draw_splits(make_corpus(100), n, n_test=40, draws=3) for n in (20, 50))
    np.testing.assert_array_equal(few.train_index, more.train_index[:, :20])
    np.testing.assert_array_equal(few.test_index, more.test_index)


def test_standardized_with_training_rows_only() -> None:
    """Trap: test statistics in the scaler. What happens to test rows must not reach it."""
    corpus = make_corpus()
    splits = draw_splits(corpus, n_train=20, draws=1)
    np.testing.assert_allclose(splits.X_train.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(splits.X_train.std(axis=1), 1, atol=1e-6)

    X = corpus.X.copy()
    X[splits.test_index[0]] *= 1000
    changed = draw_splits(replace(corpus, X=X), n_train=20, draws=1)
    np.testing.assert_array_equal(changed.X_train, splits.X_train)
    np.testing.assert_array_equal(changed.mean, splits.mean)
    np.testing.assert_array_equal(changed.scale, splits.scale)
    assert np.abs(changed.X_test).max() > 100 * np.abs(splits.X_test).max()


def test_a_constant_feature_is_only_centered() -> None:
    corpus = make_corpus()
    X = corpus.X.copy()
    X[:, 1] = 0.1  # no binary fraction: its mean over 20 rows is rounded
    splits = draw_splits(replace(corpus, X=X), n_train=20, draws=2)
    np.testing.assert_array_equal(splits.scale[:, 1], 1)
    np.testing.assert_allclose(splits.X_train[..., 1], 0, atol=1e-6)
    assert np.isfinite(splits.X_test).all()


def test_select_takes_slices_and_lists() -> None:
    splits = draw_splits(make_corpus(), 20, draws=4)
    np.testing.assert_array_equal(splits.select([3, 1]).X_train, splits.X_train[[3, 1]])
    assert_same(splits.select(slice(1, 3)), splits.select((1, 2)))
    assert splits.select([2]).n_draws == 1


def test_standardize_puts_another_corpus_into_the_units_of_each_draw() -> None:
    corpus = make_corpus()
    splits = draw_splits(corpus, 20, draws=3)
    X, y = splits.standardize(corpus)
    assert X.shape == (3, 60, 4) and X.dtype == np.float32 and y.shape == (3, 60)
    for k in range(3):
        np.testing.assert_allclose(X[k, splits.train_index[k]], splits.X_train[k], atol=1e-6)
        np.testing.assert_array_equal(y[k, splits.train_index[k]], splits.y_train[k])


def test_standardize_refuses_other_dimensions_and_labels() -> None:
    splits = draw_splits(make_corpus(), 20, draws=2)
    with pytest.raises(DataError, match=r"'toy' has 7 dimensions.*these splits have 4"):
        splits.standardize(make_corpus(dim=7))
    with pytest.raises(DataError, match=r"'bad', 'good'"):
        splits.standardize(replace(make_corpus(), label_names=("bad", "good")))


def test_n_train_larger_than_the_data() -> None:
    for n_train in (60, 500):
        with pytest.raises(DataError, match=rf"n_train={n_train}.*'toy' has 60 rows.*at most 59"):
            draw_splits(make_corpus(60), n_train=n_train)
    assert draw_splits(make_corpus(60), n_train=59, draws=1).X_test.shape[1] == 1


def test_a_draw_without_one_label_is_named() -> None:
    corpus = make_corpus()
    train = draw_splits(corpus, 20, draws=3).train_index
    y = np.zeros(60, dtype=np.int64)
    for k in (0, 2):  # one positive row for draws 0 and 2, none for draw 1
        y[np.setdiff1d(train[k], train[1])[0]] = 1
    expected = "20 training rows of draw 1 hold no example of 'positive'.*larger n_train"
    with pytest.raises(DataError, match=expected):
        draw_splits(replace(corpus, y=y), 20, draws=3)


@pytest.mark.parametrize("name", ["n_train", "n_test", "draws"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}=0; expected a whole number of 1 or more"):
        draw_splits(make_corpus(), **{name: 0})


@pytest.mark.parametrize("value", [20.0, "20", None, True])
def test_numbers_that_are_not_whole_are_refused(value: object) -> None:
    with pytest.raises(ConfigError, match=f"n_train={value!r}; expected a whole number"):
        draw_splits(make_corpus(), n_train=value)


def test_numbers_of_numpy_are_whole_too() -> None:
    assert draw_splits(make_corpus(), np.int64(20), draws=np.int32(2)).n_draws == 2


@pytest.mark.parametrize("seed", [-1, None, 1.5])
def test_a_seed_that_is_not_a_whole_number_is_refused(seed: object) -> None:
    with pytest.raises(ConfigError, match=f"random_state={seed!r}"):
        draw_splits(make_corpus(), random_state=seed)


def test_a_corpus_that_is_not_embedded_is_refused() -> None:
    with pytest.raises(DataError, match=r"got str; embed it first"):
        draw_splits("movie", n_train=20)


# Paired differences


def test_folds_cover_the_training_rows_once_and_hold_no_test_row() -> None:
    splits = draw_splits(make_corpus(), n_train=20, draws=3)
    folds = splits.folds(4)
    assert folds.X_train.shape == (12, 15, splits.X_train.shape[2])
    for draw in range(3):
        parts = [folds.test_index[draw + 3 * fold] for fold in range(4)]
        assert sorted(np.concatenate(parts)) == sorted(splits.train_index[draw])
        for fold in range(4):
            k = draw + 3 * fold
            whole = {*folds.train_index[k], *folds.test_index[k]}
            assert whole == set(splits.train_index[draw])
            assert not whole & set(splits.test_index[draw])
            # Rows and labels stayed together.
            at = {row: i for i, row in enumerate(splits.train_index[draw])}
            chosen = [at[row] for row in folds.test_index[k]]
            np.testing.assert_array_equal(folds.X_test[k], splits.X_train[draw, chosen])
            np.testing.assert_array_equal(folds.y_test[k], splits.y_train[draw, chosen])


@pytest.mark.parametrize(("n_folds", "message"), [(1, "n_folds=1"), (3, "into 3 parts")])
def test_impossible_folds_are_refused(n_folds: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw_splits(make_corpus(), n_train=20, draws=2).folds(n_folds)
