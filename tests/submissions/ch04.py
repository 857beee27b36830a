"""Answers to the exercises of chapter 4."""

import torch
import torch.nn.functional as F
from bank import right, wrong

VALUE = "a 0-dimensional tensor, with the value of the formula"


@right("ex04-1")
def cross_entropy_with_targets(a, b):
    logits = torch.cat([a, b])
    targets = torch.cat([torch.ones_like(a), torch.zeros_like(b)])
    return 2 * F.binary_cross_entropy_with_logits(logits, targets)


@right("ex04-1")
def softplus(positives, negatives):
    return (F.softplus(-positives) + F.softplus(negatives)).sum() / len(positives)


@wrong("ex04-1", [VALUE, "finite for a discriminator that is sure, and wrong"], "swapped")
def swapped_targets(real, fake):
    return F.softplus(real).mean() + F.softplus(-fake).mean()


@wrong("ex04-1", "finite for a discriminator that is sure, and wrong", "rounded to zero")
def unstable(real, fake):
    return -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()


@wrong(
    "ex04-1",
    [
        VALUE,
        "2 log 2 when the discriminator knows nothing, for any number of rows",
        "finite for a discriminator that is sure, and wrong",
    ],
    "A sum over the rows",
)
def summed(real, fake):
    return F.softplus(-real).sum() + F.softplus(fake).sum()


def step(G, D, optimizer, criterion, real, onehot, z, detach=True, clear=True):
    fake = G(z, onehot)
    if detach:
        fake = fake.detach()
    loss = criterion(D(real, onehot), D(fake, onehot))
    if clear:
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@right("ex04-2")
def no_grad_for_the_fakes(G, D, optimizer, criterion, real, onehot, z):
    optimizer.zero_grad(set_to_none=False)
    with torch.no_grad():
        made = G(z, onehot)
    both = D(torch.cat([real, made]), torch.cat([onehot, onehot]))
    cost = criterion(*both.chunk(2))
    cost.backward()
    optimizer.step()
    return cost.item()


@wrong("ex04-2", "sends no gradient to the generator", "missing .detach()")
def no_detach(*arguments):
    return step(*arguments, detach=False)


@wrong("ex04-2", "starts from clean gradients", "zero_grad() is missing")
def no_zero_grad(*arguments):
    return step(*arguments, clear=False)


@right("ex04-3")
def compares_before_and_after(step, G, D, optimizer, real, onehot, z):
    def gradients():
        return [None if p.grad is None else p.grad.clone() for p in G.parameters()]

    for p in G.parameters():
        p.grad = None
    before = gradients()
    step(G, D, optimizer, real, onehot, z)
    pairs = zip(before, gradients(), strict=True)
    return not all((a is None and b is None) or (b == 0).all() for a, b in pairs)


@wrong("ex04-3", "no false alarm when G holds gradients of its own", "before the step")
def any_gradient_counts(step, G, D, optimizer, real, onehot, z):
    step(G, D, optimizer, real, onehot, z)
    return sum(p.grad is not None for p in G.parameters()) > 0


wrong(
    "ex04-4",
    "how much steeper the non-saturating loss is at a logit of -3",
    "the other way round",
    name="the inverse ratio",
)(
    {
        "ratio": 0.0498,
        "equal at": 0,
        "generator": "stands still",
        "discriminator": "its loss stays the same",
    }
)
