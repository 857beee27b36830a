"""What is measured of the answers to the exercises of chapter 13, synthetic text."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.checks.inputs import normal

# --- ex13-1: fill a frame ------------------------------------------------------------------------

SENTENCES = 400


def _words(seed: int) -> dict[str, Any]:
    """Made-up words; which of them mean what follows from the seed."""
    names = [f"{a}{b}{c}" for a in "bdgkmpt" for b in "aeiou" for c in "lnrs"]
    chosen = [str(name) for name in np.random.default_rng(seed).permutation(names)[:12]]
    return {"aspect": chosen[8:], "opinion": [chosen[:4], chosen[4:8]]}


def _filled(fill: Callable[..., Any], frame: str, label: int, seed: int) -> list[str]:
    rng, words = np.random.default_rng(seed + 1), _words(seed)
    return [str(fill(frame, words, label, rng)) for _ in range(SENTENCES)]


def _frame_is_kept(fill: Callable[..., Any], seed: int) -> list[bool]:
    """Whether there is one word in each slot, and the rest as it was."""
    frames = ("the {aspect} is {opinion}.", "{opinion}, a {aspect} of {aspect}!")
    patterns = (r"the \w+ is \w+\.", r"\w+, a \w+ of \w+!")
    return [
        all(re.fullmatch(pattern, text) for text in _filled(fill, frame, 1, seed))
        for frame, pattern in zip(frames, patterns, strict=True)
    ]


def _slot_holds(slot: str) -> Probe:
    """A probe: for each wanted label, whose opinions a slot holds."""

    def probe(fill: Callable[..., Any], seed: int) -> dict[str, str]:
        found = {}
        for wanted in (0, 1):
            texts = set(_filled(fill, f"{{{slot}}}", wanted, seed))
            of = [y for y, own in enumerate(_words(seed)["opinion"]) if texts & set(own)]
            labels = " and ".join(map(str, of)) or "none"
            found[f"wanted label {wanted}"] = f"opinions of label {labels}"
        return found

    return probe


def _two_slots(fill: Callable[..., Any], seed: int) -> dict[str, bool]:
    pairs = [text.split(" and ") for text in _filled(fill, "{opinion} and {opinion}", 0, seed)]
    same = [len(pair) == 2 and pair[0] == pair[1] for pair in pairs]
    return {"differ at times": not all(same), "agree at times": any(same)}


def _frequencies(fill: Callable[..., Any], seed: int) -> dict[str, str]:
    words, found = _words(seed), {}
    for slot, known in (("aspect", words["aspect"]), ("opinion", words["opinion"][1])):
        texts = _filled(fill, f"{{{slot}}}", 1, seed)
        counts = [texts.count(word) for word in known]
        mean = sum(counts) / len(known)
        # Six standard deviations of a binomial count.
        band = 6 * math.sqrt(mean * (1 - 1 / len(known)))
        alike = all(abs(count - mean) < band for count in counts)
        found[slot] = "all alike" if alike else "some more often"
        if len(set(texts)) == 1:
            found[slot] = "always the same"
    return found


def _randomness(fill: Callable[..., Any], seed: int) -> dict[str, bool]:
    frame = "{aspect} {opinion}"
    first, again = (_filled(fill, frame, 1, seed) for _ in range(2))
    words, rng = _words(seed), np.random.default_rng(seed + 2)
    other = [str(fill(frame, words, 1, rng)) for _ in range(SENTENCES)]
    return {"same generator, same texts": first == again, "other one, others": first != other}


FRAME = (
    Part(
        "one word in each slot, and the rest of the frame as it was",
        _frame_is_kept,
        "Is a slot left, or are its braces? Every slot is replaced, braces included.",
        "re.sub(r'{(\\w+)}', function, frame) calls the function for every slot.",
        expected=[True, True],
    ),
    Part(
        "an opinion of the wanted label",
        _slot_holds("opinion"),
        "Words of the other label come out. Which of the two lists do you draw from?",
        "words['opinion'] has one list per label.",
        points=2,
        expected={f"wanted label {y}": f"opinions of label {y}" for y in (0, 1)},
    ),
    Part(
        "{opposite} is an opinion of the other label",
        _slot_holds("opposite"),
        "A negated opinion keeps its label only if it is one of the other label.",
        "With two labels the other one is 1 - label.",
        expected={f"wanted label {y}": f"opinions of label {1 - y}" for y in (0, 1)},
    ),
    Part(
        "two slots of one name are drawn on their own",
        _two_slots,
        "One word is put in all slots of a name, or a word never comes twice.",
        "str.replace and str.format fill all slots of a name with one word. Draw anew at each "
        "slot, from the whole list.",
        expected={"differ at times": True, "agree at times": True},
    ),
    Part(
        "all words of a list are as likely",
        _frequencies,
        "Some words come too seldom, or never.",
        "rng.integers(n) goes from 0 to n - 1; no need to subtract.",
        expected={"aspect": "all alike", "opinion": "all alike"},
    ),
    Part(
        "the given generator decides, and nothing else",
        _randomness,
        "Draw from rng: neither from np.random or random, nor from a generator that you make "
        "yourself.",
        expected={"same generator, same texts": True, "other one, others": True},
    ),
)

# --- ex13-2: attention in a row of several texts -------------------------------------------------

TIME, DIM, WIDTH = 7, 4, 3


def _packed(seed: int, lengths: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    Q, K, V = (normal(seed + i, TIME, dim) for i, dim in enumerate((DIM, DIM, WIDTH)))
    numbers = torch.arange(len(lengths)) + seed % 5  # a batch need not start with text 0
    return 2 * Q, K, V, numbers.repeat_interleave(torch.tensor(lengths))


def _moved(place: int, *lengths: int) -> Probe:
    """A probe: at which places the answer moves when the word at one place changes."""

    def probe(attention: Callable[..., Any], seed: int) -> list[bool]:
        Q, K, V, text = _packed(seed, lengths)
        Q, K = Q / 4, K / 4  # small scores: no weight is so near to 0 that nothing moves
        K_new, V_new = K.clone(), V.clone()
        K_new[place] += 0.5
        V_new[place] += 5
        moved = attention(Q, K_new, V_new, text) - attention(Q, K, V, text)
        return [bool(row.abs().max() > 1e-6) for row in moved]

    return probe


def _equal_fit(attention: Callable[..., Any], seed: int) -> Any:
    Q, K, V, text = _packed(seed, (TIME,))
    return attention(torch.zeros_like(Q), K, V, text)


def _running_mean(seed: int) -> Tensor:
    V = _packed(seed, (TIME,))[2]
    return V.cumsum(dim=0) / torch.arange(1, TIME + 1)[:, None]


ATTENTION = (
    Part(
        "the value of the formula, for two texts in a row",
        lambda attention, seed: attention(*_packed(seed, (3, 4))),
        "Check the scale: the scores are divided by the square root of d, the width of Q and K.",
        "The mask is added to the scores, before the softmax; one row of weights belongs to one "
        "place that looks.",
        "allowed = earlier or same place, and same text; scores.masked_fill(~allowed, -inf), "
        "softmax over the last dimension, times V.",
        points=2,
        like=torch.zeros(TIME, WIDTH),
    ),
    Part(
        "a word moves its own answer and later ones only",
        _moved(3, TIME),
        "An answer before the changed word moves, or that of the word itself does not. A word may "
        "look at itself and at what stands before it.",
        "torch.tril of ones has the allowed pairs, the diagonal among them.",
        points=2,
        expected=[place >= 3 for place in range(TIME)],
    ),
    Part(
        "a word moves no answer in another text",
        _moved(1, 3, 4),
        "A text reads the one before it in the row. Compare the numbers in `text`.",
        "text[:, None] == text[None] is True where two places have one text.",
        expected=[place in (1, 2) for place in range(TIME)],
    ),
    Part(
        "the mean of the words so far, where all keys fit alike",
        _equal_fit,
        "The weights of a place that looks do not sum to 1. Over which dimension is the softmax, "
        "and is the mask there before it?",
        "Rows of Q K^T are the places that look: softmax over the last dimension.",
        points=2,
        expected=_running_mean,
    ),
)

# --- ex13-3: perplexity of each label ------------------------------------------------------------


def _batch(seed: int, words: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    """Six texts of different lengths, three of each label."""
    rng = np.random.default_rng(seed)
    lengths = rng.permutation([1, 2, 4, 5, 7, 8])
    targets = torch.as_tensor(rng.integers(words, size=(6, 8)))
    targets[torch.arange(8)[None] >= torch.as_tensor(lengths)[:, None]] = -1
    labels = torch.as_tensor(rng.permutation([0, 0, 0, 1, 1, 1]))
    return 2 * normal(seed, 6, 8, words), targets, labels


def _wavering_of_no_idea(perplexity: Callable[..., Any], seed: int) -> Any:
    words = 5 + seed % 7
    logits, targets, labels = _batch(seed, words)
    return perplexity(torch.full_like(logits, 0.5), targets, labels)


def _two_lengths(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For each label a text of one word and one of six, with known probabilities of the words."""
    rng = np.random.default_rng(seed)
    p = torch.as_tensor(np.stack([rng.uniform(0.6, 0.9, 2), rng.uniform(0.05, 0.2, 2)], axis=1))
    short, long = torch.tensor([1, *[-1] * 5]), torch.ones(6, dtype=torch.int64)
    targets = torch.stack([short, long, short, long])
    chance = p.flatten()[:, None, None].expand(4, 6, 1)
    logits = torch.cat([1 - chance, chance], dim=2).log() + 3  # any constant may be added
    return logits.float(), targets, torch.tensor([0, 0, 1, 1]), p


def _every_word_alike(seed: int) -> Tensor:
    p = _two_lengths(seed)[3]
    return torch.exp(-(p[:, 0].log() + 6 * p[:, 1].log()) / 7)


def _trace_of_padding(perplexity: Callable[..., Any], seed: int) -> list[Any]:
    logits, targets, labels = _batch(seed)
    said = torch.where(targets[:, :, None] < 0, 3 * normal(seed + 1, *logits.shape), logits)
    more = torch.cat([said, normal(seed + 2, 6, 5, 9)], dim=1)
    longer = torch.cat([targets, torch.full((6, 5), -1)], dim=1)
    short, long = perplexity(logits, targets, labels), perplexity(more, longer, labels)
    return [long / short - 1, bool(abs(short[0] - short[1]) > 1e-4)]


PERPLEXITY = (
    Part(
        "two perplexities, with the value of the formula",
        lambda perplexity, seed: perplexity(*_batch(seed)),
        "The mean of the log-probabilities comes first, then minus and exp.",
        "logits[i, t] speaks of targets[i, t]: nothing is left to shift.",
        "log_softmax over the words, gather the targets, keep those that are 0 or more, and take "
        "the mean of one label's.",
        points=2,
        like=torch.zeros(2),
    ),
    Part(
        "the size of the vocabulary, for a model without a clue",
        _wavering_of_no_idea,
        "Logarithm and power have different bases, or something else than words is counted.",
        "Natural logarithms go with exp. Divide by the number of words.",
        expected=lambda seed: torch.full((2,), 5.0 + seed % 7),
    ),
    Part(
        "every word counts alike, in short and in long texts",
        lambda perplexity, seed: perplexity(*_two_lengths(seed)[:3]),
        "A text of one word counts as much as one of six: do not take a mean of means.",
        "Sum over all words of a label, and divide by their number.",
        points=2,
        expected=lambda seed: _every_word_alike(seed).float(),
    ),
    Part(
        "padding has no influence",
        _trace_of_padding,
        "Places with the target -1 are counted. They hold no word.",
        "Select with targets >= 0 before any sum, and count what is selected.",
        expected=[torch.zeros(2), True],
        atol=1e-4,
    ),
)


# --- ex13-4: who did the work? -------------------------------------------------------------------

WHO_DID_THE_WORK = (
    Part(
        "what the judge is worth",
        entry("judge"),
        "Compare each writer with itself, with and without the judge.",
        "The mean of two differences.",
        rtol=0.001,
    ),
    Part(
        "what the large model is worth behind the judge",
        entry("writer"),
        "Compare the two writers with the judge behind both.",
        rtol=0.001,
    ),
    Part(
        "the control that is missing",
        entry("control"),
        "Two things were added at once. Which one could have been added alone?",
        options=(
            "the model with more synthetic rows",
            "the judge behind a trivial writer",
            "the perplexity of the model",
            "readers who compare the texts",
        ),
    ),
    Part(
        "the comparison of diversity",
        entry("self-BLEU"),
        "Each text is compared with all others. How many others are there?",
        options=(
            "the model is less diverse than people",
            "the temperature was too high",
            "the two sets differ in size",
        ),
    ),
    Part(
        "the word lists",
        entry("lists"),
        "Why does a word stand in the list of one label, and not of the other?",
        options=(
            "harmless, since nothing is trained on a test row",
            "a leak, since labels of test texts are in the lists",
            "harmless, since lists hold no whole sentences",
            "a leak only if the test texts are printed",
        ),
    ),
    Part(
        "the shuffled words",
        entry("shuffled"),
        "What is the embedding of a text, in this book?",
        options=(
            "the model has learned no grammar",
            "the judge is not needed",
            "the classifier does not see the order of words",
        ),
    ),
)

EXERCISES = (
    Exercise("ex13-1", "Fill a frame", "write", "routine", 15, FRAME),
    Exercise("ex13-2", "Attention in a row of several texts", "write", "standard", 20, ATTENTION),
    Exercise("ex13-3", "The perplexity of each label", "write", "standard", 20, PERPLEXITY),
    Exercise("ex13-4", "Who did the work?", "diagnose", "open", 15, WHO_DID_THE_WORK),
)
