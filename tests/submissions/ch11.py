"""Answers to the exercises of chapter 11."""

import numpy as np
import torch
import torch.nn.functional as F
from bank import right, wrong

D_LOSS = "the discriminator's loss, a 0-dimensional tensor"
G_LOSS = "the generator's loss, a 0-dimensional tensor"
EQUAL = "2 log 2 for both when all logits are equal, however high they are"
SURE = "finite for a discriminator that is sure, and wrong"
THROUGH_MEANS = "gradients also through the means"


def average_loss(higher, lower, detach=False):
    """What is small when the rows of the first argument look more real."""
    middle_high, middle_low = torch.mean(higher), torch.mean(lower)
    if detach:
        middle_high, middle_low = middle_high.item(), middle_low.item()
    gaps = [F.logsigmoid(higher - middle_low), F.logsigmoid(middle_high - lower)]
    return -sum(gap.mean() for gap in gaps)


@right("ex11-1")
def cross_entropy_with_targets(r, f):
    def loss(a, b, target):
        logits = a - b.sum() / len(b)
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))

    return loss(r, f, 1.0) + loss(f, r, 0.0), loss(r, f, 0.0) + loss(f, r, 1.0)


@right("ex11-1")
def logaddexp(r, f):
    zero = torch.zeros(())
    differences = r[:, None] - f[None, :]  # every real row against every generated one
    by_real, by_fake = differences.mean(dim=1), differences.mean(dim=0)
    first = torch.logaddexp(zero, -by_real).mean() + torch.logaddexp(zero, -by_fake).mean()
    second = torch.logaddexp(zero, by_real).mean() + torch.logaddexp(zero, by_fake).mean()
    return [first, second]


@wrong("ex11-1", [G_LOSS, EQUAL, SURE], "with a minus sign")
def zero_sum(real, fake):
    loss = average_loss(real, fake)
    return loss, -loss


@wrong("ex11-1", THROUGH_MEANS, "turned into a number")
def means_as_numbers(real, fake):
    return average_loss(real, fake, detach=True), average_loss(fake, real, detach=True)


@wrong("ex11-1", SURE, "rounded to zero")
def logarithm_of_a_sigmoid(real, fake):
    a, b = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    discriminator = -a.log().mean() - (1 - b).log().mean()
    return discriminator, -b.log().mean() - (1 - a).log().mean()


@wrong("ex11-1", [D_LOSS, G_LOSS, EQUAL, SURE, THROUGH_MEANS], "losses of the standard GAN")
def not_relativistic(real, fake):
    def loss(a, b):
        return -F.logsigmoid(a).mean() - F.logsigmoid(-b).mean()

    return loss(real, fake), loss(fake, real)


CONSTANT = "right for a discriminator with one slope for each label"
AROUND = "looks around the real rows"
PULLS = "pulls the discriminator's weights"


def penalty(D, real, onehot, noise, target=1.0, graph=True, share=1.0):
    x = torch.autograd.Variable(real + share * noise, requires_grad=True)
    out = D(x, onehot)
    slope = torch.autograd.grad(out, x, torch.ones_like(out), create_graph=graph)[0]
    return torch.mean((torch.sqrt((slope**2).sum(1)) - target) ** 2)


@right("ex11-2")
def one_row_at_a_time(D, real, onehot, noise):
    total = 0
    for x, y, delta in zip(real, onehot, noise, strict=True):
        point = (x + delta)[None].clone().requires_grad_(True)
        logit = D(point, y[None])[0]
        gradient = torch.autograd.grad(logit, point, create_graph=True)[0]
        total = total + (torch.linalg.vector_norm(gradient) - 1) ** 2
    return total / len(real)


@right("ex11-2")
def functional_gradient(D, real, onehot, noise):
    slope = torch.func.grad(lambda x: D(x, onehot).sum())(real + noise)
    squares = torch.einsum("ij,ij->i", slope, slope)
    return (squares - 2 * squares.sqrt() + 1).mean()


@wrong("ex11-2", AROUND, "at the real rows themselves")
def without_noise(D, real, onehot, noise):
    return penalty(D, real, onehot, noise, share=0.0)


@wrong("ex11-2", PULLS, "create_graph=True")
def only_printed(D, real, onehot, noise):
    return penalty(D, real, onehot, noise, graph=False)


@wrong("ex11-2", [CONSTANT, AROUND, PULLS], "toward 0, as R1 does it")
def flat(D, real, onehot, noise):
    return penalty(D, real, onehot, noise, target=0.0)


@wrong("ex11-2", "leaves no gradient in the weights before backward()", "would use them")
def backward_inside(D, real, onehot, noise):
    result = penalty(D, real, onehot, noise)
    result.backward(retain_graph=True)
    return result


AVERAGES = {
    "A": "never moves",
    "B": "forgets the running averages",
    "C": "follows almost at once",
    "D": "shares the network's weights",
    "E": "right",
}

right("ex11-3", name="steps without rounding")(AVERAGES | {"steps": np.log(0.01) / np.log(0.995)})

wrong(
    "ex11-3", "when the start is forgotten", "about 37 %", name="the length of the average's memory"
)(AVERAGES | {"steps": 200})

wrong("ex11-3", "what variant D does", "What does copy.copy copy", name="a shallow copy is right")(
    AVERAGES | {"D": "right", "steps": 919}
)

MEAN_ACCURACY = "the mean accuracy of every weight"
COUNTS = "the synthetic rows together count w times as much as the real ones together"


def tally(X, y, fold, weights, generate, fit, leak=False, each=False, all_rows=False):
    """A vote, with one mistake if wanted."""
    numbers = sorted(set(fold.tolist()))
    result = np.zeros(len(weights))
    everything = generate(X, y) if leak else None
    for k in numbers:
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        new, new_labels = everything if leak else generate(X[train], y[train])
        for i, w in enumerate(weights):
            each_new = w if each else w * len(train) / len(new)
            classify = fit(
                np.vstack([new, X[train]]),
                np.hstack([new_labels, y[train]]),
                np.hstack([np.full(len(new), each_new), np.ones(len(train))]),
            )
            judged, truth = X[test], y[test]
            if all_rows:
                judged, truth = np.vstack([judged, new]), np.hstack([truth, new_labels])
            result[i] += np.mean(classify(judged) == truth) / len(numbers)
    return result


@right("ex11-4")
def loops(*arguments):
    return tally(*arguments)


@right("ex11-4")
def weights_outside_and_shares(X, y, fold, weights, generate, fit):
    def judge(w, k):
        held = fold == k
        X_new, y_new = generate(X[~held], y[~held])
        real, new = np.full((~held).sum(), 1.0), np.ones(len(X_new))
        amounts = np.append(real, w * real.sum() * new / new.sum())
        rows, labels = np.append(X[~held], X_new, axis=0), np.append(y[~held], y_new)
        return (fit(rows, labels, amounts)(X[held]) == y[held]).mean()

    return [np.mean([judge(w, k) for k in np.unique(fold)]) for w in weights]


@wrong("ex11-4", "the generator sees the other folds alone", "a leak")
def generator_of_all_rows(*arguments):
    return tally(*arguments, leak=True)


@wrong("ex11-4", [MEAN_ACCURACY, COUNTS], "has the weight w by itself")
def weight_of_each_row(*arguments):
    return tally(*arguments, each=True)


@wrong(
    "ex11-4",
    [MEAN_ACCURACY, "judges on the fold's own real rows alone"],
    "Which rows did you predict?",
)
def judged_on_synthetic_rows_too(*arguments):
    return tally(*arguments, all_rows=True)
