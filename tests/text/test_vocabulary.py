"""The vocabulary knows the texts' words, and nothing is lost on the way to numbers and back."""

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.text.vocabulary import IMPOSSIBLE, Vocabulary

KNOWN = [".", "a", "good", "bad", "film", "tweet"]
VECTORS = KeyedVectors(6)
VECTORS.add_vectors(KNOWN, 3 * np.eye(6, dtype=np.float32))
TEXTS = ["A good film, a film!", "A bad film zzz."]


def test_own_words_come_first_then_others_by_frequency():
    vocabulary = Vocabulary(TEXTS, VECTORS, ["a tweet", "good tweet"], size=8)
    assert vocabulary.words == [".", "a", "film", "bad", "good", "tweet"]
    assert Vocabulary(TEXTS, VECTORS, ["a tweet"], size=3).words == [".", "a", "film"]


def test_the_order_of_the_texts_does_not_matter():
    ours, reverse = (Vocabulary(texts, VECTORS, size=8) for texts in (TEXTS, TEXTS[::-1]))
    assert ours.words == reverse.words
    np.testing.assert_array_equal(ours.log_frequency, reverse.log_frequency)


def test_frequencies_are_shares_and_the_mean_of_both_corpora():
    shares = np.exp(Vocabulary(TEXTS, VECTORS, size=8).log_frequency)
    assert shares.sum() == pytest.approx(1, abs=1e-6)
    # ".", a, film, bad, good: one end per text, and half a count for each of five words.
    np.testing.assert_allclose(shares[:5], np.array([2.5, 3.5, 3.5, 1.5, 1.5]) / 12.5, rtol=1e-6)
    both = Vocabulary(TEXTS, VECTORS, ["tweet"], size=8)
    own = np.array([2.5, 3.5, 3.5, 1.5, 1.5, 0.5]) / 13
    other = np.array([1.5, 0.5, 0.5, 0.5, 0.5, 1.5]) / 5
    np.testing.assert_allclose(np.exp(both.log_frequency[:6]), (own + other) / 2, rtol=1e-6)


def test_unused_places_have_no_vector_and_are_never_drawn():
    vocabulary = Vocabulary(TEXTS, VECTORS, size=8)
    assert (vocabulary.log_frequency[5:] == np.float32(IMPOSSIBLE)).all()
    assert not vocabulary.vectors[5:].any()
    assert np.mean(vocabulary.vectors[:5] ** 2) == pytest.approx(1)


def test_a_missing_full_stop_has_the_zero_vector():
    vectors = KeyedVectors(2)
    vectors.add_vectors(["a", "film"], np.eye(2, dtype=np.float32))
    assert not Vocabulary(["a film"], vectors, size=4).vectors[0].any()


@given(st.lists(st.sampled_from(["a", "good", "film"]), min_size=1, max_size=5))
def test_texts_come_back(words):
    vocabulary = Vocabulary(["a good film"], VECTORS, size=8)
    (numbers,) = vocabulary.encode([" ".join(words)], max_words=5)
    assert vocabulary.decode(numbers) == " ".join(words)
    assert (0 in numbers) == (len(words) < 5)  # a text that fills all places is cut before its end


def test_unknown_words_are_left_out():
    vocabulary = Vocabulary(TEXTS, VECTORS, size=8)
    np.testing.assert_array_equal(
        vocabulary.encode(["zzz good", "zzz"], 4), [[4, 0, -1, -1], [0, -1, -1, -1]]
    )


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="no text to learn from"):
        Vocabulary([], VECTORS)
    with pytest.raises(DataError, match="None of the words of the 1 texts has a word vector"):
        Vocabulary(["zzz"], VECTORS)
    with pytest.raises(ConfigError, match="size=1"):
        Vocabulary(TEXTS, VECTORS, size=1)
