"""Answers to the exercises of chapter 8."""

import numpy as np
import torch
from bank import right, wrong
from sklearn.metrics import roc_auc_score

SUMS = {"seen": 1.25, "real only": 1.5625, "both": 1, "passes": 0.4, "crossing": 0.1056}

wrong(
    "ex08-1",
    "standard deviation of what the discriminator sees",
    "variances do",
    name="adds standard deviations",
)({**SUMS, "seen": 1.75})

wrong(
    "ex08-1",
    "variance of a perfect generator, noise on both",
    "need not imitate the noise",
    name="too wide in spite of noise on both",
)({**SUMS, "both": 1.5625})

wrong(
    "ex08-1",
    "how much a row varies from pass to pass",
    "frozen",
    name="counts the frozen noise",
)({**SUMS, "passes": 0.5})

wrong(
    "ex08-1",
    "probability that the noisy copy is nearer to the other row",
    "half of the distance",
    name="goes all the way to the neighbor",
)({**SUMS, "crossing": 0.0062})

FIRST = "in the first step: centered, with standard deviation `start`"
LATER = "after a quarter, a half, and three quarters of the way: as much less"
LAST = "no noise in the last step"
ANEW = "drawn anew at every pass"
OWN = "every row and every feature has noise of its own"


@right("ex08-2")
def normal_in_place_of_zeros(x, t, T, s, g):
    noise = torch.zeros_like(x).normal_(generator=g)
    remaining = (T - 1 - t) / (T - 1)
    return x.add(noise, alpha=s * remaining)


@right("ex08-2")
def numpy_seeded_by_the_generator(rows, step, steps, start, generator):
    seed = int(torch.randint(2**31, (1,), generator=generator))
    sigma = np.linspace(start, 0, steps)[step]
    noise = np.random.default_rng(seed).normal(0, sigma, rows.shape)
    return rows + torch.as_tensor(noise, dtype=rows.dtype)


def standard(rows, generator):
    return torch.empty(rows.shape).normal_(0, 1, generator=generator)


def line(step, steps, start):
    return start - start * step / (steps - 1)


@wrong("ex08-2", [FIRST, LATER], "Is your factor a variance")
def root_of_sigma(rows, step, steps, start, generator):
    return rows + line(step, steps, start) ** 0.5 * standard(rows, generator)


@wrong("ex08-2", [FIRST, LATER], "Is your factor a variance")
def square_of_sigma(rows, step, steps, start, generator):
    return rows + line(step, steps, start) ** 2 * standard(rows, generator)


@wrong("ex08-2", LATER, "not the variance")
def the_variance_fades_on_a_line(rows, step, steps, start, generator):
    variance = line(step, steps, start**2)
    return rows + np.sqrt(variance) * standard(rows, generator)


@wrong("ex08-2", LAST, "What number has the last one?")
def one_step_too_many(rows, step, steps, start, generator):
    return rows + (start - start * step / steps) * standard(rows, generator)


@wrong("ex08-2", ANEW, "drawn once")
def drawn_once(rows, step, steps, start, generator):
    generator.manual_seed(0)
    return rows + line(step, steps, start) * standard(rows, generator)


@wrong("ex08-2", OWN, "same noise")
def one_vector_for_all_rows(rows, step, steps, start, generator):
    return rows + line(step, steps, start) * standard(rows[:1], generator)


@wrong("ex08-2", "all randomness comes from the torch.Generator", "Who draws it?")
def global_generator(rows, step, steps, start, generator):
    return rows + line(step, steps, start) * torch.randn_like(rows)


@wrong("ex08-2", "the rows that were given stay as they are", "piled up")
def in_place(rows, step, steps, start, generator):
    rows += line(step, steps, start) * standard(rows, generator)
    return rows


PAIRS = "the share of pairs"
TIES = "one half for a discriminator that says the same of all rows"
SURE = "sees the difference between two sure logits"
LIKED = "a preference for a label is no memory"
MODE = "judged in evaluation mode"
RESTORED = "left in the mode in which it was found"


def logits_of(D, rows, onehot, evaluate=True, restore=True):
    mode = D.training
    if evaluate:
        D.train(False)
    with torch.inference_mode():
        logits = D(rows, onehot).tolist()
    if restore:
        D.train(mode)
    return logits


def pairs(D, x, x_onehot, u, u_onehot, tie=0.5, read=float, labels=True, **how):
    a, b = (map(read, logits_of(D, *rows, **how)) for rows in ((x, x_onehot), (u, u_onehot)))
    a = list(zip(a, x_onehot.argmax(1).tolist(), strict=True))
    b = list(zip(b, u_onehot.argmax(1).tolist(), strict=True))
    points = [
        1.0 if p > q else tie if p == q else 0.0
        for p, k in a
        for q, label in b
        if k == label or not labels
    ]
    return sum(points) / len(points)


@right("ex08-3")
def pair_by_pair(D, train, train_onehot, unseen, unseen_onehot):
    return pairs(D, train, train_onehot, unseen, unseen_onehot)


@right("ex08-3")
def area_under_the_curve(D, train, train_onehot, unseen, unseen_onehot):
    a = np.array(logits_of(D, train, train_onehot))
    b = np.array(logits_of(D, unseen, unseen_onehot))
    areas, weights = [], []
    for label in range(train_onehot.shape[1]):
        mine = a[train_onehot[:, label].numpy() == 1]
        theirs = b[unseen_onehot[:, label].numpy() == 1]
        if len(mine) and len(theirs):
            known = np.r_[np.ones(len(mine)), np.zeros(len(theirs))]
            areas.append(roc_auc_score(known, np.r_[mine, theirs]))
            weights.append(len(mine) * len(theirs))
    return float(np.average(areas, weights=weights))


@wrong("ex08-3", [PAIRS, TIES, SURE, LIKED, MODE, RESTORED], "memory gap of the chapter")
def gap_of_probabilities(D, train, train_onehot, unseen, unseen_onehot):
    a = torch.tensor(logits_of(D, train, train_onehot))
    b = torch.tensor(logits_of(D, unseen, unseen_onehot))
    return float(a.sigmoid().mean() - b.sigmoid().mean())


@wrong("ex08-3", TIES, "counts one half")
def ties_lose(*arguments):
    return pairs(*arguments, tie=0.0)


@wrong("ex08-3", SURE, "rounded to 1")
def compares_probabilities(*arguments):
    return pairs(*arguments, read=lambda logit: torch.tensor(logit).sigmoid().item())


@wrong("ex08-3", LIKED, "Pairs of different labels")
def all_pairs(*arguments):
    return pairs(*arguments, labels=False)


@wrong("ex08-3", MODE, "in training mode")
def in_training_mode(*arguments):
    return pairs(*arguments, evaluate=False)


@wrong("ex08-3", RESTORED, "In which mode is D then?")
def stays_in_evaluation_mode(*arguments):
    return pairs(*arguments, restore=False)
