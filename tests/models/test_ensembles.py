"""Corrected and averaged classifiers: by hand, by Bayes' rule, and against scikit-learn."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.ensembles import MeanOfClassifiers, PriorCorrected, ShrunkLDA


class Given:
    """A classifier that gives the same probabilities to every row."""

    def __init__(self, *probabilities: float) -> None:
        self.log = np.log(probabilities)

    def logits(self, X: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.log, (*X.shape[:2], len(self.log)))


ROWS = np.zeros((2, 3, 4))


def test_a_corrected_classifier_is_bayes_rule_with_the_other_prior() -> None:
    """Two Gaussians at -1 and 1: the posterior is known for every share of the labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 50, 1))

    class Posterior:
        def __init__(self, share: float) -> None:
            self.offset = np.log(share / (1 - share))

        def logits(self, X: np.ndarray) -> np.ndarray:
            ones = 2 * X[..., 0] + self.offset
            return np.stack([np.zeros_like(ones), ones], axis=-1)

    trained_on, used_on = np.array([[0, 0, 1, 1, 1, 1, 1, 1]]), np.array([[0, 1, 0, 1]])
    corrected = PriorCorrected(Posterior(6 / 8), trained_on, used_on)
    ours, truth = (softmax(c.logits(x), axis=2) for c in (corrected, Posterior(1 / 2)))
    np.testing.assert_allclose(ours, truth)
    unchanged = PriorCorrected(Posterior(6 / 8), trained_on, trained_on)
    np.testing.assert_allclose(unchanged.logits(x), Posterior(6 / 8).logits(x))


def test_every_draw_is_corrected_by_its_own_shares() -> None:
    trained_on, used_on = np.array([[0, 0, 0, 1], [0, 1, 1, 1]]), np.array([[0, 1], [0, 1]])
    corrected = PriorCorrected(Given(0.5, 0.5), trained_on, used_on)
    np.testing.assert_array_equal(corrected.logits(ROWS).argmax(axis=2), [[1, 1, 1], [0, 0, 0]])


def test_a_label_that_was_never_seen_cannot_be_corrected_for() -> None:
    with pytest.raises(ConfigError, match="Draw 1 has no row with label 0"):
        PriorCorrected(Given(0.5, 0.5), np.array([[0, 1], [1, 1]]), np.array([[0, 1], [0, 1]]))


def test_the_mean_is_one_of_probabilities_and_not_of_logits() -> None:
    mean = MeanOfClassifiers([Given(0.01, 0.99), Given(0.9, 0.1), Given(0.9, 0.1)])
    np.testing.assert_allclose(np.exp(mean.logits(ROWS))[0, 0], [1.81 / 3, 1.19 / 3])
    # The mean of logits would side with the one that is nearly sure.
    np.testing.assert_array_equal(mean.logits(ROWS).argmax(axis=2), 0)
    np.testing.assert_allclose(
        MeanOfClassifiers([Given(0.3, 0.7)]).logits(ROWS), Given(0.3, 0.7).logits(ROWS)
    )
    with pytest.raises(ConfigError, match="no classifier"):
        MeanOfClassifiers([])


def test_lda_is_that_of_scikit_learn_on_every_draw() -> None:
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], (3, 20))
    X = rng.normal(size=(3, 40, 6)) + y[..., None]
    X_new = rng.normal(size=(3, 10, 6))
    ours = ShrunkLDA().fit(X, y).logits(X_new)
    for k in range(3):
        theirs = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
        theirs.fit(X[k].astype(np.float32), y[k])
        np.testing.assert_allclose(np.exp(ours[k]), theirs.predict_proba(X_new[k]), atol=1e-5)
    with pytest.raises(ConfigError, match="not fitted"):
        ShrunkLDA().logits(X)


# Weights of rows, and a warm start


def rows_of_two_labels(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    y = np.tile([0, 1], (2, 30))
    X = np.random.default_rng(seed).normal(size=(2, 60, 5)) + y[..., None]
    return X.astype(np.float32), y


def test_a_weight_of_two_is_a_row_twice_and_of_zero_is_no_row() -> None:
    X, y = rows_of_two_labels()
    weight = np.tile([2.0, 1.0, 0.0], (2, 20))
    chosen = np.repeat(np.arange(60), weight[0].astype(int))
    weighted = StackedClassifier().fit(X, y, weight)
    repeated = StackedClassifier().fit(X[:, chosen], y[:, chosen])
    np.testing.assert_allclose(weighted.logits(X), repeated.logits(X), atol=1e-4)
    # Only the ratio of weights counts.
    np.testing.assert_allclose(
        StackedClassifier().fit(X, y, 8 * weight).logits(X), weighted.logits(X), atol=1e-6
    )


def test_a_warm_start_goes_on_from_other_weights() -> None:
    X, y = rows_of_two_labels()
    first = StackedClassifier().fit(X, y)
    tiny = StackedClassifier(steps=1, learning_rate=1e-9).fit(X, 1 - y, start=first)
    np.testing.assert_allclose(tiny.logits(X), first.logits(X), atol=1e-5)
    turned = StackedClassifier(steps=500).fit(X, 1 - y, start=first)
    assert (turned.score(X, 1 - y) > 0.8).all() and (first.score(X, y) > 0.8).all()


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_numbers_that_are_no_weights_are_refused(bad: float) -> None:
    X, y = rows_of_two_labels()
    weight = np.ones(y.shape)
    weight[1, 3] = bad
    with pytest.raises(DataError, match="negative or not finite"):
        StackedClassifier().fit(X, y, weight)


def test_weights_of_another_shape_and_a_start_that_does_not_fit_are_refused() -> None:
    X, y = rows_of_two_labels()
    with pytest.raises(DataError, match=r"weight has shape \(60,\); expected \(2, 60\)"):
        StackedClassifier().fit(X, y, np.ones(60))
    with pytest.raises(DataError, match="all 0"):
        StackedClassifier().fit(X, y, np.zeros(y.shape))
    with pytest.raises(ConfigError, match="not trained"):
        StackedClassifier().fit(X, y, start=StackedClassifier())
    with pytest.raises(ConfigError, match="hidden=32, this one hidden=8"):
        StackedClassifier(hidden=8).fit(X, y, start=StackedClassifier().fit(X, y))
    with pytest.raises(ConfigError, match="classifier to start from has 1 draws"):
        StackedClassifier().fit(X, y, start=StackedClassifier().fit(X[:1], y[:1]))
