"""What an experiment is: the interface between the command line and the methods of the notes.

An experiment is a package ``mlcli.experiments.<name>`` with the same parts in each:

- ``about.py``: its `About`, which imports nothing heavy;
- ``config.py``: the pydantic model of its section of params.yaml;
- ``__init__.py``: its `Experiment`, whose methods import the rest when they are called;
- ``run.py``, ``display.py``, ``figures.py`` and what else it needs.

Everything that the program knows of an experiment, it knows from these two classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from mlcli.errors import InputError
from mlcli.result import Checkpoint, Display, Progress, Result, in_silence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.explore import Explorable
    from mlcli.experiments.wording import Printed
    from mlcli.neural.data_parallel import ProcessGroup
    from mlcli.scale.workers import Workers

C = TypeVar("C")

MOST_METRICS = 24
VALIDATION, TEST, OTHER = "validation", "test", "other"


@dataclass(frozen=True)
class Caption:
    """A figure's place in the notes, a text for readers who can't see it, and its caption."""

    place: str
    alt: str
    text: str


@dataclass(frozen=True)
class Headline:
    """A metric by which runs are ranked.

    Attributes:
        name: a path in the metrics, or the last key of one.
        largest: whether more is better.
        rows: what it is measured on: `VALIDATION` rows, `TEST` rows, or something else.
    """

    name: str
    largest: bool
    rows: str


@dataclass(frozen=True)
class Curve:
    """Columns of a table of a run that are a curve when runs are compared.

    Attributes:
        file: the name of the table.
        x, y: columns.
        low, high: columns of the band; left out, y with _ci_low and _ci_high behind it.
        by: columns whose values tell apart the curves of one table.
        log_x, log_y: which axes are logarithmic.
    """

    file: str
    x: str
    y: str
    low: str = ""
    high: str = ""
    by: tuple[str, ...] = ()
    log_x: bool = False
    log_y: bool = False

    @property
    def band(self) -> tuple[str, str]:
        """The columns of the band."""
        return self.low or f"{self.y}_ci_low", self.high or f"{self.y}_ci_high"


@dataclass(frozen=True)
class About:
    """What is known of an experiment without running it.

    Attributes:
        section: its section of params.yaml, and its package; ``train_mlp`` is ``mlcli train-mlp``.
        summary: the first sentence of its help.
        example: a command line, for the end of its help.
        flags: the parameters of its own that ``--help`` shows; ``--help-all`` shows every one.
        takes: the data that it takes: rows whose target is ``numbers`` or ``classes``, ``both``, as
            its parameters have it, or ``images`` with classes.
        by_intervals: whether another processor changes its digits, so that `mlcli verify` compares
            its means there by their intervals: trainings; polynomials of degree 300 or past the
            interpolation threshold, whose small singular values are rounding errors; a nearest
            neighbour, where a tie goes either way.
        title, question: the heading and the first paragraph of its part of the report.
        figures: name -> caption, in the order of the report.
        story: the figure that the report shows first and large; by default the first of `figures`.
        tables: names of its CSV files, without the ending.
        others: further files of a run, such as those of its model.
        metrics: paths in details.json of the numbers in metrics.json, with ``*`` for any text: what
            is compared across revisions of a project. At most `MOST_METRICS` of a run are taken.
        headlines: metrics by which a sweep ranks its runs; the first that every run has is taken.
        shown: metrics that a list of runs shows where a run has no headline.
        curves: what is drawn when its runs are compared.
        predicts: whether `mlcli predict` can use its model.
        resumes: whether an interrupted run is continued.
        one_program: whether all its work is one program, so that a cluster has nothing to do.
        torchrun: whether several processes can train together.
        devices: where it computes, besides ``auto``.
        panel: the part of `mlcli --help` in which it is listed.
    """

    section: str
    summary: str
    example: str
    takes: Literal["numbers", "classes", "both", "images"]
    by_intervals: bool = False
    flags: tuple[str, ...] = ()
    title: str = ""
    question: str = ""
    figures: Mapping[str, Caption] = field(default_factory=dict)
    story: str = ""
    tables: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    shown: tuple[Headline, ...] = ()
    curves: tuple[Curve, ...] = ()
    predicts: bool = False
    resumes: bool = False
    one_program: bool = False
    torchrun: bool = False
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")
    panel: str = "Experiments"

    @property
    def command(self) -> str:
        """Its name on the command line."""
        return self.section.replace("_", "-")

    @property
    def files(self) -> tuple[str, ...]:
        """The files of a run that its result decides, without figures and manifest."""
        tables = (f"tables/{name}.csv" for name in self.tables)
        return ("metrics.json", "details.json", "seeds.csv", *tables, *self.others)


@dataclass(frozen=True)
class Prepared(Generic[C]):
    """A checked config with its data: what `Experiment.prepare` returns and `run` uses.

    An experiment that builds more before its work, such as the split rows, has a subclass.

    Attributes:
        config: validated parameters.
        source: where the data of each seed come from.
    """

    config: C
    source: Source


P = TypeVar("P", bound=Prepared[Any])


@dataclass(frozen=True)
class Context:
    """How a run is carried out. Nothing here changes a number.

    Attributes:
        workers: who does the independent work.
        progress: told how much is done.
        checkpoint: where an interrupted run is kept; None: nowhere.
        group: the processes that train together, of which this is the first; None: this one alone.
    """

    workers: Workers
    progress: Progress = in_silence
    checkpoint: Checkpoint | None = None
    group: ProcessGroup | None = None


class Experiment(ABC, Generic[C, P]):
    """One experiment of the notes.

    The methods import what they need when they are called, so that listing experiments is fast.
    """

    about: ClassVar[About]

    @abstractmethod
    def prepare(self, config: C, source: Source) -> P:
        """Check everything that can be checked before the work, and build what the work uses.

        Raises:
            InputError: the parameters or the data won't do.
        """

    @abstractmethod
    def plan(self, prepared: P) -> Mapping[str, Any]:
        """The size of the work, for ``--dry-run``."""

    @abstractmethod
    def run(self, prepared: P, context: Context) -> Result:
        """Run the experiment.

        Raises:
            NoAnswerError: there is no valid answer.
        """

    @abstractmethod
    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        """The metrics as tables for the terminal and the report.

        The remark of each says what to see in it, computed from its numbers.
        """

    @abstractmethod
    def draw(self, folder: Path) -> dict[str, Figure]:
        """Every figure by name, drawn from the tables of a run folder."""

    def explore(self, folder: Path) -> list[Explorable]:
        """What a reader of the report can move, from the tables of a run folder; by default none.

        A run without the tables or columns that one needs has it not.
        """
        return []

    def compare(self, metrics: Mapping[str, Any]) -> list[Printed]:
        """Numbers that the notes print, beside those of a run; by default none."""
        return []

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        """What to try next after a run, without ``mlcli`` before it, from its numbers.

        The data that were given by flags are added where that command takes them.
        """
        return ""

    def display_timings(self, timings: Mapping[str, Any]) -> list[Display]:
        """Tables of the seconds that the work took; by default none."""
        return []

    def check_answer(self, prepared: P) -> None:
        """Raise `NoAnswerError` where it is cheap to see that there is no answer."""

    def follow(self, prepared: P, group: ProcessGroup) -> None:
        """Take part in `run` as any but the first process of a group."""
        raise NotImplementedError(f"{self.about.command} runs in one process")


def check_device(about: About, device: str) -> None:
    """Refuse a device on which an experiment does not compute.

    Raises:
        InputError: naming those on which it does.
    """
    if device != "auto" and device not in about.devices:
        must = " or ".join(("auto", *about.devices))
        raise InputError("--device", must=f"{must} for {about.command}, which is NumPy", got=device)
