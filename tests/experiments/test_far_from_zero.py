"""Columns and targets whose digits stand far behind their leading ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.networks.problem import FAR, origin_of

Run = Callable[..., Any]
N_ROWS = 200
QUICK = ("--n-epochs", "20", "--n-seeds", "2", "--hidden", "16", "--no-plots", "--quiet")


def write_table(path: str, x_origin: float, t_origin: float) -> None:
    rng = np.random.default_rng(0)
    # So many binary digits that the far numbers hold them to the last one.
    x, z, w = np.round(rng.normal(size=(3, N_ROWS)) * 2**16) / 2**16
    with Path(path).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "z", "t"])
        for row in zip(x + x_origin, z, x + w / 8 + t_origin, strict=True):
            writer.writerow([repr(float(value)) for value in row])


def predictions(run: str) -> dict[int, float]:
    with (Path(run) / "tables/predictions.csv").open(newline="") as file:
        return {int(row["row"]): float(row["predicted"]) for row in csv.DictReader(file)}


@pytest.mark.usefixtures("every_digit")
def test_a_network_sees_the_digits_of_a_far_column_and_of_a_far_target(
    mlcli: Run, empty_folder: Path
) -> None:
    scores = {}
    for name, origins in {"near": (0.0, 0.0), "far": (1e9, -1e8)}.items():
        write_table(f"{name}.csv", *origins)
        done = mlcli("train-mlp", "--data", f"{name}.csv", "--out", name, "--json", *QUICK)
        assert done.code == 0, done.err
        scores[name] = {k: done.json[k]["mean"] for k in ("test_mse", "test_r2", "train_loss")}
    assert scores["near"]["test_r2"] > 0.9
    assert scores["far"] == pytest.approx(scores["near"], rel=1e-3)

    # The weights that were written say the same of the far rows, to the last bit.
    found = mlcli("predict", "far", "far.csv", "--seed-index", "0").out.splitlines()
    said = [float(row["prediction"]) for row in csv.DictReader(found)]
    assert {row: said[row] for row in predictions("far")} == predictions("far")
    member = json.loads(Path("far/model/model.json").read_text())["programs"][0]["members"][0]
    assert member["input_shift"][0] == pytest.approx(1e9, abs=1)
    assert "input_origin" not in Path("near/model/model.json").read_text()


def test_the_range_test_and_a_baseline_see_them_too(mlcli: Run, empty_folder: Path) -> None:
    found = []
    for name, origin in {"near": 0.0, "far": 1e9}.items():
        write_table(f"{name}.csv", origin, -origin)
        on = ("--data", f"{name}.csv", "--no-plots", "--json")
        swept = mlcli("lr-find", *on, "--n-seeds", "2", "--hidden", "16", "--compare-epochs", "3")
        judged = mlcli(
            "baseline",
            f"{name}.csv",
            "--methods",
            "mlp",
            "--n-folds",
            "3",
            "--n-epochs",
            "3",
            "--no-plots",
            "--json",
        )
        assert (swept.code, judged.code) == (0, 0), swept.err + judged.err
        found.append(
            {
                "lr-find": swept.json["comparison"]["one_cycle"]["test_mse"]["mean"],
                "baseline": judged.json["models"]["mlp"]["mse"]["mean"],
            }
        )
    assert found[1] == pytest.approx(found[0], rel=1e-3)


def test_only_what_is_far_is_moved() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 4)) + np.array([0.0, FAR / 2, 1e9, 5.0])
    X[:, 3] = 5.0
    np.testing.assert_array_equal(origin_of(X) != 0, [False, False, True, False])
    images = rng.uniform(size=(5, 9)) + 1e6
    np.testing.assert_array_equal(origin_of(images, images=True), origin_of(images, images=True)[0])
    assert abs(images - origin_of(images, images=True)).max() < 1
    assert not origin_of(np.full((5, 9), 255.0), images=True).any()
    assert not origin_of(np.array([[1e200], [-1e200]])).any()
