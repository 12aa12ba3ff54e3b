"""Result -> the files of a run folder: same numbers, same bytes, no clock, no host.

Another processor's last digits differ. The metrics and tables of a run are therefore written with
`DIGITS` significant digits, so that most of their bytes are the same there. What is below model/
keeps every digit: a prediction from it equals the run's own, and certified coefficients have more
digits than that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import MOST_METRICS
from mlcli.partials import replacing_file
from mlcli.result import Columns, Result
from mlcli.run.details import is_number, is_summary, quantities

if TYPE_CHECKING:
    import numpy as np

METRICS, DETAILS, SEEDS = "metrics.json", "details.json", "seeds.csv"
DIGITS = 10
# Of a column's spread; it matters where all values begin with the same digits, as dates do.
SPREAD_DIGITS = 7
# A spread below this share of the values is what rounding left.
NO_SPREAD = 1e-13


def headline_numbers(details: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The numbers of details.json that metrics.json repeats: path -> number, or mean of a summary.

    Args:
        details: nested numbers.
        paths: of the numbers, with ``*`` for any text, the most important first.
    """
    known = quantities(details)
    found: dict[str, Any] = {}
    for pattern in paths:
        for path, value in known.items():
            number = value["mean"] if is_summary(value) else value
            if is_number(number) and fnmatchcase(path, pattern):
                found.setdefault(path, number)
    return dict(list(found.items())[:MOST_METRICS])


def seed_columns(metrics: Mapping[str, Any], n_seeds: int) -> dict[str, list[Any]]:
    """One row per variant, metric and seed: the values behind each mean over the seeds.

    Args:
        metrics: nested, with `mlcli.result.Summary` where there is one.
        n_seeds: how many values such a summary has.
    """
    columns: dict[str, list[Any]] = {"variant": [], "metric": [], "seed": [], "value": []}
    for path, one in quantities(metrics).items():
        values = getattr(one, "values_by_seed", ())
        if len(values) == n_seeds:
            variant, _, metric = path.rpartition(".")
            columns["variant"] += [variant] * n_seeds
            columns["metric"] += [metric] * n_seeds
            columns["seed"] += range(n_seeds)
            columns["value"] += values
    return columns


def rounded(value: Any) -> Any:
    """The same tree with every float rounded to `DIGITS` significant digits, and no -0.0."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, bool | int | float | str):
        value = value.item()
    return _round(value, DIGITS)


def rounded_columns(columns: Columns) -> dict[str, list[Any]]:
    """The same columns with every float rounded to `DIGITS` significant digits, and no -0.0.

    Where the values of a column differ by less than a thousandth of their size, `SPREAD_DIGITS`
    digits of what tells them apart are kept instead.
    """
    found = {}
    for name, values in columns.items():
        plain = _plain(values)
        digits = _digits([value for value in plain if isinstance(value, float)])
        found[name] = [_round(value, digits) for value in plain]
    return found


def _digits(values: list[float]) -> int:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return DIGITS
    low, high = min(finite), max(finite)
    size = max(abs(low), abs(high))
    if not NO_SPREAD * size < high - low < 10.0 ** (SPREAD_DIGITS - DIGITS) * size:
        return DIGITS
    return min(17, SPREAD_DIGITS + math.ceil(math.log10(size / (high - low))))


def _round(value: Any, digits: int) -> Any:
    return float(f"{value:.{digits}g}") + 0.0 if isinstance(value, float) else value


def strict(value: Any) -> Any:
    """The same value with every NaN and infinity as null, since JSON has neither."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, bool | int | float | str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(value: Any) -> str:
    """Sorted keys, two spaces, shortest digits that read back the same."""
    return json.dumps(strict(value), indent=2, sort_keys=True, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Text with line feeds on every system, since DVC hashes raw bytes."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """A file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def replace_text(path: Path, text: str) -> None:
    """A text file that appears whole or not at all, instead of one that may be there."""
    replace_bytes(path, text.encode("utf-8"))


def replace_bytes(path: Path, content: bytes) -> None:
    """A file that appears whole or not at all, instead of one that may be there."""
    with replacing_file(path) as partial:
        write_bytes(partial, content)


def safetensors_bytes(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Arrays by name in the safetensors format, which holds numbers only and no clock."""
    import numpy as np
    from safetensors.numpy import save

    ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    return save(ordered)


def yaml_text(sections: Mapping[str, Any]) -> str:
    """Sections of a params file, as YAML 1.2."""
    from ruamel.yaml import YAML

    writer, text = YAML(), StringIO()
    writer.default_flow_style = False
    writer.dump({name: strict(values) for name, values in sections.items()}, text)
    return text.getvalue()


def csv_text(columns: Columns) -> str:
    """Comma-separated columns with a heading; floats in the fewest digits that read back."""
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns must be of one length, got {sorted(lengths)}")
    lines = [",".join(_cell(name) for name in columns)]
    cells = [[_cell(value) for value in _plain(values)] for values in columns.values()]
    lines += [",".join(row) for row in zip(*cells, strict=True)]
    return "\n".join(lines) + "\n"


def _plain(values: Any) -> list[Any]:
    """Python's own numbers, whose repr has no type in it."""
    listed = values.tolist() if hasattr(values, "tolist") else values
    return [value.item() if hasattr(value, "item") else value for value in listed]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    text = "" if value is None else str(value)
    if any(mark in text for mark in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_result(result: Result, folder: Path, paths: Sequence[str] = (), n_seeds: int = 1) -> None:
    """Metrics and tables, rounded, and the model as it is. Arrays go to NPY, without a pickle.

    Args:
        result: of a run.
        folder: of the run.
        paths: of the headline numbers, see `mlcli.experiments.experiment.About.metrics`.
        n_seeds: of the run; a summary of as many values has a row per seed in seeds.csv.
    """
    details = rounded(result.metrics)
    write_text(folder / METRICS, json_text(headline_numbers(details, paths)))
    write_text(folder / DETAILS, json_text(details))
    write_text(folder / SEEDS, csv_text(rounded_columns(seed_columns(result.metrics, n_seeds))))
    for name, columns in result.tables.items():
        write_text(folder / "tables" / f"{name}.csv", csv_text(rounded_columns(columns)))
    for name, columns in result.model_tables.items():
        write_text(folder / "model" / f"{name}.csv", csv_text(columns))
    for name, array in result.model_arrays.items():
        import numpy as np

        # Into memory first: NumPy's own writing does not say that a disk is full.
        content = BytesIO()
        np.save(content, array, allow_pickle=False)
        write_bytes(folder / "model" / f"{name}.npy", content.getvalue())
    for name, tensors in result.model_tensors.items():
        write_bytes(folder / "model" / f"{name}.safetensors", safetensors_bytes(tensors))
    for name, section in result.sections.items():
        write_text(folder / f"{name}.yaml", yaml_text(section))
    if result.model_info:
        write_text(folder / "model" / "model.json", json_text(result.model_info))
