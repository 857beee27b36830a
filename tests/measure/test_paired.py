"""Paired differences: by hand, against scipy, and what they are for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.measure.paired import PairedDifference, paired_difference


def test_paired_difference_by_hand() -> None:
    # a - b = 2, 1, 3: mean 2, sum of squared deviations 2, s = sqrt(2 / 2) = 1.
    # t(0.975, 2) = 4.3027; half the width is 4.3027 * 1 / sqrt(3) = 2.4841.
    result = paired_difference(np.array([64.0, 67.0, 63.0]), np.array([62.0, 66.0, 60.0]))
    assert result.n == 3 and result.mean == 2
    assert result.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert result.high == pytest.approx(2 + 2.4841, abs=1e-4)


@given(
    arrays(float, (2, 8), elements=st.floats(0, 100).map(lambda x: round(x, 3))),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_scipy_agrees(pair: np.ndarray, confidence: float) -> None:
    a, b = pair
    a = a + np.arange(8.0)  # never a constant difference, for which scipy has no interval
    if np.std(a - b) < 1e-6:
        return
    expected = stats.ttest_rel(a, b).confidence_interval(confidence)
    result = paired_difference(a, b, confidence)
    assert result.low == pytest.approx(expected.low, abs=1e-9)
    assert result.high == pytest.approx(expected.high, abs=1e-9)
    assert result.mean == pytest.approx(np.mean(a - b), abs=1e-9)


def test_a_loss_has_a_negative_sign() -> None:
    """Trap: |a - b|. A method that hurts must not look like one that helps."""
    a, b = np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 6.0])
    worse, better = paired_difference(a, b), paired_difference(b, a)
    assert worse.mean < 0 < better.mean
    assert (worse.low, worse.high) == pytest.approx((-better.high, -better.low))


def test_pairing_removes_what_draws_have_in_common() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(60, 5, size=16)  # draws differ by 5 points, the methods by 1
    a, b = level + 1 + rng.normal(0, 0.3, 16), level
    paired = paired_difference(a, b)
    unpaired = stats.ttest_ind(a, b).confidence_interval()
    assert paired.low > 0.5 and paired.high < 1.5
    assert unpaired.low < 0 < unpaired.high


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    runs = 2000
    hits = 0
    for difference in rng.normal(1.0, 2.0, size=(runs, 5)):
        result = paired_difference(difference, np.zeros(5))
        hits += result.low <= 1.0 <= result.high
    # Three standard errors: 3 * sqrt(0.95 * 0.05 / 2000) = 0.015. A normal quantile in place of
    # Student's would give 0.878 with 5 draws.
    assert hits / runs == pytest.approx(0.95, abs=0.015)


def test_equal_differences_have_an_interval_of_no_width() -> None:
    assert paired_difference(np.full(4, 3.0), np.ones(4)) == PairedDifference(2.0, 2.0, 2.0, 4)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((1.24, 0.61, 1.87), "+1.2 [0.6, 1.9]"),
        ((-0.6, -1.6, 0.4), "-0.6 [-1.6, 0.4]"),
        ((-0.01, -0.04, 0.02), "+0.0 [0.0, 0.0]"),
    ],
)
def test_text(numbers: tuple[float, float, float], text: str) -> None:
    assert str(PairedDifference(*numbers, n=16)) == text


def test_paired_difference_refuses_what_cannot_be_paired() -> None:
    ones = np.ones(4)
    with pytest.raises(DataError, match=r"\(4,\) and b has shape \(3,\)"):
        paired_difference(ones, np.ones(3))
    with pytest.raises(DataError, match="at least two draws"):
        paired_difference(np.ones(1), np.ones(1))
    with pytest.raises(DataError, match="one number per draw"):
        paired_difference(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
    with pytest.raises(DataError, match="at least two draws"):
        paired_difference(np.ones((1, 8)), np.ones((1, 8)))
    with pytest.raises(DataError, match=r"Draw 2 has the values nan and 1\.0"):
        paired_difference(np.array([1, 2, np.nan, 4]), ones)
    for confidence in (0, 1, 95, np.nan):
        with pytest.raises(ConfigError, match=f"confidence={confidence}"):
            paired_difference(ones, ones, confidence)


# Draws that share a pretrained network, and test reviews that come back in every draw


def test_two_ways_by_hand() -> None:
    # Two draws, each with its own network, and two parts. The mean is 2, the deviations -1, 0 and
    # 0, 1: by draw -1/4 and 1/4, by part -1/4 and 1/4, alone -1/4, 0, 0, 1/4. So the variance is
    # 2 * 2/16 + 2 * 2/16 - 4/3 * 2/16 = 1/3, and t(0.975, 1) = 12.706.
    result = paired_difference(np.array([[1.0, 2.0], [2.0, 3.0]]), np.zeros((2, 2)))
    assert result.mean == 2 and result.n == 2
    assert result.high - 2 == pytest.approx(12.7062 / np.sqrt(3), abs=1e-3)


def test_draws_of_one_network_count_as_one() -> None:
    """Trap: 64 draws that share eight networks taken for 64 networks."""
    network = np.arange(8.0)
    few, many = (np.tile(network, count)[:, None] + np.zeros(8) for count in (1, 8))
    zero = np.zeros_like
    once, often = paired_difference(few, zero(few)), paired_difference(many, zero(many))
    assert (once.low, once.high) == pytest.approx((often.low, often.high))
    by_draw = paired_difference(many[:, 0], np.zeros(64))
    assert by_draw.high - by_draw.low < 0.4 * (often.high - often.low)


def test_more_draws_do_not_make_more_reviews() -> None:
    part = np.arange(8.0)
    widths = [
        paired_difference(np.tile(part, (draws, 1)), np.zeros((draws, 8))).high - 3.5
        for draws in (8, 64, 640)
    ]
    assert widths == pytest.approx([widths[0]] * 3) and widths[0] > 1


@pytest.mark.parametrize("network_sd", [0.0, 0.6])
@pytest.mark.parametrize("review_sd", [0.0, 0.8])
def test_the_two_way_interval_holds_the_truth_as_often_as_it_says(
    network_sd: float, review_sd: float
) -> None:
    rng = np.random.default_rng(0)
    runs, hits = 1500, 0
    for _ in range(runs):
        networks, reviews = rng.normal(0, network_sd, 8), rng.normal(0, review_sd, 8)
        draws = rng.normal(0, 2, 64) + networks[np.arange(64) % 8]
        d = draws[:, None] + reviews + rng.normal(0, 4, (64, 8))
        result = paired_difference(d, np.zeros((64, 8)))
        hits += result.low <= 0 <= result.high
    assert 0.93 < hits / runs < 0.98  # a little wide where one of the two does not vary


def test_none_is_an_interval_near_zero_not_one_that_holds_zero() -> None:
    assert PairedDifference(0.1, -0.3, 0.4, 9).within(0.5)
    assert not PairedDifference(0.1, -0.3, 0.6, 9).within(0.5)
    assert not PairedDifference(-0.1, -0.6, 0.4, 9).within(0.5)
    assert not PairedDifference(0.0, -0.5, 0.5, 9).within(0.5)
