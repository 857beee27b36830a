"""The table holds what it says: each measure of each method, on the right rows of each draw."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.embedding import EmbeddedCorpus, embed
from embgan_edu.data.splits import ScarceSplits, draw_splits
from embgan_edu.measure import metrics
from embgan_edu.measure.evaluation import (
    DIVERSITY,
    PART_METRICS,
    REAL_ONLY,
    SUMMARY,
    Mix,
    accuracies,
    evaluate,
    summarize,
)
from embgan_edu.measure.paired import paired_difference
from embgan_edu.models.baselines import ClassGaussian, Jitter, Memorizer, RealPool, Smote
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.ensembles import ShrunkLDA


def make_corpus(n: int = 400, dim: int = 5, n_classes: int = 2, seed: int = 0) -> EmbeddedCorpus:
    """Overlapping clouds, one per class."""
    y = np.arange(n) % n_classes
    X = np.random.default_rng(seed).normal(size=(n, dim))
    X[:, 0] += 1.5 * y
    return EmbeddedCorpus("toy", X, y, tuple("abc"[:n_classes]), 0)


@dataclass
class Fixed:
    """A sampler that gives the rows it was made with."""

    X: np.ndarray
    y: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Fixed":
        return self

    def sample(
        self, n: int, label: int | None = None, random_state: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.X[:, :n], self.y[:, :n]


@pytest.fixture(scope="module")
def splits() -> ScarceSplits:
    return draw_splits(make_corpus(), n_train=40, n_test=200, draws=4)


def wide(table: pd.DataFrame, method: str) -> pd.DataFrame:
    return table[table["method"] == method].pivot(index="draw", columns="metric", values="value")


def test_every_method_has_its_measures_on_every_draw(splits) -> None:
    fitted = Jitter().fit(splits.X_train, splits.y_train)
    table = evaluate({"z": fitted, "a": fitted}, splits, n_synthetic=50)
    assert list(table.columns) == ["method", "metric", "draw", "value"]
    assert table["method"].unique().tolist() == ["real only", "real vs real", "z", "a"]
    expected = {
        "real only": {"accuracy", *PART_METRICS},
        "real vs real": set(DIVERSITY),
        "z": {"accuracy", "tstr", "trts", *PART_METRICS, *DIVERSITY},
        "a": {"accuracy", "tstr", "trts", *PART_METRICS, *DIVERSITY},
    }
    for method, rows in table.groupby("method"):
        assert set(rows["metric"]) == expected[method]
        for _, draws in rows.groupby("metric"):
            assert draws["draw"].tolist() == [0, 1, 2, 3]
    assert np.isfinite(table["value"]).all()
    assert table["value"].dtype == float


def test_utility_is_what_separate_classifiers_find(splits) -> None:
    sampler = Jitter().fit(splits.X_train, splits.y_train)
    X, y = sampler.sample(60, random_state=3)
    table = evaluate({"jitter": sampler}, splits, n_synthetic=60, mixes=[Mix(20)], random_state=3)
    both_X = np.concatenate([splits.X_train, X[:, :20]], axis=1)
    both_y = np.concatenate([splits.y_train, y[:, :20]], axis=1)
    all_X = np.concatenate([splits.X_train, X], axis=1)
    all_y = np.concatenate([splits.y_train, y], axis=1)
    for method, name, train_X, train_y, test_X, test_y in (
        ("jitter", "accuracy", all_X, all_y, splits.X_test, splits.y_test),
        (f"jitter, {Mix(20)}", "accuracy", both_X, both_y, splits.X_test, splits.y_test),
        ("jitter", "tstr", X, y, splits.X_test, splits.y_test),
        ("jitter", "trts", splits.X_train, splits.y_train, X, y),
    ):
        predicted = StackedClassifier(random_state=3).fit(train_X, train_y).predict(test_X)
        for k, found in wide(table, method)[name].items():
            assert found == pytest.approx(100 * np.mean(predicted[k] == test_y[k])), (name, k)


def test_the_usual_mix_is_300_rows(splits) -> None:
    sampler = Jitter().fit(splits.X_train, splits.y_train)
    table = evaluate({"jitter": sampler}, splits, n_synthetic=400, mixes=[Mix(), Mix(400)])
    usual, same, more = (
        wide(table, name)["accuracy"]
        for name in ("jitter", f"jitter, {Mix()}", f"jitter, {Mix(400)}")
    )
    pd.testing.assert_series_equal(usual, same)
    assert (usual != more).any()


def test_a_weight_of_ten_is_ten_copies_and_one_of_zero_leaves_the_real_rows_out(
    splits,
) -> None:
    sampler = Jitter().fit(splits.X_train, splits.y_train)
    X, y = sampler.sample(60)
    mixes = [Mix(30, 10), Mix(60, 0), Mix(90, 1)]
    table = evaluate({"jitter": sampler}, splits, n_synthetic=60, mixes=mixes)
    copies_X = np.concatenate([np.tile(splits.X_train, (1, 10, 1)), X[:, :30]], axis=1)
    copies_y = np.concatenate([np.tile(splits.y_train, (1, 10)), y[:, :30]], axis=1)
    by_hand = StackedClassifier().fit(copies_X, copies_y)
    found = wide(table, f"jitter, {mixes[0]}")["accuracy"]
    # The sums of the loss are rounded in another order.
    np.testing.assert_allclose(found, 100 * by_hand.score(splits.X_test, splits.y_test), atol=0.51)
    alone = wide(table, f"jitter, {mixes[1]}")["accuracy"]
    np.testing.assert_allclose(alone, wide(table, "jitter")["tstr"])
    # More rows than were made at first are made anew.
    X, y = sampler.sample(90)
    more = StackedClassifier().fit(
        np.concatenate([splits.X_train, X], axis=1), np.concatenate([splits.y_train, y], axis=1)
    )
    found = wide(table, f"jitter, {mixes[2]}")["accuracy"]
    np.testing.assert_allclose(found, 100 * more.score(splits.X_test, splits.y_test))


def test_a_classifier_has_an_accuracy_and_nothing_else(splits) -> None:
    lda = ShrunkLDA().fit(splits.X_train, splits.y_train)
    table = evaluate({"LDA": lda}, splits, mixes=[Mix(10)])
    assert table["method"].unique().tolist() == ["real only", "real vs real", "LDA"]
    assert set(table.loc[table["method"] == "LDA", "metric"]) == {"accuracy", *PART_METRICS}
    expected = [
        100 * model.score(X, y)
        for model, X, y in zip(lda.models_, splits.X_test, splits.y_test, strict=True)
    ]
    np.testing.assert_allclose(wide(table, "LDA")["accuracy"], expected)


def test_the_parts_are_the_reviews_of_the_corpus_and_their_mean_the_accuracy(splits) -> None:
    class KnowsPartThree:
        """Right on every review whose number leaves 2 when divided by 8, wrong on the others."""

        def logits(self, X: np.ndarray) -> np.ndarray:
            right = splits.test_index % 8 == 2
            return np.eye(2)[np.where(right, splits.y_test, 1 - splits.y_test)]

    table = evaluate({"one part": KnowsPartThree()}, splits)
    parts = accuracies(table, "one part")
    assert parts.shape == (4, 8)
    assert (parts[:, 2] > 50).all() and not np.delete(parts, 2, axis=1).any()
    np.testing.assert_allclose(parts.mean(axis=1), wide(table, "one part")["accuracy"])
    with pytest.raises(DataError, match=r"no accuracies by part of 'two parts'"):
        accuracies(table, "two parts")


def test_real_only_uses_no_synthetic_row(splits) -> None:
    classifier = StackedClassifier().fit(splits.X_train, splits.y_train)
    expected = 100 * classifier.score(splits.X_test, splits.y_test)
    found = wide(evaluate({}, splits), "real only")["accuracy"]
    np.testing.assert_allclose(found, expected)
    assert 60 < found.mean() < 95  # in percent


def test_diversity_compares_equal_clouds_of_the_same_draw(splits) -> None:
    fitted = ClassGaussian().fit(splits.X_train, splits.y_train)
    X, _ = fitted.sample(70)
    found = wide(evaluate({"gaussian": fitted}, splits, n_synthetic=70), "gaussian")
    for k in range(4):
        real, synthetic = splits.X_test[k, :70], X[k, :70]
        for name in DIVERSITY:
            reference = splits.X_train[k] if name == "authenticity" else real
            expected = getattr(metrics, name)(reference, synthetic)
            assert found.loc[k, name] == pytest.approx(expected), name


def test_clouds_have_the_size_that_all_can_give(splits, monkeypatch) -> None:
    sizes = []
    monkeypatch.setattr(
        "embgan_edu.measure.evaluation.recall", lambda r, s: sizes.append((len(r), len(s))) or 0.5
    )
    fitted = Jitter().fit(splits.X_train, splits.y_train)
    evaluate({"jitter": fitted}, splits, n_synthetic=30)
    assert set(sizes) == {(30, 30)}  # by n_synthetic, for the floor as well
    sizes.clear()
    evaluate({"jitter": fitted}, splits, n_synthetic=300)
    assert set(sizes) == {(100, 100)}  # by half of the test set
    sizes.clear()
    monkeypatch.setattr("embgan_edu.measure.evaluation.MAX_CLOUD", 20)
    evaluate({"jitter": fitted}, splits, n_synthetic=300)
    assert set(sizes) == {(20, 20)}


def test_the_reference_rows_themselves_are_perfect_and_the_floor_is_other_rows(splits) -> None:
    perfect = Fixed(splits.X_test[:, :100], splits.y_test[:, :100])
    floor_rows = Fixed(splits.X_test[:, 100:], splits.y_test[:, 100:])
    table = evaluate({"perfect": perfect, "floor rows": floor_rows}, splits, n_synthetic=100)
    found = wide(table, "perfect")
    for name in ("recall", "coverage", "vendi_ratio", "variance_ratio"):
        np.testing.assert_allclose(found[name], 1)
    np.testing.assert_allclose(found["sliced_wasserstein"], 0)
    floor = wide(table, "real vs real")[list(DIVERSITY)]
    pd.testing.assert_frame_equal(floor, wide(table, "floor rows")[list(DIVERSITY)])
    assert (floor["sliced_wasserstein"] > 0).all()  # so these are other rows


def test_known_samplers_get_known_verdicts() -> None:
    # So scarce that more real data must help: 20 rows in 20 dimensions.
    splits = draw_splits(make_corpus(800, dim=20), n_train=20, n_test=400, draws=8)
    flipped = Memorizer().fit(splits.X_train, 1 - splits.y_train)
    pool = RealPool(*splits.standardize(make_corpus(800, dim=20, seed=9))).fit(
        splits.X_train, splits.y_train
    )
    memory = Memorizer().fit(splits.X_train, splits.y_train)
    summary = summarize(
        evaluate({"memory": memory, "flipped labels": flipped, "more data": pool}, splits)
    )
    assert summary.loc["memory", "authenticity"] == 0
    assert summary.loc["memory", "trts"] > summary.loc["more data", "trts"]
    assert summary.loc["flipped labels", "tstr"] < 45
    assert summary.loc["flipped labels", "trts"] < 45
    assert summary.loc["flipped labels", "gain_high"] < 0
    assert summary.loc["more data", "gain_low"] > 0
    assert summary.loc["more data", "authenticity"] > 0.3
    floor = summary.loc["real vs real"]
    for name in ("recall", "coverage", "vendi_ratio", "variance_ratio"):
        assert summary.loc["more data", name] == pytest.approx(floor[name], abs=0.15)


def test_a_draw_does_not_depend_on_its_neighbors(splits) -> None:
    def table(some: ScarceSplits) -> pd.DataFrame:
        return evaluate({"smote": Smote().fit(some.X_train, some.y_train)}, some)

    many, few = table(splits), table(splits.select(slice(2)))
    many = many[many["draw"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(many, few)


def test_the_seed_decides(splits) -> None:
    fitted = {"jitter": Jitter().fit(splits.X_train, splits.y_train)}
    first, again, other = (evaluate(fitted, splits, random_state=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert (first["value"] != other["value"]).any()


def test_three_classes() -> None:
    splits = draw_splits(make_corpus(n_classes=3), n_train=60, n_test=200, draws=3)
    fitted = ClassGaussian().fit(splits.X_train, splits.y_train)
    summary = summarize(evaluate({"gaussian": fitted}, splits))
    assert summary.loc["gaussian", "tstr"] > 45  # chance is a third


# Summaries


def make_table(**values: list[float]) -> pd.DataFrame:
    """A table from keywords such as ``real_only__accuracy=[60, 62]``."""
    rows = [
        (*name.replace("real_only", "real only").split("__"), draw, float(value))
        for name, per_draw in values.items()
        for draw, value in enumerate(per_draw)
    ]
    return pd.DataFrame(rows, columns=["method", "metric", "draw", "value"])


def test_summary_by_hand() -> None:
    table = make_table(
        real_only__accuracy=[60, 62, 64],
        z__accuracy=[61, 64, 67],
        z__tstr=[50, 55, 60],
        z__recall=[0.1, 0.2, 0.6],
        a__accuracy=[59, 61, 63],
    )
    summary = summarize(table)
    assert summary.index.tolist() == ["real only", "z", "a"]  # as given, not sorted
    assert summary.columns.tolist() == list(SUMMARY)
    # Gains 1, 2, 3: mean 2, s = 1, half the width 4.3027 / sqrt(3) = 2.484.
    z = summary.loc["z"]
    assert z[["gain", "gain_low", "gain_high"]].tolist() == pytest.approx(
        [2, 2 - 2.4841, 2 + 2.4841], abs=1e-4
    )
    assert z[["accuracy", "tstr", "recall"]].tolist() == pytest.approx([64, 55, 0.3])
    assert np.isnan(z["trts"])
    # A loss of 1 in each draw: negative, and the same in all.
    assert summary.loc["a", ["gain", "gain_low", "gain_high"]].tolist() == [-1, -1, -1]
    assert summary.loc["real only", "accuracy"] == 62
    assert summary.loc["real only", list(SUMMARY[1:])].isna().all()
    assert {str(dtype) for dtype in summary.dtypes} == {"float64"}


def test_gains_are_paired_by_the_number_of_the_draw_not_by_position(splits) -> None:
    fitted = {"jitter": Jitter().fit(splits.X_train, splits.y_train)}
    table = evaluate(fitted, splits)
    shuffled = pd.concat(
        [
            rows.sample(frac=1, random_state=i)
            for i, (_, rows) in enumerate(table.groupby("method", sort=False))
        ]
    )
    pd.testing.assert_frame_equal(summarize(table), summarize(shuffled))
    expected = paired_difference(accuracies(table, "jitter"), accuracies(table, "real only"))
    found = summarize(table).loc["jitter", ["gain", "gain_low", "gain_high"]]
    assert found.tolist() == [expected.mean, expected.low, expected.high]


def test_summary_without_samplers(splits) -> None:
    summary = summarize(evaluate({}, splits))
    assert summary.index.tolist() == ["real only", "real vs real"]
    assert summary.columns.tolist() == list(SUMMARY)


def test_summary_needs_real_only_and_two_draws() -> None:
    with pytest.raises(DataError, match=r"no accuracy of 'real only'.*\['z'\]"):
        summarize(make_table(z__accuracy=[1, 2]))
    with pytest.raises(DataError, match="at least two draws"):
        summarize(make_table(real_only__accuracy=[1], z__accuracy=[2]))


# Errors


def test_impossible_arguments_are_refused(splits) -> None:
    fitted = Jitter().fit(splits.X_train, splits.y_train)
    with pytest.raises(ConfigError, match="n_synthetic=0"):
        evaluate({}, splits, n_synthetic=0)
    with pytest.raises(ConfigError, match="added=0"):
        Mix(0)
    with pytest.raises(ConfigError, match="real_weight=-1"):
        Mix(real_weight=-1)
    for name in ("real only", "real vs real"):
        with pytest.raises(ConfigError, match=f"'{name}' is always in the table"):
            evaluate({name: fitted}, splits)
    with pytest.raises(ConfigError, match=r"Jitter .*call fit"):
        evaluate({"jitter": Jitter()}, splits)


def test_a_sampler_of_other_splits_is_named(splits) -> None:
    other = splits.select(slice(2))
    fitted = Jitter().fit(other.X_train, other.y_train)
    expected = r"'mine' sampled X of shape \(2, 1000, 5\).*need \(4, 1000, 5\).*same splits"
    with pytest.raises(DataError, match=expected):
        evaluate({"mine": fitted}, splits)


def test_a_sampler_that_diverged_is_named(splits) -> None:
    X, y = splits.X_train.copy(), splits.y_train
    X[2, 3, 1] = np.nan
    with pytest.raises(DataError, match="'mine' sampled values that are not finite in draw 2"):
        evaluate({"mine": Fixed(X, y)}, splits, n_synthetic=40)


def test_too_few_rows_for_the_diversity(splits) -> None:
    with pytest.raises(DataError, match=r"has 4 points; .*needs at least 6"):
        evaluate({}, splits, n_synthetic=4)


# Real data


@pytest.mark.data
def test_what_the_book_says_about_the_baselines(real_data) -> None:
    splits = draw_splits(embed("movie"), draws=4)
    shrunk = Fixed(0.5 * splits.X_test[:, 500:1000], splits.y_test[:, 500:1000])
    samplers = {
        "memorizer": Memorizer().fit(splits.X_train, splits.y_train),
        "SMOTE": Smote().fit(splits.X_train, splits.y_train),
        "class Gaussian": ClassGaussian().fit(splits.X_train, splits.y_train),
        "shrunk": shrunk,
    }
    summary = summarize(evaluate(samplers, splits, n_synthetic=500))
    floor = summary.loc["real vs real"]
    assert floor["coverage"] > 0.94 and floor["recall"] > 0.65
    assert summary.loc["memorizer", "authenticity"] == 0
    # One measure alone misleads: high coverage beside low recall, and the other way round.
    assert summary.loc["shrunk", "coverage"] > 0.95 and summary.loc["shrunk", "recall"] < 0.15
    assert summary.loc["SMOTE", "coverage"] > 0.85 and summary.loc["SMOTE", "recall"] < 0.3
    gaussian = summary.loc["class Gaussian"]
    assert gaussian["coverage"] < 0.5 and gaussian["recall"] > 0.7


def test_a_table_has_one_kind_of_interval() -> None:
    """Where one method lacks the parts of the reviews, no interval of the table speaks of them."""
    rng = np.random.default_rng(0)
    parts = {method: rng.normal(60, 3, size=(16, len(PART_METRICS))) for method in ("a", "b")}
    parts[REAL_ONLY] = rng.normal(58, 3, size=(16, len(PART_METRICS)))
    rows = [
        (method, metric, draw, values[draw].mean() if metric == "accuracy" else values[draw, part])
        for method, values in parts.items()
        for draw in range(16)
        for part, metric in enumerate(("accuracy", *PART_METRICS), -1)
    ]
    table = pd.DataFrame(rows, columns=["method", "metric", "draw", "value"])
    whole = summarize(table)
    some = summarize(table[(table["method"] != "b") | (table["metric"] == "accuracy")])
    by_part = paired_difference(parts["a"], parts[REAL_ONLY])
    by_draw = paired_difference(parts["a"].mean(axis=1), parts[REAL_ONLY].mean(axis=1))
    assert whole.loc["a", "gain_low"] == pytest.approx(by_part.low)
    assert some.loc["a", "gain_low"] == pytest.approx(by_draw.low)
    assert some.loc["b", "gain"] == pytest.approx(whole.loc["b", "gain"])
