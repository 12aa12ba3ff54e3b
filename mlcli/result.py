"""What an experiment hands back: numbers and tables, nothing drawn, printed or written yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from mlcli.certificate import Certificate

Metrics = dict[str, Any]


class Summary(dict[str, Any]):
    """``mean, std, ci_low, ci_high, n`` of one quantity, with the value of each seed behind it.

    Attributes:
        values_by_seed: one per seed, in their order; empty where they are not known.
    """

    def __init__(self, summary: Mapping[str, Any], values: Sequence[float] = ()) -> None:
        """A mapping that JSON writes as any other."""
        super().__init__(summary)
        self.values_by_seed = tuple(values)


Columns = Mapping[str, "Sequence[Any] | np.ndarray"]


@dataclass(frozen=True)
class Result:
    """The outcome of a run.

    Attributes:
        metrics: nested scalars; becomes details.json; its headline numbers metrics.json.
        tables: name -> columns of equal length; each becomes a CSV file below tables/.
        model_tables: the same, below model/.
        model_arrays: name -> array; each becomes an NPY file below model/.
        model_tensors: name -> arrays by name; each becomes a safetensors file below model/.
        model_info: what is needed to use the arrays again; becomes model/model.json.
        sections: name -> values by section; each becomes a YAML file that `--params` reads.
        determinism: how the bytes are held equal, for the manifest.
        devices: where each part was computed and why, for the manifest; empty without a choice.
        warnings: sentences for stderr.
        certificates: solve -> one certificate per seed; summarised in metrics, table and manifest.
        unfinished: the same of work that a run may leave unfinished, such as descent for a given
            number of steps: what is not certified is a warning.
        certificate_hint: what to try where a solve has no certified answer.
        timings: seconds, which go to timings.json, outside of what is hashed.
    """

    metrics: Metrics
    tables: Mapping[str, Columns]
    model_tables: Mapping[str, Columns] = field(default_factory=dict)
    model_arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    model_tensors: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    model_info: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    determinism: str = ""
    devices: Sequence[Mapping[str, str]] = ()
    warnings: Sequence[str] = ()
    certificates: Mapping[str, Sequence[Certificate]] = field(default_factory=dict)
    unfinished: Mapping[str, Sequence[Certificate]] = field(default_factory=dict)
    certificate_hint: str | None = None
    timings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Display:
    """A table for the console: a title, headings, rows of text, and a remark below.

    The remark of a table of a run says in a sentence what to see, computed from the numbers.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""


@dataclass(frozen=True)
class Reading:
    """What is known of the work at one moment, as far as it is known.

    Attributes:
        seed: the seed that is done, as `seeds.csv` counts it.
        epoch: epochs of the training that are done.
        step: steps of the training that are done.
        loss: mean over the minibatches of the epoch and the networks that train together.
        rate: the learning rate, a mean over these networks.
        samples_per_second: rows that all of them have trained on, in each second.
    """

    seed: int | None = None
    epoch: int | None = None
    step: int | None = None
    loss: float | None = None
    rate: float | None = None
    samples_per_second: float | None = None

    @property
    def text(self) -> str:
        """Loss, rate and speed, for the progress bar."""
        parts = []
        if self.loss is not None:
            parts.append(f"loss {self.loss:.4g}")
        if self.rate is not None:
            parts.append(f"rate {self.rate:.2g}")
        if self.samples_per_second is not None:
            parts.append(f"{self.samples_per_second:,.0f} samples/s")
        return ", ".join(parts)


NOTHING_READ = Reading()


class Progress(Protocol):
    """Told how much of the work is done, with a remark and a reading where there is one."""

    def __call__(
        self, done: float, total: float, note: str = "", reading: Reading = NOTHING_READ
    ) -> None: ...


def in_silence(done: float, total: float, note: str = "", reading: Reading = NOTHING_READ) -> None:
    """A `Progress` that tells no one."""


class Checkpoint(Protocol):
    """Where long work is kept, so that the same command goes on from there."""

    def load(self) -> dict[str, np.ndarray] | None:
        """What was kept for this very run, if anything was."""

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep this instead of what was kept before."""
