"""What is measured of the answers to the exercises of chapter 13, synthetic text."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from embgan_edu.checks.engine import Exercise, Part
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


def _slot_holds(slot: str) -> Callable[[Any, int], dict[str, str]]:
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


# --- ex13-2: attention in a row of several texts -------------------------------------------------

TIME, DIM, WIDTH = 7, 4, 3


def _packed(seed: int, lengths: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    Q, K, V = (normal(seed + i, TIME, dim) for i, dim in enumerate((DIM, DIM, WIDTH)))
    numbers = torch.arange(len(lengths)) + seed % 5  # a batch need not start with text 0
    return 2 * Q, K, V, numbers.repeat_interleave(torch.tensor(lengths))


def _attended(attention: Callable[..., Any], seed: int) -> Any:
    return attention(*_packed(seed, (3, 4)))


def _moved(place: int, *lengths: int) -> Callable[[Any, int], list[bool]]:
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


EXERCISES = (
    Exercise(
        "ex13-1",
        "Fill a frame",
        kind="write",
        level="routine",
        minutes=15,
        parts=(
            Part(
                "one word in each slot, and the rest of the frame as it was",
                1,
                _frame_is_kept,
                expected=lambda seed: [True, True],
                hints=(
                    "Is a slot left, or are its braces? Every slot is replaced, braces included.",
                    "re.sub(r'{(\\w+)}', function, frame) calls the function for every slot.",
                ),
            ),
            Part(
                "an opinion of the wanted label",
                2,
                _slot_holds("opinion"),
                expected=lambda seed: {
                    f"wanted label {y}": f"opinions of label {y}" for y in (0, 1)
                },
                hints=(
                    "Words of the other label come out. Which of the two lists do you draw from?",
                    "words['opinion'] has one list per label.",
                ),
            ),
            Part(
                "{opposite} is an opinion of the other label",
                1,
                _slot_holds("opposite"),
                expected=lambda seed: {
                    f"wanted label {y}": f"opinions of label {1 - y}" for y in (0, 1)
                },
                hints=(
                    "A negated opinion keeps its label only if it is one of the other label.",
                    "With two labels the other one is 1 - label.",
                ),
            ),
            Part(
                "two slots of one name are drawn on their own",
                1,
                _two_slots,
                expected=lambda seed: {"differ at times": True, "agree at times": True},
                hints=(
                    "One word is put in all slots of a name, or a word never comes twice.",
                    "str.replace and str.format fill all slots of a name with one word. Draw anew "
                    "at each slot, from the whole list.",
                ),
            ),
            Part(
                "all words of a list are as likely",
                1,
                _frequencies,
                expected=lambda seed: {"aspect": "all alike", "opinion": "all alike"},
                hints=(
                    "Some words come too seldom, or never.",
                    "rng.integers(n) goes from 0 to n - 1; no need to subtract.",
                ),
            ),
            Part(
                "the given generator decides, and nothing else",
                1,
                _randomness,
                expected=lambda seed: {
                    "same generator, same texts": True,
                    "other one, others": True,
                },
                hints=(
                    "Draw from rng: neither from np.random or random, nor from a generator that "
                    "you make yourself.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex13-2",
        "Attention in a row of several texts",
        kind="write",
        level="standard",
        minutes=20,
        parts=(
            Part(
                "the value of the formula, for two texts in a row",
                2,
                _attended,
                like=torch.zeros(TIME, WIDTH),
                hints=(
                    "Check the scale: the scores are divided by the square root of d, the width "
                    "of Q and K.",
                    "The mask is added to the scores, before the softmax; one row of weights "
                    "belongs to one place that looks.",
                    "allowed = earlier or same place, and same text; scores.masked_fill(~allowed, "
                    "-inf), softmax over the last dimension, times V.",
                ),
            ),
            Part(
                "a word moves its own answer and later ones only",
                2,
                _moved(3, TIME),
                expected=lambda seed: [place >= 3 for place in range(TIME)],
                hints=(
                    "An answer before the changed word moves, or that of the word itself does "
                    "not. A word may look at itself and at what stands before it.",
                    "torch.tril of ones has the allowed pairs, the diagonal among them.",
                ),
            ),
            Part(
                "a word moves no answer in another text",
                1,
                _moved(1, 3, 4),
                expected=lambda seed: [place in (1, 2) for place in range(TIME)],
                hints=(
                    "A text reads the one before it in the row. Compare the numbers in `text`.",
                    "text[:, None] == text[None] is True where two places have one text.",
                ),
            ),
            Part(
                "the mean of the words so far, where all keys fit alike",
                2,
                _equal_fit,
                expected=_running_mean,
                hints=(
                    "The weights of a place that looks do not sum to 1. Over which dimension is "
                    "the softmax, and is the mask there before it?",
                    "Rows of Q K^T are the places that look: softmax over the last dimension.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex13-3",
        "The perplexity of each label",
        kind="write",
        level="standard",
        minutes=20,
        parts=(
            Part(
                "two perplexities, with the value of the formula",
                2,
                lambda perplexity, seed: perplexity(*_batch(seed)),
                like=torch.zeros(2),
                hints=(
                    "The mean of the log-probabilities comes first, then minus and exp.",
                    "logits[i, t] speaks of targets[i, t]: nothing is left to shift.",
                    "log_softmax over the words, gather the targets, keep those that are 0 or "
                    "more, and take the mean of one label's.",
                ),
            ),
            Part(
                "the size of the vocabulary, for a model without a clue",
                1,
                _wavering_of_no_idea,
                expected=lambda seed: torch.full((2,), 5.0 + seed % 7),
                hints=(
                    "Logarithm and power have different bases, or something else than words is "
                    "counted.",
                    "Natural logarithms go with exp. Divide by the number of words.",
                ),
            ),
            Part(
                "every word counts alike, in short and in long texts",
                2,
                lambda perplexity, seed: perplexity(*_two_lengths(seed)[:3]),
                expected=lambda seed: _every_word_alike(seed).float(),
                hints=(
                    "A text of one word counts as much as one of six: do not take a mean of means.",
                    "Sum over all words of a label, and divide by their number.",
                ),
            ),
            Part(
                "padding has no influence",
                1,
                _trace_of_padding,
                expected=lambda seed: [torch.zeros(2), True],
                atol=1e-4,
                hints=(
                    "Places with the target -1 are counted. They hold no word.",
                    "Select with targets >= 0 before any sum, and count what is selected.",
                ),
            ),
        ),
    ),
    Exercise(
        "ex13-4",
        "Who did the work?",
        kind="diagnose",
        level="open",
        minutes=15,
        answer="dict",
        parts=(
            Part(
                "what the judge is worth",
                1,
                lambda answer, seed: answer["judge"],
                like=1.0,
                rtol=0.001,
                hints=(
                    "Compare each writer with itself, with and without the judge.",
                    "The mean of two differences.",
                ),
            ),
            Part(
                "what the large model is worth behind the judge",
                1,
                lambda answer, seed: answer["writer"],
                like=1.0,
                rtol=0.001,
                hints=("Compare the two writers with the judge behind both.",),
            ),
            Part(
                "the control that is missing",
                1,
                lambda answer, seed: answer["control"],
                options=(
                    "the model with more synthetic rows",
                    "the judge behind a trivial writer",
                    "the perplexity of the model",
                    "readers who compare the texts",
                ),
                hints=("Two things were added at once. Which one could have been added alone?",),
            ),
            Part(
                "the comparison of diversity",
                1,
                lambda answer, seed: answer["self-BLEU"],
                options=(
                    "the model is less diverse than people",
                    "the temperature was too high",
                    "the two sets differ in size",
                ),
                hints=("Each text is compared with all others. How many others are there?",),
            ),
            Part(
                "the word lists",
                1,
                lambda answer, seed: answer["lists"],
                options=(
                    "harmless, since nothing is trained on a test row",
                    "a leak, since labels of test texts are in the lists",
                    "harmless, since lists hold no whole sentences",
                    "a leak only if the test texts are printed",
                ),
                hints=("Why does a word stand in the list of one label, and not of the other?",),
            ),
            Part(
                "the shuffled words",
                1,
                lambda answer, seed: answer["shuffled"],
                options=(
                    "the model has learned no grammar",
                    "the judge is not needed",
                    "the classifier does not see the order of words",
                ),
                hints=("What is the embedding of a text, in this book?",),
            ),
        ),
    ),
)
