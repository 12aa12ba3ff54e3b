"""What a run shows, read out of its folder place by place, as the index of the notes names it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PathCollection
from matplotlib.container import Container, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from mlcli.config import config_class
from mlcli.experiments import load
from mlcli.experiments.source import source_of
from mlcli.notes.entry import Place

PROJECT = Path(__file__).parents[2]


class RunFolder:
    """A finished run.

    Attributes:
        path: of its folder.
        section: of its experiment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text("utf-8"))
        self.details: dict[str, Any] = json.loads((path / "details.json").read_text("utf-8"))
        self.section: str = self.manifest["command"].replace("-", "_")

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """Every figure, drawn from the tables."""
        return load(self.section).draw(self.path)

    @cached_property
    def config(self) -> Any:
        """The config of the run, on the set that the pipeline's file was drawn from."""
        given = self.manifest["config"].items()
        values = {key: one["value"] for key, one in given if one["source"] != "default"}
        if values.get("data") == "data/noisy_cubic.csv":
            values["data"] = "noisy-cubic"
        return config_class(self.section)(**values)

    @cached_property
    def prepared(self) -> Any:
        """What the run was computed from."""
        return load(self.section).prepare(self.config, source_of(self.config))

    def read(self, place: Place) -> Any:
        """What is at a place.

        Returns:
            A number or a text of details.json; the columns of a CSV file; what each artist with
            this text draws; the rows of a printed table.

        Raises:
            KeyError: nothing is there.
        """
        (first, *_), file = place.names, place.file
        if file == "details.json":
            return self.detail(first)
        if file == "console":
            return self._printed(first)
        return self._drawn(place.figure, first) if place.figure else self._columns(place)

    def detail(self, path: str) -> Any:
        """The value at a path of keys of details.json, such as ``degree_3.test_mse.mean``."""
        found: Any = self.details
        for key in path.split("."):
            if not isinstance(found, Mapping) or key not in found:
                raise KeyError(f"details.json of {self.section} has no {path}")
            found = found[key]
        if found is None or isinstance(found, (Mapping, list)):
            raise KeyError(f"{path} of details.json of {self.section} is no value")
        return found

    def _columns(self, place: Place) -> list[Any]:
        file = self.path / place.file
        if not file.is_file():
            raise KeyError(f"{self.section} has no {place.file}")
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        for column, value in place.where:
            rows = [row for row in rows if row[column] == value]
        if not rows:
            raise KeyError(f"{place.file} of {self.section} has no row with {place.where}")
        return [_numbers([row[name] for row in rows]) for name in place.names]

    def _printed(self, title: str) -> list[list[str]]:
        for shown in load(self.section).display(self.details):
            if shown.title.startswith(title) and shown.rows:
                return [list(row) for row in shown.rows]
        raise KeyError(f"{self.section} prints no table {title}")

    def _drawn(self, name: str, text: str) -> list[Any]:
        found = [_drawing(one) for one in _artists(self.figures[name]) if text in _texts(one)]
        found = [one for one in found if not isinstance(one, np.ndarray) or one.size]
        if not found:
            raise KeyError(f"{name}.png of {self.section} shows nowhere {text!r}")
        return found


def _artists(figure: Figure) -> Iterator[Any]:
    """Everything in a figure, error bars included; of legends what they say, not their samples."""
    samples = {id(one) for legend in figure.findobj(Legend) for one in legend.findobj()}
    for one in figure.findobj():
        if isinstance(one, Text) or id(one) not in samples:
            yield one
    for axes in figure.axes:
        yield from axes.containers


def _texts(one: Any) -> set[str]:
    """The label of an artist, and what a text says."""
    label = one.get_label() if isinstance(one, (Artist, Container)) else ""
    said = one.get_text() if isinstance(one, Text) else ""
    return {text for text in (label, said) if isinstance(text, str)}


def _drawing(one: Any) -> Any:
    """The points of a line or a scatter, (n, 2); the text of a text; or the artist itself."""
    if isinstance(one, ErrorbarContainer):
        one = one.lines[0]
    if isinstance(one, Line2D):
        return np.column_stack([np.asarray(xy, dtype=float) for xy in one.get_data()])
    if isinstance(one, PathCollection):
        return np.asarray(one.get_offsets(), dtype=float)
    return one.get_text() if isinstance(one, Text) else one


def _numbers(values: list[str]) -> Any:
    try:
        return np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        return np.array(values)
