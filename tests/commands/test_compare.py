"""`mlcli compare`: folders, revisions and experiments side by side."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mlcli.experiments import EXPERIMENTS, about

Run = Callable[..., Any]
PROJECT = Path(__file__).parents[2]
REPORTS = PROJECT / "reports"
FIT = (
    "fit-poly",
    "--degrees",
    "1,3",
    "--n-seeds",
    "5",
    "--path-penalty",
    "none",
    "--n-samples",
    "50",
    "--no-plots",
    "--quiet",
)
IRIS = (
    "train-mlp",
    "--data",
    "iris",
    "--init",
    "he",
    "--n-epochs",
    "3",
    "--n-seeds",
    "4",
    "--hidden",
    "4",
    "--no-plots",
    "--quiet",
)


def scores(folder: str, column: str, **equal: str) -> np.ndarray:
    """A column of the table of seeds, read here by another road."""
    name = "scores" if Path(folder, "tables/scores.csv").exists() else "members"
    with Path(folder, f"tables/{name}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(row[k] == v for k, v in equal.items())]
    return np.array([float(row[column]) for row in rows])


def difference(done: Any, path: str) -> dict[str, Any]:
    (found,) = done.json["comparisons"]
    (entry,) = found["metrics"][path]["differences"]
    return dict(entry)


def test_runs_on_the_same_draws_are_paired(mlcli: Run) -> None:
    mlcli(*FIT, "--out", "a")
    mlcli(*FIT, "--basis", "legendre", "--solver", "arnoldi", "--degrees", "2,3", "--out", "b")
    shutil.copytree("a", "c")
    done = mlcli("compare", "a", "b", "--json")
    assert done.code == 0, done.err
    (found,) = done.json["comparisons"]
    assert found["config"]["degrees"] == [[1, 3], [2, 3]]
    assert found["tests"][0]["test"] == "paired"
    assert found["tests"][0]["overlaps"] == [0.0, 0.0]
    mlcli(
        *FIT, "--test-fraction", "0.2", "--n-seeds", "5", "--compare-solver", "none", "--out", "d"
    )
    same = mlcli("compare", "a", "c")
    assert same.code == 0
    assert "No metric differs, of" in same.out
    assert mlcli("compare", "a", "c", "--all").out.count("test_mse") > 1


def test_the_paired_test_is_scipy_s_on_independent_data(mlcli: Run) -> None:
    mlcli(*FIT, "--out", "a")
    mlcli(*FIT, "--penalty", "l2", "--l2", "1", "--compare-solver", "none", "--out", "b")
    done = mlcli("compare", "a", "b", "--json")
    found = difference(done, "degree_3.test_mse")
    a, b = (scores(folder, "test_mse", degree="3", estimator="arnoldi") for folder in ("a", "b"))
    theirs = stats.ttest_rel(b, a)
    assert found["test"] == "paired"
    assert found["mean"] == pytest.approx((b - a).mean())
    assert found["p_value"] == pytest.approx(theirs.pvalue, rel=1e-8)
    assert found["ci_low"] == pytest.approx(theirs.confidence_interval().low, rel=1e-8)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--seed", "1"), "seed differs"),
        (("--n-seeds", "7"), "n_seeds differs"),
        (("--noise-std", "1"), "the data differ"),
        (("--test-fraction", "0.3"), "test_fraction differs"),
    ],
    ids=str,
)
def test_other_seeds_data_or_splits_are_not_paired(
    mlcli: Run, arguments: tuple[str, ...], reason: str
) -> None:
    mlcli(*FIT, "--out", "a")
    mlcli(*FIT, *arguments, "--out", "b")
    done = mlcli("compare", "a", "b", "--json")
    found = difference(done, "degree_3.test_mse")
    a, b = (scores(folder, "test_mse", degree="3", estimator="arnoldi") for folder in ("a", "b"))
    theirs = stats.ttest_ind(b, a, equal_var=False)
    assert found["test"] == "Welch"
    assert found["p_value"] == pytest.approx(theirs.pvalue, rel=1e-8)
    assert f"Welch's test, since {reason}." in done.json["comparisons"][0]["tests"][0]["why"]


def test_splits_of_the_same_rows_have_nadeau_and_bengio_s_variance(mlcli: Run) -> None:
    mlcli(*IRIS, "--learning-rate", "0.02", "--out", "a")
    mlcli(*IRIS, "--learning-rate", "0.3", "--out", "b")
    done = mlcli("compare", "a", "b", "--json", "--out", "page")
    for path, n_judged in (("test_loss", 30), ("validation_loss", 12)):
        found = difference(done, path)
        d = scores("b", path) - scores("a", path)
        error = d.std(ddof=1) * np.sqrt(1 / d.size + n_judged / 108)
        p = 2 * stats.t.sf(abs(d.mean()) / error, d.size - 1)
        assert found["p_value"] == pytest.approx(p, rel=1e-8)
    (one,) = done.json["comparisons"]
    adjusted = [
        e["differences"][0]["p_holm"]
        for e in one["metrics"].values()
        if e["differences"][0] and e["differences"][0]["p_value"] is not None
    ]
    assert all(0 <= p <= 1 for p in adjusted)
    page = Path("page/index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 2
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)
    text = mlcli("compare", "a", "b").out
    assert "Nadeau and Bengio's" in text
    assert "learning_rate" in text


def test_names_and_settings_are_escaped_on_the_page(mlcli: Run, empty_folder: Path) -> None:
    name = "<script>alert(1)<"
    mlcli(*FIT, "--out", "a")
    mlcli(*FIT, "--seed", "2", "--out", name)
    assert mlcli("compare", "a", name, "--out", "p.html").code == 0

    class Tags(HTMLParser):
        found: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.append(tag)

    reader = Tags()
    reader.feed((empty_folder / "p.html").read_text(encoding="utf-8"))
    assert "script" not in reader.found
    assert reader.found.count("img") >= 1


def test_three_runs_are_each_compared_with_the_first(mlcli: Run) -> None:
    for seed in ("0", "1", "2"):
        mlcli(*FIT, "--seed", seed, "--out", f"s{seed}")
    (found,) = mlcli("compare", "s0", "s1", "s2", "--json").json["comparisons"]
    entry = found["metrics"]["degree_3.test_mse"]
    assert len(entry["values"]) == 3
    for i, one in enumerate(entry["differences"], start=1):
        means = [value["mean"] for value in entry["values"]]
        assert one["mean"] == pytest.approx(means[i] - means[0])


def test_a_null_or_absent_metric_is_shown_and_not_tested(mlcli: Run, empty_folder: Path) -> None:
    mlcli(*FIT, "--out", "a")
    shutil.copytree("a", "b")
    metrics = json.loads(Path("b/details.json").read_text())
    summary = metrics["degree_3"]["test_mse"]
    metrics["degree_3"]["test_mse"] = dict.fromkeys(summary) | {"n": summary["n"]}
    del metrics["degree_1"]["test_mse"]
    Path("b/details.json").write_text(json.dumps(metrics))
    done = mlcli("compare", "a", "b", "--json")
    assert done.code == 0, done.err
    (found,) = done.json["comparisons"]
    assert found["metrics"]["degree_3.test_mse"]["differences"] == [None]
    assert found["metrics"]["degree_1.test_mse"]["values"][1] is None
    shown = mlcli("compare", "a", "b").out
    assert re.search(r"degree_3\.test_mse .* null", shown)


@pytest.fixture
def repository(mlcli: Run, empty_folder: Path) -> Callable[..., str]:
    """A git repository whose reports were made twice; gives a function that runs git."""
    settings = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *settings, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    for tag, seed in (("first", "0"), ("second", "1")):
        mlcli(*FIT, "--seed", seed, "--out", "reports/fit_poly", "--force")
        git("add", "--all")
        git("commit", "--quiet", "--message", tag)
        git("tag", tag)
    return git


def test_revisions_and_experiments_are_read_out_of_git(
    mlcli: Run, repository: Callable[..., str], empty_folder: Path
) -> None:
    (now,) = mlcli("compare", "first", "reports", "--json").json["comparisons"]
    assert now["config"] == {"seed": [0, 1]}
    assert [run["name"] for run in now["runs"]] == ["first/fit_poly", "reports/fit_poly"]
    (back,) = mlcli("compare", "HEAD~1:reports/fit_poly", "HEAD", "--json").json["comparisons"]
    assert back["metrics"] == now["metrics"]
    # An experiment is a reference with its name last, as DVC keeps it.
    commit = repository("rev-parse", "first")
    repository("update-ref", "refs/exps/ab/cdef/tiny-name", commit)
    repository("update-ref", "refs/exps/exec/EXEC_HEAD", commit)
    (named,) = mlcli("compare", "tiny-name", "HEAD", "--json").json["comparisons"]
    assert named["metrics"] == now["metrics"]
    typo = mlcli("compare", "tiny-nam", "HEAD")
    assert typo.code == 2
    assert "is not a folder, git revision or DVC experiment; try tiny-name" in typo.err
    repository("update-ref", "refs/exps/ab/other/tiny-name", repository("rev-parse", "second"))
    assert (
        "several DVC experiments are named tiny-name" in mlcli("compare", "tiny-name", "HEAD").err
    )
    assert "there is no nowhere in that revision" in mlcli("compare", "HEAD:nowhere", "HEAD").err
    (empty_folder / "below").mkdir()
    assert repository("status", "--porcelain") == ""


@pytest.mark.parametrize("word", ["--output=x", "HEAD; touch x", "$(touch x)"])
def test_a_revision_is_a_word_and_never_a_command(
    mlcli: Run, repository: Callable[..., str], empty_folder: Path, word: str
) -> None:
    assert mlcli("compare", "--", word, "HEAD").code == 2
    assert not (empty_folder / "x").exists()


def test_runs_without_a_common_metric_are_refused(mlcli: Run) -> None:
    done = mlcli("compare", str(REPORTS / "descent"), str(REPORTS / "propagate"))
    assert done.code == 2
    assert "have no metric of the same name; try RUN:variant" in done.err
    assert mlcli("compare", str(REPORTS / "kfold")).code == 2
    for name in ("descent", "logistic"):
        shutil.copytree(REPORTS / name, Path("several") / name)
    several = mlcli("compare", str(REPORTS / "kfold"), "several")
    assert several.code == 2
    assert "runs must be of one command, or one run in each place" in several.err
    left_out = mlcli("compare", str(REPORTS / "kfold"), str(REPORTS))
    assert left_out.code == 0
    assert "left out: backprop, bayes, bias-variance" in left_out.err


def test_every_curve_that_is_declared_is_in_the_shipped_reports(mlcli: Run) -> None:
    from mlcli.report.figures import overlaid

    known = {section: about(section).curves for section in EXPERIMENTS if about(section).curves}
    assert set(known) == {path.parent.name for path in REPORTS.glob("*/manifest.json")}
    for section, curves in known.items():
        for curve in curves:
            with (REPORTS / section / f"tables/{curve.file}.csv").open(newline="") as file:
                heading = next(csv.reader(file))
            assert {curve.x, curve.y, *curve.by, *curve.band} <= set(heading), (section, curve)
    for section in ("descent", "propagate"):
        drawn = overlaid(section, [("A", REPORTS / section), ("B", REPORTS / section)])
        assert len(drawn) == len(known[section])
        assert all(content.startswith(b"\x89PNG") for _, _, content in drawn)
