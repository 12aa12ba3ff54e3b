"""`mlcli power`: what so many seeds can show, and how many a difference takes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlcli import console
from mlcli.errors import ConfigError
from mlcli.result import Display

if TYPE_CHECKING:
    from mlcli.review.power import Sensitivity
    from mlcli.review.runs import Run

app = typer.Typer(add_completion=False)
FILES = ("power.csv", "power.png")


@app.command()
def power(
    place: Annotated[
        str,
        typer.Argument(
            help="A run or scores of another program, as for `mlcli compare`.", metavar="RUN|FILE"
        ),
    ],
    other: Annotated[
        str | None,
        typer.Argument(help="Another, whose differences tell the spread.", metavar="[OTHER]"),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="Of the differences (default: the one `mlcli runs` shows)."),
    ] = None,
    difference: Annotated[
        float | None, typer.Option("--difference", help="Count the seeds that it takes.")
    ] = None,
    n_seeds: Annotated[
        int | None,
        typer.Option("--n-seeds", help="Seeds per run (default: as many as there are).", min=2),
    ] = None,
    correlation: Annotated[
        float | None,
        typer.Option(
            "--correlation",
            help="Of two runs' scores of one seed, if pairs are not measured.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the curve: power.csv and power.png.", metavar="DIR"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Say what difference so many seeds can show, and how many seeds one takes.

    Two runs are compared at 95 %, unpaired (Welch) or paired seed by seed. The spread is that of
    the run's seeds; of pairs it is that of the differences from OTHER, or follows from the
    correlation, which is that of the run's variants unless --correlation gives it. Seeds that are
    splits of the same rows are correlated: there is a difference that no number of them shows.

    --json prints {run, metric, n_seeds, difference, designs: [{design, why, std, std_low, std_high,
    overlaps, smallest_difference, least_difference, seeds_needed, curve}], sentence}, with the
    power as key of what depends on it.

    Example: mlcli power reports/train_cnn --difference 0.005
    """
    from mlcli.review.power import as_json as power_json
    from mlcli.review.power import sensitivity, sentence
    from mlcli.review.runs import open_place
    from mlcli.run.files import strict
    from mlcli.run.folder import check_writable

    if out is not None:
        check_writable(out, frozenset(FILES))
    with ExitStack() as stack:
        runs = [_one(open_place(name, stack), name) for name in (place, other) if name is not None]
        found = sensitivity(
            runs[0],
            runs[1] if other is not None else None,
            metric,
            difference,
            n_seeds,
            correlation,
        )
    if out is not None:
        _write(found, out)
    if as_json:
        console.print_json(strict(power_json(runs[0], found)))
    else:
        console.print_displays([_display(runs[0], found)])
        console.print_text(f"{sentence(found)}\n")
    if out is not None and not quiet:
        console.message(f"written to {out}")


def _one(runs: dict[str, Run], place: str) -> Run:
    if len(runs) != 1:
        raise ConfigError(f"{place}", must="one run", got=f"runs of {len(runs)} commands")
    return next(iter(runs.values()))


def _display(run: Run, found: Sensitivity) -> Display:
    from mlcli.review.power import CHANCES, counts_of, curve

    counts = counts_of(found)
    headings = ["seeds per run"]
    rows = [[str(n)] for n in counts]
    for plan in found.plans:
        curves = curve(plan, counts)
        for chance in CHANCES:
            headings.append(f"{plan.name}, power {chance:g}")
            for row, value in zip(rows, curves[f"difference_{chance:g}"], strict=True):
                row.append(f"{value:.3g}")
    remark = " ".join(f"{plan.name}: by {plan.why}." for plan in found.plans)
    share = max(found.plans[0].design.overlaps)
    if share:
        remark += (
            " Seeds are splits of the same rows, so their scores are taken to correlate by"
            f" n_test / (n_train + n_test) = {share / (1 + share):.3g}."
        )
    title = f"smallest difference of {found.metric} that seeds of {run.name} show"
    return Display(title, headings, rows, remark)


def _write(found: Sensitivity, out: Path) -> None:
    from mlcli.plotting import save
    from mlcli.report.power_figure import SHOWN, draw_power
    from mlcli.review.power import columns, counts_of, curve
    from mlcli.run.files import csv_text, rounded_columns, write_text
    from mlcli.run.folder import replacing

    counts = sorted({*SHOWN, *counts_of(found)})
    curves = {plan.name: curve(plan, counts) for plan in found.plans}
    with replacing(out) as partial:
        write_text(partial / FILES[0], csv_text(rounded_columns(columns(found, counts))))
        figure = draw_power(curves, found.metric, found.n, found.difference)
        save(figure, partial / FILES[1])
