"""Points ranked, and what is said of the best."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcli.errors import ConfigError, MlcliError, NoAnswerError
from mlcli.review.runs import Run
from mlcli.sweeps.headlines import find, headline_of, variant_of
from mlcli.sweeps.table import DONE, FAILED, NO_ANSWER, Row, columns, metrics_of, ranked, scored

MANIFEST = {"command": "train-mlp", "config": {}, "data": {"kind": "synthetic"}, "seeds": {}}


def row(value: str, mean: float | None) -> Row:
    score = {"mean": mean, "std": 0.1, "ci_low": None, "ci_high": None, "n": 2}
    metrics = {"validation_accuracy": score, "test_accuracy": 0.5, "test_loss": 2.0}
    run = Run("r", Path("nowhere"), MANIFEST, metrics)
    return Row((("x", value),), f"run_{value}", DONE, found=run)


def test_the_best_is_first_whichever_end_it_is() -> None:
    rows = [row("1", 0.2), row("2", 0.9), row("3", None), row("4", 0.9)]
    for best, order in (("largest", ["2", "4", "1"]), ("smallest", ["1", "2", "4"])):
        headline, points = scored(rows, headline_of("train_mlp", None, best))
        found = [one.row.point[0][1] for one in ranked(points, headline.largest)]
        assert found == order
        metrics = metrics_of("train-mlp", headline, points)
        assert metrics["best"]["settings"] == {"x": order[0]}
        assert metrics["best"]["test"] == {"test_accuracy": 0.5, "test_loss": 2.0}
        assert metrics["winners_curse"]["n_compared"] == 3


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([("1", 0.9), ("2", 0.5), ("10", 0.1)], {"x": "1"}),
        ([("1", 0.1), ("2", 0.5), ("10", 0.9)], {"x": "10"}),
        ([("1", 0.1), ("2", 0.9), ("10", 0.5)], {}),
        ([("1", 0.9), ("2", 0.5)], {}),
        ([("he", 0.9), ("1", 0.5), ("2", 0.5)], {}),
    ],
)
def test_a_best_at_the_end_of_an_axis_is_said(
    values: list[tuple[str, float]], found: dict[str, str]
) -> None:
    headline, points = scored([row(*one) for one in values], headline_of("train_mlp", None, None))
    assert metrics_of("train-mlp", headline, points)["at_the_end_of"] == found


def test_the_table_keeps_the_order_of_the_sweep_and_every_reason() -> None:
    rows = [row("1", 0.2), Row((("x", "2"),), "run_2", NO_ANSWER, "it diverged"), row("3", None)]
    _, points = scored(rows, headline_of("train_mlp", None, None))
    found = columns(points)
    assert found["x"] == ["1", "2", "3"]
    assert found["mean"] == [0.2, None, None]
    assert found["reason"] == ["", "it diverged", "validation_accuracy is null"]


def test_nothing_to_rank_is_no_answer() -> None:
    rows = [Row((("x", "2"),), "run_2", NO_ANSWER, "it diverged")]
    headline, points = scored(rows, headline_of("train_mlp", None, None))
    with pytest.raises(NoAnswerError, match="none of 1 points has a number: it diverged"):
        metrics_of("train-mlp", headline, points)


@pytest.mark.parametrize(
    ("metric", "best", "largest"),
    [
        ("a.test_accuracy", None, True),
        ("a.test_mse", None, False),
        ("validation_loss", None, False),
        ("validation_loss", "largest", True),
        ("width", "smallest", False),
    ],
)
def test_which_end_is_better(metric: str, best: str | None, largest: bool) -> None:
    (found,) = headline_of("fit_poly", metric, best)
    assert found.largest is largest


def test_a_metric_is_found_by_its_path_or_by_its_last_key() -> None:
    metrics = {"a": {"loss": 1.0, "b": {"loss": 2.0}}, "text": "x", "c": {"mse": 3.0}}
    assert find(headline_of("fit_poly", "a.b.loss", None), {"r": metrics})[1]["r"] == "a.b.loss"
    assert find(headline_of("fit_poly", "loss", None), {"r": metrics})[1]["r"] == "a.loss"
    with pytest.raises(ConfigError, match=r"mse is there 2 times.*--metric a\.mse"):
        find(headline_of("fit_poly", "mse", None), {"r": {"a": {"mse": 1.0}, "b": {"mse": 2.0}}})
    with pytest.raises(ConfigError, match=r"no metric of the runs is losss; try --metric a\."):
        find(headline_of("fit_poly", "losss", "smallest"), {"r": metrics})


def test_of_several_parts_the_one_asked_for_has_the_metric() -> None:
    headlines = headline_of("fit_poly", None, None)
    runs = {f"r{d}": {f"degree_{d}": {"test_mse": 1.0}, "path": {"test_mse": 0.5}} for d in (1, 2)}
    variants = {"r1": variant_of({"degrees": {"value": [1]}}), "r2": "degree_2"}
    assert find(headlines, runs, variants)[1] == {
        "r1": "degree_1.test_mse",
        "r2": "degree_2.test_mse",
    }
    assert variant_of({"degrees": {"value": [1, 2]}}) == ""
    assert variant_of({}) == ""
    # A hint that is followed leads on: only path.test_mse is in both.
    with pytest.raises(ConfigError, match=r"2 times.*, or --metric path\.test_mse"):
        find(headlines, runs)
    apart = {name: {**run, "path": {}, "x" + name: {"test_mse": 2.0}} for name, run in runs.items()}
    with pytest.raises(ConfigError, match=r"2 times.*try one value of each$"):
        find(headlines, apart)


def test_every_point_is_ranked_by_the_same_metric() -> None:
    headlines = headline_of("train_mlp", None, None)
    runs = {"a": {"validation_accuracy": 0.9, "test_accuracy": 0.8}, "b": {"test_accuracy": 0.7}}
    for one in (runs, dict(reversed(runs.items()))):
        headline, paths = find(headlines, one)
        assert (headline.name, headline.rows) == ("test_accuracy", "test")
        assert paths == {"a": "test_accuracy", "b": "test_accuracy"}
    with pytest.raises(
        ConfigError,
        match=r"every point: a has validation_accuracy, b has test_accuracy, c has test_mse; "
        r"try --metric PATH",
    ):
        find(headlines, {**runs, "c": {"test_mse": 2.0}})
    with pytest.raises(ConfigError, match="no metric of run b is validation_accuracy; try"):
        find(headline_of("train_mlp", "validation_accuracy", None), runs)


def test_points_that_failed_are_no_points_without_an_answer() -> None:
    diverged = Row((("x", "2"),), "run_2", NO_ANSWER, "it diverged")
    killed = Row((("x", "3"),), "run_3", FAILED, "its process died")
    headlines = headline_of("train_mlp", None, None)
    headline, points = scored([diverged, killed, row("1", 0.2)], headlines)
    found = metrics_of("train-mlp", headline, points)
    assert (found["n_done"], found["n_without_answer"], found["n_failed"]) == (1, 1, 1)
    for rows, code, words in (
        ([diverged, killed], 1, "none of 2 points is done, and 1 failed: its process died; try"),
        ([diverged], 4, "none of 1 points has a number: it diverged"),
        ([row("1", None), killed], 4, "none of 2 points has a number: validation_accuracy is"),
    ):
        with pytest.raises(MlcliError, match=words) as caught:
            metrics_of("train-mlp", *scored(rows, headlines))
        assert caught.value.exit_code == code
