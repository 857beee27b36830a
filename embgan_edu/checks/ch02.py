"""What is measured of the answers to the exercises of chapter 2, from text to embeddings."""

from collections.abc import Callable
from typing import Any

import numpy as np

from embgan_edu.checks.engine import Exercise, Part, Probe, entry

DIM = 4

# --- ex02-1: nearest neighbors -------------------------------------------------------------------

QUERY = "film"
OTHERS = ("plot", "actor", "battery", "screen", "chair", "music")
Vectors = dict[str, np.ndarray]


def _fan(seed: int, degrees: tuple[float, ...], lengths: tuple[float, ...]) -> tuple[Vectors, list]:
    """Words at known angles from the query, and these words with the nearest angle first."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(OTHERS)[: len(degrees)].tolist()
    turn = rng.uniform(0, 2 * np.pi)
    vectors = {QUERY: np.array([np.cos(turn), np.sin(turn)])}
    for name, degree, length in zip(names, degrees, lengths, strict=True):
        angle = turn + np.radians(degree + rng.uniform(-2, 2)) * rng.choice([-1, 1])
        size = length * rng.uniform(0.95, 1.05)
        vectors[name] = size * np.array([np.cos(angle), np.sin(angle)])
    order = rng.permutation(list(vectors)).tolist()
    return {name: vectors[name] for name in order}, names


def _of_many_lengths(seed: int) -> tuple[Vectors, list]:
    # Neither distances nor dot products give the order of the angles.
    return _fan(seed, (10, 25, 40, 60, 80), (0.2, 3, 1, 6, 0.5))


def _of_many_directions(seed: int) -> tuple[Vectors, list]:
    return _fan(seed, (20, 100, 175), (1, 1, 1))


def _ranking(words: Callable[[int], tuple[Vectors, list]]) -> Probe:
    def ranking(neighbors: Callable[..., Any], seed: int) -> list[Any]:
        vectors, _ = words(seed)
        # More than there are. The query itself is another part's business.
        return [word for word in list(neighbors(QUERY, vectors, len(vectors))) if word != QUERY]

    return ranking


def _twins(neighbors: Callable[..., Any], seed: int) -> list[Any]:
    others, _ = _fan(seed, (30, 50, 70), (1, 1, 1))
    query = others.pop(QUERY)
    # One twin before the query and one behind it: every order of equal cosines is a right one.
    vectors = {"movie": query.copy(), QUERY: query, "picture": query.copy(), **others}
    return sorted(map(str, neighbors(QUERY, vectors, 2)))


NEIGHBORS = (
    Part(
        "nearest first, by the cosine",
        _ranking(_of_many_lengths),
        "The length of a vector must not matter. A dot product or a distance in place of the "
        "cosine is the usual mistake.",
        "Divide each dot product by the lengths of both vectors.",
        "If n is larger than the number of other words, return them all.",
        points=2,
        expected=lambda seed: _of_many_lengths(seed)[1],
    ),
    Part(
        "opposite directions come last",
        _ranking(_of_many_directions),
        "A cosine of -1 is as far as one can get. Did you drop the sign, or sort the wrong way "
        "round?",
        expected=lambda seed: _of_many_directions(seed)[1],
    ),
    Part(
        "n words without the query, even if others have its direction",
        _twins,
        "The query is its own nearest neighbor: leave it out before you take the first n.",
        "Two other words here have a cosine of 1. Recognize the query by its name, not by its "
        "place or its cosine.",
        points=2,
        expected=["movie", "picture"],
    ),
)

# --- ex02-2: a mean with weights -----------------------------------------------------------------

KNOWN = ("the", "is", "good", "bad", "slow", "script", "camera", "price")


def _words(seed: int) -> tuple[list[str], Vectors]:
    rng = np.random.default_rng(seed)
    return rng.permutation(KNOWN).tolist(), {word: rng.normal(size=DIM) for word in KNOWN}


def _spell(names: list[str], texts: list[list[int]]) -> list[list[str]]:
    return [[names[i] for i in text] for text in texts]


def _weighted_rows(embeddings: Callable[..., Any], seed: int) -> Any:
    names, vectors = _words(seed)
    # So many training texts that a few more counts hardly move a weight.
    train = _spell(names, [[0, 1, 2], [0, 1, 1, 3], [0, 4, 2], [0, 5, 3]]) * 300
    return embeddings(train, _spell(names, [[0, 1, 2], [1, 1, 4], [0, 5, 3, 3, 0]]), vectors, DIM)


def _rows_beside_others(embeddings: Callable[..., Any], seed: int) -> dict[str, Any]:
    names, vectors = _words(seed)
    train = _spell(names, [[0, 1, 2], [0, 1, 3], [0, 4, 2]])
    (text,), (word,) = _spell(names, [[0, 1, 4]]), _spell(names, [[1]])
    others = _spell(names, [[1, 1, 4], [1, 2]])
    alone = np.asarray(embeddings(train, [text], vectors, DIM), float)[0]
    beside = np.asarray(embeddings(train, [text, *others], vectors, DIM), float)[0]
    other = np.asarray(embeddings([*train, *[word] * 5], [text], vectors, DIM), float)[0]
    return {
        "difference that other texts make": beside - alone,
        "training texts make a difference": not np.allclose(other, alone, atol=1e-3),
    }


def _new_word(embeddings: Callable[..., Any], seed: int) -> Any:
    names, vectors = _words(seed)
    return embeddings(_spell(names, [[0, 1], [0, 2]]), _spell(names, [[0, 7]]), vectors, DIM)


def _unknown_words(embeddings: Callable[..., Any], seed: int) -> dict[str, Any]:
    names, vectors = _words(seed)
    train, (text,) = _spell(names, [[0, 1], [0, 2]]), _spell(names, [[0, 1]])
    without = np.asarray(embeddings(train, [text], vectors, DIM), float)[0]
    mixed = [text[0], "zzyzx", text[1], "qwrt"]
    among = np.asarray(embeddings(train, [mixed], vectors, DIM), float)[0]
    return {
        "difference that unknown words make": among - without,
        "the row is zero": not without.any(),
    }


def _nothing_known(embeddings: Callable[..., Any], seed: int) -> dict[str, Any]:
    names, vectors = _words(seed)
    train, (text,) = _spell(names, [[0, 1], [0, 2]]), _spell(names, [[0, 1]])
    rows = np.asarray(embeddings(train, [["zzyzx", "qwrt"], [], text], vectors, DIM), float)
    return {"rows without a known word": rows[:2], "the third row is zero": not rows[2].any()}


WEIGHTED_MEAN = (
    Part(
        "an array of one row per text, each the weighted mean",
        _weighted_rows,
        "Divide the weighted sum of the vectors by the sum of the weights, not by the number of "
        "words.",
        "The count is over all tokens of all training texts.",
        "A word that stands twice in a text enters both sums twice.",
        points=2,
        like=np.zeros((3, DIM)),
        rtol=0.02,
        atol=0.02,
    ),
    Part(
        "the counts come from the training texts alone",
        _rows_beside_others,
        "A text's row depends on the other texts that are embedded with it: the usual leak. Or it "
        "does not depend on the training texts at all.",
        "Count once, in train_texts, before you look at texts.",
        points=2,
        expected={
            "difference that other texts make": np.zeros(DIM),
            "training texts make a difference": True,
        },
    ),
    Part(
        "a word that is new to the training texts has weight 1",
        _new_word,
        "A count of zero is no reason to leave a word out, as long as it has a vector.",
        "1 / (1 + 0) is 1. A Counter returns 0 for a word that it has not seen.",
        like=np.zeros((1, DIM)),
    ),
    Part(
        "words without a vector change nothing",
        _unknown_words,
        "A word without a vector is left out of both sums, also of the sum of the weights.",
        "Drop these words before you compute anything.",
        expected={"difference that unknown words make": np.zeros(DIM), "the row is zero": False},
    ),
    Part(
        "zeros for a text without any known word",
        _nothing_known,
        "No weights, no mean: zero divided by zero. Such a text keeps its row.",
        "Start from np.zeros((len(texts), dim)) and fill the rows that have a word.",
        expected={"rows without a known word": np.zeros((2, DIM)), "the third row is zero": False},
    ),
)


# --- ex02-3: what a mean cannot say --------------------------------------------------------------

WORD_ORDER = (
    Part(
        "the score of a text",
        entry("score"),
        "The score of the mean is the mean of the scores. Over how many words?",
        "Four words have a vector.",
        rtol=0.01,
    ),
    Part(
        "where 'not good' becomes negative",
        entry("not below"),
        "Write the score of the two words as a mean, and set it to zero.",
        "(s + 3) / 2 = 0.",
        rtol=0.01,
    ),
    Part(
        "what happens to 'not bad'",
        entry("not bad"),
        "Insert the s that you found. It is the same word in both texts.",
        options=("always positive", "always negative", "either, it depends on s"),
    ),
    Part(
        "what weights can do about word order",
        entry("weights"),
        "List the words of both texts, and the weight of each.",
        options=(
            "yes, if 'not' is rare",
            "yes, if the weights are learned",
            "no, whatever the weights",
        ),
    ),
    Part(
        "why the trick with 'not_good' needs vectors of our own",
        entry("glove"),
        "What does the mean do with a word that the vocabulary does not hold?",
        options=(
            "GloVe leaves out 'not' as a stop word",
            "GloVe has no vector for 'not_good'",
            "GloVe's vector for 'not' holds the negation already",
        ),
    ),
)

EXERCISES = (
    Exercise("ex02-1", "Nearest neighbors", "write", "routine", 15, NEIGHBORS),
    Exercise("ex02-2", "Rare words weigh more", "write", "standard", 25, WEIGHTED_MEAN),
    Exercise("ex02-3", "What a mean cannot say", "predict", "standard", 15, WORD_ORDER),
)
