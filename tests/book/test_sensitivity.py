"""A published figure notices when the thing it measures is broken.

Each row breaks the package in one way and runs what of a chapter leads to some figures, on the real
data. All of them must then be measured, and lie outside of their bands.
"""

import math
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from broken import RunError, measure
from nbformat.v4 import new_code_cell, new_notebook

from embgan_edu.publish import figures
from embgan_edu.publish.chapters import checkout, find_chapters


class Mutation(NamedTuple):
    """A way to break the pipeline.

    Attributes:
        what: what is broken, in a few words.
        chapter: number of the chapter that must notice.
        prelude: code that runs before the chapter's first cell.
        noticed: short names of figures that must leave their bands.
        weights: whether pretraining stays as it is, so that its weights may come from the cache.
    """

    what: str
    chapter: str
    prelude: str
    noticed: tuple[str, ...]
    weights: bool = False


def with_splits(expression: str) -> str:
    """Code after which `draw_splits` returns something else than its `splits`."""
    return f"""
import dataclasses
import numpy as np
from embgan_edu.data import splits as protocol

right_draw = protocol.draw_splits

def draw_broken(*args, **kwargs):
    splits = right_draw(*args, **kwargs)
    return {expression}

protocol.draw_splits = draw_broken
"""


def ignored(setting: str) -> str:
    """Code after which a setting of the GAN is 0 whatever it is set to."""
    return f"""
from embgan_edu.models import gan

right_check = gan.GANConfig.__post_init__

def check_and_ignore(self):
    right_check(self)
    object.__setattr__(self, {setting!r}, 0.0)

gan.GANConfig.__post_init__ = check_and_ignore
"""


SWAPPED_LABELS = with_splits("dataclasses.replace(splits, y_train=1 - splits.y_train)")

# Also used where a figure does not depend on the GAN, since training it takes most of the time.
UNTRAINED_GENERATOR = """
import dataclasses
from embgan_edu.models import gan

right_start = gan.GAN.__init__

def start_untrained(self, config=None, random_state=0):
    config = dataclasses.replace(config or gan.GANConfig(), steps=1)
    right_start(self, config, random_state)

gan.GAN.__init__ = start_untrained
"""

UNTRAINED_PRETRAINING = """
import dataclasses
from embgan_edu.study import recipe

right_pretrain = recipe.pretrain

def pretrain_nothing(config, *args, **kwargs):
    return right_pretrain(dataclasses.replace(config, steps=1), *args, **kwargs)

recipe.pretrain = pretrain_nothing
"""

# The rows of the first label get the second one, and so on.
MISLABELED_SAMPLES = """
from embgan_edu.models import gan

right_sample = gan.GAN.sample

def sample_mislabeled(self, n, label=None, random_state=0):
    X, y = right_sample(self, n, label, random_state)
    return X, (y + 1) % self.frequencies_.shape[1]

gan.GAN.sample = sample_mislabeled
"""

# It makes one step, so that there is something to save and to start from.
MISLABELED_COPIES = (
    UNTRAINED_GENERATOR
    + """
from embgan_edu.models.baselines import Memorizer

right_fit = gan.GAN.fit

def remember(self, X, y, *args, **kwargs):
    self.memory = Memorizer().fit(X, y)
    return right_fit(self, X, y, *args, **kwargs)

def hand_out(self, n, label=None, random_state=0):
    X, y = self.memory.sample(n, label, random_state)
    return X, (y + 1) % self.frequencies_.shape[1]

gan.GAN.fit = remember
gan.GAN.sample = hand_out
"""
)

NOTHING_LEARNED = """
import torch

from embgan_edu.models import training

torch.optim.Adam.step = training.DrawAdam.step = lambda self, closure=None: None
"""

NOTHING_TRAINED = UNTRAINED_GENERATOR + NOTHING_LEARNED

# Chapters that train in a loop of their own count the steps with the package.
ONE_STEP_OF_FIFTY = """
from embgan_edu.base import progress

def track_few(n_steps, label, enabled):
    yield from range(49, n_steps, 50) if n_steps >= 50 else [0]

progress.track = track_few
"""

FEW_TEXTS = """
from embgan_edu.data import vectors

right_train = vectors.train_word_vectors

def train_on_few(texts, *args, **kwargs):
    return right_train(texts[:200], *args, **kwargs)

right_over_epochs = vectors.word_vectors_over_epochs

def over_epochs_on_few(texts, *args, **kwargs):
    return right_over_epochs(texts[:200], *args, **kwargs)

vectors.train_word_vectors = train_on_few
vectors.word_vectors_over_epochs = over_epochs_on_few
"""

# Chapters 11 to 14 read a table of their own. Real rows against real ones have no accuracy; they
# stay where they are, and lose half of their recall. What was not measured counts as 0, since a NaN
# would not count as a figure that moved.
STORED_EXCHANGED = """
import pandas as pd
from embgan_edu.study import ladder

right_read = ladder.read_table

def read_exchanged(path=None):
    table, about = right_read(path)
    parts = []
    for _, part in table.groupby(["corpus", "n_train"], sort=False):
        names = list(part.dropna(subset=["accuracy"])["method"].unique())
        following = dict(zip(names, names[-1:] + names[:-1]))
        part = part.assign(method=part["method"].replace(following), recall=part["recall"] / 2)
        parts.append(part)
    return pd.concat(parts).fillna(0.0), about

ladder.read_table = read_exchanged
"""

# Neighbors on the ladder are alike; nine places on, no stored figure stays where it was.
STORED_MIXED = """
import pandas as pd
from embgan_edu.study import ladder

right_read = ladder.read_table

def read_mixed(path=None):
    table, about = right_read(path)
    parts = []
    for _, part in table.groupby(["corpus", "n_train"], sort=False):
        names = list(part.dropna(subset=["accuracy"])["method"].unique())
        following = dict(zip(names, names[9 % len(names):] + names[: 9 % len(names)]))
        parts.append(part.assign(method=part["method"].replace(following)))
    return pd.concat(parts).fillna(0.5), about

ladder.read_table = read_mixed
"""

ALL_PRAISE = """
from embgan_edu.data import corpora

right_lexicon = corpora.load_lexicon
corpora.load_lexicon = lambda: {word: abs(rating) for word, rating in right_lexicon().items()}
"""


def stored_figures(chapter: str, *computed: str) -> tuple[str, ...]:
    """What no training seed moves, less what is computed all the same: from a stored table."""
    fixed = {
        name.removeprefix(f"{chapter}/")
        for name, figure in figures.load_register().items()
        if figure.chapter == chapter and figure.sd == 0
    }
    return tuple(sorted(fixed - set(computed)))


MUTATIONS = [
    Mutation(
        "one neighbor in place of five",
        "01",
        """
from embgan_edu.measure import metrics

right_recall, right_coverage = metrics.recall, metrics.coverage
metrics.recall = lambda real, synthetic: right_recall(real, synthetic, k=1)
right_precision = metrics.precision
metrics.precision = lambda real, synthetic: right_precision(real, synthetic, k=1)
metrics.coverage = lambda real, synthetic: right_coverage(real, synthetic, k=1)
""",
        (
            "gaussian-precision",
            "collapsed-precision",
            "gaussian-coverage",
            "collapsed-coverage",
            "collapsed-recall",
            "fresh-coverage",
        ),
    ),
    Mutation(
        "authenticity counts the copies",
        "01",
        """
from embgan_edu.measure import metrics

right_authenticity = metrics.authenticity
metrics.authenticity = lambda train, synthetic: 1 - right_authenticity(train, synthetic)
""",
        ("copier-authenticity", "gaussian-authenticity", "fresh-authenticity"),
    ),
    Mutation(
        "training labels swapped, and own word vectors from two hundred texts",
        "02",
        SWAPPED_LABELS + FEW_TEXTS,
        ("default-movie", "default-product", "lead-movie", "lead-product", "few-behind"),
    ),
    Mutation(
        "a word list that is cut short and one line off",
        "02",
        FEW_TEXTS
        + """
from gensim.models import KeyedVectors
from embgan_edu.data import vectors

right_load = vectors.load_word_vectors

def load_one_off():
    right = right_load()
    wrong = KeyedVectors(right.vector_size)
    wrong.add_vectors(right.index_to_key[:50_000], right.vectors[1:50_001])
    return wrong

vectors.load_word_vectors = load_one_off
""",
        (
            "good-bad",
            "good-great",
            "same-polarity",
            "wrong-company",
            "unknown-glove",
            "unknown-few",
        ),
    ),
    Mutation(
        "a lexicon in which every word is praise",
        "02",
        ALL_PRAISE,
        ("same-polarity", "guessed-polarity", "wrong-company"),
    ),
    Mutation(
        "training labels swapped",
        "03",
        SWAPPED_LABELS,
        (
            "accuracy-movie-100",
            "accuracy-product-100",
            "accuracy-movie-2000",
            "accuracy-product-2000",
            "wrong-negation",
            "wrong-plain",
            "wrong-turn",
            "wrong-against",
            "wrong-not-against",
            "swaying-2000",
            "price",
            "price-low",
            "price-high",
            "test-loss",
            "double-extra",
        ),
    ),
    Mutation(
        "the same rows in every draw",
        "03",
        with_splits("splits.select([0] * splits.n_draws)"),
        (
            "spread-rows",
            "spread-test",
            "spread-movie-100",
            "paired-width",
            "unpaired-width",
            "draws-logistic",
            "undecided",
        ),
    ),
    Mutation(
        "features twenty times too small",
        "03",
        with_splits(
            "dataclasses.replace(splits, X_train=splits.X_train / 20, X_test=splits.X_test / 20)"
        ),
        (
            "train-movie-100",
            "train-movie-2000",
            "fit-long",
            "test-long",
            "double-cost",
            "leak-cost",
            "peek-cost",
            "peek-honest",
        ),
    ),
    Mutation(
        "a number of training rows that is ignored",
        "03",
        """
from embgan_edu.data import splits as protocol

right_draw = protocol.draw_splits
protocol.draw_splits = lambda corpus, n_train, **kwargs: right_draw(corpus, 100, **kwargs)
""",
        ("spread-movie-2000", "spread-others-2000"),
    ),
    Mutation(
        "a classifier that starts from the same weights whatever its seed",
        "03",
        """
from embgan_edu.models import classifier

right_start = classifier.StackedClassifier.__init__

def start_from_seed_0(self, *args, random_state=0, **kwargs):
    right_start(self, *args, **kwargs)

classifier.StackedClassifier.__init__ = start_from_seed_0
""",
        ("spread-weights",),
    ),
    Mutation(
        "linear models without regularization",
        "03",
        """
import functools
from sklearn import discriminant_analysis, linear_model

right_start = linear_model.LogisticRegressionCV.__init__
right_fixed = linear_model.LogisticRegression.__init__
right_lda = discriminant_analysis.LinearDiscriminantAnalysis.__init__

def start_free(self, *, Cs, **kwargs):
    right_start(self, Cs=[1e6], **kwargs)

@functools.wraps(right_fixed)  # scikit-learn reads the settings off the signature
def start_fixed(self, *args, **kwargs):
    right_fixed(self, *args, **(kwargs | {"C": 1e6}))

def start_unshrunk(self, solver="svd", shrinkage=None):
    right_lda(self, solver=solver)

linear_model.LogisticRegressionCV.__init__ = start_free
linear_model.LogisticRegression.__init__ = start_fixed
discriminant_analysis.LinearDiscriminantAnalysis.__init__ = start_unshrunk
""",
        (
            "linear-gain",
            "fixed-gain",
            "lda-gain",
            "lda-product",
            "draws-lda",
            "floor-movie",
            "floor-product",
        ),
    ),
    Mutation(
        "nothing is ever trained",
        "04",
        NOTHING_TRAINED,
        (
            "optimal-gap",
            "ring-share",
            "right-way",
            "leaky-way",
            "right-spread",
            "leaky-spread",
            "leaky-share",
            "real-probability",
            "fake-probability",
            "spread",
            "label-effect-real",
        ),
    ),
    Mutation(
        "initial weights four times too large",
        "04",
        """
import torch

right_reset = torch.nn.Linear.reset_parameters

def reset_too_large(self):
    right_reset(self)
    with torch.no_grad():
        self.weight *= 4

torch.nn.Linear.reset_parameters = reset_too_large
"""
        + UNTRAINED_GENERATOR,
        ("detach-cosine", "detach-length"),
    ),
    Mutation(
        "variance taken for standard deviation in the density",
        "04",
        """
from scipy import stats

right_pdf = stats.norm.pdf
stats.norm.pdf = lambda x, mean, deviation: right_pdf(x, mean, deviation**2)
"""
        + UNTRAINED_GENERATOR,
        ("optimal-gap",),
    ),
    Mutation(
        "a GAN that hands out its training rows with the wrong label",
        "04",
        MISLABELED_COPIES,
        ("label-effect",),
    ),
    Mutation(
        "a GAN that hands out its training rows with the wrong label",
        "05",
        MISLABELED_COPIES,
        (
            "gain-movie",
            "gain-product",
            "tstr-movie",
            "tstr-product",
            "trts-movie",
            "trts-product",
            "vendi-movie",
            "vendi-product",
            "recall-movie",
            "recall-product",
            "batch-norm-vendi",
            "batch-norm-gain",
        ),
    ),
    Mutation(
        "training labels swapped, and every test row twice",
        "05",
        with_splits(
            "dataclasses.replace(splits, y_train=1 - splits.y_train, "
            "X_test=np.repeat(splits.X_test, 2, axis=1), "
            "y_test=np.repeat(splits.y_test, 2, axis=1), "
            "test_index=np.repeat(splits.test_index, 2, axis=1))"
        )
        + UNTRAINED_GENERATOR,
        (
            "real-movie",
            "real-product",
            "tweets-gain-movie",
            "tweets-gain-product",
            "recall-floor-movie",
            "shrunk-recall",
            "shrunk-coverage",
            "precision-floor",
            "precision-smote",
            "precision-gaussian",
            "precision-tweets",
            "true-movie",
            "true-product",
        ),
    ),
    Mutation(
        "baselines that repeat one row per label, and give it the other label",
        "05",
        """
from embgan_edu.models import baselines

right_sample = baselines.Baseline.sample

def repeat_mislabeled(self, n, label=None, random_state=0):
    X, y = right_sample(self, n, label, random_state)
    for rows, labels in zip(X, y):
        for each in (0, 1):
            rows[labels == each] = rows[labels == each][:1]
    return X, 1 - y

baselines.Baseline.sample = repeat_mislabeled
""",
        (
            "trts-memorizer",
            "vendi-gaussian-movie",
            "recall-gaussian-movie",
            "recall-gaussian-product",
            "gain-gaussian-movie",
            "gain-gaussian-product",
        ),
    ),
    Mutation(
        "training rows twenty times too small, and a classifier that says the contrary",
        "05",
        with_splits("dataclasses.replace(splits, X_train=splits.X_train / 20)")
        + """
from embgan_edu.models import classifier

right_predict = classifier.StackedClassifier.predict
classifier.StackedClassifier.predict = lambda self, X: 1 - right_predict(self, X)
""",
        ("neighbor-2", "neighbor-50", "jitter-2", "jitter-50", "guessed-movie", "guessed-product"),
    ),
    Mutation(
        "a verdict that counts for nothing",
        "06",
        """
import torch

right_log_softmax = torch.nn.functional.log_softmax

def log_softmax_silent(*args, **kwargs):
    return 0 * right_log_softmax(*args, **kwargs)

torch.nn.functional.log_softmax = log_softmax_silent
""",
        ("strict-share",),
    ),
    Mutation(
        "a GAN that hands out its training rows, mislabeled where it has a judge",
        "06",
        """
from embgan_edu.models import gan
from embgan_edu.models.baselines import Memorizer

def remember(self, X, y, classifier=None, after_step=None, progress=False):
    self.rows = Memorizer().fit(X, y)
    return self

def hand_out(self, n, label=None, random_state=0):
    X, y = self.rows.sample(n, label, random_state)
    return X, 1 - y if self.config.consistency > 0 else y

gan.GAN.fit = remember
gan.GAN.sample = hand_out
""",
        (
            "trts-without",
            "trts-with",
            "tstr-with",
            "gain-with",
            "gain-with-1000",
            "step-up",
            "step-up-low",
            "step-up-high",
            "vendi-without",
            "vendi-with",
            "stranger-with",
            "echo-with",
        ),
    ),
    Mutation(
        "a GAN that hands out its training rows, mislabeled where it has no judge",
        "06",
        """
from embgan_edu.models import gan
from embgan_edu.models.baselines import Memorizer

def remember(self, X, y, classifier=None, after_step=None, progress=False):
    self.rows = Memorizer().fit(X, y)
    return self

def hand_out(self, n, label=None, random_state=0):
    X, y = self.rows.sample(n, label, random_state)
    return X, y if self.config.consistency > 0 else 1 - y

gan.GAN.fit = remember
gan.GAN.sample = hand_out
""",
        ("trts-without", "step-up", "relabel-up", "stranger-without"),
    ),
    Mutation(
        "a class Gaussian that hands out its training rows",
        "06",
        UNTRAINED_GENERATOR
        + """
from embgan_edu.models import baselines

baselines.ClassGaussian._rows = baselines.Memorizer._rows
""",
        ("toy-fitted", "linear-gain"),
    ),
    Mutation(
        "least squares that ignores the covariance",
        "06",
        UNTRAINED_GENERATOR
        + """
import numpy as np

np.linalg.solve = lambda matrix, right_hand: right_hand
""",
        ("toy-fitted", "toy-biased", "toy-both", "linear-real", "linear-gain", "linear-both"),
    ),
    Mutation(
        "test labels that belong to other rows",
        "06",
        with_splits("dataclasses.replace(splits, y_test=np.roll(splits.y_test, 1, axis=1))")
        + UNTRAINED_GENERATOR,
        (
            "trts-without",
            "judge-right",
            "linear-real",
            "linear-shrunk",
            "linear-gain",
            "noise-tstr",
            "stranger-real",
            "stranger-without",
            "stranger-clear",
            "echo-judged",
        ),
    ),
    Mutation(
        "a pretraining that trains nothing",
        "07",
        UNTRAINED_PRETRAINING,
        ("tweets-tstr", "vendi", "recall"),
    ),
    Mutation(
        "a pretraining that trains nothing, and test sets of sixty different rows",
        "07",
        with_splits(
            "dataclasses.replace(splits, X_test=np.repeat(splits.X_test[:, :60], 30, axis=1), "
            "y_test=np.repeat(splits.y_test[:, :60], 30, axis=1), "
            "test_index=np.repeat(splits.test_index[:, :60], 30, axis=1))"
        )
        + UNTRAINED_PRETRAINING,
        ("forgotten", "forgotten-less", "wrong-judge", "flattery"),
    ),
    Mutation(
        "copies of the training rows with the wrong label",
        "07",
        MISLABELED_COPIES,
        (
            "gain-movie",
            "gain-product",
            "tstr",
            "over-noise-movie",
            "over-noise-product",
            "over-two-movie",
            "over-two-product",
        ),
    ),
    Mutation(
        "every stored method under the name of another one",
        "07",
        STORED_MIXED,
        (
            "arm-new-reviews",
            "arm-new-tweets",
            "arm-start-reviews",
            "arm-both",
            "recall-new-start",
        ),
    ),
    Mutation(
        "praise and complaint exchanged in all tweets",
        "07",
        """
import dataclasses
from embgan_edu.data import embedding

right_embed = embedding.embed

def embed_exchanged(name, *args, **kwargs):
    corpus = right_embed(name, *args, **kwargs)
    return dataclasses.replace(corpus, y=1 - corpus.y) if name == "tweets" else corpus

embedding.embed = embed_exchanged
"""
        + UNTRAINED_GENERATOR,
        (
            "judge-movie",
            "judge-product",
            "corrected-movie",
            "corrected-product",
            "two-movie",
            "two-product",
            "noise-movie",
            "noise-product",
            "gaussian-movie",
            "gaussian-product",
        ),
    ),
    Mutation(
        "noise in a narrow heap, and fine-tuned rows with the wrong label",
        "07",
        """
from embgan_edu.models import baselines
from embgan_edu.study import recipe

right_rows, right_rung = baselines.Noise._rows, recipe.fit_rung
baselines.Noise._rows = lambda self, X, count, rng: right_rows(self, X, count, rng) / 3

def fit_mislabeled(*args, **kwargs):
    gan = right_rung(*args, **kwargs)
    right_sample = gan.sample

    def sample_mislabeled(*args, **kwargs):
        X, y = right_sample(*args, **kwargs)
        return X, 1 - y

    gan.sample = sample_mislabeled
    return gan

recipe.fit_rung = fit_mislabeled
""",
        ("noise-precision-movie", "noise-precision-product", "tuning"),
    ),
    Mutation(
        "no noise on the real rows",
        "08",
        ignored("noise"),
        ("seen-variance",),
    ),
    Mutation(
        "training rows four times too close together",
        "08",
        with_splits("dataclasses.replace(splits, X_train=splits.X_train / 4)"),
        ("parent-1", "parent-2"),
    ),
    Mutation(
        "networks that never learn",
        "08",
        NOTHING_LEARNED,
        (
            "gap-none",
            "gap-once",
            "gap-fresh",
            "unseen-none",
            "rv-none",
            "rv-fresh",
            "rt-none",
            "rt-fresh",
            "normal-none",
            "normal-fresh",
            "closer-none",
            "closer-fresh",
        ),
    ),
    Mutation(
        "of fifty training steps only one is made",
        "08",
        ONE_STEP_OF_FIFTY + UNTRAINED_GENERATOR,
        (
            "gap-tuned",
            "recall-none",
            "recall-03",
            "coverage-none",
            "coverage-03",
        ),
    ),
    Mutation(
        "finished rows blurred five times as much",
        "08",
        """
from embgan_edu.models import baselines

right_start = baselines.Blurred.__init__

def start_five_times(self, sampler, scale):
    right_start(self, sampler, 5 * scale)

baselines.Blurred.__init__ = start_five_times
""",
        ("recall-blurred", "coverage-blurred", "vendi-blurred"),
        weights=True,
    ),
    Mutation(
        "copies of the training rows with the wrong label",
        "08",
        MISLABELED_COPIES,
        (
            "recall-none",
            "recall-03",
            "coverage-1",
            "gain-none",
            "gain-03",
        ),
    ),
    Mutation(
        "no label smoothing",
        "09",
        ignored("label_smoothing"),
        ("real-one",),
    ),
    Mutation(
        "of fifty training steps only one is made",
        "09",
        ONE_STEP_OF_FIFTY,
        ("recall-two",),
    ),
    Mutation(
        "no noise on the real rows",
        "09",
        ignored("noise"),
        ("coverage-two",),
    ),
    Mutation(
        "nothing is ever trained",
        "09",
        NOTHING_TRAINED,
        (
            "formula-gap",
            "pull-one",
            "pull-two",
            "sure-none",
            "pull-rows-none",
            "pull-rows-one",
            "pull-rows-two",
            "pull-formula",
            "gap-none",
            "gap-one",
            "coverage-none",
            "coverage-one",
        ),
    ),
    Mutation(
        "copies of the training rows with the wrong label",
        "09",
        MISLABELED_COPIES,
        (
            "real-none",
            "real-one",
            "recall-none",
            "recall-one",
            "recall-two",
            "gain-none",
            "gain-one",
            "gain-two",
        ),
    ),
    Mutation(
        "every change of the recipe switched off",
        "10",
        UNTRAINED_PRETRAINING
        + """

recipe.CHANGES = dict.fromkeys(recipe.CHANGES, {})
""",
        ("live-trts", "live-vendi", "live-recall"),
    ),
    Mutation(
        "every method under the name of another one",
        "10",
        STORED_MIXED,
        stored_figures("ch10", "lexicon-movie", "lexicon-product"),
    ),
    Mutation(
        "copies of the training rows with the wrong label",
        "10",
        MISLABELED_COPIES,
        ("live-movie", "live-product", "topic-gain"),
    ),
    Mutation(
        "a lexicon in which every word is praise",
        "10",
        ALL_PRAISE,
        ("lexicon-movie", "lexicon-product"),
    ),
    Mutation(
        "a generator that is not trained",
        "11",
        UNTRAINED_GENERATOR,
        (
            "islands-wgan",
            "islands-r3gan",
            "agreement",
            "coverage-average",
            "coverage-last",
            "recall-average",
            "recall-last",
            "mix-100",
            "mix-300",
            "mix-alone",
        ),
    ),
    Mutation(
        "the standard loss for all, no penalty, no division, and stored methods exchanged",
        "11",
        STORED_EXCHANGED
        + """
from embgan_edu.models import gan, losses, stacked

no_penalty = lambda gradient: 0 * losses.zero_centered_penalty(gradient)
gan.zero_centered_penalty = no_penalty
gan.unit_slope_penalty = no_penalty
gan.discriminator_loss = lambda kind, *logits: losses.discriminator_loss("standard", *logits)
gan.generator_loss = lambda kind, *logits: losses.generator_loss("standard", *logits)
stacked.SpectralLinear.forward = stacked.StackedLinear.forward
""",
        (
            "agreement",
            "stretch",
            *stored_figures("ch11", "islands-wgan"),
        ),
    ),
    Mutation(
        "the KL averaged over latent dimensions, not summed",
        "12",
        """
from embgan_edu.models import vae

right_kl = vae.gaussian_kl
vae.gaussian_kl = lambda mean, log_variance: right_kl(mean, log_variance) / mean.shape[-1]
""",
        (
            "agreement",
            "elbo",
            "rate-one",
            "elbo-sixteenth",
            "gaussian-ahead",
        ),
    ),
    Mutation(
        "samples without observation noise",
        "12",
        """
import torch
from embgan_edu.models import vae

right_sample = vae.VAE.sample

def sample_means(self, *args, **kwargs):
    learned = self.decoder_.log_variance.data
    self.decoder_.log_variance.data = torch.full_like(learned, -torch.inf)
    sample = right_sample(self, *args, **kwargs)
    self.decoder_.log_variance.data = learned
    return sample

vae.VAE.sample = sample_means
""",
        ("variance-draws",),
    ),
    Mutation(
        "a decoder that is told neither code nor label, and the stored methods mixed up",
        "12",
        """
import torch
from embgan_edu.study import ladder
from embgan_edu.models import vae

right_decode = vae.Decoder.forward

def decode_nothing(self, z, onehot):
    return right_decode(self, torch.zeros_like(z), torch.zeros_like(onehot))

vae.Decoder.forward = decode_nothing

right_read = ladder.read_table

def read_mixed(path=None):
    table, about = right_read(path)
    other = {"VAE": "pretrained VAE", "pretrained VAE": "VAE"}
    return table.assign(method=table["method"].replace(other)), about

ladder.read_table = read_mixed
""",
        (
            "label-worth",
            "variance-means",
            "trts-means",
            "trts-draws",
            "scratch-movie",
            "scratch-product",
            "pretrained-movie",
            "pretrained-product",
        ),
    ),
    Mutation(
        "language models are not trained, words have no frequencies, distinct-n counts words",
        "13",
        """
import dataclasses
import numpy as np
from embgan_edu.text import language_model, metrics as text_metrics, vocabulary

right_fit = language_model.LanguageModel.fit
right_vocabulary = vocabulary.Vocabulary.__init__
right_distinct = text_metrics.distinct_n

def fit_nothing(self, *args, **options):
    self.config = dataclasses.replace(self.config, steps=1, learning_rate=1e-9)
    return right_fit(self, *args, **options)

def without_frequencies(self, *args, **options):
    right_vocabulary(self, *args, **options)
    self.log_frequency[: len(self.words)] = -np.log(len(self.words))

language_model.LanguageModel.fit = fit_nothing
vocabulary.Vocabulary.__init__ = without_frequencies
text_metrics.distinct_n = lambda texts, n=2: right_distinct(texts, 1)
""",
        ("copied", "perplexity-frequency", "perplexity-tuned", "distinct-templates"),
    ),
    Mutation(
        "writers do not know the label",
        "13",
        """
from embgan_edu.text import samplers as text_samplers

right_texts = text_samplers.TextSampler.texts

def texts_mislabeled(self, n, label=None, random_state=0):
    texts, y = right_texts(self, n, label, random_state)
    return texts, y[:, ::-1].copy()

text_samplers.TextSampler.texts = texts_mislabeled
""",
        ("judge-worth", "leak"),
    ),
    Mutation(
        "a judge that learned nothing, and stored methods exchanged",
        "13",
        STORED_EXCHANGED
        + """
import dataclasses
import numpy as np
from embgan_edu.study import recipe

right_judge = recipe.fit_judge

def judge_of_nothing(splits, corpus=None, random_state=0):
    rng = np.random.default_rng(0)
    wrong = dataclasses.replace(splits, y_train=rng.permuted(splits.y_train, axis=1))
    other = dataclasses.replace(corpus, y=rng.permutation(corpus.y))
    return right_judge(wrong, other, random_state)

recipe.fit_judge = judge_of_nothing
""",
        ("judge-worth", "judge-movie", *stored_figures("ch13", "perplexity-frequency")),
    ),
    Mutation(
        "the strangers of the attack are members as well",
        "14",
        with_splits(
            "dataclasses.replace(splits, "
            "X_test=np.concatenate([splits.X_train[:, :100], splits.X_test[:, 100:]], axis=1), "
            "y_test=np.concatenate([splits.y_train[:, :100], splits.y_test[:, 100:]], axis=1))"
        ),
        ("closer-gaussian", "closer-plain", "found-smote", "auc-plain", "leak"),
        weights=True,
    ),
    Mutation(
        "neither clipping nor noise in private training, and attacks turned round",
        "14",
        """
from embgan_edu.measure import attacks
from embgan_edu.models import private_gan

right_private_step = private_gan.private_discriminator_step

def step_in_the_open(*args, clip=None, noise_multiplier=None, target=1.0):
    target = args[10] if len(args) > 10 else target
    return right_private_step(*args[:8], 1e9, 0.0, target)

private_gan.private_discriminator_step = step_in_the_open
private_gan.PrivacyBudget.noise_multiplier = lambda self, sampling_rate, steps: 0.0
right_scores = attacks.distance_scores
attacks.distance_scores = lambda *args: -right_scores(*args)
right_logits = attacks.discriminator_scores
attacks.discriminator_scores = lambda *args: -right_logits(*args)
""",
        (
            "agreement",
            "sigma-10",
            "vendi-kept",
            "vendi-tenth",
            "auc-recipe",
            "white-plain",
            "white-private",
        ),
        weights=True,
    ),
    Mutation(
        "nothing is ever trained, SMOTE copies, stored methods exchanged",
        "14",
        STORED_EXCHANGED
        + """
import torch
from embgan_edu.models import baselines

from embgan_edu.models import training

torch.optim.Adam.step = training.DrawAdam.step = lambda self, closure=None: None
baselines.Smote._rows = baselines.Memorizer._rows
""",
        (
            "vendi-inf",
            "rare-real",
            "rare-gan",
            "rare-copies",
            "loop-smote",
            "loop-kept",
            *stored_figures("ch14", "agreement", "found-smote", "sigma-10"),
        ),
    ),
]


def test_every_published_figure_is_broken_in_some_way() -> None:
    broken = {f"ch{m.chapter}/{name}" for m in MUTATIONS for name in m.noticed}
    assert broken == set(figures.load_register())


def out_of_band(path: Path, mutation: Mutation, folder: Path) -> set[str]:
    """Run what a broken chapter needs; return the short names of figures that left their bands."""
    numbers = measure(path, mutation.noticed, folder, mutation.prelude, mutation.weights)
    register = figures.load_register()
    return {
        name.split("/")[1]
        for name, number in numbers.items()
        if math.isfinite(number) and not register[name].holds(number)
    }


@pytest.mark.notebook
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.chapter}: {m.what}")
def test_a_broken_pipeline_is_noticed(mutation: Mutation, tmp_path: Path, real_data: None) -> None:
    (chapter,) = find_chapters(checkout(), [mutation.chapter])
    assert set(mutation.noticed) <= out_of_band(chapter.path, mutation, tmp_path)


@pytest.mark.notebook
@pytest.mark.control
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.chapter}: {m.what}")
def test_with_nothing_broken_the_same_statements_keep_every_figure_in_its_band(
    mutation: Mutation, tmp_path: Path, real_data: None
) -> None:
    """So what a broken run notices is the break, not a statement that was left out."""
    (chapter,) = find_chapters(checkout(), [mutation.chapter])
    assert out_of_band(chapter.path, mutation._replace(prelude=""), tmp_path) == set()


PRETRAINING = """
import numpy as np
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.models.gan import GANConfig
from embgan_edu.publish import figures
from embgan_edu.study import recipe

y = np.arange(80) % 2
corpus = EmbeddedCorpus("toy", np.random.default_rng(0).normal(size=(80, 5)), y, ("a", "b"), 0)
config = GANConfig(steps=3, consistency=1.0, noise=0.1, label_smoothing=0.1, batch_norm=True)
gan = recipe.pretrain(config, corpus, networks=2)
sums = [float(weight.detach().abs().sum()) for weight in gan.generator_.parameters()]
"""


def test_weights_come_from_the_cache_only_where_pretraining_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "07-x.ipynb"
    check = "figures.check('ch07', {f'weight-{k}': value for k, value in enumerate(sums)})"
    nbformat.write(new_notebook(cells=list(map(new_code_cell, (PRETRAINING, check)))), path)

    def pretrained(prelude: str) -> dict[str, float]:
        (folder := tmp_path / f"run{len(list(tmp_path.iterdir()))}").mkdir()
        return measure(path, ["weight-0"], folder, prelude)

    right = pretrained("")
    assert len(right) > 5
    for mutation in MUTATIONS:
        if mutation.weights:
            assert pretrained(mutation.prelude) == right, mutation.what
    assert pretrained(UNTRAINED_PRETRAINING) != right


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chapter of two figures, which are in the register."""
    rest = {"what": "", "unit": "", "decimals": 1, "mean": 2, "sd": 0, "runs": 1, "platform": 0}
    rest |= {"seeds": "", "environment": "", "value": 2, "low": 1.9, "high": 2.1}
    register = {f"ch07/{name}": figures.Figure(f"ch07/{name}", **rest) for name in ("n", "other")}
    monkeypatch.setattr(figures, "load_register", lambda: register)
    code = "import math\nfrom embgan_edu.publish import figures"
    last = "figures.check('ch07', {'n': math.factorial(2), 'other': math.sqrt(4)})"
    path = tmp_path / "07-x.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code), new_code_cell(last)]), path)
    return path


def test_only_a_figure_that_left_its_band_counts_as_noticed(small: Path) -> None:
    def noticed(prelude: str, *names: str) -> set[str]:
        (folder := small.parent / f"run{len(list(small.parent.iterdir()))}").mkdir()
        return out_of_band(small, Mutation("", "07", prelude, names), folder)

    three = "import math\nmath.factorial = lambda n: 3"
    assert noticed("", "n", "other") == set()
    assert noticed(three, "n", "other") == {"n"}
    assert noticed("", "n", "other") == set()  # nothing is left of the break
    assert noticed(three.replace("3", "math.nan"), "n") == set()  # that is no measurement
    with pytest.raises(RunError, match=r"breaks the package:(?s:.)*ValueError: no"):
        noticed("raise ValueError('no')", "n")
    with pytest.raises(RunError, match=r"cell 2:(?s:.)*TypeError"):
        noticed("import math\nmath.factorial = None", "n")
    with pytest.raises(RunError, match="with exit code 3"):
        noticed("import os\nos._exit(3)", "n")
    with pytest.raises(RunError, match="did not measure ch07/third"):
        noticed("", "n", "third")
