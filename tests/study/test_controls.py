"""The controls do what their names say, with what the recipe has read and nothing else."""

import dataclasses

import numpy as np
import pytest
from scipy.special import softmax

from embgan_edu.base.errors import DataError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import draw_splits
from embgan_edu.measure.evaluation import evaluate, summarize
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GANConfig
from embgan_edu.study import controls, recipe
from embgan_edu.study.recipe import fit_judge, standardized


def toy(name: str, n: int, seed: int, positive: float = 0.5) -> EmbeddedCorpus:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < positive).astype(int)
    X = rng.normal(3, 2, size=(n, 6)) + 2 * y[:, None] * (np.arange(6) < 3)
    return EmbeddedCorpus(name, X, y, ("negative", "positive"), 0)


REVIEWS, TWEETS = toy("reviews", 300, 0), toy("tweets", 500, 1, positive=0.8)
SPLITS = draw_splits(REVIEWS, 30, draws=3)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """GANs that train in no time, and a cache of the test's own."""
    monkeypatch.setenv("EMBGAN_WEIGHTS", str(tmp_path))
    tiny = GANConfig(latent_dim=4, hidden=16, steps=6, batch_size=16)
    monkeypatch.setattr(recipe, "GANConfig", lambda: tiny)
    monkeypatch.setattr(controls, "GAN_STEPS", dict.fromkeys(controls.GAN_STEPS, 3))


def probabilities(classifier) -> np.ndarray:
    return softmax(classifier.logits(SPLITS.X_test), axis=2)


def test_every_control_stands_on_the_table() -> None:
    fitted = {
        name: method.fit(SPLITS, REVIEWS, TWEETS, 0, False)
        for name, method in controls.METHODS.items()
    }
    summary = summarize(evaluate(fitted, SPLITS))
    assert set(controls.METHODS) < set(summary.index)
    assert np.isfinite(summary.loc[list(controls.METHODS), "gain"]).all()
    makes_rows = {name for name, method in fitted.items() if hasattr(method, "sample")}
    assert set(summary.index[summary["tstr"].notna()]) == makes_rows


def test_the_judge_is_the_recipes_and_its_correction_undoes_the_share_of_positive_tweets() -> None:
    judge = controls.judge(SPLITS, TWEETS, 4)
    np.testing.assert_array_equal(
        judge.logits(SPLITS.X_test), fit_judge(SPLITS, TWEETS, 4).logits(SPLITS.X_test)
    )
    said, corrected = (
        probabilities(c)[..., 1].mean()
        for c in (judge, controls.corrected_judge(SPLITS, TWEETS, 4))
    )
    assert said > 0.6 and corrected == pytest.approx(SPLITS.y_test.mean(), abs=0.08)


def test_the_means_are_of_what_they_say() -> None:
    two = [controls.corrected_judge(SPLITS, TWEETS, 0), controls.real_only(SPLITS, 0)]
    three = [*two, controls.fine_tuned(SPLITS, TWEETS, 0)]
    for ours, parts in (
        (controls.mean_of_two(SPLITS, TWEETS, 0), two),
        (controls.mean_of_three(SPLITS, TWEETS, 0), three),
    ):
        expected = np.mean([probabilities(part) for part in parts], axis=0)
        np.testing.assert_allclose(probabilities(ours), expected, atol=1e-5)


def test_ten_restarts_are_ten_other_networks_for_every_seed() -> None:
    first, second = (controls.ten_restarts(SPLITS, TWEETS, seed).classifiers for seed in (0, 1))
    seeds = {classifier.random_state for classifier in (*first, *second)}
    assert len(seeds) == 20


def test_reviews_that_count_most_leave_nothing_to_the_tweets_and_the_other_way_round() -> None:
    def distance(weight: float, other: StackedClassifier) -> float:
        ours = controls.weighted_tweets(SPLITS, TWEETS, 0, review_weight=weight)
        return float(np.abs(probabilities(ours) - probabilities(other)).max())

    own = np.tile(standardized(TWEETS), (3, 1, 1))
    counts = np.bincount(TWEETS.y)
    balanced = np.tile(len(TWEETS) / (2 * counts[TWEETS.y]), (3, 1))
    tweets_alone = StackedClassifier().fit(own, np.tile(TWEETS.y, (3, 1)), balanced)
    assert distance(1e6, controls.real_only(SPLITS, 0)) < 0.01
    assert distance(0.0, tweets_alone) < 0.01
    assert distance(1e6, tweets_alone) > 0.1


def test_fine_tuning_starts_from_balanced_tweets_and_ends_at_the_reviews() -> None:
    def right(classifier: StackedClassifier) -> float:
        return float(classifier.score(SPLITS.X_train, SPLITS.y_train).mean())

    little, much = (controls.fine_tuned(SPLITS, TWEETS, 0, steps=steps) for steps in (1, 300))
    assert right(much) > 0.99 > right(little)
    assert probabilities(little)[..., 1].mean() < 0.7  # four of five tweets are positive


def test_an_arm_has_the_start_and_the_judge_of_its_name(monkeypatch) -> None:
    asked = []

    def spy(config, splits, corpus=None, random_state=0, fine_tuning_steps=None, judge_corpus=None):
        asked.append((corpus is not None, judge_corpus is not None, config.steps))

    monkeypatch.setattr(controls, "fit_gan", spy)
    for name in controls.GAN_STEPS:
        controls.gan_of_start_and_judge(SPLITS, TWEETS, 0, name, steps=77)
    assert [arm[:2] for arm in asked] == [(False, False), (False, True), (True, False)]
    assert asked[0][2] == 77 != asked[2][2], "the steps are of the reviews, not of pretraining"


def test_tweets_of_other_labels_are_refused() -> None:
    stars = dataclasses.replace(TWEETS, label_names=("one", "five"))
    for name, method in controls.METHODS.items():
        if method.needs_source:
            with pytest.raises(DataError, match="'five'"):
                method.fit(SPLITS, REVIEWS, stars, 0, False)
        else:
            assert method.fit(SPLITS, REVIEWS, stars, 0, False), name
