"""The explorable of `bayes`: its marks and its sentences by another route."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.bayes.explore import explorables
from mlcli.experiments.explore import Explorable, Mark

Run = Callable[..., Any]
REPORT = Path(__file__).parents[2] / "reports" / "bayes"
MOST_BYTES = 250_000
SMALL = "--n-seeds 1 --n-calibration 0 --n-surface 3 --degrees 1-2"


@pytest.fixture(scope="module")
def rows() -> Explorable:
    (found,) = explorables(REPORT)
    return found


def read(folder: Path, name: str) -> list[dict[str, float]]:
    with (folder / "tables" / f"{name}.csv").open(newline="") as file:
        return [
            {key: float(cell or "nan") for key, cell in row.items() if "name" not in key}
            for row in csv.DictReader(file)
        ]


def marks_of(found: Explorable, place: int, panel: int) -> dict[str, Mark]:
    """By label; of several with one label the last."""
    return {mark.label or mark.kind: mark for mark in found.states[place,].marks[panel]}


def xy(mark: Mark) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([mark.x, mark.y], dtype=float)


@pytest.mark.parametrize("place", [0, 1, 4, 8, 11])
def test_ellipses_have_their_share_of_the_posterior_that_all_weights_have(
    rows: Explorable, place: int
) -> None:
    # The posterior from (B.20) on the rows and the precisions of the run, no updates.
    details = json.loads((REPORT / "details.json").read_text())
    alpha, beta = details["prior_precision"], details["noise_precision"]
    n = int(rows.controls[0].values[place])
    x, t = np.array([[row["x"], row["t"]] for row in read(REPORT, "data")]).T
    scaled = 2 * (x - x.min()) / np.ptp(x) - 1
    Phi = np.polynomial.legendre.legvander(scaled, 3)[:n]
    S = np.linalg.inv(alpha * np.eye(4) + beta * Phi.T @ Phi)
    mean = beta * S @ Phi.T @ t[:n]
    shown = marks_of(rows, place, 0)
    np.testing.assert_allclose(xy(shown["posterior mean"])[:, 0], mean[:2], rtol=1e-6, atol=1e-9)
    inverse = np.linalg.inv(S[:2, :2])
    for share in (68, 95):
        off = xy(shown[f"{share} %"]) - mean[:2, None]
        distance = np.einsum("in,ij,jn->n", off, inverse, off)
        np.testing.assert_allclose(1 - np.exp(-distance / 2), share / 100, rtol=1e-5)
    whole = np.polynomial.legendre.legvander(scaled, 3)
    weights = np.einsum("np,pq,nq->n", whole, S, whole)
    own = next(row for row in read(REPORT, "rows_seen") if row["n_points"] == n)
    assert own["weights"] == pytest.approx(weights.mean(), rel=0.02)  # of 500 rows there
    share = 100 * own["weights"] / (own["weights"] + 1 / beta)
    said = rows.states[place,].says
    (stated,) = re.findall(r"([\d.]+) % of the predictive variance", said)
    assert float(stated) == pytest.approx(share, rel=0.02)
    half = 1.96 * np.sqrt(np.diagonal(S))
    for k in (0, 1):
        ends = f"(95 %: {mean[k] - half[k]:.3g} to {mean[k] + half[k]:.3g}, truth "
        assert ends in said
    if n == 0:
        assert "only the prior" in said
    else:
        assert said.startswith("After all 700" if n == 700 else f"After {n} of 700 rows")


@pytest.mark.parametrize("place", [0, 3, 6, 11])
def test_curves_and_both_variances_are_those_of_the_table(rows: Explorable, place: int) -> None:
    n = int(rows.controls[0].values[place])
    table = [row for row in read(REPORT, "rows_seen_curves") if row["n_points"] == n]
    shown = marks_of(rows, place, 1)
    pairs = {"posterior mean": "mean", "truth": "truth", "drawn from the posterior": "draw_6"}
    for label, name in pairs.items():
        np.testing.assert_array_equal(xy(shown[label])[1], [row[name] for row in table])
    x, t = np.array([[row["x"], row["t"]] for row in read(REPORT, "data")]).T
    seen = [mark for mark in shown.values() if mark.label.startswith("rows seen")]
    assert len(seen) == (n > 0)
    if seen:
        expected = np.array([x, t])[:, :n] if n <= 350 else np.array([x, t])[:, ::2]
        np.testing.assert_array_equal(xy(seen[0]), expected)
    band = shown["band"]
    (weights,) = rows.states[place,].marks[2]
    for i, row in enumerate(table):
        half = 1.96 * np.sqrt(row["noise"] + row["weights"])
        assert np.ravel(band.high)[i] - row["mean"] == pytest.approx(half, rel=1e-4)
        assert row["mean"] - np.ravel(band.y)[i] == pytest.approx(half, rel=1e-4)
        assert np.ravel(weights.y)[i] == row["weights"]
        cubic = 0.5 * row["x"] ** 3 + 0.3 * row["x"] ** 2 - 0.25 * row["x"] + 1
        assert row["truth"] == pytest.approx(cubic, rel=1e-6)


def test_weights_variance_is_that_of_details_and_the_last_posterior_the_models() -> None:
    details = json.loads((REPORT / "details.json").read_text())
    table = {int(row["n_points"]): row for row in read(REPORT, "rows_seen")}
    for n in (0, 1, 2, 5, 20, 700):
        stated = details["predictive_variance"][f"rows_{n}"]["weights_variance"]
        assert table[n]["weights"] == pytest.approx(stated, rel=1e-8)
    for k, weight in enumerate(list(details["weights"].values())[:2]):
        assert table[700][f"mean_{k}"] == pytest.approx(weight["mean"], rel=1e-8)
        assert table[700][f"variance_{k}"] == pytest.approx(weight["std"] ** 2, rel=1e-8)


def test_sentence_says_on_which_side_of_the_ellipse_the_true_weights_are(rows: Explorable) -> None:
    sides = set()
    for place in range(len(rows.states)):
        shown = marks_of(rows, place, 0)
        truth, outline = xy(shown["truth"])[:, 0], xy(shown["95 %"]).T
        # A point is inside a convex outline where it is on one side of all of its edges.
        edges = np.roll(outline[:-1], -1, axis=0) - outline[:-1]
        off = truth - outline[:-1]
        turns = edges[:, 0] * off[:, 1] - edges[:, 1] * off[:, 0]
        inside = bool((turns > 0).all() or (turns < 0).all())
        assert f"{'inside' if inside else 'outside'} the 95 % ellipse" in rows.states[place,].says
        sides.add(inside)
    assert sides == {True, False}


def test_axes_are_finite_and_hold_every_ellipse_and_row_and_the_page_stays_small(
    rows: Explorable,
) -> None:
    for panel in rows.panels:
        for low, high in (panel.x_range, panel.y_range):
            assert np.isfinite([low, high]).all()
            assert low < high
        assert not panel.log_y or panel.y_range[0] > 0
    for place in range(len(rows.states)):
        for panel in (0, 2):
            low_x, high_x = rows.panels[panel].x_range
            low_y, high_y = rows.panels[panel].y_range
            for mark in (*rows.states[place,].marks[panel], *rows.panels[panel].fixed):
                x, y = xy(mark)
                assert low_x <= x.min()
                assert x.max() <= high_x
                assert low_y <= y.min()
                assert y.max() <= high_y
    assert len(json.dumps(rows.to_dict())) < MOST_BYTES
    assert len({state.says for state in rows.states.values()}) == len(rows.states)


def test_run_without_the_tables_or_with_one_weight_has_none(mlcli: Run, empty_folder: Path) -> None:
    for name in ("rows_seen", "rows_seen_curves"):
        shutil.copytree(REPORT, "old", dirs_exist_ok=True)
        Path(f"old/tables/{name}.csv").unlink()
        assert explorables(Path("old")) == []
    found = mlcli(*f"bayes --data noisy-cubic --degree 0 {SMALL} --out flat".split())
    assert found.code == 0, found
    assert explorables(Path("flat")) == []


def test_own_data_with_several_inputs_have_a_curve_without_rows_and_no_truth(
    mlcli: Run, empty_folder: Path
) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 2))
    t = 1 + X @ [2.0, -1.0] + rng.normal(size=30)
    with Path("own.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["price$", "size", "cost$"])
        writer.writerows(np.column_stack([X, t]).tolist())
    done = mlcli(*f"bayes --data own.csv --target cost$ --basis linear {SMALL} --out own".split())
    assert done.code == 0, done
    (found,) = explorables(Path("own"))
    assert found.controls[0].values == ["0", "1", "2", "3", "5", "10", "20", "30"]
    assert found.panels[1].x == "price$, other inputs at their means"
    assert found.panels[0].y == "weight of price$"
    for place, state in enumerate(found.states.values()):
        labels = {mark.label for marks in state.marks for mark in marks}
        assert labels >= {"68 %", "95 %", "posterior mean"}
        assert not any("truth" in label or "rows seen" in label for label in labels)
        assert "true" not in state.says
        assert np.isfinite(xy(marks_of(found, place, 0)["95 %"])).all()
    means = xy(marks_of(found, len(found.states) - 1, 0)["posterior mean"])[:, 0]
    plain = np.linalg.lstsq(np.column_stack([np.ones(30), X]), t)[0]
    assert means == pytest.approx(plain[:2], abs=0.1)
