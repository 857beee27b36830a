"""Words are found by the rules as stated, and sentences keep their label."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.vectors import tokenize
from embgan_edu.text.templates import (
    GRAMMAR,
    Words,
    described,
    fill,
    find_words,
    log_odds,
    named_entities,
)

WORDS = Words(("Ann",), ("film", "plot"), (("dull", "awful"), ("warm", "honest")))
TEXTS = [
    "The old film is warm. It has a warm and honest plot, says Ann.",
    "A warm film by Ann Lee!",
    "The film is dull; its plot is an awful mess.",
    "This is a dull plot.",
]
LABELS = np.array([1, 1, 0, 0])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Films by Ann Lee are long.", ("Ann Lee",)),
        ("We met. Then Ann left.", ("Ann",)),
        ('"Films" are fun.', ()),
        ("I and I", ()),
        ("Ann Lee left.", ("Lee",)),
        ("My g3 has 256mb and 3 keys.", ("256mb", "g3")),
        ("40gb is enough", ("40gb",)),
        ("Ann saw Bob; Carl saw Bob", ("Bob",)),
        ("in McDonald's on Fifth Avenue", ("Fifth Avenue", "McDonald's")),
    ],
)
def test_names_are_capitalized_inside_a_sentence_or_hold_digits(text, names):
    assert named_entities([text]) == names


def test_what_is_named_and_what_describes():
    named, describing = described(TEXTS)
    # "a warm and honest plot" shows a limit of the rule: a run ends at "and".
    assert dict(named) == {"film": 3, "plot": 2, "mess": 1, "warm": 1}
    assert set(describing) == {"old", "warm", "dull", "awful"}
    # Four words in a row name nothing; a comma ends a run.
    named, describing = described(["the one big red shiny new toy", "the big red, round toy"])
    assert (dict(named), dict(describing)) == ({"red": 1}, {"big": 1})


def test_log_odds_by_hand():
    odds = log_odds(TEXTS, LABELS, 2)
    # "warm" is in 2 of 2 positive and in 0 of 2 negative texts, "plot" in one of each but ...
    assert odds["warm"][1] == pytest.approx(2 * np.log(2.5 / 0.5))
    assert odds["plot"][1] == pytest.approx(np.log(1.5 / 1.5) - np.log(2.5 / 0.5))
    for for_negative, for_positive in odds.values():
        assert for_negative == pytest.approx(-for_positive)


def test_log_odds_do_not_move_when_the_texts_of_a_label_are_doubled_in_both():
    once, twice = log_odds(TEXTS, LABELS, 2), log_odds(TEXTS * 2, np.tile(LABELS, 2), 2)
    assert twice["dull"][0] > once["dull"][0] > 0  # more texts, more certain
    assert set(once) == set(twice)


def test_words_come_from_the_texts_and_opinions_from_their_label():
    words = find_words(TEXTS, LABELS)
    assert words.entities == ("Ann", "Ann Lee")
    assert set(words.aspects) == {"film", "mess", "plot"}
    assert words.opinions[0][0] == "dull" and words.opinions[1][0] == "warm"
    assert not set(words.opinions[0]) & set(words.opinions[1])
    seen = {word for text in TEXTS for word in tokenize(text)}
    assert {word for group in (words.aspects, *words.opinions) for word in group} <= seen
    swapped = find_words(TEXTS, 1 - LABELS)
    assert swapped.opinions == words.opinions[::-1]


def test_no_part_of_a_name_is_an_opinion_or_an_aspect():
    words = find_words([*TEXTS, "The Warm Film is warm. The Plot, a Film."], np.append(LABELS, 1))
    assert "warm" not in words.opinions[1]


@given(st.integers(0, 10_000), st.integers(0, 1))
def test_a_sentence_holds_opinions_of_its_label_only(seed, label):
    sentence = fill(WORDS, label, np.random.default_rng(seed))
    used = set(tokenize(sentence))
    assert used & set(WORDS.opinions[label])
    assert not used & set(WORDS.opinions[1 - label])
    assert sentence[0].isupper() and sentence.endswith(".") and "{" not in sentence
    assert " a awful" not in sentence.lower() and " a honest" in f"{sentence} a honest"


def test_the_grammar_holds_no_opinion_of_its_own():
    """Every word of its rules means the same for both labels; so a swap of the labels is seen."""
    rules = " ".join(rule for rules in GRAMMAR.values() for rule in rules)
    assert not set(tokenize(rules)) & {"good", "bad", "great", "best", "worst", "love", "like"}


def test_a_word_of_the_data_is_not_taken_for_a_rule():
    words = Words((), ("{aspect}",), (("x",), ("y",)))
    text = fill(words, 0, np.random.default_rng(0), {"sentence": ("{aspect} is {opinion}",)})
    assert text == "{aspect} is x"


def test_without_a_name_it_stands_in():
    words = Words((), ("film",), (("dull",), ("warm",)))
    assert fill(words, 0, np.random.default_rng(0), {"s": ("{entity}",)}) == "It"


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="0 texts"):
        find_words([], np.array([], dtype=int))
    with pytest.raises(DataError, match=r"occur \[0, 4\] times"):
        find_words(TEXTS, np.ones(4, dtype=int))
    with pytest.raises(DataError, match="found 0 aspects"):
        find_words(["warm", "cold"], np.array([0, 1]))
    with pytest.raises(ConfigError, match="n_aspects=0"):
        find_words(TEXTS, LABELS, n_aspects=0)
    with pytest.raises(ConfigError, match=r"label=2 was never seen; possible: 0, 1"):
        fill(WORDS, 2, np.random.default_rng(0))
    with pytest.raises(ConfigError, match=r"names {noun}; possible: s, entity, aspect, opinion"):
        fill(WORDS, 0, np.random.default_rng(0), {"s": ("the {noun}",)})
