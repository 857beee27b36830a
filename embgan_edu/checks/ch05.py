"""What is measured of the answers to the exercises of chapter 5, measuring synthetic data."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from embgan_edu.checks.engine import Exercise, Part, Probe, entry

Cloud = np.ndarray[Any, Any]


def _random(seed: int, *shape: int) -> Cloud:
    return np.random.default_rng(seed).standard_normal(shape)


# --- ex05-1: density -----------------------------------------------------------------------------


def _density_of_random_clouds(density: Callable[..., Any], seed: int) -> Cloud:
    # Clouds of different sizes, and wide enough apart that no count is trivial.
    real, synthetic = _random(seed, 60, 3), 1.5 * _random(seed + 1, 90, 3) + 0.5
    return np.array([density(real, synthetic, k) for k in (1, 2, 4)])


def _density_on_a_line(real: list[float], synthetic: list[float], k: int = 1) -> Probe:
    """A probe: density of points on a line, in units that follow from the seed."""

    def probe(density: Callable[..., Any], seed: int) -> Any:
        # Whole numbers: what lies on the surface of a ball lies there exactly.
        unit = 1 + seed % 7
        clouds = (unit * np.array(points, float)[:, None] for points in (real, synthetic))
        return density(*clouds, k)

    return probe


DENSITY = (
    Part(
        "the density of random clouds, for three numbers of neighbors",
        _density_of_random_clouds,
        "Whose balls are they, and which rows are counted? The balls are around the real rows.",
        "A row is at distance 0 from itself, and it is no neighbor of its own.",
        "cdist(synthetic, real) <= radii of the real rows; the sum over all pairs; over k times "
        "the number of synthetic rows.",
        points=2,
        like=np.zeros(3),
    ),
    Part(
        "a row in two balls counts twice",
        _density_on_a_line([0, 1, 10, 30], [0.5, 15, 12, 100]),
        "Precision asks for any ball. Density counts every ball that holds the row.",
        "Take the sum over the real rows, not any.",
        expected=1.5,
    ),
    Part(
        "a ball holds its surface",
        _density_on_a_line([0, 1, 100, 101], [0.5, 0.5, 2, 60]),
        "The formula has <=, not <.",
        expected=1.25,
    ),
    Part(
        "divided by the neighbors and by the synthetic rows",
        _density_on_a_line([0, 1, 3, 6], [2, 2, 2, 20, 7, -2], k=2),
        "Two neighbors make larger balls, so the count is divided by k.",
        "The mean is over the synthetic rows, not over the real ones.",
        expected=14 / 12,
    ),
)

# --- ex05-2: a Vendi score that sees distances ---------------------------------------------------

SCALE = 1.5


def _far_rows(seed: int, copies: int = 1) -> Cloud:
    far = 1000.0 * np.arange(_rows(seed))[:, None] + _random(seed, 1, 4)
    return far.repeat(copies, axis=0)


def _rows(seed: int) -> int:
    return 4 + seed % 5


def _score_of_other_clouds(score: Callable[..., Any], seed: int) -> dict[str, bool]:
    cloud = _random(seed, 30, 4)
    before, smaller, moved = (score(X, SCALE) for X in (cloud, cloud / 2, cloud + 7))
    return {
        "a cloud of half the size counts less": bool(smaller < 0.9 * before),
        "a moved cloud counts the same, and more than one row": bool(
            abs(moved - before) < 1e-6 * before and before > 1.5
        ),
    }


VENDI_SCORE = (
    Part(
        "the score of a random cloud",
        lambda score, seed: score(_random(seed, 25, 3), SCALE),
        "The kernel has the squared distance over twice the squared scale.",
        "Take the eigenvalues of K / n, so that they add up to 1.",
        "exp of -sum(w * log(w)), with natural logarithms, over the eigenvalues w.",
        points=2,
    ),
    Part(
        "n rows far from each other count as n",
        lambda score, seed: score(_far_rows(seed), SCALE),
        "Here K is the identity. Have you divided by n?",
        expected=lambda seed: float(_rows(seed)),
    ),
    Part(
        "copies of these rows count no more",
        lambda score, seed: score(_far_rows(seed, copies=9), SCALE),
        "Copies give eigenvalues of zero, and rounding makes some of them negative. What is 0 * "
        "log(0)?",
        "Leave out the eigenvalues that are nothing but rounding.",
        points=2,
        expected=lambda seed: float(_rows(seed)),
    ),
    Part(
        "sees a cloud shrink, and does not see it move",
        _score_of_other_clouds,
        "Cosines see directions only. This kernel takes distances between the rows.",
        "Do not divide the distances by anything that is measured of the same cloud.",
        points=2,
        expected={
            "a cloud of half the size counts less": True,
            "a moved cloud counts the same, and more than one row": True,
        },
    ),
)

# --- ex05-3: an attack on coverage ---------------------------------------------------------------

DIFFERENT, NEIGHBORS = 30, 5


def _attacked(attack: Callable[..., Any], real: Cloud, group: Cloud) -> dict[str, bool]:
    """Whether few different rows cover the real ones."""
    made = np.asarray(attack(real.copy(), 500), dtype=float)
    radii = np.sort(cdist(real, real), axis=1)[:, NEIGHBORS]
    covered = cdist(real, made).min(axis=1) <= radii
    return {
        "at most 30 different rows": len(np.unique(made.round(9), axis=0)) <= DIFFERENT,
        "near to rows of most groups": len(np.unique(group[covered])) > len(np.unique(group)) / 2,
        "coverage above 0.9": bool(covered.mean() > 0.9),
    }


def _one_group(seed: int) -> Cloud:
    return _random(seed, 240, 40) + 3


def _attack_on_eight_groups(attack: Callable[..., Any], seed: int) -> dict[str, bool]:
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(8), 30))
    # Places at the corners of a cube: far apart under every seed.
    corners = 12.0 * (group[:, None] >> np.arange(3) & 1)
    places = np.concatenate([corners, np.zeros((240, 9))], axis=1)
    return _attacked(attack, places + rng.normal(size=places.shape), group)


def _shape(attack: Callable[..., Any], seed: int) -> list[Any]:
    made = np.asarray(attack(_one_group(seed), 300 + seed % 50), dtype=float)
    return [made.shape, len(np.unique(made.round(9), axis=0)) <= DIFFERENT]


_WIN = {
    "at most 30 different rows": True,
    "near to rows of most groups": True,
    "coverage above 0.9": True,
}


ATTACK = (
    Part(
        "as many rows as asked for, of at most 30 kinds",
        _shape,
        "Repeat the few rows until there are enough. Repeat them exactly.",
        expected=lambda seed: [(300 + seed % 50, 40), True],
    ),
    Part(
        "covers one group in 40 dimensions",
        lambda attack, seed: _attacked(attack, _one_group(seed), np.zeros(240)),
        "Real rows lie at the rim of a group, and few neighbors are near. A place between many "
        "rows is near to all of them.",
        "In many dimensions a row's fifth neighbor is farther than the mean.",
        points=2,
        expected=_WIN,
    ),
    Part(
        "covers eight groups that lie far apart",
        _attack_on_eight_groups,
        "The mean of all rows lies between the groups, where no row is. Every group needs rows of "
        "its own.",
        "You know an algorithm that puts 30 centers among the rows.",
        "KMeans of scikit-learn has the centers in cluster_centers_.",
        points=3,
        expected=_WIN,
    ),
)

# --- ex05-4: which illness? ----------------------------------------------------------------------

ILLNESSES = (
    "labels swapped",
    "labels drawn at random",
    "Gaussian noise with random labels",
    "copies of the training rows",
    "two points, one per label",
    "shrunk toward the center",
    "blown up from the center",
)


def _patient(letter: str, *hints: str) -> Part:
    return Part(f"patient {letter}", entry(letter), *hints, options=ILLNESSES)


SIX_PATIENTS = (
    _patient(
        "A",
        "The rows themselves are as diverse as real ones, so it is the labels. Random labels "
        "teach nothing. Far below one half is more than nothing.",
    ),
    _patient(
        "B",
        "It is not the labels alone. Look at the coverage, and at how many directions are used.",
    ),
    _patient(
        "C",
        "What does an authenticity of 0 say? And what do labels say that a classifier of the "
        "training rows knows by heart?",
    ),
    _patient("D", "How many directions are in use? Compare the Vendi ratio of the chapter's GAN."),
    _patient("E", "The chapter does this to real rows. Which of recall and coverage falls?"),
    _patient(
        "F",
        "The mirror image of another patient: recall and coverage have changed places.",
        "Cosines from the center do not see how far out a row lies.",
    ),
)

EXERCISES = (
    Exercise("ex05-1", "Density, precision that counts", "write", "routine", 15, DENSITY),
    Exercise("ex05-2", "A Vendi score that sees distances", "write", "standard", 20, VENDI_SCORE),
    Exercise("ex05-3", "Fool coverage with thirty rows", "write", "open", 25, ATTACK),
    Exercise("ex05-4", "Six patients", "diagnose", "standard", 15, SIX_PATIENTS),
)
