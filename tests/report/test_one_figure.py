"""`mlcli report --figure` writes one figure for slides, `--open` shows the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_tags import REPORTS
from PIL import Image

from mlcli.experiments import about

Run = Callable[..., Any]
SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_a_figure_comes_in_each_format_with_its_caption(mlcli: Run, kind: str) -> None:
    done = mlcli("report", str(REPORTS), "--figure", "kfold/errors", "--to", kind)
    assert (done.code, done.out) == (0, ""), done.err
    assert done.err == f"kfold-errors.{kind} and kfold-errors.txt\n"
    assert sorted(path.name for path in Path().iterdir()) == [
        f"kfold-errors.{kind}",
        "kfold-errors.txt",
    ]
    assert Path(f"kfold-errors.{kind}").read_bytes().startswith(SIGNATURES[kind])
    said = about("kfold").figures["errors"]
    parts = Path("kfold-errors.txt").read_text(encoding="utf-8").split("\n\n")
    assert parts == [f"{said.place}. {said.text}", said.alt, "mlcli kfold\n"]


def test_a_png_has_the_dots_that_print_needs_and_the_same_bytes_again(mlcli: Run) -> None:
    for name in ("a.png", "b.png"):
        assert (
            mlcli("report", str(REPORTS / "kfold"), "--figure", "errors", "--out", name).code == 0
        )
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    with Image.open("a.png") as fine, Image.open(REPORTS / "kfold/figures/errors.png") as usual:
        assert fine.width / usual.width == pytest.approx(300 / 110, rel=0.02)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--figure", "erors"), "unknown figure 'erors'; try errors"),
        (("--figure", "kfold/erors"), "unknown figure 'kfold/erors'; try kfold/errors"),
        (("--figure", "schedule"), "must be of one run, got those of"),
        (("--figure", "kfold/errors", "--out", "x.pdf"), "a name that ends in .png"),
        (("--figure", "kfold/errors", "--open"), "--open must be left out beside --figure"),
        (("--figure", "kfold/errors", "--no-readme"), "--readme must be left out"),
        (("--figure", "kfold/errors", "--to", "gif"), "--to"),
    ],
)
def test_a_figure_that_can_not_be_meant_is_refused(
    mlcli: Run, flags: tuple[str, ...], said: str
) -> None:
    done = mlcli("report", str(REPORTS), *flags)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not list(Path().iterdir())


def test_a_figure_with_nothing_to_show_says_why(mlcli: Run) -> None:
    own = ("--target", "y", "--degrees", "1", "--n-nested", "0", "--n-seeds", "2", "--no-plots")
    Path("d.csv").write_text("x,y\n" + "".join(f"{i},{i % 3}\n" for i in range(20)))
    assert mlcli("kfold", "--data", "d.csv", *own, "--out", "o").code == 0
    done = mlcli("report", "o", "--figure", "coverage")
    assert done.code == 2
    why = "Coverage needs data of known law and the squared loss."
    assert done.err == f"mlcli: o has no figure coverage: {why}\n"
    Path("none").mkdir()
    done = mlcli("report", "none", "--figure", "coverage")
    assert (done.code, done.err) == (2, "mlcli: no finished run under none; try `dvc repro`\n")


def test_the_page_is_opened_or_its_address_is_said(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: not opened.append(address))
    done = mlcli("report", str(REPORTS / "kfold"), "--out", "page.html", "--open")
    assert (done.code, done.err) == (0, "1 run in page.html\n")
    assert opened == [Path("page.html").resolve().as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    done = mlcli("report", str(REPORTS / "kfold"), "--out", "page.html", "--open", "--quiet")
    assert done.code == 0
    assert done.err == f"no browser could be opened; the page is {opened[0]}\n"
