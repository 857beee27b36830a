r"""Does a generator keep its training rows to itself? Distances, and attacks.

*Distances* compare synthetic rows with training rows and with as many *holdout* rows: real rows of
the same kind that were not trained on. A generator that memorizes comes nearer to the first.

*Attacks* play the adversary of membership inference: given a row, was it in the training set? A
score is higher for rows that seem to be members; how well it separates members from others is
read off its ROC curve.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from embgan_edu.base.errors import ConfigError, DataError, check_number
from embgan_edu.measure.metrics import Cloud, check_clouds
from embgan_edu.models.gan import GAN
from embgan_edu.models.stacked import (
    check_training_arrays,
)

Scores = Float[np.ndarray, " n"]


# Distances


def closer_to_training(train: Cloud, holdout: Cloud, synthetic: Cloud) -> float:
    r"""Share of synthetic points that are nearer to the training points than to the holdout points.

    .. math:: \frac1m \sum_j \mathbb 1\bigl[\min_i \|s_j - r_i\| < \min_i \|s_j - h_i\|\bigr]

    Points at the same distance from both count one half. Training and holdout points come from the
    same distribution, so a generator that treats both alike has 0.5; one that copies has 1.

    Source: Platzer & Reutterer (2021), "Holdout-based empirical assessment of mixed-type synthetic
    data".

    Raises:
        DataError: Not a finite cloud, other dimensions, or not as many training as holdout points.

    Example:
        >>> train, holdout = np.array([[0.0], [4.0]]), np.array([[1.0], [9.0]])
        >>> closer_to_training(train, holdout, np.array([[0.2], [0.5], [3.0], [8.0]]))
        0.625
    """
    train, holdout, synthetic = check_clouds(train=train, holdout=holdout, synthetic=synthetic)
    if len(train) != len(holdout):
        raise DataError(
            f"train has {len(train)} points and holdout has {len(holdout)}; the larger cloud would "
            f"be nearer for no other reason. Give {min(len(train), len(holdout))} of both."
        )
    gap = cdist(synthetic, holdout).min(axis=1) - cdist(synthetic, train).min(axis=1)
    return float(np.mean((gap > 0) + 0.5 * (gap == 0)))


# Attacks


def distance_scores(rows: Cloud, synthetic: Cloud, reference: Cloud | None = None) -> Scores:
    r"""Attack with synthetic rows alone: how near does the generator come to each row?

    .. math:: -\min_j \|x - s_j\| \qquad \text{or} \qquad
              \min_j \|x - r_j\| - \min_j \|x - s_j\|

    The second form is for an attacker who also has *reference* rows, real ones of the same kind. A
    row in a dense region is near to anything; comparing takes that out.

    Source: Chen et al. (2020), "GAN-Leaks: a taxonomy of membership inference attacks against
    generative models" (full black-box attack, and attack calibration).

    Raises:
        DataError: Not a finite cloud, or other dimensions.

    Example:
        >>> distance_scores(np.array([[1.0], [5.0]]), np.array([[0.0], [3.0]]))
        array([-1., -2.])
    """
    rows, synthetic = check_clouds(rows=rows, synthetic=synthetic)
    nearest = cdist(rows, synthetic).min(axis=1)
    if reference is None:
        return -nearest
    _, reference = check_clouds(rows=rows, reference=reference)
    return cdist(rows, reference).min(axis=1) - nearest


@torch.no_grad()
def discriminator_scores(
    gan: GAN, X: Float[np.ndarray, "draw n dim"], y: Int[np.ndarray, "draw n"]
) -> Float[np.ndarray, "draw n"]:
    """Attack with the discriminator itself: its logit for each row, higher for "real".

    Source: Hayes et al. (2019), "LOGAN: membership inference attacks against generative models"
    (white-box attack).

    Raises:
        ConfigError: The GAN is not trained yet.
        DataError: Wrong shapes or non-finite values.

    Example:
        >>> from embgan_edu.models.gan import GANConfig
        >>> X, y = np.zeros((1, 8, 3)), np.array([[0, 1] * 4])
        >>> gan = GAN(GANConfig(steps=1, batch_size=8)).fit(X, y)
        >>> discriminator_scores(gan, X, y).shape
        (1, 8)
    """
    if not hasattr(gan, "discriminator_"):
        raise ConfigError("This GAN is not trained yet; call fit(X, y) first.")
    X, y = check_training_arrays(X, y)
    device = gan.frequencies_.device
    onehot = F.one_hot(torch.as_tensor(y, device=device), gan.frequencies_.shape[1]).float()
    return gan.discriminator_(torch.as_tensor(X, device=device), onehot).cpu().numpy()


def roc_curve(
    members: Scores, others: Scores
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    r"""False and true positive rates of the rule "a member if its score is at least :math:`t`".

    One point for each threshold :math:`t` that changes something, from (0, 0) to (1, 1).

    Args:
        members: Scores of rows that were in the training set.
        others: Scores of rows that were not.

    Raises:
        DataError: No scores, or a score that is not finite.

    Example:
        >>> roc_curve(np.array([3.0, 1.0]), np.array([2.0, 0.0]))
        (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    members, others = _scores(members=members, others=others)
    thresholds = np.unique(np.concatenate([members, others]))[::-1]

    def at_least(scores: Scores) -> Float[np.ndarray, " points"]:
        below = np.searchsorted(np.sort(scores), thresholds, side="left")
        return np.append(0.0, 1 - below / len(scores))

    return at_least(others), at_least(members)


def auc(members: Scores, others: Scores) -> float:
    r"""Area under the ROC curve: how often a member has a higher score than another row.

    .. math:: \frac{1}{mn} \sum_{i,j} \mathbb 1[a_i > b_j] + \tfrac12 \mathbb 1[a_i = b_j]
              = \frac{\sum_i \operatorname{rank}(a_i) - m(m + 1)/2}{mn}

    0.5 is guessing, 1 a perfect attack.

    Source: Hanley & McNeil (1982), "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve".

    Raises:
        DataError: No scores, or a score that is not finite.

    Example:
        >>> auc(np.array([3.0, 1.0]), np.array([2.0, 0.0]))
        0.75
    """
    members, others = _scores(members=members, others=others)
    m, n = len(members), len(others)
    ranks = rankdata(np.concatenate([members, others]))  # equal scores share their mean rank
    return float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))


def tpr_at_fpr(members: Scores, others: Scores, fpr: float = 0.01) -> float:
    """Share of members that an attack finds while it wrongly accuses a share ``fpr`` at most.

    An average such as the AUC can hide an attack that is sure about a few rows. Guessing finds a
    share ``fpr``.

    Source: Carlini et al. (2022), "Membership inference attacks from first principles", section
    II.C.

    Raises:
        ConfigError: ``fpr`` is not between 0 and 1.
        DataError: No scores, a score that is not finite, or fewer than 1 / ``fpr`` others.

    Example:
        >>> tpr_at_fpr(np.array([9.0, 8.0, 1.0, 0.0]), np.array([5.0, 2.0]), fpr=0.5)
        0.5
    """
    check_number("a number above 0 and below 1", lambda share: 0 < share < 1, fpr=fpr)
    false, true = roc_curve(members, others)
    if len(others) * fpr < 1 - 1e-9:
        raise DataError(
            f"With {len(others)} others no rate between 0 and {1 / len(others):.2g} can be seen; "
            f"fpr={fpr} needs {int(np.ceil(1 / fpr))} or more. Pool the scores of several draws."
        )
    return float(true[false <= fpr + 1e-9].max())


def _scores(**given: Scores) -> list[Scores]:
    """Return the scores as float64, or say what is wrong with them."""
    checked = []
    for name, values in given.items():
        scores = np.asarray(values, dtype=np.float64)
        if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
            raise DataError(
                f"{name} has shape {scores.shape}; expected one finite score per row, and at "
                "least one. For several draws pool them with ravel()."
            )
        checked.append(scores)
    return checked
