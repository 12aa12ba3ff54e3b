"""`mlcli compare --fail-if-worse`: worse, not worse or undecided, and the exit codes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats

from mlcli.config import config_class
from mlcli.experiments.logistic.replicate import split_of
from mlcli.experiments.networks.problem import problem_of
from mlcli.experiments.source import source_of

Run = Callable[..., Any]
IRIS = ("--data", "iris", "--n-seeds", "4", "--test-fraction", "0.2", "--no-plots", "--quiet")
MLP = ("train-mlp", *IRIS, "--init", "he", "--n-epochs", "3", "--hidden", "4")
REPORTS = Path(__file__).parents[2] / "reports"


def table(name: str, values: Sequence[float], metric: str = "acc", more: str = "") -> None:
    """One value per seed; `more` has a column name and its value."""
    head, _, cell = more.partition("=")
    rows = [f"{seed},{value!r}" + (f",{cell}" if more else "") for seed, value in enumerate(values)]
    Path(name).write_text("\n".join([f"seed,{metric}" + (f",{head}" if more else ""), *rows, ""]))


def verdict(mlcli: Run, *arguments: str, code: int | None = None) -> dict[str, Any]:
    done = mlcli("compare", *arguments, "--json")
    (found,) = json.loads(done.out)["verdicts"]
    expected = 3 if found["verdict"] == "worse" else 0
    assert done.code == (expected if code is None else code), done.err
    return dict(found)


A = np.array([0.90, 0.91, 0.905, 0.915, 0.90, 0.92])
NOISE = np.array([0.002, -0.001, 0.0, 0.001, -0.002, 0.0])


@pytest.mark.parametrize(
    ("shift", "margin", "expected"),
    [
        (-0.03, 0.0, "worse"),
        (-0.03, 0.01, "worse"),
        (-0.03, 0.03, "undecided"),
        (-0.03, 0.05, "not worse"),
        (-0.001, 0.0, "undecided"),
        (-0.001, 0.01, "not worse"),
        (0.02, 0.0, "not worse"),
    ],
)
def test_the_verdict_is_that_of_the_paired_interval(
    mlcli: Run, empty_folder: Path, shift: float, margin: float, expected: str
) -> None:
    b = A + shift + NOISE
    for metric, sign in (("acc", 1), ("error_rate", -1)):
        table("a.csv", [float(one) for one in 0.5 + sign * (A - 0.5)], metric)
        table("b.csv", [float(one) for one in 0.5 + sign * (b - 0.5)], metric)
        flags = ("--fail-if-worse", metric, "--margin", str(margin))
        found = verdict(mlcli, "a.csv", "b.csv", *flags)
        assert found["verdict"] == expected
        theirs = stats.ttest_rel(sign * b, sign * A).confidence_interval()
        assert (found["ci_low"], found["ci_high"]) == pytest.approx(tuple(theirs))
        p = stats.ttest_1samp(b - A, -margin).pvalue
        assert found["p_value"] == pytest.approx(p)
        assert found["difference"] == pytest.approx(sign * (b - A).mean())
        assert (found["better"], found["n"]) == ({1: "more", -1: "less"}[sign], [6, 6])
        assert (found["test"], found["margin"]) == ("paired", margin)


def test_without_pairs_the_verdict_is_welch_s(mlcli: Run, empty_folder: Path) -> None:
    b = A[:4] - 0.02 + 3 * NOISE[:4]
    table("a.csv", A.tolist())
    table("b.csv", b.tolist())
    found = verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc")
    theirs = stats.ttest_ind(b, A, equal_var=False)
    assert (found["test"], found["n"]) == ("Welch", [6, 4])
    assert found["p_value"] == pytest.approx(theirs.pvalue)
    assert found["ci_low"] == pytest.approx(theirs.confidence_interval().low)
    table("b.csv", (A - 0.02 + NOISE).tolist())
    assert verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc")["test"] == "paired"
    again = verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc", "--unpaired")
    assert again["test"] == "Welch"


def test_several_metrics_share_the_level(mlcli: Run, empty_folder: Path) -> None:
    for name, shift in (("a.csv", 0.0), ("b.csv", -0.02)):
        rows = [f"{s},{v!r},{1 - v!r}" for s, v in enumerate((A + shift + shift * NOISE).tolist())]
        Path(name).write_text("\n".join(["seed,acc,loss", *rows, ""]))
    done = mlcli("compare", "a.csv", "b.csv", "--fail-if-worse", "acc,loss", "--json")
    assert done.code == 3
    assert "2 of 2 metrics worse: acc of b.csv is worse: -0.02" in done.err
    found = json.loads(done.out)["verdicts"]
    assert [one["confidence"] for one in found] == [0.975, 0.975]
    d = (A - 0.02 - 0.02 * NOISE) - A
    half = stats.t.ppf(0.9875, 5) * d.std(ddof=1) / np.sqrt(6)
    assert found[0]["ci_high"] == pytest.approx(d.mean() + half)


def test_a_metric_may_have_a_margin_of_its_own(mlcli: Run, empty_folder: Path) -> None:
    for name, shift in (("a.csv", 0.0), ("b.csv", 0.02)):
        rows = [f"{s},{v!r},{100 * v!r}" for s, v in enumerate((A + shift * (1 + NOISE)).tolist())]
        Path(name).write_text("\n".join(["seed,error,seconds", *rows, ""]))
    flags = ("--fail-if-worse", "error=0.03,seconds", "--margin", "1", "--json")
    found = mlcli("compare", "a.csv", "b.csv", *flags).json["verdicts"]
    assert [one["margin"] for one in found] == [0.03, 1.0]
    assert [one["verdict"] for one in found] == ["not worse", "worse"]


def test_undecided_passes_unless_it_is_to_fail(mlcli: Run, empty_folder: Path) -> None:
    table("a.csv", A.tolist())
    table("b.csv", (A - 0.0005 + NOISE).tolist())
    done = mlcli("compare", "a.csv", "b.csv", "--fail-if-worse", "acc", "--junit", "j.xml")
    assert done.code == 0
    assert "note: acc of b.csv is undecided" in done.err
    assert "seeds a run would decide (passes: --undecided fail would not)" in done.err
    assert mlcli("compare", "a.csv", "b.csv", "--fail-if-worse", "acc", "--quiet").err == ""
    suite = ElementTree.parse("j.xml").getroot()
    assert (suite.get("skipped"), suite.get("failures"), suite.get("tests")) == ("1", "0", "1")
    flags = ("--fail-if-worse", "acc", "--undecided", "fail", "--junit", "j.xml")
    done = mlcli("compare", "a.csv", "b.csv", *flags)
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    (case,) = ElementTree.parse("j.xml").getroot()
    (failure,) = case
    assert failure.tag == "failure"
    assert "undecided" in (failure.get("message") or "")
    assert re.search(r"p 0\.\d+, n 6 and 6, seeds that would decide: \d+", failure.text or "")


def test_the_seeds_that_would_decide_do_in_four_of_five_cases(
    mlcli: Run, empty_folder: Path
) -> None:
    rng = np.random.default_rng(0)
    d = rng.normal(0, 1, 6)
    d = 0.01 * ((d - d.mean()) / d.std(ddof=1)) - 0.008
    table("a.csv", A.tolist())
    table("b.csv", (A + d).tolist())
    found = verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc")
    assert found["verdict"] == "undecided"
    n = found["seeds_needed"]
    fresh = rng.normal(-0.008, 0.01, (20_000, n))
    t = fresh.mean(axis=1) / (fresh.std(axis=1, ddof=1) / np.sqrt(n))
    assert (np.abs(t) > stats.t.ppf(0.975, n - 1)).mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("a", "b", "more", "expected", "test", "words"),
    [
        # Student's test of differences that don't vary doesn't exist: 8 equal signs have p 1/128.
        ([0.9] * 8, [0.8] * 8, "", "worse", "sign", "exact sign test"),
        ([0.9] * 8, [1.0] * 8, "", "not worse", "sign", "exact sign test"),
        ([0.9] * 5, [0.8] * 5, "", "undecided", "sign", "exact sign test"),
        ([0.9] * 4, [0.8] * 5, "", "worse", "permutation", "exact permutation test"),
        ([0.9] * 2, [0.8] * 3, "", "undecided", "permutation", "exact permutation test"),
        ([0.9] * 2, [0.9] * 3, "", "not worse", None, "same score in both"),
        ([0.9, 0.8], [0.9, 0.8], "", "not worse", None, "same score in both"),
        ([0.9], [0.8], "", "undecided", None, "one seed has no spread"),
        ([0.9], [0.8, 0.7], "", "undecided", None, "one seed has no spread"),
    ],
)
def test_constant_scores_and_one_seed_are_said(
    mlcli: Run,
    empty_folder: Path,
    a: list[float],
    b: list[float],
    more: str,
    expected: str,
    test: str | None,
    words: str,
) -> None:
    table("a.csv", a, more=more)
    table("b.csv", b, more=more)
    found = verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc")
    assert (found["verdict"], found["test"]) == (expected, test)
    assert words in found["reason"]


def test_no_exact_test_where_seeds_share_their_rows(mlcli: Run, empty_folder: Path) -> None:
    for name, value in (("a.csv", 0.9), ("b.csv", 0.8)):
        rows = [f"{seed},{value},80,20" for seed in range(12)]
        Path(name).write_text("\n".join(["seed,acc,n_train,n_test", *rows, ""]))
    found = verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc")
    assert found["verdict"] == "undecided"
    assert "seeds share their rows" in found["reason"]


def test_no_number_of_seeds_decides_a_small_difference_on_shared_rows(
    mlcli: Run, empty_folder: Path
) -> None:
    b = A - 0.001 + NOISE
    for name, values in (("a.csv", A), ("b.csv", b)):
        rows = [f"{seed},{float(value)!r},80,20" for seed, value in enumerate(values)]
        Path(name).write_text("\n".join(["seed,acc,n_train,n_test", *rows, ""]))
    found = verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc")
    assert (found["verdict"], found["seeds_needed"]) == ("undecided", None)
    d = b - A
    half = stats.t.ppf(0.975, 5) * d.std(ddof=1) * np.sqrt(1 / 6 + 0.25)
    assert found["ci_low"] == pytest.approx(d.mean() - half)
    done = mlcli("compare", "a.csv", "b.csv", "--fail-if-worse", "acc")
    assert "no number of seeds would decide" in done.err
    for name, values in (("a.csv", A), ("b.csv", b)):
        table(name, values.tolist())
    assert verdict(mlcli, "a.csv", "b.csv", "--fail-if-worse", "acc")["seeds_needed"] > 6


def test_a_run_that_diverged_is_worse_than_one_that_did_not(mlcli: Run, empty_folder: Path) -> None:
    mlcli(*MLP, "--out", "a")
    shutil.copytree("a", "b")
    metrics = json.loads(Path("b/details.json").read_text())
    metrics["test_accuracy"] = dict.fromkeys(metrics["test_accuracy"]) | {"n": 4}
    Path("b/details.json").write_text(json.dumps(metrics))
    found = verdict(mlcli, "a", "b", "--fail-if-worse", "test_accuracy")
    assert (found["verdict"], found["reason"]) == ("worse", "a seed has no valid number")
    done = mlcli("compare", "b", "a", "--fail-if-worse", "test_accuracy")
    assert done.code == 2
    assert "has no valid number to compare with" in done.err


def test_runs_of_several_commands_answer_which_method(mlcli: Run, empty_folder: Path) -> None:
    mlcli(*MLP, "--out", "mlp")
    mlcli("logistic", *IRIS, "--out", "logistic")
    flags = ("--fail-if-worse", "test_accuracy", "--margin", "0.5", "--out", "page.html")
    done = mlcli("compare", "mlp", "logistic", *flags, "--json")
    assert done.code == 0, done.err
    (found,) = done.json["comparisons"]
    assert found["command"] == "train-mlp+logistic"
    assert found["tests"][0]["test"] == "paired"
    assert found["tests"][0]["overlaps"][1] == pytest.approx(30 / 120)
    assert set(found["metrics"]) >= {"test_accuracy", "test_calibration_error"}
    for one in found["metrics"].values():
        assert None not in one["values"]
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<caption>verdicts</caption>" in page
    assert "<caption>metrics that differ, A and B</caption>" in page
    assert 'id="train-mlp+logistic"' in page
    mlcli("logistic", *IRIS, "--seed", "1", "--out", "other")
    (other,) = mlcli("compare", "mlp", "other", "--json").json["comparisons"]
    assert other["tests"][0]["test"] == "Welch"
    assert "since seed differs" in other["tests"][0]["why"]


def test_seeds_of_two_commands_are_tested_on_the_same_rows() -> None:
    data = {"data": "iris", "n_seeds": 3, "test_fraction": 0.2}
    logistic = config_class("logistic")(**data)
    network = config_class("train_mlp")(**data)
    source = source_of(network)
    problem = problem_of(network, source)
    for index, split in enumerate(problem.splits):
        np.testing.assert_array_equal(
            split.test, split_of(logistic, source_of(logistic), index).test
        )


def test_one_variant_is_compared_with_another(mlcli: Run) -> None:
    place = REPORTS / "train_mlp"
    found = verdict(
        mlcli, f"{place}:init_normal", f"{place}:init_he", "--fail-if-worse", "test_loss"
    )
    assert (found["metric"], found["test"]) == ("test_loss", "paired")
    done = mlcli("compare", f"{place}:init_hee", str(place))
    assert done.code == 2
    assert "has no variant init_hee; try init_he" in done.err
    assert "holds runs of several commands" in mlcli("compare", f"{REPORTS}:x", str(place)).err


def test_a_metric_of_one_command_of_many_is_named_with_its_section(mlcli: Run) -> None:
    flags = ("--fail-if-worse", "train_cnn.test_accuracy,logistic.test_accuracy", "--json")
    done = mlcli("compare", str(REPORTS), str(REPORTS), *flags)
    assert done.code == 0
    found = done.json["verdicts"]
    assert [one["command"] for one in found] == ["train-cnn", "logistic"]
    assert all(one["verdict"] == "not worse" for one in found)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--fail-if-worse", "acc", "--margin", "-0.1"), "--margin must be a number from 0"),
        (("--fail-if-worse", "acc", "--margin", "nan"), "--margin must be a number from 0"),
        (("--fail-if-worse", "acc=-1"), "the margin of acc must be a number from 0, got -1"),
        (("--fail-if-worse", "acc=x"), "the margin of acc must be a number from 0, got x"),
        (("--fail-if-worse", "=1"), "--fail-if-worse must be one or more metrics"),
        (("--fail-if-worse", "ac"), "a.csv has no such metric; try acc"),
        (("--fail-if-worse", "width"), "width does not say which end is better; try --best"),
        (
            ("--fail-if-worse", "acc,width", "--best", "smallest"),
            "--best smallest is said of acc too, of which more is better; try a call for each",
        ),
        (("--fail-if-worse", ","), "--fail-if-worse must be one or more metrics"),
        (("--fail-if-worse", "only_a"), "a.csv has no such metric"),
        (("--margin", "0.1"), "--margin has no meaning without --fail-if-worse"),
        (("--undecided", "fail"), "--undecided has no meaning without --fail-if-worse"),
        (("--best", "largest"), "--best has no meaning without --fail-if-worse"),
        (("--junit", "j.xml"), "--junit has no meaning without --fail-if-worse"),
        (("--fail-if-worse", "acc", "--junit", "a.csv/j.xml"), "--junit a.csv/j.xml must be in a"),
    ],
)
def test_bad_flags_are_one_sentence_and_nothing_is_written(
    mlcli: Run, empty_folder: Path, flags: tuple[str, ...], words: str
) -> None:
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("seed,acc,width\n0,0.5,1\n1,0.6,2\n")
    before = sorted(empty_folder.rglob("*"))
    done = mlcli("compare", "a.csv", "b.csv", *flags, "--out", "page.html")
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert sorted(empty_folder.rglob("*")) == before
    flags = ("--fail-if-worse", "width", "--best", "smallest")
    assert mlcli("compare", "a.csv", "b.csv", *flags).code == 0


def test_other_metrics_on_both_sides_are_one_sentence(mlcli: Run, empty_folder: Path) -> None:
    table("a.csv", A.tolist(), "acc")
    table("b.csv", A.tolist(), "loss")
    done = mlcli("compare", "a.csv", "b.csv")
    assert (done.code, done.out) == (2, "")
    assert "a.csv and b.csv have no metric of the same name" in done.err
    single = mlcli(
        "compare",
        str(REPORTS / "kfold"),
        str(REPORTS / "kfold"),
        *("--fail-if-worse", "best_degree", "--best", "largest"),
    )
    assert single.code == 2
    assert "must be a mean over seeds, got one number" in single.err
