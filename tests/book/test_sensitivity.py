"""A published figure notices when the thing it measures is broken.

Each row breaks the package in one way before a chapter starts. The chapter must then stop at its
own check, and the error must name the figures that the row gives.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from embgan_edu.publish import figures
from embgan_edu.publish.chapters import Chapter, ChapterError, checkout, find_chapters, run_chapter


class Mutation(NamedTuple):
    """A way to break the pipeline.

    Attributes:
        what: what is broken, in a few words.
        chapter: number of the chapter that must notice.
        prelude: code that runs before the chapter's first cell, with names the chapter has not.
        noticed: short names of figures that must leave their bands.
    """

    what: str
    chapter: str
    prelude: str
    noticed: tuple[str, ...]


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

MISLABELED_SAMPLES = """
from embgan_edu.models import gan

right_sample = gan.GAN.sample

def sample_mislabeled(self, n, label=None, random_state=0):
    X, y = right_sample(self, n, label, random_state)
    return X, (y + 1) % self.frequencies_.shape[1]

gan.GAN.sample = sample_mislabeled
"""

NOTHING_TRAINED = (
    UNTRAINED_GENERATOR
    + """
import torch

torch.optim.Adam.step = lambda self, closure=None: None
"""
)

# Chapters 11 to 14 read a table of their own. Real rows against real ones have no accuracy; they
# stay where they are, and lose half of their recall.
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
    return pd.concat(parts), about

ladder.read_table = read_exchanged
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
metrics.coverage = lambda real, synthetic: right_coverage(real, synthetic, k=1)
""",
        ("gaussian-coverage", "collapsed-coverage", "collapsed-recall", "fresh-coverage"),
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
        "training labels swapped",
        "02",
        SWAPPED_LABELS,
        ("word2vec-movie-100", "fasttext-movie-100", "advantage-movie", "advantage-product"),
    ),
    Mutation(
        "a word list that is cut short and one line off",
        "02",
        """
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
        ("good-bad", "unknown-glove", "glove-movie-100", "glove-product-100"),
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
            "price",
            "test-loss",
            "double-extra",
        ),
    ),
    Mutation(
        "the same rows in every draw",
        "03",
        with_splits("splits.select([0] * splits.n_draws)"),
        ("spread-rows", "spread-movie-100", "paired-width", "unpaired-width"),
    ),
    Mutation(
        "features twenty times too small",
        "03",
        with_splits(
            "dataclasses.replace(splits, X_train=splits.X_train / 20, X_test=splits.X_test / 20)"
        ),
        ("train-movie-100", "train-movie-2000", "double-cost", "leak-cost", "peek-cost"),
    ),
    Mutation(
        "a number of training rows that is ignored",
        "03",
        """
from embgan_edu.data import splits as protocol

right_draw = protocol.draw_splits
protocol.draw_splits = lambda corpus, n_train, **kwargs: right_draw(corpus, 100, **kwargs)
""",
        ("spread-movie-2000",),
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
        "a linear model without regularization",
        "03",
        """
from sklearn import linear_model

right_start = linear_model.LogisticRegressionCV.__init__

def start_free(self, *, Cs, **kwargs):
    right_start(self, Cs=[1e6], **kwargs)

linear_model.LogisticRegressionCV.__init__ = start_free
""",
        ("linear-gain",),
    ),
    Mutation(
        "nothing is ever trained",
        "04",
        NOTHING_TRAINED,
        (
            "optimal-gap",
            "jsd-learned",
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
        ("ring-100", "detach-cosine", "detach-length"),
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
        ("jsd",),
    ),
    Mutation(
        "samples that do not follow the label asked for",
        "04",
        """
from embgan_edu.models import gan

right_sample = gan.GAN.sample

def sample_any_label(self, n, label=None, random_state=0):
    return right_sample(self, n, None, random_state)

gan.GAN.sample = sample_any_label
""",
        ("label-effect",),
    ),
    Mutation(
        "a generator that was never trained",
        "05",
        UNTRAINED_GENERATOR,
        ("vendi-movie", "vendi-product", "batch-norm-vendi"),
    ),
    Mutation(
        "samples with the wrong label",
        "05",
        MISLABELED_SAMPLES,
        ("gain-movie", "tstr-movie", "trts-movie", "tstr-product", "trts-product"),
    ),
    Mutation(
        "a GAN that hands out its training rows with the wrong label",
        "05",
        """
from embgan_edu.models import gan
from embgan_edu.models.baselines import Memorizer

def remember(self, X, y, progress=False):
    self.rows = Memorizer().fit(X, y)
    return self

def hand_out(self, n, label=None, random_state=0):
    X, y = self.rows.sample(n, label, random_state)
    return X, 1 - y

gan.GAN.fit = remember
gan.GAN.sample = hand_out
""",
        (
            "recall-movie",
            "recall-product",
            "gain-movie",
            "gain-product",
            "batch-norm-gain",
        ),
    ),
    Mutation(
        "training labels swapped",
        "05",
        SWAPPED_LABELS + UNTRAINED_GENERATOR,
        ("real-movie", "real-product", "tweets-gain-movie", "tweets-gain-product"),
    ),
    Mutation(
        "every test row twice",
        "05",
        with_splits(
            "dataclasses.replace(splits, X_test=np.repeat(splits.X_test, 2, axis=1), "
            "y_test=np.repeat(splits.y_test, 2, axis=1))"
        )
        + UNTRAINED_GENERATOR,
        ("recall-floor-movie", "shrunk-recall", "shrunk-coverage"),
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
        ("trts-with", "strict-share"),
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
            "step-up",
            "vendi-without",
            "vendi-with",
            "stranger-with",
            "echo-with",
        ),
    ),
    Mutation(
        "test labels that belong to other rows",
        "06",
        with_splits("dataclasses.replace(splits, y_test=np.roll(splits.y_test, 1, axis=1))")
        + UNTRAINED_GENERATOR,
        ("trts-without", "stranger-real", "stranger-without"),
    ),
    Mutation(
        "a pretraining that trains nothing",
        "07",
        UNTRAINED_PRETRAINING,
        (
            "tweets-tstr",
            "added",
            "vendi",
            "recall",
            "forgotten",
            "forgotten-less",
            "wrong-judge",
        ),
    ),
    Mutation(
        "samples with the wrong label",
        "07",
        MISLABELED_SAMPLES,
        ("tweets-tstr", "gain-movie", "gain-product", "judge-alone", "tstr", "wrong-judge"),
    ),
    Mutation(
        "test sets of sixty different rows",
        "07",
        with_splits(
            "dataclasses.replace(splits, X_test=np.repeat(splits.X_test[:, :60], 30, axis=1), "
            "y_test=np.repeat(splits.y_test[:, :60], 30, axis=1))"
        )
        + UNTRAINED_PRETRAINING,
        ("flattery",),
    ),
    Mutation(
        "no noise on the real rows",
        "08",
        """
import dataclasses
from embgan_edu.models import gan

right_step = gan.training_step

def step_without_noise(*args):
    *before, settings = args[:8]
    return right_step(*before, dataclasses.replace(settings, noise=0.0), *args[8:])

gan.training_step = step_without_noise
""",
        ("agreement", "seen-variance", "coverage-1"),
    ),
    Mutation(
        "nothing is ever trained",
        "08",
        NOTHING_TRAINED,
        (
            "gap-none",
            "gap-once",
            "gap-fresh",
            "unseen-none",
            "gap-tuned",
            "recall-none",
            "recall-03",
            "coverage-none",
            "coverage-03",
        ),
    ),
    Mutation(
        "samples with the wrong label",
        "08",
        MISLABELED_SAMPLES,
        ("gain-none", "gain-03"),
    ),
    Mutation(
        "no label smoothing",
        "09",
        """
import dataclasses
from embgan_edu.models import gan

right_step = gan.training_step

def step_without_smoothing(*args):
    *before, settings = args[:8]
    settings = dataclasses.replace(settings, label_smoothing=0.0)
    return right_step(*before, settings, *args[8:])

gan.training_step = step_without_smoothing
""",
        ("agreement", "real-one"),
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
            "pull-rows-two",
            "real-none",
            "real-one",
            "recall-none",
            "recall-one",
            "vendi-one",
        ),
    ),
    Mutation(
        "samples with the wrong label",
        "09",
        MISLABELED_SAMPLES,
        ("gain-none", "gain-one"),
    ),
    Mutation(
        "every change of the recipe switched off",
        "10",
        """
from embgan_edu.study import recipe

recipe.CHANGES = dict.fromkeys(recipe.CHANGES, {})
""",
        ("live-trts", "live-vendi", "live-recall"),
    ),
    Mutation(
        "samples with the wrong label",
        "10",
        MISLABELED_SAMPLES,
        ("live-movie", "live-product", "off-movie", "off-product", "topic-gain"),
    ),
    Mutation(
        "every method under the name of another one",
        "10",
        UNTRAINED_PRETRAINING
        + """
from embgan_edu.study import ladder

right_read = ladder.read_table

def read_mixed(path=None):
    table, about = right_read(path)
    names = ["real only", *ladder.METHODS]
    # Neighbors on the ladder are alike; nine places on, no stored figure stays where it was.
    following = dict(zip(names, names[9:] + names[:9]))
    return table.assign(method=table["method"].replace(following)), about

ladder.read_table = read_mixed
""",
        stored_figures("ch10"),
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
            "islands-wgan",
            "islands-r3gan",
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
        ("variance-draws", "trts-draws"),
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
        "language models are not trained, and words have no frequencies",
        "13",
        """
import dataclasses
import numpy as np
from embgan_edu.text import language_model, vocabulary

right_fit = language_model.LanguageModel.fit
right_vocabulary = vocabulary.Vocabulary.__init__

def fit_nothing(self, *args, **options):
    self.config = dataclasses.replace(self.config, learning_rate=1e-9)
    return right_fit(self, *args, **options)

def without_frequencies(self, *args, **options):
    right_vocabulary(self, *args, **options)
    self.log_frequency[: len(self.words)] = -np.log(len(self.words))

language_model.LanguageModel.fit = fit_nothing
vocabulary.Vocabulary.__init__ = without_frequencies
""",
        ("copied", "perplexity-frequency", "perplexity-tuned"),
    ),
    Mutation(
        "writers do not know the label, and distinct-n counts single words",
        "13",
        """
from embgan_edu.text import metrics as text_metrics, samplers as text_samplers

right_texts = text_samplers.TextSampler.texts
right_distinct = text_metrics.distinct_n

def texts_mislabeled(self, n, label=None, random_state=0):
    texts, y = right_texts(self, n, label, random_state)
    return texts, y[:, ::-1].copy()

text_samplers.TextSampler.texts = texts_mislabeled
text_metrics.distinct_n = lambda texts, n=2: right_distinct(texts, 1)
""",
        ("distinct-templates", "judge-worth", "leak"),
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
    ),
    Mutation(
        "nothing is ever trained, SMOTE copies, stored methods exchanged",
        "14",
        STORED_EXCHANGED
        + """
import torch
from embgan_edu.models import baselines

torch.optim.Adam.step = lambda self, closure=None: None
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


def out_of_band(path: Path, prelude: str, folder: Path) -> set[str]:
    """Run a broken chapter; return the short names of the figures that left their bands."""
    # What an intact package pretrained may not stand in for the broken one.
    apart = {"EMBGAN_WEIGHTS": str(folder / "weights")}
    with pytest.raises(ChapterError, match="FigureError") as error:
        run_chapter(path, folder / "broken.ipynb", prelude=prelude, environment=apart)
    return set(re.findall(rf"{Chapter(path).key}/([\w-]+)", str(error.value)))


@pytest.mark.notebook
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.chapter}: {m.what}")
def test_a_broken_pipeline_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    (chapter,) = find_chapters(checkout(), [mutation.chapter])
    assert set(mutation.noticed) <= out_of_band(chapter.path, mutation.prelude, tmp_path)


def test_only_a_figure_that_left_its_band_counts_as_noticed(tmp_path: Path) -> None:
    rest = {"unit": "", "decimals": 1, "mean": 2, "sd": 0, "runs": 1, "platform": 0}
    rest |= {"what": "", "seeds": "", "environment": "", "value": 2, "low": 1.9, "high": 2.1}
    entries = [{"name": f"ch07/{name}", **rest} for name in ("count", "other")]
    (tmp_path / "register.json").write_text(json.dumps(entries), encoding="utf-8")
    code = (
        "import math\nfrom pathlib import Path\nfrom embgan_edu.publish import figures\n"
        "figures.REGISTER = Path('register.json')\n"
        "figures.check('ch07', {'count': math.factorial(2), 'other': 2})"
    )
    path = tmp_path / "07-x.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
    run_chapter(path, tmp_path / "intact.ipynb")
    breaks = "import math\nmath.factorial = lambda n: 3"
    assert out_of_band(path, breaks, tmp_path) == {"count"}
    with pytest.raises(AssertionError, match="FigureError"):
        out_of_band(path, "raise ValueError('the prelude itself is wrong')", tmp_path)
