"""`mlcli check`: gates on the metrics of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli import console
from mlcli.config.gates import EXAMPLE, Gate, GateSyntaxError, parse_gate
from mlcli.errors import ConfigError, GateError
from mlcli.result import Display

if TYPE_CHECKING:
    from mlcli.review.flaky import Flakiness
    from mlcli.review.gates import Verdict
    from mlcli.review.runs import Run

app = typer.Typer(add_completion=False)
REPORTS = Path("reports")
ASSERT = "--assert"


Folder = Annotated[
    Path,
    typer.Argument(
        help="A run folder, a folder with one run a command in it, or scores of another "
        "program, as for `mlcli compare`."
    ),
]
Asserted = Annotated[
    list[str] | None,
    typer.Option(
        ASSERT,
        help=f"A gate, instead of those of the params file; repeat for more. As '{EXAMPLE}'.",
        metavar="GATE",
    ),
]
Flaky = Annotated[
    bool,
    typer.Option("--flaky", help="Say how often each gate would fail with fresh seeds."),
]
FreshSeeds = Annotated[
    int | None,
    typer.Option(
        "--n-seeds", help="Fresh seeds for --flaky (default: as many as there are).", min=2
    ),
]


@app.command()
def check(
    folder: Folder = REPORTS,
    asserted: Asserted = None,
    params: Annotated[
        Path | None,
        typer.Option("--params", help="Read this file instead of ./params.yaml.", metavar="FILE"),
    ] = None,
    flaky: Flaky = False,
    n_seeds: FreshSeeds = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", help="Write a JUnit file too, for CI to show.", metavar="FILE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Hold metrics to gates; exit 3 if one fails.

    A gate is METRIC OP BOUND: OP is >=, >, <=, < or ==, and BOUND a number, true, false or another
    metric; or METRIC within LOW..HIGH. METRIC is section.path.in.details.json; for one run folder
    the section can be left out. A metric that is missing, null or no number fails. The gates are
    the list `gates` of the params file, unless --assert gives others.

    --flaky adds the chance that the same code fails a gate with fresh seeds, from the values of
    each seed: by bootstrap, which takes the mean of the run for the true one, and by Student's t,
    which knows that it is an estimate; and the bound at which 1 % would fail by t. Where the bound
    is a metric, that is the difference of the two.

    --json prints {passed, n_gates, n_failed, gates: [{gate, place, metric, operator, value, bound,
    margin, passed, reason}]}; a margin is how far the metric may still move. With --flaky a gate
    has n_seeds, fails_by_bootstrap, fails_by_t, bound_for_1_percent and unknown too.

    Example: mlcli check --assert 'train_mlp.init_he.test_accuracy.ci_low >= 0.97'
    """
    from mlcli.review.flaky import as_json as flaky_json
    from mlcli.review.flaky import flakiness
    from mlcli.review.gates import as_json as verdicts_json
    from mlcli.review.gates import judge
    from mlcli.review.runs import foreign_run, is_run, read_run, runs_by_section
    from mlcli.review.scores import is_scores
    from mlcli.run.files import strict

    _check_junit(junit)
    if n_seeds is not None and not flaky:
        raise ConfigError("--n-seeds has no meaning without --flaky")
    if not asserted and is_scores(folder):
        raise ConfigError(f"gates on {folder} are given by {ASSERT}", hint=f"{ASSERT} '{EXAMPLE}'")
    gates = _asserted(asserted) if asserted else _from_file(params)
    if is_run(folder) or is_scores(folder):
        run = read_run(folder) if is_run(folder) else foreign_run(folder)
        gates = gates if asserted else _of_run(gates, run, quiet)
        runs = {"": run, run.section: run}
    else:
        runs = runs_by_section(folder)
    verdicts = judge(gates, {section: run.metrics for section, run in runs.items()})
    fresh = flakiness(verdicts, runs, n_seeds) if flaky else []
    _write_junit(junit, verdicts)
    if as_json:
        printed = verdicts_json(verdicts)
        for gate, more in zip(printed["gates"], flaky_json(fresh), strict=False):
            gate |= more
        console.print_json(strict(printed))
    else:
        console.print_displays([_display(folder, verdicts), *_flaky_display(fresh)])
    failed = [one for one in verdicts if not one.passed]
    if failed:
        raise GateError(f"{len(failed)} of {len(verdicts)} gates failed: {sentence(failed[0])}")


def _check_junit(junit: Path | None) -> None:
    from mlcli.run.folder import check_file

    if junit is not None:
        check_file(junit, "--junit")


def _write_junit(junit: Path | None, verdicts: Sequence[Verdict]) -> None:
    from mlcli.review.gates import junit_text
    from mlcli.run.files import replace_text

    if junit is not None:
        replace_text(junit, junit_text(verdicts, [sentence(one) for one in verdicts]))


def _asserted(texts: Sequence[str]) -> list[tuple[Gate, str]]:
    found, faults = [], []
    for text in texts:
        try:
            found.append((parse_gate(text), ASSERT))
        except GateSyntaxError as error:
            faults.append(f"{ASSERT} {text!r}, {error}")
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def _from_file(params: Path | None) -> list[tuple[Gate, str]]:
    from mlcli.params.faults import Fault
    from mlcli.params.resolve import find_params, gates_of

    file = find_params(params)
    faults: list[Fault] = []
    placed = [] if file is None else gates_of(file, faults)
    if faults:
        raise ConfigError("\n".join(str(fault) for fault in faults))
    if not placed:
        where = "there is no params.yaml" if file is None else f"{file.name} has no list `gates`"
        raise ConfigError(f"there is nothing to check: {where}", hint=f"{ASSERT} '{EXAMPLE}'")
    return [(one.gate, one.place) for one in placed]


def _of_run(gates: list[tuple[Gate, str]], run: Run, quiet: bool) -> list[tuple[Gate, str]]:
    """The gates on one run's command; the others can't be told from its folder."""
    own = [(gate, place) for gate, place in gates if gate.section == run.section]
    if not own:
        raise ConfigError(
            f"no gate is on {run.section}", hint=f"{ASSERT} '{run.section}.METRIC >= NUMBER'"
        )
    if len(own) < len(gates) and not quiet:
        console.message(f"note: {len(gates) - len(own)} gates on other commands were left out")
    return own


def sentence(verdict: Verdict) -> str:
    """How a gate came out, in one sentence."""
    if verdict.reason:
        return f"{verdict.gate.text}: {verdict.reason}"
    outcome = "holds" if verdict.passed else "fails"
    by = "" if verdict.margin is None else f", by {_number(abs(verdict.margin))}"
    return f"{verdict.gate.text}: {outcome} at {_value(verdict.value)}{by}"


def _display(folder: Path, verdicts: Sequence[Verdict]) -> Display:
    rows = [
        [
            "pass" if one.passed else "FAIL",
            one.gate.metric,
            _value(one.value),
            one.gate.operator,
            _value(one.bound),
            "" if one.margin is None else _number(one.margin),
            one.reason,
        ]
        for one in verdicts
    ]
    headings = ["", "metric", "value", "", "bound", "margin", "why"]
    if not any(one.reason for one in verdicts):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    n_passed = sum(one.passed for one in verdicts)
    return Display(f"{folder}: {n_passed} of {len(verdicts)} gates hold", headings, rows)


def _flaky_display(found: Sequence[Flakiness]) -> list[Display]:
    """The chance of each gate to fail with fresh seeds; no table where it was not asked for."""
    if not found:
        return []
    known = [one for one in found if one.n is not None]
    rows = [
        [
            one.verdict.gate.text,
            str(one.n),
            _chance(one.bootstrap),
            _chance(one.t),
            ("bound + " if isinstance(one.verdict.gate.bound, str) else "") + _value(one.bound),
        ]
        for one in known
    ]
    headings = ["gate", "fresh seeds", "fails, bootstrap", "fails, t", "bound for 1 %"]
    others: dict[str, list[str]] = {}
    for one in found:
        if one.n is None:
            others.setdefault(one.reason, []).append(one.verdict.gate.text)
    remarks = [f"Not known ({why}): {'; '.join(gates)}." for why, gates in others.items()]
    return [Display("the same code with fresh seeds", headings, rows, " ".join(remarks))]


def _chance(chance: float | None) -> str:
    return "" if chance is None else f"{100 * chance:.1f} %"


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "..".join(_number(end) for end in value)
    return _number(value)


def _number(value: float) -> str:
    return f"{value:.6g}"
