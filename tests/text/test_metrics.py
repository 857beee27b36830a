"""The measures of texts: closed forms, identities, and numbers of a trusted library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.text.metrics import copied_share, distinct_n, self_bleu

TEXTS = [
    "the film is a warm and honest film",
    "the film is dull",
    "a warm film about a dull man",
    "honest and warm",
    "the plot of the film is the plot of a book",
    "what a film",
]
some_texts = st.lists(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join), min_size=2, max_size=8
)


def test_distinct_n_by_hand():
    assert distinct_n(["a b a b"], n=1) == 2 / 4
    assert distinct_n(["a b a b"], n=2) == 2 / 3
    # No n-gram crosses from one text to the next.
    assert distinct_n(["a b", "b c"], n=2) == 1


@given(some_texts)
def test_a_second_copy_halves_distinct_n_and_makes_self_bleu_one(texts):
    assert distinct_n(texts * 2, 1) == pytest.approx(distinct_n(texts, 1) / 2)
    assert self_bleu(texts * 2, 3) == pytest.approx(1)


@pytest.mark.parametrize(("max_n", "expected"), [(1, 0.73344), (2, 0.39538), (3, 0.28645)])
def test_self_bleu_agrees_with_nltk(max_n, expected):
    """Mean of nltk 3.9's ``sentence_bleu``, method 1, each text against the five others."""
    assert self_bleu(TEXTS, max_n) == pytest.approx(expected, abs=1e-5)


def test_counts_are_clipped_as_in_the_paper():
    """Papineni et al. (2002), example 2: seven times "the", and a reference that has it twice."""
    candidate, reference = "the " * 7, "the cat is on the mat"
    scores = 2 * self_bleu([candidate, reference], max_n=1)
    # The other way round all of 2/6 is found, and the brevity penalty is exp(1 - 7/6).
    assert scores == pytest.approx(2 / 7 + 2 / 6 * np.exp(1 - 7 / 6))


@given(some_texts)
def test_the_order_of_the_texts_does_not_matter(texts):
    assert self_bleu(texts[::-1], 2) == pytest.approx(self_bleu(texts, 2))


def test_copies_are_found_whole_in_part_and_whatever_their_punctuation():
    training = ["A warm, honest film.", "Dull!"]
    assert copied_share(["a warm honest film", "honest film", "dull"], training) == 1
    # "art" is a part of no word, and words in another order are no copy.
    assert copied_share(["film honest", "a war"], training) == 0


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="None of the 0 texts has 2 words"):
        distinct_n([])
    with pytest.raises(DataError, match="None of the 1 texts has 3 words"):
        distinct_n(["a b"], n=3)
    with pytest.raises(ConfigError, match="n=0"):
        distinct_n(TEXTS, n=0)
    with pytest.raises(DataError, match="one text with a word"):
        self_bleu(["a film", "!!"])
    with pytest.raises(ConfigError, match="max_n=0"):
        self_bleu(TEXTS, 0)
    with pytest.raises(DataError, match="no training text"):
        copied_share(TEXTS, [])
    with pytest.raises(DataError, match="several texts"):
        distinct_n("a film")
