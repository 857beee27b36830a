"""Answers to the exercises of chapter 9."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from bank import right, wrong

ABOVE = "a 0-dimensional tensor, with the loss less its floor"
FAKES = "pushes fake logits as without smoothing"
FLOOR = "zero for the best that any discriminator can do"
UNSMOOTHED = "2 log 2 for a discriminator that knows nothing, without smoothing"


@right("ex09-1")
def by_hand(r, f, s):
    floor = -sum(t * math.log(t) for t in (s, 1 - s) if t > 0)
    hit = -(1 - s) * F.logsigmoid(r) - s * F.logsigmoid(-r)
    return hit.mean() - F.logsigmoid(-f).mean() - floor


@right("ex09-1")
def a_divergence(r, f, s):
    """What is above the floor is the divergence between the targets and the answers."""
    target = torch.tensor([s, 1 - s])
    answers = torch.stack([F.logsigmoid(-r), F.logsigmoid(r)])
    targets = target[:, None].expand_as(answers)
    return F.kl_div(answers, targets, reduction="sum") / len(r) + F.softplus(f).mean()


def smoothed(r, f, a, b):
    return torch.stack(
        [
            F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
            for logits, target in ((r, a), (f, b))
        ]
    ).sum()


def entropy(s):
    return -s * math.log(s) - (1 - s) * math.log(1 - s) if s else 0.0


@wrong("ex09-1", [ABOVE, FAKES, FLOOR], "target of the fakes is s")
def two_sided(r, f, s):
    return smoothed(r, f, 1 - s, s) - entropy(s)


@wrong("ex09-1", [ABOVE, FLOOR], "not subtracted")
def with_its_floor(r, f, s):
    return smoothed(r, f, 1 - s, 0.0)


@wrong("ex09-1", UNSMOOTHED, "0 * log(0)")
def nan_without_smoothing(r, f, s):
    share = torch.tensor(s)
    floor = -share * share.log() - (1 - share) * (1 - share).log()
    return smoothed(r, f, 1 - s, 0.0) - floor


LIMITS = "where it stops: the limits far away"
SLOPES = "where it goes on: slope 1 where targets are 0 or 1, and no slope two-sided"


@right("ex09-2")
def two_cases(log_ratio, a, b):
    """Divide by the larger of p and q, so that no exponential is above 1."""
    out = []
    for r in log_ratio:
        if r > 0:
            p, q = 0.0, -r
        else:
            p, q = r, 0.0
        terms = []
        for one, two in ((a, b), (1 - a, 1 - b)):
            logs = [math.log(w) + x for w, x in ((one, p), (two, q)) if w > 0]
            top = max(logs)
            terms.append(top + math.log(sum(math.exp(x - top) for x in logs)))
        out.append(terms[0] - terms[1])
    return np.array(out)


@wrong("ex09-2", [LIMITS, SLOPES], "infinity over infinity")
def overflows(log_ratio, a, b):
    with np.errstate(all="ignore"):
        ratio = np.exp(log_ratio)
        return np.log((a * ratio + b) / ((1 - a) * ratio + 1 - b))


@wrong("ex09-2", ["any two targets", LIMITS, SLOPES], "taken for 0")
def one_sided_only(log_ratio, a, b):
    above = math.log(a) + log_ratio
    return above - np.logaddexp(log_ratio + (math.log(1 - a) if a < 1 else -math.inf), 0)


@wrong("ex09-2", SLOPES, "cut-off")
def cut_off(log_ratio, a, b):
    ratio = np.exp(np.clip(log_ratio, -300, 300))
    return np.log(a * ratio + b) - np.log((1 - a) * ratio + 1 - b)


ALL = "the right loss where all real rows are flipped"
AVERAGE = "flips the given share, and so is the smoothed loss on average"
KEEP = "fake rows keep their label, and their weight"
COINS = "new coins at every call, all from the generator"


@right("ex09-3")
def with_signs(real, fake, share, generator):
    """A row costs softplus(-l) if it is called real, and its logit more if it is flipped."""
    probability = torch.full((len(real),), share)
    lies = torch.bernoulli(probability, generator=generator)
    costs = F.softplus(-real) + lies * real
    return costs.sum() / len(real) + F.softplus(fake).sum() / len(fake)


@right("ex09-3")
def row_by_row(real, fake, share, generator):
    total = torch.zeros(())
    for logit, coin in zip(real, torch.rand(len(real), generator=generator), strict=True):
        total = total - F.logsigmoid(-logit if coin < share else logit)
    return total / len(real) - F.logsigmoid(-fake).mean()


@wrong("ex09-3", [ALL, AVERAGE, KEEP], "moved into the mean over the fake rows")
def moves_rows(real, fake, share, generator):
    lies = torch.rand(len(real), generator=generator) < share
    logits = torch.cat([real, fake])
    called_real = torch.cat([~lies, torch.zeros(len(fake), dtype=torch.bool)])
    return F.softplus(-logits[called_real]).mean() + F.softplus(logits[~called_real]).mean()


@wrong("ex09-3", AVERAGE, "a coin of its own")
def one_coin(real, fake, share, generator):
    target = float(torch.rand(1, generator=generator) >= share)
    return smoothed(real, fake, target, 0.0)


@wrong("ex09-3", COINS, "leave its seed alone")
def same_coins(real, fake, share, generator):
    coins = torch.rand(len(real), generator=torch.Generator().manual_seed(123_456))
    target = (coins >= share).float()
    return F.binary_cross_entropy_with_logits(real, target) + F.softplus(fake).mean()


@wrong("ex09-3", [ALL, KEEP], "two-sided")
def flips_fakes_too(real, fake, share, generator):
    logits = torch.cat([real, fake])
    target = (torch.arange(len(logits)) < len(real)).float()
    lies = torch.rand(len(logits), generator=generator) < share
    target = torch.where(lies, 1 - target, target)
    return 2 * F.binary_cross_entropy_with_logits(logits, target)
