"""DVC's own plots: every template and column exists, and the page for them needs no network."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

import pytest
from page_tags import PROJECT

from mlcli.params.yaml_file import read_yaml

PAGE = (PROJECT / ".dvc" / "plots.html").read_text(encoding="utf-8")
PLOTS: dict[str, Any] = {
    name: plot
    for entry in read_yaml(PROJECT / "dvc.yaml").values["plots"]
    # A name alone is a folder of figures.
    if isinstance(entry, dict)
    for name, plot in entry.items()
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_has_its_template_and_its_columns(name: str) -> None:
    plot = PLOTS[name]
    template = PROJECT / ".dvc" / "plots" / f"{plot['template']}.json"
    text = template.read_text(encoding="utf-8")
    assert json.loads(text)["data"]["values"] == "<DVC_METRIC_DATA>"
    for path, columns in plot["y"].items():
        with (PROJECT / path).open(encoding="utf-8", newline="") as file:
            there = next(csv.reader(file))
        assert {plot["x"], *columns} <= set(there)
    assert plot["title"]
    assert plot["x_label"]
    assert plot["y_label"]


def test_the_page_is_configured_and_holds_what_dvc_fills_in() -> None:
    assert "html_template = plots.html" in (PROJECT / ".dvc" / "config").read_text()
    assert PAGE.count("{plot_divs}") == 1
    # DVC would put addresses of a network of scripts here.
    assert "{scripts}" not in PAGE


def test_the_page_names_no_address_but_that_of_svg() -> None:
    addresses = set(re.findall(r"https?://[^\"'\s)]+", PAGE))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script src|<link rel=\"stylesheet|@import", PAGE)
