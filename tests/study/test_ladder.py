"""The ladder: its cells are kept, a stopped run goes on, and its table can be trusted."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import draw_splits
from embgan_edu.measure.evaluation import (
    PART_METRICS,
    REAL_ONLY,
    REAL_VS_REAL,
    Mix,
    evaluate,
    summarize,
)
from embgan_edu.models.baselines import Jitter
from embgan_edu.models.gan import GANConfig
from embgan_edu.study import ladder, recipe
from embgan_edu.study.ladder import (
    BASELINES,
    METHODS,
    describe_run,
    possible_methods,
    read_table,
    run_ladder,
    summarize_ladder,
    verdict,
    write_table,
)
from embgan_edu.study.recipe import FACTORIAL, LADDER

FEW = ["jitter", "real tweets", "vanilla GAN", "+ smoothing"]


@pytest.fixture(autouse=True)
def small_and_apart(monkeypatch, tmp_path):
    """Networks that train in no time, and a cache of the test's own."""
    monkeypatch.setenv("EMBGAN_CACHE", str(tmp_path / "cache"))
    small = GANConfig(latent_dim=4, hidden=16, steps=10, batch_size=16)
    monkeypatch.setattr(recipe, "GANConfig", lambda: small)
    monkeypatch.setattr(recipe, "FINE_TUNING_STEPS", 3)


def toy(name, n=160, seed=0, names=("negative", "positive")):
    y = np.arange(n) % len(names)
    X = np.random.default_rng(seed).normal(3, 2, size=(n, 5)) + 2 * y[:, None]
    return EmbeddedCorpus(name, X, y, names, 0)


REVIEWS, TWEETS = toy("reviews"), toy("tweets", seed=1)


def run(**settings):
    return run_ladder(REVIEWS, TWEETS, **{"n_train": 24, "draws": 3, "methods": FEW} | settings)


def test_the_table_has_every_method_and_draw_once():
    table = run()
    assert set(table["method"]) == {REAL_ONLY, REAL_VS_REAL, *FEW}
    assert len(table) == 6 * 3 and not table.duplicated(["method", "draw"]).any()
    assert (table["corpus"] == "reviews").all() and (table["n_train"] == 24).all()


def test_a_cell_is_what_evaluate_says():
    """An independent route: the splits, one baseline and the protocol by hand."""
    splits = draw_splits(REVIEWS, 24, draws=3)
    by_hand = summarize(evaluate({"jitter": Jitter().fit(splits.X_train, splits.y_train)}, splits))
    ours = summarize_ladder(run(methods=["jitter"])).loc["reviews", 24]
    pd.testing.assert_frame_equal(ours.loc[by_hand.index], by_hand, atol=0.05)


def test_a_stopped_run_goes_on_where_it_was(monkeypatch):
    done = []

    def evaluate_two(samplers, *args, **kwargs):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.extend(samplers)
        return evaluate(samplers, *args, **kwargs)

    monkeypatch.setattr(ladder, "evaluate", evaluate_two)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == FEW[:2]
    monkeypatch.setattr(ladder, "evaluate", evaluate)
    lines = []
    resumed = run(report=lines.append)
    assert lines == [
        f"[{number}/2] reviews, 24 rows, 3 draws: {method}"
        for number, method in enumerate(FEW[2:], 1)
    ]
    # A third run only reads, and it says the same.
    monkeypatch.setattr(ladder, "evaluate", lambda *args, **kwargs: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(run(), resumed)


@pytest.mark.parametrize(
    "other", [{"n_train": 30}, {"draws": 2}, {"data_seed": 1}, {"random_state": 1}]
)
def test_whatever_a_cell_depends_on_is_in_its_key(other, monkeypatch):
    run(methods=["jitter"])
    monkeypatch.setattr(ladder, "evaluate", lambda *args, **kwargs: pytest.fail("computed again"))
    run(methods=["jitter"])
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(methods=["jitter"], **other)


def test_the_first_draws_of_a_larger_run_are_the_draws_of_a_smaller_one():
    few, many = (run(draws=draws).set_index(["method", "draw"]) for draws in (2, 4))
    pd.testing.assert_frame_equal(many.loc[few.index], few)


def test_other_labels_leave_out_what_needs_the_tweets():
    stars = toy("stars", names=("one", "two", "three"))
    possible = possible_methods(stars, TWEETS)
    assert set(METHODS) & set(possible) == {
        *BASELINES,
        "vanilla GAN",
        "+ batch norm",
        "+ consistency",
        "ten restarts",
        "shrunk LDA",
        "new start, reviews' judge",
    }
    sets = {name: set(changes) for name, changes in FACTORIAL.items()}
    assert set(FACTORIAL) & set(possible) == {
        name for name, changes in sets.items() if not changes & {"pretraining", "tweets' judge"}
    }
    table = run_ladder(stars, TWEETS, 30, draws=2, methods=["consistency, noise", "shrunk LDA"])
    assert np.isfinite(table.loc[table["method"] == "shrunk LDA", "accuracy"]).all()
    with pytest.raises(ConfigError, match=r"'stars' are one, two, three, .*excludes '\+ noise'"):
        run_ladder(stars, TWEETS, 30, draws=2, methods=["+ noise"])


def test_an_unknown_method_is_refused_with_the_possible_ones():
    with pytest.raises(ConfigError, match=r"no method 'magic'.*Possible: memorizer, .*all but"):
        run(methods=["magic"])


def test_written_tables_are_read_back_whole(tmp_path):
    table = run()
    about = describe_run(3, 2019, 0)
    write_table(table, about, tmp_path / "ladder.csv")
    again, said = read_table(tmp_path / "ladder.csv")
    pd.testing.assert_frame_equal(again, table)
    assert said == about
    write_table(table, about, tmp_path / "ladder.json")
    whole = json.loads((tmp_path / "ladder.json").read_text(encoding="utf-8"))
    assert whole["settings"]["+ smoothing"]["label_smoothing"] == 0.1
    assert whole["draws"] == 3 and whole["device"].startswith("torch ")
    rows = pd.DataFrame(whole["rows"])[list(table)]
    pd.testing.assert_frame_equal(rows, table, check_dtype=False)
    (summary,) = (row for row in whole["summary"] if row["method"] == "+ smoothing")
    assert summary["gain"] == pytest.approx(
        summarize_ladder(table).loc[("reviews", 24, "+ smoothing"), "gain"]
    )


def test_a_file_that_is_no_ladder_table_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("# {}\na,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lacks the columns corpus, .*accuracy.*--output"):
        read_table(tmp_path / "other.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ((-1.0, -2.0, -0.1), "did harm: -1.0 points [-2.0, -0.1]. Do not"),
        (
            (0.3, -0.2, 0.8),
            "cannot be said to help: +0.3 points [-0.2, 0.8]. The interval holds zero",
        ),
        ((1.5, 0.9, 2.1), "helped: +1.5 points [0.9, 2.1]."),
        ((-0.3, -0.5, -0.01), "did harm: -0.3 points [-0.5, 0.0]"),
    ],
)
def test_the_verdict_says_what_the_interval_says(gain, said):
    columns = ["gain", "gain_low", "gain_high"]
    summary = pd.DataFrame([(9, 8, 10), gain], columns=columns, index=["jitter", "+ smoothing"])
    assert said in verdict(summary)
    assert "Without a generator" not in verdict(summary)
    beside = pd.concat([summary, summary.rename({"jitter": "mean of two", "+ smoothing": "x"})])
    assert verdict(beside).endswith("Without a generator: mean of two +9.0 [8.0, 10.0].")
    assert "No rung" in verdict(summary.loc[["jitter"]])
    assert "'vanilla GAN', helped" in verdict(summary.iloc[:1].rename({"jitter": "vanilla GAN"}))


def test_mixes_are_lines_of_their_own_and_part_of_the_key(monkeypatch):
    mix = Mix(100, 10)
    table = run(methods=["jitter"], mixes=[mix])
    assert table["method"].unique().tolist() == [
        REAL_ONLY,
        "jitter",
        f"jitter, {mix}",
        REAL_VS_REAL,
    ]
    monkeypatch.setattr(ladder, "evaluate", lambda *args, **kwargs: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(run(methods=["jitter"], mixes=[mix]), table)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(methods=["jitter"], mixes=[Mix(100, 11)])


def test_the_parts_of_a_table_are_counts_whose_sum_is_the_accuracy():
    table = run()
    rows = table[table["method"] != REAL_VS_REAL]
    right = rows[[*PART_METRICS]].sum(axis=1)
    np.testing.assert_allclose(100 * right / 136, rows["accuracy"], atol=0.006)


def test_a_factorial_is_every_set_of_changes_and_a_rung_is_one_of_them():
    assert len(FACTORIAL) == 48 and len(set(FACTORIAL.values())) == 48
    assert set(LADDER.values()) <= set(FACTORIAL.values())
    assert not set(FACTORIAL) & set(METHODS)


def test_a_draw_that_gets_nothing_right_keeps_its_place():
    """Trap: 0 of 0; the draw would drop out of the table without a word."""
    rows = {"corpus": "a", "n_train": 9, "method": "m", "draw": [0, 1], "accuracy": [0.0, 50.0]}
    table = pd.DataFrame(rows | {name: [0.0, 5.0] for name in PART_METRICS})
    parts = ladder.long(table).query("metric in @PART_METRICS").groupby("draw")["value"].mean()
    assert parts.tolist() == [0, 50]


def test_every_rung_is_a_method():
    assert set(LADDER) <= set(METHODS) and len(set(METHODS)) == len(METHODS)


def test_a_damaged_cell_is_computed_again(tmp_path):
    first = run(methods=["jitter"])
    (path,) = (tmp_path / "cache" / "ladder").glob("*.csv")
    path.write_text(path.read_text(encoding="utf-8")[:100], encoding="utf-8")
    pd.testing.assert_frame_equal(run(methods=["jitter"]), first)


def test_a_target_of_other_dimensions_than_the_source_is_refused_before_training():
    wide = dataclasses.replace(REVIEWS, X=np.ones((160, 6)))
    with pytest.raises(DataError, match="6 dimensions"):
        run_ladder(wide, TWEETS, 24, draws=2)
