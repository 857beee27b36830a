"""A table that a student measured, as text, and what the student says of it: for the projects.

Neither the corpus nor the experiment is here. Every claim is computed again from the student's own
table, so no check knows a right number beforehand.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from embgan_edu.base.errors import DataError
from embgan_edu.checks.engine import Part
from embgan_edu.measure.paired import PairedDifference, paired_difference

Answer = Mapping[str, Any]
Reader = Callable[[Answer], pd.DataFrame]

LEAST_DRAWS = 8
BEFORE = 100  # labels to start from
ALONE = "real only"
SIMPLE = ("jitter", "SMOTE", "class Gaussian")
POINTS = 0.06  # how far a claim may be off, in points of accuracy, so that rounding does no harm
ROUNDING = 0.02  # a bound that is this near to zero may be on either side of it
BETTER, WORSE = "better", "worse"
NEAR, OPEN = "no more than half a point apart", "no difference shown"
MARGIN = 0.5  # points: what is nearer to zero with its whole interval counts as no difference
AGREE = "all agrees with the table"
NOTHING = "nothing"
DRAWS_ARE_FINE = dict.fromkeys(
    (f"at least {LEAST_DRAWS} draws", "the same draws everywhere", "no two draws alike"), True
)

TABLE_HINTS = (
    "Is a baseline, a control or a rung missing? Paste all that the helper cell prints, the header "
    "too.",
    "Accuracies are in percent. Leave empty what does not apply; write no zero there.",
)
DRAW_HINTS = (
    f"{LEAST_DRAWS} draws are the least, and the same ones for all methods: a draw is a pair "
    "only where all have it.",
    "Two draws with the same numbers are one draw that was pasted twice.",
)
GAIN_HINTS = (
    "One difference per draw, then the mean and Student's interval of these differences. "
    "Unpaired accuracies make it too wide.",
    "paired_difference(method, real_only) has mean, low and high. Round to 2 decimals.",
    "Every method but 'real only' needs an entry, and the numbers come from the pasted table.",
)
WORD_HINTS = (
    "A verdict says where the interval lies: above zero, below zero, or around it. A mean above "
    "zero is not yet a gain.",
)


# --- Entries of an answer ------------------------------------------------------------------------


def read_table(answer: Answer, *columns: str) -> pd.DataFrame:
    r"""Read the table in an answer. But for the names of methods it holds numbers only.

    Args:
        answer: Its entry ``"table"`` is CSV text.
        columns: What the table must have, in any order, and no more. One row is expected per
            ``n_train``, ``method`` and ``draw``, as far as these are among the columns.

    Raises:
        DataError: It is no such table; the message says what to do about it.

    Example:
        >>> read_table({"table": "draw, linear\n0, 61.5"}, "draw", "linear")
           draw  linear
        0     0    61.5
    """
    text = answer["table"]
    if not isinstance(text, str):
        raise DataError(
            f"The entry 'table' is of type {type(text).__name__}; expected the CSV text that the "
            "helper cell prints. Paste it between triple quotes."
        )
    try:
        table = pd.read_csv(io.StringIO(text.strip()), skipinitialspace=True)
    except ValueError as error:  # also what pandas raises for an empty or ragged table
        raise DataError(
            f"The table is not CSV text ({str(error).strip()}). Paste what the helper cell "
            "prints, with its header line."
        ) from error
    if sorted(table.columns) != sorted(columns):
        raise DataError(
            f"The table has the columns {', '.join(map(str, table.columns))}; expected "
            f"{', '.join(columns)}. Paste what the helper cell prints, and no other column."
        )
    if table.empty:
        raise DataError(
            "The table has a header line and no rows; expected one row per draw of each method. "
            "Run the helper cell, and paste all that it prints."
        )
    for column in columns:
        if column == "method":
            table[column] = table[column].astype(str).str.strip()
            continue
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = numbers.isna() & table[column].notna()
        if wrong.any():
            raise DataError(
                f"The column {column!r} holds {str(table[column][wrong].iloc[0])[:30]!r}; expected "
                "numbers, with a point before the decimals, or an empty field."
            )
        table[column] = numbers
    keys = [name for name in ("n_train", "method", "draw") if name in columns]
    bad = table[keys].isna().any(axis=1) | table.duplicated(keys)
    if bad.any():
        at = table[bad].iloc[0]
        raise DataError(
            f"The row with {', '.join(f'{name} {at[name]}' for name in keys)} is there twice, or "
            "lacks its draw; expected one row per draw. Paste the table once."
        )
    return table


def read_claims(answer: Answer, name: str) -> Mapping[Any, Any]:
    """Return an entry that must be a dictionary.

    Args:
        answer: Of the student.
        name: Of the entry.

    Raises:
        DataError: It is something else.

    Example:
        >>> read_claims({"verdict": {"SMOTE": "gain"}}, "verdict")
        {'SMOTE': 'gain'}
    """
    claims = answer[name]
    if not isinstance(claims, Mapping):
        raise DataError(
            f"The entry {name!r} is of type {type(claims).__name__}; expected a dictionary with "
            "one entry per method."
        )
    return claims


def read_list(answer: Answer, name: str) -> list[str]:
    """Return an entry that must be a list of names.

    Args:
        answer: Of the student.
        name: Of the entry.

    Raises:
        DataError: It is something else.

    Example:
        >>> read_list({"left": ("SMOTE", "jitter")}, "left")
        ['SMOTE', 'jitter']
    """
    claim = answer[name]
    if not isinstance(claim, list | tuple | set):
        raise DataError(
            f"The entry {name!r} is of type {type(claim).__name__}; expected a list of names, "
            "which may be empty."
        )
    return [str(one) for one in claim]


# --- One row per draw ----------------------------------------------------------------------------


def per_draw(table: pd.DataFrame, measure: str = "accuracy") -> pd.DataFrame:
    """Turn a table into one row per draw and one column per method.

    Args:
        table: One row per draw of each method.
        measure: Column of the table. A method without any number there is left out.

    Example:
        >>> methods_of(per_draw(made_up_table(0, 8, SMOTE=1.0)))
        ['SMOTE', 'real only']
    """
    return table.pivot(index="draw", columns="method", values=measure).dropna(axis=1, how="all")


def methods_of(wide: pd.DataFrame) -> list[str]:
    """Return the methods of a table that has one column for each.

    Example:
        >>> methods_of(pd.DataFrame({"linear": [61.5], "network": [60.0]}))
        ['linear', 'network']
    """
    return [str(name) for name in wide]


def need(wide: pd.DataFrame, *names: str) -> None:
    """Insist on methods.

    Args:
        wide: One column per method.
        names: Of the methods.

    Raises:
        DataError: One of them has no column.

    Example:
        >>> need(pd.DataFrame({"linear": [61.5]}), "network")
        Traceback (most recent call last):
        embgan_edu.base.errors.DataError: Your table has no numbers of 'network'; it has linear. ...
    """
    for name in names:
        if name not in wide:
            raise DataError(
                f"Your table has no numbers of {name!r}; it has {', '.join(methods_of(wide))}. "
                "Measure it on the same draws, and paste the whole table."
            )


def paired(wide: pd.DataFrame, a: str, b: str) -> PairedDifference:
    """Return the mean of a minus b, with its interval, over the draws that both have.

    Args:
        wide: One row per draw, one column per method.
        a: A method.
        b: The method that is subtracted.

    Raises:
        DataError: One is missing, they share fewer than two draws, or nobody measured this.

    Example:
        >>> print(paired(pd.DataFrame({"a": [64, 67, 63], "b": [62, 66, 60]}), "a", "b"))
        +2.0 [-0.5, 4.5]
    """
    need(wide, a, b)
    both = wide[[a, b]].dropna()
    if len(both) < 2:
        raise DataError(
            f"Only {len(both)} draw of your table has both {a!r} and {b!r}; expected {LEAST_DRAWS} "
            "or more. Measure all methods on the same draws."
        )
    if np.ptp(both[a] - both[b]) < 1e-9:
        raise DataError(
            f"{a!r} and {b!r} differ by the same number in every draw of your table; measured "
            "numbers do not. Paste what the helper cell prints."
        )
    return paired_difference(both[a].to_numpy(), both[b].to_numpy())


# --- What every table must have ------------------------------------------------------------------


def joined(found: Iterable[str]) -> str:
    """Return names as one text, or say that there are none.

    Example:
        >>> joined(["SMOTE", "jitter"]), joined([])
        ('SMOTE; jitter', 'nothing')
    """
    return "; ".join(found) or NOTHING


def missing_methods(table: pd.DataFrame, needed: Iterable[str]) -> str:
    """Name the methods that have no row.

    Args:
        table: With a column ``method``.
        needed: The methods that it must have.

    Example:
        >>> missing_methods(made_up_table(0, 8, SMOTE=1.0), ["real only", *SIMPLE])
        'jitter; class Gaussian'
    """
    return joined(name for name in needed if name not in set(table["method"]))


def gaps(table: pd.DataFrame, measure: str, but: Sequence[str] = ()) -> list[str]:
    """Name the methods that lack a number.

    Args:
        table: With a column ``method``.
        measure: Column of the table.
        but: Methods that this measure does not apply to.

    Example:
        >>> gaps(pd.DataFrame({"method": ["SMOTE", "jitter"], "auc": [0.5, np.nan]}), "auc")
        ['auc of jitter']
    """
    empty = table[table[measure].isna() & ~table["method"].isin(but)]
    return [f"{measure} of {name}" for name in dict.fromkeys(empty["method"])]


def impossible(table: pd.DataFrame, **most: float) -> str:
    """Name columns with numbers that no such measure can have, or fractions in place of percent.

    Args:
        table: With these columns.
        most: For each column the largest number possible; the least is 0. Percent have 100.

    Example:
        >>> table = pd.DataFrame({"accuracy": [0.6, 0.7], "auc": [0.5, 1.2]})
        >>> impossible(table, accuracy=100, auc=1)
        'accuracy is a fraction, not in percent; auc is not between 0 and 1'
    """
    found = []
    for name, limit in most.items():
        values = table[name].dropna()
        if (values < 0).any() or (values > limit).any():
            found.append(f"{name} is not between 0 and {limit:g}")
        elif limit == 100 and len(values) and values.max() <= 1:
            found.append(f"{name} is a fraction, not in percent")
    return joined(found)


def judge_draws(table: pd.DataFrame, key: str = "method") -> dict[str, bool]:
    """Tell whether there are enough draws, the same for all methods or sizes, and no copies of any.

    Args:
        table: As :func:`read_table` returns it.
        key: Column of what must have the same draws.

    Example:
        >>> judge_draws(made_up_table(0, 8, SMOTE=1.0)) == DRAWS_ARE_FINE
        True
    """
    measures = [name for name in table if name not in ("n_train", "method", "draw")]
    keys = [name for name in ("n_train", "method") if name in table]
    wide = table.pivot(index="draw", columns=keys, values=measures)
    draws = table.groupby(key)["draw"].agg(frozenset)
    found = (
        bool(draws.map(len).min() >= LEAST_DRAWS),
        draws.nunique() == 1,
        not wide.duplicated().any() and len(wide) > 1,
    )
    return dict(zip(DRAWS_ARE_FINE, found, strict=True))


# --- Claims about a table ------------------------------------------------------------------------


def complaints(found: Mapping[str, str]) -> str:
    """Say which claims are wrong and why, or that all agree.

    Args:
        found: What is wrong with the claim about each method, or an empty text.

    Example:
        >>> complaints({"SMOTE": "", "jitter": "not the mean of the table"})
        'jitter: not the mean of the table'
    """
    return "; ".join(f"{name}: {wrong}" for name, wrong in found.items() if wrong) or AGREE


def wrong_interval(
    claim: Any, wide: pd.DataFrame, a: str, b: str, tolerance: float = POINTS
) -> str:
    """Say what is wrong with a claimed interval of a minus b, or return an empty text.

    Args:
        claim: Mean, low, high, if it is as it should be.
        wide: One row per draw, one column per method.
        a: A method.
        b: The method that is subtracted.
        tolerance: How far each of the three numbers may be off.

    Example:
        >>> wide = pd.DataFrame({"a": [64, 67, 63], "b": [62, 66, 60]})
        >>> wrong_interval((-2, -4.5, 0.5), wide, "a", "b")
        'the mean has the wrong sign'
    """
    try:
        mean, low, high = (float(number) for number in claim)
    except (TypeError, ValueError):
        return "expected three numbers: mean, low, high"
    pair = paired(wide, a, b)
    if not abs(mean - pair.mean) <= tolerance:
        turned = abs(mean + pair.mean) <= tolerance
        return "the mean has the wrong sign" if turned else "not the mean of the table"
    if abs(low - pair.low) <= tolerance and abs(high - pair.high) <= tolerance:
        return ""
    # Half the interval that somebody gets who forgets the pairs; only to name that mistake.
    both = wide[[a, b]].dropna()
    apart = np.sqrt(both[a].var() + both[b].var())
    unpaired = (pair.high - pair.low) / 2 * apart / (both[a] - both[b]).std()
    # Degrees of freedom are counted in different ways, and 1.96 is in use as well.
    if 0.8 * unpaired <= (high - low) / 2 <= 1.02 * unpaired:
        return "the interval is that of unpaired numbers"
    return "not the interval of the table"


def wrong_intervals(
    claims: Mapping[str, Any], wide: pd.DataFrame, against: str, tolerance: float = POINTS
) -> str:
    """Compare the claimed intervals of all methods with a table.

    Args:
        claims: Mean, low and high by method.
        wide: One row per draw, one column per method.
        against: The method that is subtracted from all others.
        tolerance: How far each number may be off.

    Example:
        >>> wide = pd.DataFrame({"a": [64, 67, 63], "b": [62, 66, 60]})
        >>> wrong_intervals({"a": (2.0, -0.48, 4.48)}, wide, "b")
        'all agrees with the table'
    """
    return complaints(
        {
            name: wrong_interval(claims.get(name), wide, name, against, tolerance)
            for name in methods_of(wide)
            if name != against
        }
    )


def wrong_word(claim: Any, pair: PairedDifference, above: str, below: str) -> str:
    """Say what is wrong with a verdict, or return an empty text.

    Args:
        claim: One of the two words, or "undecided".
        pair: The difference that it is about. A bound near zero may lie on either side of it.
        above: The word for an interval above zero.
        below: The word for one below zero.

    Example:
        >>> wrong_word("gain", PairedDifference(1.2, -0.3, 2.7, n=8), "gain", "loss")
        "'gain', but the interval holds zero"
    """
    if claim not in (above, below, "undecided"):
        return f"expected {above!r}, {below!r}, or 'undecided'"
    possible = {above if pair.low > 0 else below if pair.high < 0 else "undecided"}
    if abs(pair.low) <= ROUNDING:
        possible |= {above, "undecided"}
    if abs(pair.high) <= ROUNDING:
        possible |= {below, "undecided"}
    if claim in possible:
        return ""
    where = "holds zero"
    if pair.low > 0 or pair.high < 0:
        where = f"lies {'above' if pair.low > 0 else 'below'} zero"
    return f"{claim!r}, but the interval {where}"


def wrong_conclusion(claim: Any, pair: PairedDifference) -> str:
    """Say what is wrong with a conclusion by the book's rule, or return an empty text.

    Two methods differ where the interval leaves out zero. They are no more than half a point apart
    where the whole interval is nearer to zero than that. Else no difference is shown.

    Args:
        claim: One of the four conclusions.
        pair: The difference that it is about. A bound near zero or near half a point may lie on
            either side of it.

    Example:
        >>> wrong_conclusion("no difference shown", PairedDifference(1.2, 0.3, 2.1, n=8))
        "'no difference shown', but the interval lies above zero"
    """
    if claim not in (BETTER, WORSE, NEAR, OPEN):
        return f"expected {BETTER!r}, {WORSE!r}, {NEAR!r}, or {OPEN!r}"
    shifts = (-ROUNDING, 0.0, ROUNDING)
    if claim in {_conclude(pair.low + a, pair.high + b) for a in shifts for b in shifts}:
        return ""
    where = {
        BETTER: "lies above zero",
        WORSE: "lies below zero",
        NEAR: "holds zero, and both ends are nearer to it than half a point",
        OPEN: "holds zero, and an end of it is half a point away or more",
    }
    return f"{claim!r}, but the interval {where[_conclude(pair.low, pair.high)]}"


def _conclude(low: float, high: float) -> str:
    if low > 0 or high < 0:
        return BETTER if low > 0 else WORSE
    return NEAR if max(-low, high) < MARGIN else OPEN


def labels_agree(claim: Any, truth: float | None) -> bool:
    """Tell whether a number of labels is the right one, up to 2 percent or two labels.

    Args:
        claim: Of the student.
        truth: The right number; ``None`` says that there is none.

    Example:
        >>> labels_agree(251, 250.0), labels_agree(None, None), labels_agree(0, None)
        (True, True, False)
    """
    if truth is None or claim is None:
        return truth is claim
    return bool(abs(float(claim) - truth) <= max(0.02 * abs(truth), 2))


def parts_about_gains(read: Reader, word_points: float) -> tuple[Part, ...]:
    """Make the parts that every table of methods has: its draws, its gains, and its verdicts.

    Args:
        read: From an answer to its table.
        word_points: What the verdicts are worth.

    Example:
        >>> [part.points for part in parts_about_gains(read_table, word_points=2)]
        [1, 2, 2]
    """

    def intervals(answer: Answer, seed: int) -> str:
        return wrong_intervals(read_claims(answer, "gain"), per_draw(read(answer)), ALONE)

    def words(answer: Answer, seed: int) -> str:
        claims, wide = read_claims(answer, "verdict"), per_draw(read(answer))
        return complaints(
            {
                name: wrong_word(claims.get(name), paired(wide, name, ALONE), "gain", "loss")
                for name in methods_of(wide)
                if name != ALONE
            }
        )

    return (
        Part(
            "eight draws or more, the same for every method, no two alike",
            lambda answer, seed: judge_draws(read(answer)),
            *DRAW_HINTS,
            expected=DRAWS_ARE_FINE,
        ),
        Part(
            "gains with their intervals, in pairs", intervals, *GAIN_HINTS, points=2, expected=AGREE
        ),
        Part(
            "verdicts that fit the intervals",
            words,
            *WORD_HINTS,
            points=word_points,
            expected=AGREE,
        ),
    )


# --- A table that nobody measured ----------------------------------------------------------------


def made_up_table(seed: int, draws: int, **differences: Any) -> pd.DataFrame:
    """Make a long table in which draws differ far more than methods do.

    Args:
        seed: Of the small part that is random.
        draws: How many.
        differences: For each method beside "real only", the differences from it: one number, or
            one per draw.

    Example:
        >>> list(made_up_table(0, 8, SMOTE=1.0))
        ['method', 'draw', 'accuracy', 'tstr']
    """
    rng = np.random.default_rng(seed)
    alone = 60 + np.linspace(-6, 6, draws) + rng.uniform(0, 0.1, draws)
    methods = {ALONE: alone} | {name: alone + d for name, d in differences.items()}
    rows = [
        (method, draw, value, value - 5)
        for method, values in methods.items()
        for draw, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["method", "draw", "accuracy", "tstr"])
