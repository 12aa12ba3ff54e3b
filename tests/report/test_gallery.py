"""The page needs nothing but itself, says everything in words too, and is the same every time."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from markupsafe import escape
from page_tags import PROJECT, REPORTS, Page

from mlcli.errors import ConfigError, DataError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.experiments.experiment import About
from mlcli.notes import count_of, entries
from mlcli.report.gallery import findings, write_gallery
from mlcli.report.notes_index import mathml
from mlcli.report.runs import find_folders, read_runs

SECTIONS = ("perceptron", "kfold", "fit_poly")
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The page and the README of three committed runs."""
    folder = tmp_path_factory.mktemp("gallery")
    places = [REPORTS / name for name in SECTIONS]
    assert write_gallery(places, folder / "page.html", folder / "README.md") == len(places)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "page.html"]
    return tuple((folder / name).read_text() for name in ("page.html", "README.md"))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def page(written: tuple[str, str]) -> Page:
    return Page(written[0])


def test_ids_are_unique_and_every_reference_resolves(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    known = set(page.ids)
    for tag, attributes in page.tags:
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in known, (tag, attributes)
        for key in ("aria-labelledby", "aria-describedby", "for"):
            assert set(attributes.get(key, "").split()) <= known
        for value in attributes.values():
            assert set(re.findall(r"url\(#([^)]+)\)", value)) <= known


def test_nothing_is_fetched(page: Page, written: tuple[str, str]) -> None:
    for _, attributes in page.tags:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            assert attributes.get(key, "#").startswith(("#", "data:"))
    assert not re.search(r"https?://|@import|url\((?!#)", written[0])


def test_every_figure_is_there_in_the_order_of_the_notes(page: Page) -> None:
    shown = [one["id"] for one in page.all("figure")]
    expected = [
        f"{name.replace('_', '-')}-{figure.replace('_', '-')}"
        for name in EXPERIMENTS
        if name in SECTIONS
        for figure in story_first(about(name))
    ]
    assert shown == expected


def story_first(one: About) -> list[str]:
    """The names of its figures, first the one that tells its story."""
    return sorted(one.figures, key=lambda name: name != one.story)


def test_a_formula_stands_beside_the_figure_that_shows_it(written: tuple[str, str]) -> None:
    fits = written[0].split('<figure id="fit-poly-fits">')[1].split("</figure>")[0]
    formulas = re.findall(r'<a href="#notes-(.*?)">.*?<math displaystyle="true">', fits)
    expected = [
        one.number
        for one in entries()
        if (one.command, one.figure, one.options) == ("fit-poly", "fits", "") and one.latex
    ]
    assert formulas == expected
    assert formulas
    # Where the print is wrong both forms are there, and why.
    row = next(one for one in entries() if one.printed and one.command == "fit-poly")
    assert written[0].count(str(mathml(row.printed))) >= 1
    assert written[0].count(str(mathml(row.latex))) >= 2


def test_the_front_has_a_thumbnail_of_each_run_and_says_what_was_found(
    written: tuple[str, str],
) -> None:
    front = written[0].split('<section id="front"')[1].split("</section>")[0]
    for name in SECTIONS:
        one = about(name)
        assert front.count(f'<a href="#{one.command}">') >= 1
        story = one.story or next(iter(one.figures))
        assert f'href="#{one.command}-{story.replace("_", "-")}-drawing"' in front
    runs = read_runs([REPORTS / name for name in SECTIONS])
    found = findings(runs)
    assert found
    for run, remark in found:
        assert re.search(r"\(-?[\d.]+ to -?[\d.]+\)", remark)
        assert remark in [table.remark for table in run.tables]
        assert str(escape(remark)) in front


def test_every_drawing_says_what_it_shows(page: Page) -> None:
    # A thumbnail is the drawing of its figure once more, hidden from screen readers.
    drawings = [one for one in page.all("svg") if "id" in one]
    thumbnails = [one for one in page.all("svg") if "id" not in one]
    assert 0 < len(thumbnails) <= len(SECTIONS)
    titles = page.texts["title"]
    assert all(one["role"] == "img" and one["aria-labelledby"] in page.ids for one in drawings)
    for name in SECTIONS:
        for caption in about(name).figures.values():
            assert caption.alt in titles
    assert all(one["alt"] for one in page.all("img"))


def test_values_of_series_belong_to_what_is_drawn(written: tuple[str, str]) -> None:
    figures = re.findall(r"<figure.*?</figure>", written[0], re.S)
    with_values = 0
    for text in figures:
        found = re.search(r'<script type="application/json">(.*?)</script>', text, re.S)
        if not found:
            continue
        with_values += 1
        values = json.loads(found[1])
        drawn = {int(n) for n in re.findall(r'data-series="(\d+)"', text)}
        width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', text).groups())  # type: ignore[union-attr]
        for panel in values["panels"]:
            for series in panel["series"]:
                assert series["n"] in drawn
                assert series["n"] < len(values["labels"])
                for px, py, *_ in series["points"]:
                    assert 0 <= px <= width
                    assert 0 <= py <= height
    assert with_values > 10


def test_a_value_that_is_read_off_is_the_one_in_the_csv(written: tuple[str, str]) -> None:
    text = written[0].split('<figure id="kfold-errors"')[1].split("</figure>")[0]
    found = re.search(r'<script type="application/json">(.*?)</script>', text, re.S)
    assert found
    values = json.loads(found[1])
    number = values["labels"].index("cross-validated error")
    (series,) = [s for p in values["panels"] for s in p["series"] if s["n"] == number]
    rows = (REPORTS / "kfold" / "tables/errors.csv").read_text().splitlines()
    column = rows[0].split(",").index("cv")
    expected = [float(f"{float(row.split(',')[column]):.4g}") for row in rows[1:]]
    assert [y for *_, y in series["points"]] == expected


def test_paper_stands_beside_ours(written: tuple[str, str]) -> None:
    summary = written[0].split('id="summary"')[1].split("</section>")[0]
    for printed in ("4.11", "4.88", "3.63", "4.15", "3.61", "4.12", "3.24", "5120", "1 1 1 0"):
        assert f'<td class="whole">{printed}</td>' in summary
    assert "| Table 1 | training loss, degree 1 | 4.11 |" in written[1]


def test_every_entry_of_the_notes_is_in_the_index(written: tuple[str, str]) -> None:
    index = written[0].split('id="notes"')[1].split("</section>")[0]
    assert index.count("<tr id=") == len(entries())
    assert 'href="#fit-poly-fits">tables/fits.csv' in index
    assert f"<p>{count_of(entries())} " in index
    # The run that is there has another loss than its options.
    assert "<td>tables/splits.csv: n_test, test_error<br>" in index


def test_again_the_same_bytes(written: tuple[str, str], tmp_path: Path) -> None:
    write_gallery([REPORTS / "kfold"], tmp_path / "one.html")
    first = (tmp_path / "one.html").read_bytes()
    write_gallery([REPORTS / "kfold"], tmp_path / "one.html")
    assert (tmp_path / "one.html").read_bytes() == first


def test_the_readme_shows_every_png_by_a_path_that_exists(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    shutil.copytree(REPORTS / "kfold", folder / "kfold")
    write_gallery([folder], folder / "index.html", folder / "README.md")
    places = re.findall(r"!\[.+?\]\((.+?)\)", (folder / "README.md").read_text())
    assert len(places) == len(about("kfold").figures)
    assert all((folder / place).is_file() for place in places)


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A run whose classes, functions and data are named like tags and links."""
    folder = tmp_path / "perceptron"
    shutil.copytree(REPORTS / "perceptron", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    name = f"{EVIL} `x` | [y](z) \n# h"
    manifest["config"]["function"] = {"value": name, "source": "flag"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    metrics = json.loads((folder / "details.json").read_text())
    metrics["function"] = metrics["data_name"] = name
    metrics["truth_tables"]["nand"]["00"] = name
    (folder / "details.json").write_text(json.dumps(metrics))
    table = folder / "tables/approximation.csv"
    table.write_text(table.read_text().replace("4 bins", f"{EVIL} bins"))
    return folder


def test_what_comes_from_data_is_inert(evil: Path, tmp_path: Path) -> None:
    write_gallery([evil], tmp_path / "page.html", tmp_path / "README.md")
    text = (tmp_path / "page.html").read_text()
    assert EVIL not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    readme = (tmp_path / "README.md").read_text()
    command = re.search(r"^(`{3,})\n(mlcli.*?)\n\1$", readme, re.S | re.M)
    assert command
    assert EVIL in command[2]
    other = readme.replace(command[0], "")
    assert EVIL not in other
    assert "\n# h" not in other
    assert r"\<script\>alert(1)\</script\> \`x\` \| \[y\](z) # h" in other


def test_a_series_named_like_a_tag_is_inert_in_the_drawing_and_its_values() -> None:
    import matplotlib
    from jinja2 import Environment

    from mlcli.plotting import new_figure, styled
    from mlcli.report.svg import part_of_page
    from mlcli.report.svg_figures import TEXT, THEME, _drawing

    with styled(), matplotlib.rc_context(TEXT):
        figure = new_figure()
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], label=EVIL)
        axes.plot([0, 1], [1, 0], label='"onload="alert(1)')
        axes.set_xlabel(EVIL)
        axes.legend()
        drawing = _drawing(figure)
    svg = part_of_page(drawing.svg, "f", EVIL, THEME)
    assert "<script" not in svg
    assert svg.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    assert all("onload" not in attributes for _, attributes in Page(svg).tags)
    assert drawing.labels == [EVIL, '"onload="alert(1)']
    values = Environment().from_string("{{ v|tojson }}").render(v=drawing.labels)
    assert "<" not in values


def test_two_runs_of_one_command_have_places_of_their_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(REPORTS / "kfold", tmp_path / name)
    assert write_gallery([tmp_path], tmp_path / "index.html") == 2
    page = Page((tmp_path / "index.html").read_text())
    assert len(page.ids) == len(set(page.ids))
    assert {"kfold", "kfold-2", "kfold-errors", "kfold-2-errors"} <= set(page.ids)


def test_a_run_that_is_not_whole_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "perceptron"
    shutil.copytree(REPORTS / "perceptron", folder)
    (folder / "tables/gates.csv").unlink()
    with pytest.raises(DataError, match=r"can't be shown.*try `mlcli perceptron --out .*--force`"):
        write_gallery([folder], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_readme_of_someone_else_is_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine\n")
    with pytest.raises(ConfigError, match="is kept; try --no-readme"):
        write_gallery([REPORTS / "kfold"], tmp_path / "i.html", tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text() == "# Mine\n"
    assert not (tmp_path / "i.html").exists()


def test_the_readme_comes_with_the_page_of_reports_only(
    mlcli: Callable[..., object], tmp_path: Path
) -> None:
    shutil.copytree(REPORTS / "kfold", "reports/kfold")
    assert mlcli("report").code == 0  # type: ignore[attr-defined]
    assert mlcli("report", "--out", "other/page.html").code == 0  # type: ignore[attr-defined]
    assert Path("reports/README.md").is_file()
    assert Path("reports/index.html").is_file()
    assert not Path("other/README.md").exists()
    assert mlcli("report", "--out", "other/page.html", "--readme").code == 0  # type: ignore[attr-defined]
    assert Path("other/README.md").is_file()


def test_the_report_stage_watches_every_run() -> None:
    from mlcli.params.yaml_file import read_yaml

    stage = read_yaml(PROJECT / "dvc.yaml").values["stages"]["report"]
    watched = {Path(one).name for one in stage["deps"] if one.startswith("reports/")}
    assert watched == set(EXPERIMENTS) - {"baseline"}


def test_only_what_is_hidden_below_the_place_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ".cache" / "runs"
    for name in ("one", ".two", "three/.partial"):
        (place / name).mkdir(parents=True)
        (place / name / "manifest.json").write_text("{}")
    (place / "here").mkdir()
    monkeypatch.chdir(place / "here")
    assert find_folders([place]) == [place / "one"]
    assert find_folders([Path("..")]) == [Path("../one")]
    assert find_folders([Path("../.two")]) == [Path("../.two")]


def test_spaces_around_code_are_kept() -> None:
    from mlcli.report.markdown import _prose

    text = "down to eta_0. `mlcli train-mlp --x a_b`\n  follows `it`."
    assert _prose(text) == "down to eta\\_0. `mlcli train-mlp --x a_b` follows `it`."


def test_tables_and_figures_name_rules_and_scores_alike() -> None:
    from mlcli.experiments.baseline import figures as baseline
    from mlcli.experiments.lr_find import figures as lr_find
    from mlcli.experiments.wording import BRIER, rule_label
    from mlcli.optimisation.range_test import RULES

    labels = {key: label for key, label, _ in lr_find.RATES}
    assert {key: labels[key] for key in RULES} == {key: rule_label(key) for key in RULES}
    assert BRIER in baseline.LABELS["brier"]
