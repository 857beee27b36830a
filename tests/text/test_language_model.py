"""Words are drawn as the formulas say; models learn, forget nothing on the way, and stay apart."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.errors import ConfigError, DataError, DivergenceError
from embgan_edu.text.language_model import LanguageModel, draw_words, nucleus
from embgan_edu.text.vocabulary import Vocabulary
from embgan_edu.text.word_networks import NETWORKS, LanguageModelConfig

WORDS = [".", "the", "film", "is", "plot", "good", "bad"]
VECTORS = KeyedVectors(7)
VECTORS.add_vectors(WORDS, np.eye(7, dtype=np.float32))
TEXTS = ["the film is good", "the plot is good", "the film is bad", "the plot is bad"]
LABELS = np.array([1, 1, 0, 0])
SMALL = LanguageModelConfig(
    hidden=16, heads=2, max_words=6, steps=150, batch_size=4, learning_rate=0.01
)
both_networks = pytest.mark.parametrize("network", list(NETWORKS))


def fit(config=SMALL, n_draws=2, random_state=0, start=None, vocabulary=None, **options):
    vocabulary = vocabulary or Vocabulary(TEXTS, VECTORS, size=9)
    return LanguageModel(config, random_state).fit(
        [TEXTS] * n_draws,
        np.tile(LABELS, (n_draws, 1)),
        [vocabulary] * n_draws,
        start=start,
        **options,
    )


@pytest.fixture(scope="module")
def model():
    return fit()


# How a word is drawn

probabilities = (
    st.lists(st.floats(0.001, 1), min_size=1, max_size=12)
    .map(np.array)
    .map(lambda p: torch.as_tensor(p / p.sum()))
)


@given(probabilities, st.floats(0.01, 1))
def test_the_nucleus_is_the_smallest_set_and_is_renormalized(p, top_p):
    kept = nucleus(p, top_p)
    inside = kept > 0
    assert kept.sum() == pytest.approx(1, abs=1e-9)
    # Within it nothing but the scale changes, and no word outside is more probable.
    torch.testing.assert_close(kept[inside], p[inside] / p[inside].sum())
    if (~inside).any():
        assert p[~inside].max() <= p[inside].min()
    # Enough, and not enough without the least of them.
    assert p[inside].sum() >= top_p - 1e-9
    assert p[inside].sum() - p[inside].min() < top_p + 1e-9


def test_the_nucleus_at_its_ends():
    p = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    torch.testing.assert_close(nucleus(p, 1.0), p)
    torch.testing.assert_close(nucleus(p, 1e-6), torch.tensor([[0.0, 1, 0], [0, 0, 1]]))


@pytest.mark.parametrize("temperature", [1e-30, 1e-4, 0.01])
def test_towards_zero_temperature_only_the_most_probable_word_is_left(temperature):
    logits = torch.tensor([0.1, 2.0, 1.9, -1e9]).expand(50, 4)
    drawn = draw_words(logits, torch.linspace(0, 0.999, 50), temperature)
    assert (drawn == 1).all()


def test_words_are_drawn_as_often_as_their_tempered_probabilities_say():
    logits = torch.tensor([0.0, 1.0, 2.0, -1e9])
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    drawn = draw_words(logits.expand(10_000, 4), uniform, temperature=2.0)
    expected = torch.softmax(logits / 2, dim=0)
    torch.testing.assert_close(
        torch.bincount(drawn, minlength=4) / 10_000, expected, atol=2e-4, rtol=0
    )


def test_no_number_draws_a_word_of_probability_zero():
    logits = torch.tensor([-1e9, 0.0, -1e9, 0.0, -1e9]).expand(3, 5)
    drawn = draw_words(logits, torch.tensor([0.0, 0.5, 1 - 2**-24]))
    assert drawn.tolist() == [1, 3, 3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature=0.0; expected a number above 0"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"top_p": 0}, "top_p=0; expected a number above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p=1.1"),
    ],
)
def test_impossible_ways_to_draw_are_refused(model, settings, message):
    with pytest.raises(ConfigError, match=message):
        draw_words(torch.zeros(2, 3), torch.zeros(2), **settings)
    with pytest.raises(ConfigError, match=message):
        model.write(np.zeros((2, 1), dtype=int), **settings)


# Training


def test_an_untrained_model_writes_by_frequency_alone():
    """With answers of 0 the logits are the log-frequencies, and so is the perplexity."""
    model = fit(dataclasses.replace(SMALL, steps=1, learning_rate=1e-9))
    for parameter in model.network_.output.parameters():
        torch.nn.init.zeros_(parameter)
    vocabulary = model.vocabularies_[0]
    counted = vocabulary.encode(TEXTS, 6)
    surprise = -vocabulary.log_frequency[counted[counted >= 0]].mean()
    np.testing.assert_allclose(
        model.perplexity([TEXTS] * 2, np.tile(LABELS, (2, 1))), np.exp(surprise), rtol=1e-5
    )


@both_networks
def test_it_learns_the_language_and_the_label(network):
    model = fit(dataclasses.replace(SMALL, network=network))
    # One fair choice, film or plot, in five words: the perplexity tends to 2 ** (1 / 5).
    right = model.perplexity([TEXTS] * 2, np.tile(LABELS, (2, 1)))
    np.testing.assert_allclose(right, 2**0.2, atol=0.05)
    assert (model.perplexity([TEXTS] * 2, np.tile(1 - LABELS, (2, 1))) > 2 * right).all()
    wanted = np.tile(np.arange(100) % 2, (2, 1))
    for labels, texts in zip(wanted, model.write(wanted, top_p=0.9), strict=True):
        assert {text for text, label in zip(texts, labels, strict=True) if label} == set(TEXTS[:2])
        assert set(texts) == set(TEXTS)


def test_the_loss_is_a_mean_over_words_so_longer_texts_do_not_weigh_more(model):
    """Perplexity of a union is the mean of the surprises, weighted by words."""
    labels = np.tile(LABELS, (2, 1))
    parts = [model.perplexity([TEXTS[k : k + 1]] * 2, labels[:, k : k + 1]) for k in range(4)]
    np.testing.assert_allclose(
        np.log(model.perplexity([TEXTS] * 2, labels)), np.log(parts).mean(axis=0), rtol=1e-4
    )


def test_a_draw_does_not_depend_on_the_draws_beside_it():
    one, three = fit(n_draws=1), fit(n_draws=3)
    labels = np.arange(20)[None] % 2
    assert one.write(labels)[0] == three.write(np.tile(labels, (3, 1)))[0]
    torch.testing.assert_close(one.word_vectors_[0], three.word_vectors_[0], atol=1e-4, rtol=1e-4)


def test_draws_with_one_text_have_networks_of_their_own(model):
    assert not torch.allclose(model.word_vectors_[0], model.word_vectors_[1], atol=1e-3)


def test_no_global_generator_is_touched(model):
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(dataclasses.replace(SMALL, steps=2)).write(np.zeros((2, 3), dtype=int))
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (np.random.get_state()[1] == state[1]).all()


def test_writing_is_seeded_and_rows_do_not_depend_on_the_rows_beside_them(model, monkeypatch):
    labels = np.tile(np.arange(25) % 2, (2, 1))
    texts = model.write(labels, random_state=3)
    assert texts == model.write(labels, random_state=3)
    assert texts != model.write(labels, random_state=4)
    monkeypatch.setattr("embgan_edu.text.language_model._ROWS_AT_ONCE", 7)
    assert texts == model.write(labels, random_state=3)


def test_every_text_has_a_word_and_none_is_too_long(model):
    texts = model.write(np.zeros((2, 200), dtype=int), temperature=50.0)
    lengths = {len(text.split()) for each in texts for text in each}
    assert min(lengths) == 1 and max(lengths) == SMALL.max_words
    words = {word for each in texts for text in each for word in text.split()}
    assert words == set(WORDS[1:])


def test_a_start_gives_its_weights_keeps_them_and_may_have_another_vocabulary(model):
    before = copy.deepcopy(model.state())
    wider = Vocabulary([*TEXTS, "the bad film"], VECTORS, size=9)
    assert wider.words != model.vocabularies_[0].words  # "bad" and "film" are in other places
    still = dataclasses.replace(SMALL, steps=1, learning_rate=1e-12)
    moved = fit(still, start=model, vocabulary=wider)
    for draw in range(2):
        for word in WORDS:
            ours, theirs = (m.vocabularies_[draw].index[word] for m in (moved, model))
            torch.testing.assert_close(
                moved.word_vectors_[draw, ours], model.word_vectors_[draw, theirs]
            )
    labels = np.tile(LABELS, (2, 1))
    np.testing.assert_allclose(
        moved.perplexity([TEXTS] * 2, labels), model.perplexity([TEXTS] * 2, labels), atol=0.1
    )
    fit(start=model, random_state=5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state().items())


def test_select_picks_and_repeats_draws_and_state_restores(model):
    labels = np.tile(LABELS, (3, 1))
    picked = model.select([1, 0, 1])
    np.testing.assert_allclose(
        picked.perplexity([TEXTS] * 3, labels),
        model.perplexity([TEXTS] * 2, labels[:2])[[1, 0, 1]],
        rtol=1e-4,
    )
    again = LanguageModel(SMALL).restore(model.state(), model.vocabularies_)
    assert again.write(labels[:2]) == model.write(labels[:2])


def test_after_step_is_told_of_every_step():
    steps = []
    fit(dataclasses.replace(SMALL, steps=3), after_step=steps.append)
    assert steps == [1, 2, 3]


def test_bad_input_is_refused_before_training(model):
    vocabulary = Vocabulary(TEXTS, VECTORS, size=9)
    labels = LABELS[None]
    untrained = LanguageModel(SMALL)
    with pytest.raises(ConfigError, match="not trained yet"):
        untrained.write(labels)
    with pytest.raises(DataError, match=r"labels has shape \(1, 0\)"):
        untrained.fit([[]], np.zeros((1, 0), dtype=int), [vocabulary])
    with pytest.raises(DataError, match="texts of 2 draws, labels of 1, and 1 vocabularies"):
        untrained.fit([TEXTS] * 2, labels, [vocabulary])
    with pytest.raises(DataError, match="Draw 0 has 3 texts and 4 labels"):
        untrained.fit([TEXTS[:3]], labels, [vocabulary])
    with pytest.raises(DataError, match=r"sizes \[8, 9\]"):
        other = Vocabulary(TEXTS, VECTORS, size=8)
        untrained.fit([TEXTS] * 2, np.tile(labels, (2, 1)), [vocabulary, other])
    with pytest.raises(ConfigError, match="batch_size=64 is larger than the 4 texts"):
        LanguageModel(LanguageModelConfig(batch_size=64)).fit([TEXTS], labels, [vocabulary])
    with pytest.raises(ConfigError, match="label=7 was never seen; possible: 0, 1"):
        model.write(np.full((2, 1), 7))
    with pytest.raises(DataError, match=r"expected \(2, n\)"):
        model.write(labels)
    with pytest.raises(ConfigError, match=r"has hidden=16, this one hidden=8"):
        fit(dataclasses.replace(SMALL, hidden=8), start=model)
    with pytest.raises(ConfigError, match=r"has 2 draws, 2 labels .*expected 3, 2.*select\(\)"):
        fit(n_draws=3, start=model)


def test_divergence_names_the_step_and_the_draw(monkeypatch):
    def broken(self, words, labels):
        surprise = torch.full(words.shape, 1.0, requires_grad=True)
        return surprise * torch.tensor([1.0, float("nan")])[:, None, None], words >= 0

    monkeypatch.setattr(LanguageModel, "_surprise", broken)
    with pytest.raises(DivergenceError, match="step 0 in draw 1"):
        fit()
