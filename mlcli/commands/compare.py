"""`mlcli compare`: runs, revisions, experiments and other programs' scores side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mlcli import console
from mlcli.errors import ConfigError, GateError
from mlcli.result import Display

if TYPE_CHECKING:
    from mlcli.report.comparison import Chapter
    from mlcli.review.decisions import Decision
    from mlcli.review.runs import Run

app = typer.Typer(add_completion=False)
# Rows of a table at a terminal; --all and --json have every one.
MOST_ROWS = 40
LABELS = ascii_uppercase


Places = Annotated[
    list[str],
    typer.Argument(
        help="Two or more of: a run folder, a folder of runs, REV or REV:folder of git, the "
        "name of a DVC experiment, or scores of another program (a table, a folder of MLflow "
        "or DVCLive). FOLDER:variant or FILE:variant is one variant of it.",
        metavar="A B...",
    ),
]
Page = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Write a page with curves overlaid: a file.html, or a folder for index.html.",
        metavar="DIR|FILE",
    ),
]
Worse = Annotated[
    str | None,
    typer.Option(
        "--fail-if-worse",
        help="Exit 3 if one of these metrics is worse than in the first; METRIC=MARGIN for a "
        "margin of its own.",
        metavar="METRIC,...",
    ),
]
Margin = Annotated[
    float | None,
    typer.Option("--margin", help="A loss up to this is not worse (default: 0)."),
]
Undecided = Annotated[
    Literal["pass", "fail"] | None,
    typer.Option("--undecided", help="Whether an undecided metric passes (default: pass)."),
]
Best = Annotated[
    Literal["largest", "smallest"] | None,
    typer.Option("--best", help="The better end, where a metric's name does not tell."),
]
JUnit = Annotated[
    Path | None,
    typer.Option("--junit", help="Write the verdicts as a JUnit file.", metavar="FILE"),
]
Unpaired = Annotated[
    bool,
    typer.Option("--unpaired", help="Seeds of the same number have nothing in common."),
]


@app.command()
def compare(
    places: Places,
    every: Annotated[
        bool, typer.Option("--all", help="Show every metric, also those that are equal.")
    ] = False,
    out: Page = None,
    worse: Worse = None,
    margin: Margin = None,
    undecided: Undecided = None,
    best: Best = None,
    junit: JUnit = None,
    unpaired: Unpaired = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Compare runs: settings, metrics with tests, curves.

    Each run is compared with the first, command by command; where each place has one run, those of
    several commands too. Where both have the same data, seeds and splits, and a table of the run
    holds the value of each seed, the test is paired; otherwise it is Welch's, and the reason is
    given. Holm's adjustment allows for all tests of a command.

    A table of another program has columns seed,metric,value, or seed and a column per metric; and
    variant, fold, n_train, n_test where there are some. It is CSV, Parquet or JSON lines.

    --fail-if-worse gives each metric a verdict by the interval of its difference: worse if all of
    it is beyond the margin, not worse if none of it is, else undecided. Of k verdicts each interval
    has level 1 - 0.05/k. Exit 3 is for worse alone, unless --undecided fail.

    --json prints {comparisons: [{command, runs: [{name, run, seeds}], config, data, versions,
    tests: [{test, why, overlaps}], metrics: {path: {values, differences: [{mean, ci_low, ci_high,
    p_value, p_holm, test}]}}}], verdicts: [{command, run, metric, better, verdict, difference,
    ci_low, ci_high, confidence, p_value, margin, n, test, seeds_needed, reason}]}. config, data and
    versions have a list of values for each key that differs. Lists have one entry a run; tests and
    differences one for each run but the first.

    Example: mlcli compare HEAD~1 reports --fail-if-worse train_cnn.test_accuracy
    """
    from mlcli.review import decisions
    from mlcli.review.compare import compare as compare_runs
    from mlcli.review.compare import matched
    from mlcli.review.runs import open_place
    from mlcli.run.files import strict

    if as_json and as_markdown:
        raise ConfigError("--json and --markdown can't both be given", hint="one of them")
    others = {"--margin": margin, "--undecided": undecided, "--best": best, "--junit": junit}
    names = _names(worse, others)
    margins = {} if worse is None else decisions.margins_of(names, margin)
    _check(places, out, junit)
    with ExitStack() as stack:
        groups, left_out = matched([open_place(place, stack) for place in places])
        found = [compare_runs(runs, unpaired) for runs in groups]
        verdicts = decisions.decide(groups, margins, best, unpaired) if margins else []
        if out is not None:
            chapters = [_chapter(*pair, every) for pair in zip(groups, found, strict=True)]
            _write(chapters, verdicts, out, quiet)
    if junit is not None:
        _write_junit(verdicts, junit, undecided == "fail")
    if as_json:
        listed = {"verdicts": [decisions.as_json(one) for one in verdicts]} if margins else {}
        console.print_json(strict({"comparisons": found} | listed))
    else:
        for one in found:
            _show(one, every, as_markdown)
        _show_verdicts(_verdicts(verdicts), as_markdown)
    if left_out and not quiet:
        commands = ", ".join(section.replace("_", "-") for section in left_out)
        console.message(f"note: not in every place, so left out: {commands}")
    _judge(verdicts, undecided == "fail", quiet)


def _names(worse: str | None, others: Mapping[str, Any]) -> list[str]:
    """The metrics of --fail-if-worse, without which some flags have no meaning."""
    from mlcli.lists import split_names

    given = [flag for flag, value in others.items() if value is not None]
    if worse is None and given:
        raise ConfigError(f"{given[0]} has no meaning without --fail-if-worse METRIC")
    try:
        return split_names(worse or "")
    except ValueError as error:
        raise ConfigError(f"--fail-if-worse {error}") from None


def _judge(verdicts: Sequence[Decision], undecided_fails: bool, quiet: bool) -> None:
    """Say what is undecided; raise an error for what is worse."""
    from mlcli.review.decisions import UNDECIDED, WORSE, sentence

    worse = [one for one in verdicts if one.verdict == WORSE]
    unclear = [one for one in verdicts if one.verdict == UNDECIDED]
    failed = worse + (unclear if undecided_fails else [])
    for one in [] if quiet else unclear:
        if not failed or one is not failed[0]:
            passes = "" if undecided_fails else " (passes: --undecided fail would not)"
            console.message(f"note: {sentence(one)}{passes}")
    if failed:
        kind = "worse or undecided" if undecided_fails else "worse"
        raise GateError(f"{len(failed)} of {len(verdicts)} metrics {kind}: {sentence(failed[0])}")


def _write_junit(verdicts: Sequence[Decision], junit: Path, undecided_fails: bool) -> None:
    from mlcli.review.decisions import junit_cases
    from mlcli.review.gates import junit_file
    from mlcli.run.files import replace_text

    replace_text(junit, junit_file("mlcli compare", junit_cases(verdicts, undecided_fails)))


def _verdicts(verdicts: Sequence[Decision]) -> list[Display]:
    """One row per verdict; no table where there is none."""
    from mlcli.review.decisions import level

    if not verdicts:
        return []
    several = len({one.name for one in verdicts}) > 1
    rows = []
    for one in verdicts:
        interval = "" if one.low is None else f"{one.low:.4g} to {one.high:.4g}"
        rows.append(
            [
                one.verdict,
                f"{one.metric} of {one.name}" if several else one.metric,
                "" if one.difference is None else f"{one.difference:.4g}",
                interval,
                f"{one.margin:g}",
                "" if one.p_value is None else f"{one.p_value:.2g}",
                " and ".join(map(str, dict.fromkeys(one.n))),
                one.test or "",
                "" if one.seeds is None else str(one.seeds),
                one.reason,
            ]
        )
    headings = ["verdict", "metric", "difference", f"{level(verdicts[0].confidence)} interval"]
    headings += ["margin", "p", "seeds", "test", "seeds that decide", "why"]
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    remark = (
        "p is of a true difference of just the margin. So many seeds per run decide with"
        " probability 0.8 if difference and spread stay as they are."
    )
    return [Display("verdicts", headings, rows, remark)]


def _check(places: Sequence[str], out: Path | None, junit: Path | None) -> None:
    """Refuse, before any work, too few places and files that can't be written."""
    from mlcli.report.comparison import page_of
    from mlcli.run.folder import check_file

    if not 2 <= len(places) <= len(LABELS):
        raise ConfigError("places", must="2 or more (up to 26)", got=str(len(places)))
    if out is not None:
        check_file(page_of(out), "--out")
    if junit is not None:
        check_file(junit, "--junit")


def _write(
    chapters: Sequence[Chapter], verdicts: Sequence[Decision], out: Path, quiet: bool
) -> None:
    from mlcli.report.comparison import page_of, write_page

    page = page_of(out)
    write_page(chapters, page, _verdicts(verdicts))
    if not quiet:
        console.message(f"written to {page}")


def _chapter(runs: Sequence[Run], found: Mapping[str, Any], every: bool) -> Chapter:
    from mlcli.report.comparison import Chapter
    from mlcli.report.figures import overlaid

    labelled = [(LABELS[i], run) for i, run in enumerate(runs)]
    folders = [(label, run.folder) for label, run in labelled]
    one_command = len({run.command for run in runs}) == 1 and not runs[0].is_foreign
    return Chapter(
        command=str(found["command"]),
        runs=[(label, run.name) for label, run in labelled],
        tables=_displays(found, every, None),
        notes=_reasons(found),
        figures=overlaid(runs[0].section, folders) if one_command else [],
    )


def _show(found: Mapping[str, Any], every: bool, as_markdown: bool) -> None:
    names = ", ".join(f"{LABELS[i]} = {run['name']}" for i, run in enumerate(found["runs"]))
    title = f"{found['command']}: {names}"
    displays = _displays(found, every, None if every else MOST_ROWS)
    if as_markdown:
        from mlcli.report.markdown import comparison

        console.print_text(comparison(title, displays, _reasons(found)) + "\n")
        return
    console.print_text(f"{title}\n")
    console.print_displays(displays)
    for reason in _reasons(found):
        console.print_text(f"{reason}\n")


def _show_verdicts(displays: Sequence[Display], as_markdown: bool) -> None:
    if as_markdown and displays:
        from mlcli.report.markdown import comparison

        console.print_text(comparison("verdicts", displays, []) + "\n")
        return
    console.print_displays(displays)


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
    if difference["test"] and low == high is not None:
        p[0] = "no spread"
    return [f"{difference['mean']:.4g}", interval, *p, difference["test"] or ""]
