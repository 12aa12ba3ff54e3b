"""Scores of any program, one value per seed: read from a table, from MLflow or from DVCLive."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.errors import DataError
from mlcli.experiments.paired import paired_test
from mlcli.experiments.summary import range_of, summary
from mlcli.json_file import read_json
from mlcli.linear.statistics import ANY, Range
from mlcli.params.yaml_file import read_yaml
from mlcli.run.details import flat, is_number

# A seed, or a seed and a fold.
Seed = Any
BySeed = dict[str, dict[Seed, float]]
SEED, FOLD, VARIANT, METRIC, VALUE = "seed", "fold", "variant", "metric", "value"
SIZES = ("n_train", "n_test")
LABELS = (SEED, FOLD, VARIANT, *SIZES)
SEED_PARAMETERS = (SEED, "random_seed", "random_state")
# A run folder of ours has these; a folder of DVCLive has metrics.json alone.
OURS = ("manifest.json", "details.json")
HINT = "columns seed,metric,value, or seed and one column per metric"


@dataclass
class Scores:
    """The values behind each mean.

    Attributes:
        by_seed: path of a metric -> seed, or (seed, fold) -> value.
        overlaps: path -> n_test / n_train where seeds are splits of the same rows.
    """

    by_seed: BySeed = field(default_factory=dict)
    overlaps: dict[str, float] = field(default_factory=dict)

    def metrics(self) -> dict[str, Any]:
        """A summary of each metric by its path, as details.json has them."""
        return {path: self._summary(path, values) for path, values in self.by_seed.items()}

    def _summary(self, path: str, values: Mapping[Seed, float]) -> dict[str, Any]:
        scores = np.array(list(values.values()))
        within = range_for(path, scores)
        overlap = self.overlaps.get(path, 0.0)
        if not overlap:
            return dict(summary(scores, within))
        tested = paired_test(scores, overlap, within)
        return {key: value for key, value in tested.items() if key != "p_value"}


def range_for(path: str, *groups: Iterable[float]) -> Range:
    """The range of a metric by its name; any number where the name or the values are others'.

    Args:
        path: of the metric.
        groups: values of it; a share in per cent is not between 0 and 1.
    """
    try:
        within = range_of(path)
    except LookupError:
        return ANY
    inside = (within.least <= value <= within.most for values in groups for value in values)
    return within if all(inside) else ANY


def is_scores(place: Path) -> bool:
    """Whether a place is a table of scores, or a folder of MLflow or DVCLive."""
    if place.is_file():
        return True
    return place.is_dir() and bool(_mlflow_runs(place) or _dvclive_runs(place))


def read_scores(place: Path) -> Scores:
    """The scores at a place.

    A table is CSV, Parquet or JSON lines, by the ending of its name. It is long, with columns seed,
    metric and value, or wide, with a column per metric. Columns fold, variant, n_train and n_test
    can be there in both.

    Raises:
        DataError: there are no scores in it, no seeds, a value is no finite number, or there twice.
    """
    if place.is_file():
        reader = READERS.get(place.suffix.lower())
        if reader is None:
            raise DataError(
                f"{place}", must=f"a folder or a file {', '.join(READERS)}", got="another ending"
            )
        return _of_rows(place, *reader(place))
    runs = _mlflow_runs(place)
    values = (_mlflow_scores(run) for run in runs)
    if not runs:
        values = (_dvclive_scores(folder) for folder in _dvclive_runs(place))
    columns: dict[str, None] = {}
    rows = []
    for where, row in values:
        rows.append((where, row))
        columns |= dict.fromkeys(row)
    return _of_rows(place, list(columns), rows, gaps=True)


Rows = Iterable[tuple[str, Mapping[str, Any]]]


def _of_rows(place: Path, columns: Sequence[str], rows: Rows, gaps: bool = False) -> Scores:
    """Scores of the rows of a table.

    Args:
        place: for messages.
        columns: their names.
        rows: where each is, and its cells by column.
        gaps: whether a row may lack a column.
    """
    if SEED not in columns and FOLD not in columns:
        raise DataError(f"{place} has no column seed or fold", hint=HINT)
    if any(columns.count(name) > 1 for name in columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise DataError(f"{place} has two columns {twice}")
    long = METRIC in columns and VALUE in columns
    wide = [name for name in columns if name not in LABELS]
    if not long and not wide:
        raise DataError(f"{place} has no column of scores", hint=HINT)
    scores = Scores()
    sizes: dict[str, list[tuple[float, float]]] = {}
    for where, row in rows:
        at = f"{place}, {where}"
        given = [row[METRIC]] if long else [name for name in wide if not gaps or name in row]
        for name in given:
            path = _path(at, row, name)
            value = _number(at, VALUE if long else str(name), row[VALUE if long else name])
            values = scores.by_seed.setdefault(path, {})
            seed = _seed(at, row)
            if seed in values:
                hint = "a column variant or fold, or one row per seed"
                raise DataError(f"{at}: {path} of {_said(seed)} is there twice", hint=hint)
            values[seed] = value
            if all(size in columns for size in SIZES):
                sizes.setdefault(path, []).append(_sizes(at, row))
    if not scores.by_seed:
        raise DataError(f"{place} has no row of scores", hint=HINT)
    for path, found in sizes.items():
        n_train, n_test = (sum(one) for one in zip(*found, strict=True))
        scores.overlaps[path] = n_test / n_train
    if not sizes and FOLD in columns:
        scores.overlaps = {path: _of_folds(values) for path, values in scores.by_seed.items()}
    return scores


def _of_folds(values: Mapping[Seed, float]) -> float:
    """n_test / n_train of k folds, 1 / (k - 1); 0 for one fold."""
    k = len({fold for _, fold in values})
    return 1 / (k - 1) if k > 1 else 0.0


def _path(at: str, row: Mapping[str, Any], name: Any) -> str:
    variant = str("" if row.get(VARIANT) is None else row[VARIANT])
    if not str("" if name is None else name):
        raise DataError(f"{at}: the metric has no name")
    return f"{variant}.{name}" if variant else str(name)


def _seed(at: str, row: Mapping[str, Any]) -> Seed:
    found = []
    for column in (SEED, FOLD):
        cell = row.get(column)
        if column in row and (cell is None or not str(cell).strip() or cell != cell):
            raise DataError(f"{at}: there is no {column}")
        if column in row:
            found.append(_label(cell))
    return tuple(found) if FOLD in row and SEED in row else (0, *found) if FOLD in row else found[0]


def _label(cell: Any) -> int | str:
    """A whole number where it is one, so that 3, 3.0 and "3" are one seed."""
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if isfinite(number) and number == int(number) else text


def _said(seed: Seed) -> str:
    return f"seed {seed[0]}, fold {seed[1]}" if isinstance(seed, tuple) else f"seed {seed}"


def _number(at: str, column: str, cell: Any) -> float:
    try:
        number = float("nan" if isinstance(cell, bool) else cell)
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        got = "nothing" if cell is None or cell == "" else str(cell)
        raise DataError(f"{at}, {column}", must="a finite number", got=got)
    return number


def _sizes(at: str, row: Mapping[str, Any]) -> tuple[float, float]:
    found = [_number(at, column, row[column]) for column in SIZES]
    if min(found) <= 0:
        raise DataError(f"{at}, n_train and n_test", must="above 0", got=f"{min(found):g}")
    return found[0], found[1]


def _read_csv(path: Path) -> tuple[list[str], list[tuple[str, dict[str, Any]]]]:
    rows = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            columns = [name.strip() for name in next(reader, [])]
            for cells in reader:
                if cells and len(cells) != len(columns):
                    raise DataError(
                        f"{path}, line {reader.line_num}",
                        must=f"{len(columns)} cells",
                        got=str(len(cells)),
                    )
                if cells:
                    rows.append((f"line {reader.line_num}", dict(zip(columns, cells, strict=True))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a table in UTF-8 ({error})") from None
    if not columns:
        raise DataError(f"{path} is empty", hint=HINT)
    return columns, rows


def _read_parquet(path: Path) -> tuple[list[str], list[tuple[str, dict[str, Any]]]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is not a Parquet file ({str(error).splitlines()[0]})") from None
    return list(table.column_names), [(f"row {i + 1}", row) for i, row in enumerate(rows)]


def _read_lines(path: Path) -> tuple[list[str], list[tuple[str, dict[str, Any]]]]:
    rows: list[tuple[str, dict[str, Any]]] = []
    columns: dict[str, None] = {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8 ({error})") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(f"{path}, line {number}", must="a JSON object") from None
        if not isinstance(row, dict) or (rows and row.keys() != columns.keys()):
            must = f"a JSON object of {', '.join(columns)}" if rows else "a JSON object"
            raise DataError(f"{path}, line {number}", must=must, got="another value")
        columns |= dict.fromkeys(row)
        rows.append((f"line {number}", row))
    if not rows:
        raise DataError(f"{path} is empty", hint=HINT)
    return list(columns), rows


Reader = Callable[[Path], tuple[list[str], list[tuple[str, dict[str, Any]]]]]
READERS: Mapping[str, Reader] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
}


def _mlflow_runs(place: Path) -> list[Path]:
    """The folder of a run of MLflow's file store, or the runs of an experiment that aren't deleted.

    Of a run that others name as their parent, these.
    """
    if not (place / "meta.yaml").is_file():
        return []
    if not (place / "metrics").is_dir():
        found = (path.parent for path in sorted(place.glob("*/meta.yaml")))
        return [run for run in found if (run / "metrics").is_dir() and not _deleted(run)]
    children = [
        tag.parent.parent
        for tag in sorted(place.parent.glob("*/tags/mlflow.parentRunId"))
        if tag.read_text(encoding="utf-8").strip() == place.name and not _deleted(tag.parent.parent)
    ]
    return children or [place]


def _deleted(run: Path) -> bool:
    return "lifecycle_stage: deleted" in (run / "meta.yaml").read_text(encoding="utf-8")


def _mlflow_scores(run: Path) -> tuple[str, dict[str, Any]]:
    """The last value of each metric of a run, its seed and the numbers of its rows."""
    where = f"run {run.name}"
    row: dict[str, Any] = {}
    for name in (*SEED_PARAMETERS, *SIZES):
        path = run / "params" / name
        if path.is_file():
            row[SEED if name in SEED_PARAMETERS else name] = path.read_text(encoding="utf-8")
    for path in sorted((run / "metrics").rglob("*")):
        if path.is_file():
            name = path.relative_to(run / "metrics").as_posix().replace("/", ".")
            row[name] = _last_value(path)
    if SEED not in row:
        raise DataError(f"{run} has no seed", hint="a parameter seed for each run of MLflow")
    return where, row


def _last_value(path: Path) -> str:
    """Of the largest step, in lines of ``time value step``."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    try:
        steps = [(int(line[2]), i, line[1]) for i, line in enumerate(lines) if line]
    except (IndexError, ValueError):
        steps = []
    if not steps:
        raise DataError(f"{path}", must="lines of time, value and step")
    return max(steps)[2]


def _dvclive_runs(place: Path) -> list[Path]:
    """The folder itself or those in it that DVCLive wrote; none where there are runs of ours."""
    every = [place, *sorted(path for path in place.iterdir() if path.is_dir())]
    if any((folder / name).exists() for folder in every for name in OURS):
        return []
    found = [folder for folder in every if (folder / "metrics.json").is_file()]
    return found[:1] if found[:1] == [place] else found


def _dvclive_scores(folder: Path) -> tuple[str, dict[str, Any]]:
    """The numbers of metrics.json, and the seed: a parameter, or the number that ends the name."""
    try:
        metrics = read_json(folder / "metrics.json")
    except ValueError:
        metrics = None
    if not isinstance(metrics, Mapping):
        raise DataError(f"{folder / 'metrics.json'}", must="a JSON object")
    row = {path: value for path, value in flat(metrics).items() if path != "step"}
    row = {path: value for path, value in row.items() if value is None or _is_score(value)}
    params = folder / "params.yaml"
    known = flat(read_yaml(params).values) if params.is_file() else {}
    labels = {path.rpartition(".")[2]: value for path, value in known.items()}
    row |= {name: labels[name] for name in SIZES if is_number(labels.get(name))}
    ending = re.search(r"\d+$", folder.resolve().name)
    seeds = [labels[name] for name in SEED_PARAMETERS if name in labels]
    if not seeds and ending is None:
        raise DataError(
            f"{folder} has no seed", hint="a parameter seed, or a name that ends in a number"
        )
    return folder.name, row | {SEED: seeds[0] if seeds else str(ending and ending[0])}


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
