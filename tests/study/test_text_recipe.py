"""Sentences go on the table in the units of each draw, made from training texts alone."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.embedding import EmbeddedCorpus, MeanEmbedder
from embgan_edu.data.splits import draw_splits
from embgan_edu.data.vectors import tokenize
from embgan_edu.measure.evaluation import evaluate
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.study import text_recipe as text_generation
from embgan_edu.study.text_recipe import (
    fit_gru,
    fit_judged,
    fit_pretrained,
    fit_templates,
    fit_word_soup,
    training_texts,
)
from embgan_edu.text.samplers import (
    JudgedSampler,
    TextSampler,
    sampler_from_texts,
    transformers_generator,
)

LABELS = ("negative", "positive")
OPINIONS = (("dull", "awful", "weak"), ("warm", "honest", "bright"))
THINGS = ("film", "plot", "book", "play")
WORDS = [".", "the", "is", "and", "a", "so", "it", "very", *THINGS, *OPINIONS[0], *OPINIONS[1]]
VECTORS = KeyedVectors(8)
VECTORS.add_vectors(
    [*WORDS, *LABELS],
    np.random.default_rng(0).normal(size=(len(WORDS) + 2, 8)).astype(np.float32),
)


def make_corpus(name="reviews", n=60, shift=0):
    rng = np.random.default_rng(shift)
    y = np.arange(n) % 2
    texts = tuple(
        f"the {rng.choice(THINGS)} is {rng.choice(OPINIONS[label])} and so is the "
        f"{rng.choice(THINGS)}"
        for label in y
    )
    X = MeanEmbedder(VECTORS).fit_transform(texts)
    return EmbeddedCorpus(name, X, y, LABELS, 0, texts)


TARGET, SOURCE = make_corpus(), make_corpus("tweets", 80, shift=1)
SPLITS = draw_splits(TARGET, n_train=20, draws=2)
fit_pretrained_gru = partial(fit_pretrained, "gru")
METHODS = (
    fit_templates,
    fit_word_soup,
    partial(fit_judged, fit_word_soup),
    fit_gru,
    fit_pretrained_gru,
    partial(fit_judged, fit_pretrained_gru),
    partial(fit_pretrained, "transformer"),
)
NAMES = ("templates", "soup", "judged soup", "GRU", "pretrained", "judged GRU", "Transformer")
every_method = pytest.mark.parametrize("method", METHODS, ids=NAMES)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Few steps, and an empty cache of weights."""
    monkeypatch.setenv("EMBGAN_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(text_generation, "NETWORKS", 1)
    for name in ("SCRATCH", "PRETRAINING", "FINE_TUNING"):
        config = getattr(text_generation, name)
        few = dataclasses.replace(config, steps=3, max_words=9, hidden=8)
        monkeypatch.setattr(text_generation, name, few)
        monkeypatch.setattr(text_generation, "SCRATCH_WORDS", 24)
        monkeypatch.setattr(text_generation, "PRETRAINED_WORDS", 24)


def name_of(labels, seed):
    """A writer that writes the label's name."""
    return [[LABELS[label] for label in row] for row in labels]


def test_a_sentence_is_embedded_and_put_in_the_units_of_its_draw():
    X, y = TextSampler(name_of, SPLITS, VECTORS).sample(6, random_state=1)
    for draw in range(2):
        for row, label in zip(X[draw], y[draw], strict=True):
            expected = (VECTORS[LABELS[label]] - SPLITS.mean[draw]) / SPLITS.scale[draw]
            np.testing.assert_allclose(row, expected, rtol=1e-5)


def test_real_training_texts_come_back_as_the_training_rows():
    texts = training_texts(SPLITS, TARGET)
    sampler = TextSampler(lambda labels, seed: texts, SPLITS, VECTORS)
    np.testing.assert_allclose(sampler.sample(20)[0], SPLITS.X_train, atol=1e-5)


@every_method
def test_methods_have_the_interface_of_a_sampler_and_stand_on_the_table(method):
    sampler = method(SPLITS, TARGET, SOURCE, 0, False, VECTORS)
    sampler = sampler.fit(SPLITS.X_train, SPLITS.y_train)
    X, y = sampler.sample(200, random_state=2)
    assert X.shape == (2, 200, 8) and X.dtype == np.float32 and y.shape == (2, 200)
    np.testing.assert_array_equal(X, sampler.sample(200, random_state=2)[0])
    assert not np.array_equal(X, sampler.sample(200, random_state=3)[0])
    np.testing.assert_allclose(y.mean(axis=1), SPLITS.y_train.mean(axis=1), atol=0.2)
    assert (sampler.sample(5, label=1)[1] == 1).all()
    with pytest.raises(ConfigError, match=r"label=7 was never seen in training; possible: 0, 1"):
        sampler.sample(5, label=7)
    with pytest.raises(ConfigError, match="n=0"):
        sampler.sample(0)
    table = evaluate({"texts": sampler}, SPLITS, n_synthetic=30)
    assert np.isfinite(table["value"]).all()


@every_method
def test_a_draw_does_not_depend_on_the_draws_beside_it(method):
    both = method(SPLITS, TARGET, SOURCE, 0, False, VECTORS).sample(12)[0]
    first = method(SPLITS.select(slice(1)), TARGET, SOURCE, 0, False, VECTORS).sample(12)[0]
    np.testing.assert_allclose(both[:1], first, atol=1e-4)


def test_what_is_written_from_scratch_has_no_word_of_any_other_text():
    for method in (fit_templates, fit_word_soup, fit_gru):
        sampler = method(SPLITS, TARGET, None, 0, False, VECTORS)
        grammar = {"the", "is", "and", "a", "an", "so", "it", "very", "i", "found", "has", "this"}
        grammar |= {"there", "something", "about", "with", "its", "when", "comes", "to", "as"}
        grammar |= {"for", "of"}
        for texts, own in zip(sampler.texts(50)[0], training_texts(SPLITS, TARGET), strict=True):
            known = {word for text in own for word in tokenize(text)} | grammar
            assert {word for text in texts for word in tokenize(text)} <= known


def test_test_texts_do_not_reach_any_method():
    """With every text that is no training text replaced, the same sentences come out."""
    own = set(SPLITS.train_index[0].tolist())
    texts = tuple(t if k in own else "awful awful" for k, t in enumerate(TARGET.texts))
    other = dataclasses.replace(TARGET, texts=texts)
    first = SPLITS.select(slice(1))
    for method in (fit_templates, fit_word_soup, fit_gru, fit_pretrained_gru):
        ours, theirs = (
            method(first, corpus, SOURCE, 0, False, VECTORS).texts(20)[0]
            for corpus in (TARGET, other)
        )
        assert ours == theirs


def test_templates_keep_their_label():
    sampler = fit_templates(SPLITS, TARGET, SOURCE, 0, False, VECTORS)
    texts, y = sampler.texts(50)
    for draw in range(2):
        for text, label in zip(texts[draw], y[draw], strict=True):
            assert not set(tokenize(text)) & set(OPINIONS[1 - label])


def test_word_soup_has_the_words_of_its_label_and_the_lengths_of_its_texts():
    sampler = fit_word_soup(SPLITS, TARGET, vectors=VECTORS)
    texts, y = sampler.texts(300)
    for own, labels, made, wanted in zip(
        training_texts(SPLITS, TARGET), SPLITS.y_train, texts, y, strict=True
    ):
        for label in (0, 1):
            of_label = [tokenize(t) for t, k in zip(own, labels, strict=True) if k == label]
            soup = [t.split() for t, k in zip(made, wanted, strict=True) if k == label]
            assert {len(words) for words in soup} <= {len(words) for words in of_label}
            real = [word for words in of_label for word in words]
            drawn = [word for words in soup for word in words]
            assert set(drawn) <= set(real)
            # As often as in the texts: within five standard errors.
            share, n = real.count("the") / len(real), len(drawn)
            assert abs(drawn.count("the") / n - share) < 5 * (share * (1 - share) / n) ** 0.5


def test_pretraining_is_read_from_the_cache_and_a_damaged_file_is_replaced(tmp_path, monkeypatch):
    first = fit_pretrained_gru(SPLITS, TARGET, SOURCE, 0, False, VECTORS).sample(5)[0]
    (path,) = tmp_path.glob("*.safetensors")
    fits = []
    right_fit = text_generation.LanguageModel.fit

    def counted(self, *args, **options):
        fits.append(self)
        return right_fit(self, *args, **options)

    monkeypatch.setattr(text_generation.LanguageModel, "fit", counted)
    again = fit_pretrained_gru(SPLITS, TARGET, SOURCE, 0, False, VECTORS).sample(5)[0]
    np.testing.assert_array_equal(again, first)
    assert len(fits) == 1  # the fine-tuning
    path.write_bytes(b"damaged")
    again = fit_pretrained_gru(SPLITS, TARGET, SOURCE, 0, False, VECTORS).sample(5)[0]
    np.testing.assert_array_equal(again, first)
    assert len(fits) == 3


class Listed:
    """A sampler that gives rows 0, 1, 2, ... with labels 0, 1, 0, 1, ..."""

    def fit(self, X, y):
        return self

    def sample(self, n, label=None, random_state=0):
        y = np.arange(n)[None] % 2 if label is None else np.full((1, n), label)
        return np.arange(n, dtype=np.float32)[None, :, None], y


class Refuses(StackedClassifier):
    """A judge that sees label 0 in the rows given, and the right label in all others."""

    def __init__(self, wrong):
        self.wrong, self.network_ = wrong, None

    def predict(self, X):
        rows = X[..., 0].astype(int)
        return np.where(np.isin(rows, self.wrong), 1 - rows % 2, rows % 2)


def test_the_judge_keeps_what_it_confirms_and_the_labels_stay():
    X, y = JudgedSampler(Listed(), Refuses([0, 3])).sample(4)
    assert y.tolist() == [[0, 1, 0, 1]]
    # Row 0 is refused: rows 2 and 4 are the first of label 0 that are confirmed.
    assert X[0, :, 0].tolist() == [2, 1, 4, 5]
    # Of label 1 the rows 1, 3, 5, 7 were made, and only one is confirmed: the next fills up.
    X, _ = JudgedSampler(Listed(), Refuses([1, 3, 5])).sample(4)
    assert X[0, :, 0].tolist() == [0, 7, 2, 1]
    X, _ = JudgedSampler(Listed(), Refuses([0]), excess=1).sample(4)
    assert sorted(X[0, :, 0].tolist()) == [0, 1, 2, 3]


def test_a_judge_must_be_trained():
    with pytest.raises(ConfigError, match="not trained yet"):
        JudgedSampler(Listed(), StackedClassifier())
    with pytest.raises(ConfigError, match="excess=0"):
        JudgedSampler(Listed(), Refuses([]), excess=0)


# A generator from elsewhere


def test_a_generator_gets_label_number_and_a_seed_of_its_own():
    calls = []

    def generate(name, n, seed):
        calls.append((name, n, seed))
        return [f"{name} {k}" for k in range(n)]

    sampler = sampler_from_texts(generate, SPLITS, VECTORS)
    texts, y = sampler.texts(10, random_state=4)
    assert sum(n for _, n, _ in calls) == 20 and len({seed for *_, seed in calls}) == len(calls)
    for row, labels in zip(texts, y, strict=True):
        for label in (0, 1):
            own = [text for text, each in zip(row, labels, strict=True) if each == label]
            assert own == [f"{LABELS[label]} {k}" for k in range(len(own))]
    again = list(calls)
    calls.clear()
    sampler.texts(10, random_state=4)
    assert calls == again


def test_a_generator_that_gives_too_little_is_refused():
    with pytest.raises(DataError, match=r"generate\('negative', 3, \d+\) gave 1 sentences"):
        sampler_from_texts(lambda name, n, seed: ["so"], SPLITS, VECTORS).sample(3, label=0)
    with pytest.raises(DataError, match=r"writer gave \[1, 1\] sentences for 2 draws of 3"):
        TextSampler(lambda labels, seed: [["so"]] * 2, SPLITS, VECTORS).sample(3)


@pytest.fixture(scope="module")
def tiny():
    """A language model of transformers with random weights, and a tokenizer made in memory."""
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    known = {word: k for k, word in enumerate(["<end>", "<unknown>", *WORDS, *LABELS])}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unknown>", eos_token="<end>"
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=len(known),
                n_embd=16,
                n_layer=1,
                n_head=2,
                n_positions=32,
                bos_token_id=0,
                eos_token_id=0,
            )
        )
    return model.eval(), fast


def test_a_model_of_transformers_plugs_in_offline(tiny):
    generate = transformers_generator(*tiny, prompt="a {label} film :", max_words=6)
    state = torch.get_rng_state()
    texts = generate("positive", 5, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(texts) == 5 and texts == generate("positive", 5, seed=1)
    assert texts != generate("positive", 5, seed=2)
    assert all(len(text.split()) <= 6 and "film :" not in text for text in texts)
    X, _ = sampler_from_texts(generate, SPLITS, VECTORS).sample(4)
    assert X.shape == (2, 4, 8)


def test_top_p_near_zero_always_gives_the_same_sentence(tiny):
    generate = transformers_generator(*tiny, prompt="{label}", max_words=4, top_p=1e-6)
    assert len(set(generate("positive", 5, seed=1))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "a film"}, "has no {label}"),
        ({"prompt": "{label}", "temperature": 0}, "temperature=0; expected a number above 0"),
        ({"prompt": "{label}", "top_p": 0.0}, "top_p=0.0"),
        ({"prompt": "{label}", "max_words": 0}, "max_words=0"),
    ],
)
def test_impossible_generators_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        transformers_generator(None, None, **options)


def test_other_corpora_are_refused():
    bare = dataclasses.replace(TARGET, texts=())
    with pytest.raises(DataError, match="'reviews' has rows, but no texts to learn from"):
        fit_gru(SPLITS, bare, SOURCE, 0, False, VECTORS)
    with pytest.raises(DataError, match="are not rows of 'other'"):
        fit_templates(SPLITS, dataclasses.replace(TARGET, name="other", y=1 - TARGET.y))
    stars = dataclasses.replace(SOURCE, label_names=("one", "five"))
    with pytest.raises(DataError, match="'five'"):
        fit_pretrained_gru(SPLITS, TARGET, stars, 0, False, VECTORS)
    with pytest.raises(ConfigError, match="no network 'lstm'; possible: gru, transformer"):
        text_generation.fine_tune("lstm", SPLITS, TARGET, SOURCE, 0, False, VECTORS)
    sampler = TextSampler(name_of, SPLITS, VECTORS)
    with pytest.raises(DataError, match="made for 2 draws and 2 labels"):
        sampler.fit(np.zeros((1, 3, 8)), np.array([[0, 1, 0]]))
