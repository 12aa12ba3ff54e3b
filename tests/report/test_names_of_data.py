"""Names in a user's data are drawn as they are, whatever matplotlib would read in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.report.runs import command_line
from mlcli.report.svg_figures import drawings, plain

Run = Callable[..., Any]
QUICK = ("--data", "mt.csv", "--n-seeds", "2")


def written(folder: Path, heading: str, labels: tuple[str, str]) -> None:
    rows = [f"{x / 7},{(x * 5) % 11},{labels[x % 2]}" for x in range(40)]
    (folder / "mt.csv").write_text("\n".join([heading, *rows, ""]), encoding="utf-8")


def test_dollars_in_the_names_of_columns_are_drawn(mlcli: Run, empty_folder: Path) -> None:
    written(empty_folder, "a,p$_$,t", ("1", "2"))
    done = mlcli("fit-poly", *QUICK, "--degrees", "1", "--out", "mt")
    assert done.code == 0, done.err
    drawn = drawings("fit_poly", empty_folder / "mt")
    assert "p$_$" in drawn["coefficients"].svg
    (empty_folder / "mt.csv").write_text(
        "\n".join(["$x$_,$t$$^", *(f"{x},{x * x}" for x in range(30)), ""]), encoding="utf-8"
    )
    done = mlcli("fit-poly", *QUICK, "--degrees", "1", "--out", "one", "--target", "$t$$^")
    assert done.code == 0, done.err
    (panel,) = drawings("fit_poly", empty_folder / "one")["data"].panels
    assert (panel["x"], panel["y"]) == ("$x$_", "$t$$^")


def test_dollars_in_the_names_of_a_plane_are_drawn(mlcli: Run, empty_folder: Path) -> None:
    written(empty_folder, "a$b,$c$_,t", ("0", "1"))
    done = mlcli("logistic", *QUICK, "--out", "mt")
    assert done.code == 0, done.err
    (panel,) = drawings("logistic", empty_folder / "mt")["boundary"].panels[:1]
    assert {panel["x"], panel["y"]} == {"a$b", "$c$_"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"p\$_\$", "p$_$"),
        (r"$\eta_\mathrm{max}$ of \$", "η_max of $"),
        ("one $", "one $"),
    ],
)
def test_a_label_on_the_page_has_the_dollars_that_are_dollars(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_the_command_of_a_run_says_names_with_commas_again() -> None:
    features = {"source": "flag", "value": ["Zucker, g", "b"]}
    line = command_line({"command": "fit-poly", "config": {"features": features}})
    assert line == """mlcli fit-poly --features '"Zucker, g",b'"""
