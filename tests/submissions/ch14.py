"""Answers to the exercises of chapter 14."""

import math

import numpy as np
import torch
from bank import right, wrong

PROMISES = {
    "found": 0.0749,
    "two releases": 3,
    "author": 2,
    "noise": 0.1,
    "more rows": "the same epsilon",
    "units": "outside of the budget, since they are computed from private rows",
}
right("ex14-1", name="whole numbers, and three digits")(PROMISES)
wrong("ex14-1", "two releases of the same rows", "both outcomes are seen", name="the larger one")(
    PROMISES | {"two releases": 2}
)
wrong("ex14-1", "the most that any attack finds", "stands itself", name="epsilon without exp")(
    PROMISES | {"found": 2 * 0.01 + 0.001}
)
wrong("ex14-1", "a million rows in place of a thousand", "at a private row", name="rows cost")(
    PROMISES | {"more rows": "a thousand times the epsilon"}
)

VALUE = "the value of the formula, for long and short rows"
REACH = "a long row moves the result by clip / batch, and no more"
SHORT = "rows that are short enough stay as they are"
EXPECTED = "divides by the expected size of the batch"
NOISE = "the noise, when nobody is in the batch"


def flattened(gradients):
    return torch.cat([g.reshape(len(g), -1) for g in gradients], dim=1)


def shaped(flat, like):
    pieces = flat.split([z.numel() for z in like])
    return [piece.reshape(z.shape) for piece, z in zip(pieces, like, strict=True)]


def private(gradients, included, clip, sigma, batch, noise, cut=None, unit=None, size=None):
    rows = flattened(gradients)[included > 0]
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    if cut is None:
        rows = torch.where(lengths > clip, rows / lengths * clip, rows)
    else:
        rows = cut(rows, lengths, clip)
    z = torch.cat([part.flatten() for part in noise])
    total = rows.sum(dim=0) + sigma * (clip if unit is None else unit) * z
    return shaped(total / (batch if size is None else len(rows)), noise)


@right("ex14-2")
def all_weights_in_one_row(*arguments):
    return private(*arguments)


@right("ex14-2")
def row_by_row(gradients, included, clip, sigma, batch, noise):
    total = [sigma * clip * z.clone() for z in noise]
    for i, takes_part in enumerate(included.tolist()):
        if takes_part:
            length = math.sqrt(sum(float((g[i] ** 2).sum()) for g in gradients))
            for t, g in zip(total, gradients, strict=True):
                t += g[i] / max(1.0, length / clip)
    return [t / batch for t in total]


@wrong("ex14-2", [VALUE, SHORT, EXPECTED], "Short rows are lengthened")
def normalizes(*arguments):
    return private(*arguments, cut=lambda rows, lengths, clip: clip * rows / lengths)


@wrong("ex14-2", [VALUE, REACH, EXPECTED, NOISE], "the number of rows that came")
def divides_by_what_came(*arguments):
    return private(*arguments, size="came")


@wrong("ex14-2", [VALUE, NOISE], "has no factor clip")
def noise_of_another_size(*arguments):
    return private(*arguments, unit=1.0)


@wrong("ex14-2", [VALUE, REACH], "clipped on its own")
def layer_by_layer(gradients, included, clip, sigma, batch, noise):
    layers = zip(gradients, noise, strict=True)
    return [private([g], included, clip, sigma, batch, [z])[0] for g, z in layers]


@wrong("ex14-2", [VALUE, REACH], "The batch's mean is clipped")
def clips_afterwards(gradients, included, clip, sigma, batch, noise):
    mean = (flattened(gradients) * included[:, None]).sum(0) / batch
    mean = mean / max(1.0, float(mean.norm()) / clip)
    z = torch.cat([part.flatten() for part in noise])
    return shaped(mean + sigma * clip / batch * z, noise)


LARGEST = "the largest epsilon of all thresholds"
DELTA = "takes delta into account"
LEAST = "uses no rate below `least`"
BACKWARD = "0 for an attack that points the wrong way"
TIES = "equal scores are all accused, or none"


def rates(members, others):
    levels = np.unique(np.concatenate([members, others]))
    found = (np.asarray(members)[:, None] >= levels).mean(axis=0)
    accused = (np.asarray(others)[:, None] >= levels).mean(axis=0)
    return found, accused


@right("ex14-3")
def array_of_thresholds(members, others, delta, least):
    found, accused = rates(members, others)
    kept = accused >= least
    odds = (found[kept] - delta) / accused[kept]
    return math.log(max(1.0, odds.max()))


@right("ex14-3")
def counts_from_sorted_scores(yes, no, delta, least):
    best, yes, no = 1.0, np.sort(yes), np.sort(no)
    for t in {*yes, *no}:
        accused = (len(no) - np.searchsorted(no, t)) / len(no)
        if accused >= least:
            found = (len(yes) - np.searchsorted(yes, t)) / len(yes)
            best = max(best, (found - delta) / accused)
    return float(np.log(best))


@wrong("ex14-3", DELTA, "delta is not subtracted")
def without_delta(members, others, delta, least):
    return array_of_thresholds(members, others, 0, least)


@wrong("ex14-3", LEAST, "below `least` are used")
def all_but_zero(members, others, delta, least):
    return array_of_thresholds(members, others, delta, 1 / (2 * len(others)))


@wrong("ex14-3", BACKWARD, "negative epsilon is no budget")
def no_floor(members, others, delta, least):
    found, accused = rates(members, others)
    kept = (accused >= least) & (found > delta)
    return float(np.log((found[kept] - delta) / accused[kept]).max())


@wrong("ex14-3", TIES, "equal scores are separated")
def down_the_list(members, others, delta, least):
    rows = [(-score, 0) for score in members] + [(-score, 1) for score in others]
    found, accused, best = 0.0, 0.0, 1.0
    for _, other in sorted(rows):
        found += (1 - other) / len(members)
        accused += other / len(others)
        if accused >= least:
            best = max(best, (found - delta) / accused)
    return math.log(best)


@wrong("ex14-3", [LARGEST, DELTA, LEAST, TIES], "natural logarithm")
def in_bits(*arguments):
    return array_of_thresholds(*arguments) / math.log(2)
