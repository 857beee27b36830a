"""Answers to the exercises of chapter 6."""

import copy

import torch
from bank import right, wrong

ALONE = "the verdict alone, when the balance has no weight"
BONUS = "takes off log 3 when three labels are made equally often, times the weight"
ONE_LABEL = "finite when only one label is made"
SURE = "finite for a judge that is sure, and sees another label"
GRADIENTS = "sends a gradient to the label and to the row"


def logs(logits):
    return logits - logits.logsumexp(dim=1, keepdim=True)


def entropy(share):
    return -(share * share.clamp(min=1e-30).log()).sum(dim=-1)


@right("ex06-1")
def loops_over_labels(own, judged, beta):
    n, k = own.shape
    total = own.new_zeros(())
    for label in range(k):
        total = total - own[:, label] @ logs(judged)[:, label] / n
        share = own[:, label].sum() / n
        total = total + beta * torch.xlogy(share, share)
    return total


@right("ex06-1")
def einsum(p, judge_logits, balance):
    cost = -torch.einsum("nk,nk->n", p, logs(judge_logits))
    return (cost - balance * entropy(p.mean(dim=0))).mean()


@wrong("ex06-1", BONUS, "mean of the rows' entropies")
def mean_of_entropies(p, judge_logits, balance):
    return ((-p * logs(judge_logits)).sum(dim=1) - balance * entropy(p)).mean()


@wrong("ex06-1", BONUS, "The sign of the balance")
def sign(p, judge_logits, balance):
    return (-p * logs(judge_logits)).sum(dim=1).mean() + balance * entropy(p.mean(dim=0))


@wrong("ex06-1", [ALONE, SURE], "squeezed twice")
def two_softmaxes(p, judge_logits, balance):
    q = judge_logits.softmax(dim=1)
    return (-p * logs(q)).sum(dim=1).mean() - balance * entropy(p.mean(dim=0))


@wrong("ex06-1", GRADIENTS, "may be detached")
def detached_label(p, judge_logits, balance):
    p = p.detach()
    return (-p * logs(judge_logits)).sum(dim=1).mean() - balance * entropy(p.mean(dim=0))


@wrong("ex06-1", ONE_LABEL, "0 * log(0)")
def zero_times_infinity(p, judge_logits, balance):
    mean = p.mean(dim=0)
    return (-p * logs(judge_logits)).sum(dim=1).mean() + balance * (mean * mean.log()).sum()


LOSS = "returns the loss before the update"
SLOPE = "moves the generator down the slope of that loss, from clean gradients"
ARRIVES = "the verdict reaches the generator"
LABEL = "the verdict asks for the label that was given"
FROZEN = "the judge neither moves nor gets a gradient, and the generator moves"
DROPOUT = "the judge's dropout is off"


@right("ex06-2")
def gradients_of_the_generator_only(G, D, judge, optimizer, onehot, z, weight):
    judge.train(False)
    rows = G(z, onehot)
    q = (logs(judge(rows)) * onehot).sum(dim=1)
    cost = (torch.nn.functional.softplus(-D(rows, onehot)) - weight * q).mean()
    parameters = list(G.parameters())
    gradients = torch.autograd.grad(cost, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    return cost.item()


@right("ex06-2")
def frozen_copy(G, D, judge, optimizer, onehot, z, weight):
    fixed = copy.deepcopy(judge).eval()
    for parameter in fixed.parameters():
        parameter.requires_grad = False
    return step(G, D, fixed, optimizer, onehot, z, weight)


def step(G, D, judge, optimizer, onehot, z, weight, wire=True, softmax=False, own=False):
    fake = G(z, onehot)
    verdict = judge(fake if wire else fake.detach())
    verdict = verdict.softmax(dim=1) if softmax else verdict
    target = verdict.argmax(dim=1) if own else onehot.argmax(dim=1)
    rows = torch.arange(len(target))
    loss = torch.nn.functional.softplus(-D(fake, onehot)).mean()
    loss = loss - weight * logs(verdict)[rows, target].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("ex06-2", FROZEN, "not frozen")
def judge_with_gradients(G, D, judge, *rest):
    return step(G, D, judge.eval(), *rest)


@wrong("ex06-2", DROPOUT, "in training mode")
def judge_in_training_mode(G, D, judge, *rest):
    return step(G, D, judge.requires_grad_(False), *rest)


@wrong("ex06-2", [SLOPE, ARRIVES, LABEL], "cuts the wire")
def no_gradient_through_the_judge(G, D, judge, *rest):
    return step(G, D, judge.eval().requires_grad_(False), *rest, wire=False)


@wrong("ex06-2", [LOSS, SLOPE], "Softmax before the cross-entropy")
def softmax_first(G, D, judge, *rest):
    return step(G, D, judge.eval().requires_grad_(False), *rest, softmax=True)


@wrong("ex06-2", [LOSS, SLOPE, LABEL], "sees anyway")
def label_ignored(G, D, judge, *rest):
    return step(G, D, judge.eval().requires_grad_(False), *rest, own=True)


OBEDIENCE = {
    "push": 16,
    "echo": 26,
    "reference": 34,
    "means": "the labels are the judge's opinion, on rows that are clearer than real ones",
    "examiner": "a classifier trained on as many other real rows",
    "fool": "the generator is rewarded for agreement, whether the judge is right or not",
    "gain": "yes, if the rows lower the variance by more than they add in bias",
    "end": -2,
}

wrong("ex06-3", "who can show it", "The twin shares", name="the twin for the stranger")(
    OBEDIENCE | {"examiner": "the judge with other initial weights, trained on the same rows"}
)
wrong("ex06-3", "what the echo says", "The stranger errs too", name="a count of wrong labels")(
    OBEDIENCE | {"means": "29 % of the labels are wrong"}
)
wrong("ex06-3", "the echo, in points", "on the same rows", name="made rows against real rows")(
    OBEDIENCE | {"echo": 32.0}
)
wrong(
    "ex06-3",
    "the echo of real rows with the judge's labels, in points",
    "all of its own labels",
    name="the judge on the right labels",
)(OBEDIENCE | {"reference": -1})
wrong("ex06-3", "when rows without news can help", "lower the variance", name="no news, no gain")(
    OBEDIENCE | {"gain": "no: what holds no news cannot help"}
)
wrong("ex06-3", "where the gain ends, in points", "count less", name="the gain of 100 rows")(
    OBEDIENCE | {"end": 1}
)
