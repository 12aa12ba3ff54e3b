"""`mlcli compare`: runs, revisions and experiments side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli import console
from mlcli.errors import ConfigError
from mlcli.result import Display

if TYPE_CHECKING:
    from mlcli.report.comparison import Chapter
    from mlcli.review.runs import Run

app = typer.Typer(add_completion=False)
# Rows of a table at a terminal; --all and --json have every one.
MOST_ROWS = 40
LABELS = ascii_uppercase


@app.command()
def compare(
    places: Annotated[
        list[str],
        typer.Argument(
            help="Two or more of: a run folder, a folder of runs, REV or REV:folder of git, or the "
            "name of a DVC experiment.",
            metavar="A B...",
        ),
    ],
    every: Annotated[
        bool, typer.Option("--all", help="Show every metric, also those that are equal.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write a page with curves overlaid: a file.html, or a folder for index.html.",
            metavar="DIR|FILE",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Compare runs: settings, metrics with tests, curves.

    Each run is compared with the first, command by command. Where both have the same data, seeds
    and splits, and a table of the run holds the value of each seed, the test is paired; otherwise
    it is Welch's, and the reason is given. Holm's adjustment allows for all tests of a command.

    --json prints {comparisons: [{command, runs: [{name, run, seeds}], config, data, versions,
    tests: [{test, why, overlaps}], metrics: {path: {values, differences: [{mean, ci_low, ci_high,
    p_value, p_holm, test}]}}}]}. config, data and versions have a list of values for each key that
    differs. Lists have one entry a run; tests and differences one for each run but the first.

    Example: mlcli compare HEAD~1 reports --out comparison.html
    """
    from mlcli.review.compare import compare as compare_runs
    from mlcli.review.compare import matched
    from mlcli.review.runs import open_place
    from mlcli.run.files import strict

    _check(places, out)
    with ExitStack() as stack:
        groups, left_out = matched([open_place(place, stack) for place in places])
        comparisons = [compare_runs(runs) for runs in groups]
        if out is not None:
            chapters = [
                _chapter(runs, found, every)
                for runs, found in zip(groups, comparisons, strict=True)
            ]
            _write(chapters, out, quiet)
    if as_json:
        console.print_json(strict({"comparisons": comparisons}))
    else:
        for found in comparisons:
            _show(found, every)
    if left_out and not quiet:
        names = ", ".join(section.replace("_", "-") for section in left_out)
        console.message(f"note: not in every place, so left out: {names}")


def _check(places: Sequence[str], out: Path | None) -> None:
    """Refuse, before any work, too few places and a page that can't be written."""
    from mlcli.report.comparison import page_of
    from mlcli.run.folder import check_file

    if not 2 <= len(places) <= len(LABELS):
        raise ConfigError("places", must="2 or more (up to 26)", got=str(len(places)))
    if out is not None:
        check_file(page_of(out), "--out")


def _write(chapters: Sequence[Chapter], out: Path, quiet: bool) -> None:
    from mlcli.report.comparison import page_of, write_page

    page = page_of(out)
    write_page(chapters, page)
    if not quiet:
        console.message(f"written to {page}")


def _chapter(runs: Sequence[Run], found: Mapping[str, Any], every: bool) -> Chapter:
    from mlcli.report.comparison import Chapter
    from mlcli.report.figures import overlaid

    labelled = [(LABELS[i], run) for i, run in enumerate(runs)]
    return Chapter(
        command=str(found["command"]),
        runs=[(label, run.name) for label, run in labelled],
        tables=_displays(found, every, None),
        notes=_reasons(found),
        figures=overlaid(runs[0].section, [(label, run.folder) for label, run in labelled]),
    )


def _show(found: Mapping[str, Any], every: bool) -> None:
    names = ", ".join(f"{LABELS[i]} = {run['name']}" for i, run in enumerate(found["runs"]))
    console.print_text(f"{found['command']}: {names}\n")
    console.print_displays(_displays(found, every, None if every else MOST_ROWS))
    for reason in _reasons(found):
        console.print_text(f"{reason}\n")


def _reasons(found: Mapping[str, Any]) -> list[str]:
    """How each run was compared with the first, or that it is the same."""
    said = []
    for i, one in enumerate(found["tests"]):
        n = len(found["metrics"])
        same = f"No metric differs, of {n}."
        said.append(f"{LABELS[i + 1]} - A: {one['why'] if _n_unequal(found, i) else same}")
    return said


def _displays(found: Mapping[str, Any], every: bool, most: int | None) -> list[Display]:
    labels = [LABELS[i] for i in range(len(found["runs"]))]
    displays = []
    unequal = {
        **found["config"],
        **{f"data: {key}": values for key, values in found["data"].items()},
        **{f"version of {key}": values for key, values in found["versions"].items()},
    }
    if unequal or every:
        rows = [[key, *(_setting(value) for value in values)] for key, values in unequal.items()]
        displays.append(Display("settings that differ", ["setting", *labels], rows))
    others = range(len(labels) - 1)
    return displays + [
        _metrics(found, i, every, most) for i in others if every or _n_unequal(found, i)
    ]


def _n_unequal(found: Mapping[str, Any], i: int) -> int:
    """How many metrics of a run are not those of the first."""
    values = (entry["values"] for entry in found["metrics"].values())
    return sum(one[0] != one[i + 1] for one in values)


def _setting(value: Any) -> str:
    if value is None:
        return "-"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _metrics(found: Mapping[str, Any], i: int, every: bool, most: int | None) -> Display:
    """The metrics of one run beside those of the first."""
    other = LABELS[i + 1]
    rows = []
    for path, entry in found["metrics"].items():
        pair = entry["values"][0], entry["values"][i + 1]
        if pair[0] == pair[1] and not every:
            continue
        rows.append([path, *map(_value, pair), *_tested(entry["differences"][i])])
    # Means first: the single numbers that follow have no test.
    rows.sort(key=lambda row: row[-1] == "")
    values = [entry["values"] for entry in found["metrics"].values()]
    n_equal = sum(one[0] == one[i + 1] and one[0] is not None for one in values)
    remarks = [] if every else [f"{n_equal} metrics are equal."]
    if most is not None and len(rows) > most:
        remarks.append(f"{len(rows) - most} more rows: --all or --json.")
        rows = rows[:most]
    title = f"metrics{'' if every else ' that differ'}, A and {other}"
    headings = ["metric", "A", other, f"{other} - A", "95 % interval", "p", "p, Holm", "test"]
    return Display(title, headings, rows, " ".join(remarks))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        if value["mean"] is None:
            return "null"
        if value["ci_low"] is None:
            return f"{value['mean']:.4g}"
        return f"{value['mean']:.4g} [{value['ci_low']:.4g}, {value['ci_high']:.4g}]"
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _tested(difference: Mapping[str, Any] | None) -> list[str]:
    if difference is None:
        return [""] * 5
    low, high = difference["ci_low"], difference["ci_high"]
    interval = "" if low is None else f"{low:.4g} to {high:.4g}"
    p = ["" if (v := difference[key]) is None else f"{v:.2g}" for key in ("p_value", "p_holm")]
    return [f"{difference['mean']:.4g}", interval, *p, difference["test"] or ""]
