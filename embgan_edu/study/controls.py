"""What can be had from the reviews and the tweets without a generator: the controls.

The judge of the whole recipe has read both. Here its knowledge reaches the final classifier in
shorter ways: as rows of noise that it labeled, as a classifier of its own, or as one of several
that vote. And a GAN is given one of the two things that pretraining brings, without the other.
Each method has the interface of :mod:`embgan_edu.study.beyond`, and stands on the same table.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.models.baselines import Blurred, Noise, PoolGaussian, Relabeled, Sampler
from embgan_edu.models.classifier import Classifier, StackedClassifier
from embgan_edu.models.ensembles import MeanOfClassifiers, PriorCorrected, ShrunkLDA
from embgan_edu.models.gan import GAN
from embgan_edu.study.method import Method
from embgan_edu.study.recipe import (
    CHANGES,
    LADDER,
    configure,
    fit_gan,
    fit_judge,
    fit_rung,
    standardized,
)

# Chosen by cross-validation inside training rows of draws that no chapter reports, one number for
# both domains (benchmarks/choose_controls.py).
FINE_TUNING_STEPS = 10
REVIEW_WEIGHT = 30.0
# Steps of a GAN by its start and its judge; both on tweets is the rung "+ pretraining".
GAN_STEPS = {
    "new start, reviews' judge": 200,
    "new start, tweets' judge": 200,
    "tweets' start, reviews' judge": 25,
}

RESTARTS = 10


def _control(
    function: Callable[[ScarceSplits, EmbeddedCorpus, int], Sampler | Classifier],
    needs_source: bool = True,
) -> Method:
    def fit(
        splits: ScarceSplits,
        target: EmbeddedCorpus,
        source: EmbeddedCorpus,
        random_state: int,
        progress: bool,
    ) -> Sampler | Classifier:
        return function(splits, source, random_state)

    return Method(fit, needs_source, modules=("models.ensembles", "study.controls"))


def judge(splits: ScarceSplits, source: EmbeddedCorpus, random_state: int) -> StackedClassifier:
    """The judge of the whole recipe, as a classifier of its own."""
    return fit_judge(splits, source, random_state)


def corrected_judge(
    splits: ScarceSplits, source: EmbeddedCorpus, random_state: int
) -> PriorCorrected:
    """The judge, corrected for the share of positive rows among the tweets it has read."""
    read = np.concatenate([splits.y_train, np.tile(source.y, (splits.n_draws, 1))], axis=1)
    return PriorCorrected(judge(splits, source, random_state), read, splits.y_train)


def real_only(splits: ScarceSplits, random_state: int) -> StackedClassifier:
    """The classifier that has read the reviews alone."""
    return StackedClassifier(splits.n_classes, random_state=random_state).fit(
        splits.X_train, splits.y_train
    )


def mean_of_two(
    splits: ScarceSplits, source: EmbeddedCorpus, random_state: int
) -> MeanOfClassifiers:
    """The mean of the corrected judge's probabilities and those of the reviews' own classifier."""
    return MeanOfClassifiers(
        [corrected_judge(splits, source, random_state), real_only(splits, random_state)]
    )


def fine_tuned(
    splits: ScarceSplits,
    source: EmbeddedCorpus,
    random_state: int,
    steps: int | None = None,
) -> StackedClassifier:
    """A classifier of the tweets, both labels counting the same, trained on with the reviews.

    Args:
        splits: The draws.
        source: The tweets.
        random_state: Seed.
        steps: Steps on the reviews; ``FINE_TUNING_STEPS`` where no number is given.
    """
    X, y = _tiled(splits, source)
    start = StackedClassifier(splits.n_classes, random_state=random_state).fit(X, y, _balanced(y))
    tuned = StackedClassifier(
        splits.n_classes, steps=steps or FINE_TUNING_STEPS, random_state=random_state
    )
    return tuned.fit(splits.X_train, splits.y_train, start=start)


def mean_of_three(
    splits: ScarceSplits, source: EmbeddedCorpus, random_state: int
) -> MeanOfClassifiers:
    """The mean of the two, and of the fine-tuned classifier."""
    two = mean_of_two(splits, source, random_state).classifiers
    return MeanOfClassifiers([*two, fine_tuned(splits, source, random_state)])


def weighted_tweets(
    splits: ScarceSplits,
    source: EmbeddedCorpus,
    random_state: int,
    review_weight: float | None = None,
) -> StackedClassifier:
    """A classifier of reviews and all tweets together, where a review counts more than a tweet.

    Args:
        splits: The draws.
        source: The tweets; both of their labels count the same.
        random_state: Seed.
        review_weight: What a review counts; ``REVIEW_WEIGHT`` where no number is given.
    """
    X, y = _tiled(splits, source)
    weight = REVIEW_WEIGHT if review_weight is None else review_weight
    reviews = np.full(splits.y_train.shape, weight)
    return StackedClassifier(splits.n_classes, random_state=random_state).fit(
        np.concatenate([splits.X_train, X], axis=1),
        np.concatenate([splits.y_train, y], axis=1),
        np.concatenate([reviews, _balanced(y)], axis=1),
    )


def ten_restarts(
    splits: ScarceSplits, source: EmbeddedCorpus, random_state: int
) -> MeanOfClassifiers:
    """The mean of ten classifiers of the reviews, which differ in their initial weights."""
    seeds = range(RESTARTS * random_state, RESTARTS * (random_state + 1))
    return MeanOfClassifiers([real_only(splits, seed) for seed in seeds])


def shrunk_lda(splits: ScarceSplits, source: EmbeddedCorpus, random_state: int) -> ShrunkLDA:
    """Another kind of classifier, on the reviews alone."""
    return ShrunkLDA().fit(splits.X_train, splits.y_train)


def judged_noise(splits: ScarceSplits, source: EmbeddedCorpus, random_state: int) -> Sampler:
    """Standard normal noise with the judge's labels: rows that never saw a text."""
    noise = Relabeled(Noise(), judge(splits, source, random_state))
    return noise.fit(splits.X_train, splits.y_train)


def tweet_gaussian(splits: ScarceSplits, source: EmbeddedCorpus, random_state: int) -> Sampler:
    """One Gaussian for each label of the tweets: a generator without a judge or a review."""
    return PoolGaussian(*_tiled(splits, source)).fit(splits.X_train, splits.y_train)


def judged_tweet_gaussian(
    splits: ScarceSplits, source: EmbeddedCorpus, random_state: int
) -> Sampler:
    """The Gaussians of the tweets with the judge's labels."""
    rows = tweet_gaussian(splits, source, random_state)
    return Relabeled(rows, judge(splits, source, random_state))


def blurred_rows(splits: ScarceSplits, source: EmbeddedCorpus, random_state: int) -> Sampler:
    """The rung before noise and smoothing, with as much noise added to its finished rows."""
    gan = fit_rung(LADDER["+ pretraining"], splits, source, random_state)
    return Blurred(gan, float(CHANGES["noise"]["noise"]))


def gan_of_start_and_judge(
    splits: ScarceSplits,
    source: EmbeddedCorpus,
    random_state: int,
    name: str,
    steps: int | None = None,
) -> GAN:
    """The GAN of the rung "+ pretraining" with another start, or another judge.

    Args:
        splits: The draws.
        source: The tweets.
        random_state: Seed.
        name: One of ``GAN_STEPS``.
        steps: Steps on the reviews; those of ``GAN_STEPS`` where no number is given.
    """
    start, judge_name = name.split(", ")
    config = configure(LADDER["+ pretraining"])
    steps = GAN_STEPS[name] if steps is None else steps
    pretrained = start == "tweets' start"
    return fit_gan(
        config if pretrained else replace(config, steps=steps),
        splits,
        source if pretrained else None,
        random_state,
        fine_tuning_steps=steps,
        judge_corpus=source if judge_name == "tweets' judge" else None,
    )


METHODS: dict[str, Method] = {
    "ten restarts": _control(ten_restarts, needs_source=False),
    "shrunk LDA": _control(shrunk_lda, needs_source=False),
    "judge": _control(judge),
    "corrected judge": _control(corrected_judge),
    "mean of two": _control(mean_of_two),
    "fine-tuned classifier": _control(fine_tuned),
    "mean of three": _control(mean_of_three),
    "weighted tweets": _control(weighted_tweets),
    "judged noise": _control(judged_noise),
    "tweet Gaussian": _control(tweet_gaussian),
    "judged tweet Gaussian": _control(judged_tweet_gaussian),
    "+ pretraining, blurred": _control(blurred_rows),
    **{
        name: _control(partial(gan_of_start_and_judge, name=name), needs_source="tweets'" in name)
        for name in GAN_STEPS
    },
}


def _tiled(
    splits: ScarceSplits, source: EmbeddedCorpus
) -> tuple[Float[np.ndarray, "draw n dim"], Int[np.ndarray, "draw n"]]:
    """The source in its own units, once for every draw."""
    splits.check_fits(source)
    rows = np.tile(standardized(source), (splits.n_draws, 1, 1))
    return rows, np.tile(source.y, (splits.n_draws, 1))


def _balanced(y: Int[np.ndarray, "draw n"]) -> Float[np.ndarray, "draw n"]:
    """Weights with which every label of a draw counts the same, 1 in the mean."""
    counts = np.stack([np.bincount(labels) for labels in y])
    return np.take_along_axis(y.shape[1] / (counts.shape[1] * counts), y, axis=1)
