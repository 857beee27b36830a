"""Answers to the exercises of chapter 13."""

import math

import numpy as np
import torch
from bank import right, wrong

OWN_LABEL = "an opinion of the wanted label"
OTHER_LABEL = "{opposite} is an opinion of the other label"
TWO_SLOTS = "two slots of one name are drawn on their own"
AS_LIKELY = "all words of a list are as likely"
GENERATOR = "the given generator decides, and nothing else"


def cut_at_braces(frame, lists, pick):
    pieces = frame.split("{")
    text = pieces[0]
    for piece in pieces[1:]:
        name, rest = piece.split("}")
        text += pick(lists[name]) + rest
    return text


def lists_of(words, own, other):
    return {"aspect": words["aspect"], "opinion": own, "opposite": other}


@right("ex13-1")
def splits_the_frame(frame, words, label, rng):
    negative, positive = words["opinion"]
    own, other = (positive, negative) if label else (negative, positive)
    return cut_at_braces(frame, lists_of(words, own, other), rng.choice)


@right("ex13-1")
def replaces_one_slot_at_a_time(frame, words, label, rng):
    lists = lists_of(words, words["opinion"][label], words["opinion"][not label])
    for name, own in lists.items():
        slot = "{" + name + "}"
        while slot in frame:
            frame = frame.replace(slot, own[int(rng.random() * len(own))], 1)
    return frame


@wrong("ex13-1", [OWN_LABEL, OTHER_LABEL], "The label is not used")
def both_labels(frame, words, label, rng):
    either = [*words["opinion"][0], *words["opinion"][1]]
    return cut_at_braces(frame, lists_of(words, either, either), rng.choice)


@wrong("ex13-1", OTHER_LABEL, "keeps its label only if")
def opposite_of_the_same_label(frame, words, label, rng):
    own = words["opinion"][label]
    return cut_at_braces(frame, lists_of(words, own, own), rng.choice)


@wrong("ex13-1", TWO_SLOTS, "One word is drawn for each name")
def replaces_all_at_once(frame, words, label, rng):
    lists = lists_of(words, words["opinion"][label], words["opinion"][1 - label])
    for name, own in lists.items():
        frame = frame.replace("{" + name + "}", rng.choice(own))
    return frame


@wrong("ex13-1", GENERATOR, "Draw from rng")
def global_generator(frame, words, label, rng):
    lists = lists_of(words, words["opinion"][label], words["opinion"][1 - label])
    return cut_at_braces(frame, lists, np.random.choice)


@wrong("ex13-1", AS_LIKELY, "too seldom, or never")
def never_the_last_word(frame, words, label, rng):
    lists = lists_of(words, words["opinion"][label], words["opinion"][1 - label])
    return cut_at_braces(frame, lists, lambda own: own[rng.integers(0, len(own) - 1)])


MIXED = "the value of the formula, for two texts in a row"
CAUSAL = "a word moves its own answer and later ones only"
OWN_TEXT = "a word moves no answer in another text"
MEAN = "the mean of the words so far, where all keys fit alike"


def attend(Q, K, V, text, scale=True, apart=True, causal=True, axis=-1):
    scores = torch.einsum("id,jd->ij", Q, K)
    if scale:
        scores = scores / math.sqrt(K.shape[-1])
    place = torch.arange(len(text))
    forbidden = torch.zeros_like(scores, dtype=torch.bool)
    if causal:
        forbidden |= place[None] > place[:, None]
    if apart:
        forbidden |= text[None] != text[:, None]
    return torch.softmax(scores + torch.where(forbidden, -1e9, 0.0), dim=axis) @ V


@right("ex13-2")
def adds_a_large_negative_number(Q, K, V, text):
    return attend(Q, K, V, text)


@right("ex13-2")
def word_by_word(queries, keys, values, text):
    answers = []
    for t, query in enumerate(queries):
        seen = [s for s in range(t + 1) if text[s] == text[t]]
        fits = torch.stack([(query * keys[s]).sum() / len(query) ** 0.5 for s in seen])
        weights = torch.exp(fits - fits.max())
        mixed = sum(w * values[s] for w, s in zip(weights, seen, strict=True))
        answers.append(mixed / weights.sum())
    return torch.stack(answers)


@wrong("ex13-2", MIXED, "square root of d")
def unscaled(*arguments):
    return attend(*arguments, scale=False)


@wrong("ex13-2", [MIXED, OWN_TEXT], "into the text before theirs")
def causal_only(*arguments):
    return attend(*arguments, apart=False)


@wrong("ex13-2", [MIXED, CAUSAL, OWN_TEXT, MEAN], "Words look ahead")
def looks_ahead(*arguments):
    return attend(*arguments, causal=False)


@wrong("ex13-2", [MIXED, MEAN], "over the places that look")
def softmax_of_columns(*arguments):
    return attend(*arguments, axis=0)


@wrong("ex13-2", [MIXED, CAUSAL, OWN_TEXT, MEAN], "that of the word itself does not")
def never_itself(Q, K, V, text):
    place = torch.arange(len(text))
    forbidden = (place[None] >= place[:, None]) | (text[None] != text[:, None])
    scores = (Q @ K.T / Q.shape[1] ** 0.5).masked_fill(forbidden, -math.inf)
    return torch.softmax(scores, dim=1) @ V


VALUE = "two perplexities, with the value of the formula"
NO_IDEA = "the size of the vocabulary, for a model without a clue"
ALIKE = "every word counts alike, in short and in long texts"
PADDING = "padding has no influence"


@right("ex13-3")
def loops(logits, targets, labels):
    found = []
    for label in range(2):
        surprise = []
        for row, words, y in zip(logits, targets, labels, strict=True):
            for scores, word in zip(row, words, strict=True):
                if y == label and word != -1:
                    surprise.append(scores.logsumexp(0) - scores[word])
        found.append(torch.stack(surprise).mean().exp())
    return torch.stack(found)


@right("ex13-3")
def cross_entropy_ignores_padding(logits, targets, labels):
    cost = torch.nn.CrossEntropyLoss(ignore_index=-1)
    parts = [(logits[labels == y], targets[labels == y]) for y in (0, 1)]
    return torch.stack([cost(x.transpose(1, 2), t) for x, t in parts]).exp()


def surprises(logits, targets):
    cost = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), targets, ignore_index=-1, reduction="none"
    )
    return cost, (targets != -1).float()


@wrong("ex13-3", [VALUE, ALIKE], "mean over texts of each text's mean")
def texts_count_alike(logits, targets, labels):
    cost, word = surprises(logits, targets)
    each = cost.sum(1) / word.sum(1)
    return torch.exp(torch.tensor([each[labels == y].mean().item() for y in (0, 1)]))


@wrong("ex13-3", [VALUE, ALIKE, PADDING], "The padding counts as word 0")
def padding_is_word_zero(logits, targets, labels):
    cost, _ = surprises(logits, targets.clamp(0))
    return torch.stack([cost[labels == y].mean() for y in (0, 1)]).exp()


@wrong("ex13-3", [VALUE, NO_IDEA, ALIKE, PADDING], "divided by all places")
def mean_of_all_places(logits, targets, labels):
    cost, _ = surprises(logits, targets)
    return torch.stack([cost[labels == y].mean() for y in (0, 1)]).exp()


@wrong("ex13-3", [VALUE, NO_IDEA, ALIKE], "not with a power of 2")
def power_of_two(logits, targets, labels):
    cost, word = surprises(logits, targets)
    nats = [cost[labels == y].sum() / word[labels == y].sum() for y in (0, 1)]
    return torch.pow(2.0, torch.stack(nats))


SEEN = {
    "judge": 1.8,
    "writer": 0.3,
    "control": "the judge behind a trivial writer",
    "self-BLEU": "the two sets differ in size",
    "lists": "a leak, since labels of test texts are in the lists",
    "shuffled": "the classifier does not see the order of words",
}
wrong("ex13-4", "what the judge is worth", "judge and writer", name="both at once")(
    SEEN | {"judge": 2.2}
)
wrong("ex13-4", "the word lists", "list of one label", name="words are only counted")(
    SEEN | {"lists": "harmless, since nothing is trained on a test row"}
)
right("ex13-4", name="the numbers as they come out of a subtraction")(
    SEEN | {"judge": ((2.0 - 0.3) + (1.7 + 0.2)) / 2, "writer": 2.0 - 1.7}
)
