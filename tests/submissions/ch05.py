"""Answers to the exercises of chapter 5."""

import numpy as np
import torch
from bank import right, wrong
from scipy.spatial.distance import pdist, squareform
from sklearn.neighbors import NearestNeighbors

CLOUDS = "the density of random clouds, for three numbers of neighbors"
TWICE = "a row in two balls counts twice"
SURFACE = "a ball holds its surface"
DIVIDED = "divided by the neighbors and by the synthetic rows"


@right("ex05-1")
def loops(a, b, k):
    balls = [(x, sorted(np.linalg.norm(a - x, axis=1))[k]) for x in a]
    counts = [sum(np.linalg.norm(row - x) <= radius for x, radius in balls) for row in b]
    return sum(counts) / len(b) / k


@right("ex05-1")
def neighbors_of_scikit_learn(real, synthetic, k=5):
    # Without an argument, no row is a neighbor of its own.
    radii = NearestNeighbors(n_neighbors=k).fit(real).kneighbors()[0][:, -1]
    gaps = real[:, None] - synthetic[None]
    return np.mean(np.linalg.norm(gaps, axis=2) <= radii[:, None], axis=1).sum() / k


def distances(a, b):
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))


def radii_of(cloud, k):
    return np.partition(distances(cloud, cloud), k, axis=1)[:, k]


@wrong("ex05-1", [CLOUDS, TWICE, SURFACE, DIVIDED], "The roles are swapped")
def balls_around_synthetic_rows(real, synthetic, k=5):
    return (distances(real, synthetic) <= radii_of(synthetic, k)).sum() / (k * len(real))


@wrong("ex05-1", [CLOUDS, TWICE, SURFACE, DIVIDED], "its own first neighbor")
def counts_itself(real, synthetic, k=5):
    return (distances(synthetic, real) <= radii_of(real, k - 1)).sum() / (k * len(synthetic))


@wrong("ex05-1", [CLOUDS, TWICE, SURFACE, DIVIDED], "This is precision")
def precision_instead(real, synthetic, k=5):
    return (distances(synthetic, real) <= radii_of(real, k)).any(axis=1).mean()


@wrong("ex05-1", [CLOUDS, TWICE, SURFACE, DIVIDED], "Only the ball of the nearest real row")
def ball_of_the_nearest(real, synthetic, k=5):
    found = 0
    for row in synthetic:
        gaps = np.linalg.norm(real - row, axis=1)
        nearest = real[gaps.argmin()]
        found += gaps.min() <= np.sort(np.linalg.norm(real - nearest, axis=1))[k]
    return found / len(synthetic) / k


@wrong("ex05-1", SURFACE, "<=, not <")
def open_balls(real, synthetic, k=5):
    return (distances(synthetic, real) < radii_of(real, k)).sum() / (k * len(synthetic))


@wrong("ex05-1", [CLOUDS, DIVIDED], "not divided by k")
def sum_of_balls(real, synthetic, k=5):
    return (distances(synthetic, real) <= radii_of(real, k)).sum() / len(synthetic)


@wrong("ex05-1", [CLOUDS, DIVIDED], "the number of real rows")
def mean_over_real_rows(real, synthetic, k=5):
    return (distances(synthetic, real) <= radii_of(real, k)).sum() / (k * len(real))


RANDOM = "the score of a random cloud"
FAR = "n rows far from each other count as n"
COPIES = "copies of these rows count no more"
SHRINK = "sees a cloud shrink, and does not see it move"


def kernel(X, scale):
    return np.exp(-(squareform(pdist(X)) ** 2) / (2 * scale**2))


@right("ex05-2")
def singular_values(cloud, h):
    values = torch.linalg.svdvals(torch.as_tensor(kernel(cloud, h) / len(cloud)))
    return torch.special.entr(values).sum().exp().item()


@right("ex05-2")
def shannon_without_zeros(X, scale):
    total = 0.0
    for value in np.linalg.eigvals(kernel(X, scale)).real / len(X):
        if value > 1e-10:
            total += value * np.log2(value)
    return 2.0**-total


@wrong("ex05-2", COPIES, "0 * log(0)")
def logarithm_of_zero(X, scale):
    values = np.linalg.eigvalsh(kernel(X, scale) / len(X))
    with np.errstate(all="ignore"):
        return np.exp(-(values * np.log(values)).sum())


@wrong("ex05-2", [RANDOM, FAR, COPIES, SHRINK], "they add up to n, not to 1")
def not_divided(X, scale):
    values = np.linalg.eigvalsh(kernel(X, scale)).clip(1e-300)
    return np.exp(-(values * np.log(values)).sum())


@wrong("ex05-2", RANDOM, "lacks the 2")
def without_the_two(X, scale):
    values = np.linalg.eigvalsh(kernel(X, scale / np.sqrt(2)) / len(X)).clip(1e-300)
    return np.exp(-(values * np.log(values)).sum())


KINDS = "as many rows as asked for, of at most 30 kinds"
ONE = "covers one group in 40 dimensions"
EIGHT = "covers eight groups that lie far apart"


@right("ex05-3")
def greedy_cover(real, n):
    gaps = distances(real, real)
    hit = gaps <= np.sort(gaps, axis=1)[:, [5]]
    chosen, open_rows = [], np.ones(len(real), bool)
    while len(chosen) < 30:
        best = (hit & open_rows[:, None]).sum(axis=0).argmax()
        chosen.append(real[best])
        open_rows &= ~hit[:, best]
    return np.array([chosen[i % 30] for i in range(n)])


@right("ex05-3")
def lloyd_in_torch(real, n):
    X = torch.as_tensor(real)
    centers = X[:1]
    for _ in range(29):  # start from rows that are far from each other
        far = torch.cdist(X, centers).min(dim=1).values.argmax()
        centers = torch.cat([centers, X[far : far + 1]])
    for _ in range(10):
        group = torch.cdist(X, centers).argmin(dim=1)
        used = [X[group == i].mean(dim=0) for i in range(30) if (group == i).any()]
        centers = torch.stack(used)
    return centers.repeat(n, 1)[:n].numpy()


@wrong("ex05-3", EIGHT, "between the groups")
def the_mean_again_and_again(real, n):
    return np.tile(real.mean(axis=0), (n, 1))


@wrong("ex05-3", [ONE, EIGHT], "drawn at random")
def thirty_real_rows(real, n):
    chosen = np.random.default_rng(1).choice(len(real), 30, replace=False)
    return real[np.resize(chosen, n)]


@wrong("ex05-3", [KINDS, ONE, EIGHT], "Too many different rows")
def jittered(real, n):
    return greedy_cover(real, n) + 1e-4 * np.random.default_rng(2).normal(size=(n, real.shape[1]))


PATIENTS = {
    "A": "labels swapped",
    "B": "Gaussian noise with random labels",
    "C": "copies of the training rows",
    "D": "two points, one per label",
    "E": "shrunk toward the center",
    "F": "blown up from the center",
}

wrong("ex05-4", "patient B", "leave the rows as they are", name="random labels for noise")(
    PATIENTS | {"B": "labels drawn at random"}
)
wrong("ex05-4", ["patient E", "patient F"], "are confused", name="shrunk and blown up")(
    PATIENTS | {"E": PATIENTS["F"], "F": PATIENTS["E"]}
)
