"""What an experiment hands back: numbers and tables, nothing drawn, printed or written yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

Metrics = dict[str, Any]
Columns = Mapping[str, "Sequence[Any] | np.ndarray"]


@dataclass(frozen=True)
class Result:
    """The outcome of a run.

    Attributes:
        metrics: nested scalars; becomes metrics.json.
        tables: name -> columns of equal length; each becomes a CSV file.
        model_tables: the same, below model/.
        model_arrays: name -> array; each becomes an NPY file below model/.
        model_info: what is needed to use the arrays again; becomes model/model.json.
        determinism: how the bytes are held equal, for the manifest.
        warnings: sentences for stderr.
    """

    metrics: Metrics
    tables: Mapping[str, Columns]
    model_tables: Mapping[str, Columns] = field(default_factory=dict)
    model_arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    model_info: Mapping[str, Any] = field(default_factory=dict)
    determinism: str = ""
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Display:
    """A table for the console: a title, headings, rows of text, and a remark below."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""


class Progress(Protocol):
    """Told how much of the work is done."""

    def __call__(self, done: int, total: int) -> None: ...
