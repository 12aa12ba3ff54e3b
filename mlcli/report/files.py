"""Result -> the files of a run folder: same numbers, same bytes, no clock, no host."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.partials import replacing_file
from mlcli.result import Columns, Result

if TYPE_CHECKING:
    import numpy as np


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


def write_result(result: Result, folder: Path) -> None:
    """Metrics, curves and model. Arrays go to NPY, without pickle or clock."""
    write_text(folder / "metrics.json", json_text(result.metrics))
    for name, columns in result.tables.items():
        write_text(folder / f"{name}.csv", csv_text(columns))
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
