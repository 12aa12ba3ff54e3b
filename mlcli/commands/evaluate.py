"""`mlcli evaluate`: how good the model of a run is on rows whose target is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli import console
from mlcli.commands import trained
from mlcli.errors import DataError
from mlcli.result import Display
from mlcli.run.files import strict

if TYPE_CHECKING:
    import numpy as np

    from mlcli.datasets.rows import Batch, ModelInputs
    from mlcli.models.prediction import Model

app = typer.Typer(add_completion=False)


@app.command()
def evaluate(
    run: trained.Run,
    file: trained.Rows,
    target: Annotated[
        str | None, typer.Option(help="Column of the target (default: that of the training).")
    ] = None,
    level: trained.Level = 0.95,
    degree: trained.Degree = None,
    variant: trained.Variant = None,
    seed_index: trained.SeedIndex = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out rows with empty cells.")
    ] = False,
    skip_bad: trained.SkipBad = False,
    device: trained.Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score the model of a run on rows whose target is known.

    The rows should be new: on those of the training every score is too good.

    Example: mlcli evaluate runs/logistic/3f2a9c81d0 later.csv --json
    """
    trained.check_level(level)
    model, data = trained.load_model(run, degree, variant, seed_index, device)
    wanted = trained.wanted_of(model, target or model.described.target, skip_bad=skip_bad)
    found = _scored(model, file, wanted, level, drop_missing)
    if trained.is_training_data(file, data):
        console.message(
            "note: these are the very data of the run, most of them training rows: scores of new "
            "rows will be worse"
        )
    # Errors too large for a number are null in JSON, which has neither NaN nor infinity.
    found = strict(found)
    if as_json:
        console.print_json({"run": run, "level": level, **found})
        return
    console.print_displays(_displays(model, found, level))


def _scored(
    model: Model, file: str, wanted: ModelInputs, level: float, drop_missing: bool
) -> dict[str, Any]:
    import numpy as np

    from mlcli.datasets.rows import batches
    from mlcli.models import metrics

    one, target = model.described, str(wanted.target)
    scores: Any = metrics.ClassMetrics(len(one.classes)) if one.classes else metrics.NumberMetrics()
    n_missing = 0
    with trained.readable(file) as name:
        for batch in batches(name, wanted, trained.rows_at_a_time(model)):
            console.left_out(batch.skipped)
            good = _complete(model, name, batch, drop_missing)
            n_missing += int((~good).sum())
            X, t = batch.X[good], batch.t[good]  # type: ignore[index]
            if len(X):
                with np.errstate(all="ignore"):
                    found: Any = model.predict(X, level)
                    scores.add(found, _labels(model, name, target, t) if one.classes else t)
        if not scores.n_rows:
            raise DataError(f"{name} holds no complete rows", hint="a file with some")
    result = {
        "model": one.command,
        "chosen": one.chosen,
        "target": target,
        "n_rows": scores.n_rows,
        "n_missing": n_missing,
        "metrics": metrics.entries(scores.estimates(level)),
        "intervals": metrics.INTERVALS,
    }
    if one.classes:
        result |= {"classes": list(one.classes), "confusion": scores.counts.tolist()}
    return result


def _complete(model: Model, name: str, batch: Batch, drop_missing: bool) -> np.ndarray:
    """Which rows have all their cells, (n,)."""
    import numpy as np

    assert batch.t is not None
    good: np.ndarray = model.described.complete(batch.X) & np.isfinite(batch.t)
    if not good.all() and not drop_missing:
        raise DataError(
            f"{name} has rows with missing or infinite values",
            hint="--drop-missing to leave those rows out",
        )
    return good


def _labels(model: Model, name: str, target: str, t: np.ndarray) -> np.ndarray:
    """The number of each row's class, (n,)."""
    import numpy as np

    values = model.described.class_values
    labels = np.full(t.size, values.index(None) if None in values else -1)
    for number, value in enumerate(values):
        if value is not None:
            labels[t == value] = number
    if (labels < 0).any():
        known = ", ".join(f"{value:g}" for value in values[:12] if value is not None)
        raise DataError(
            f"column '{target}' of {name}",
            must=f"a class of the model, {known}",
            got=f"{t[labels < 0][0]:g}",
        )
    return labels


def _displays(model: Model, found: dict[str, Any], level: float) -> list[Display]:
    from mlcli.experiments.wording import BRIER

    one = model.described
    rows = []
    for name, entry in found["metrics"].items():
        low, high = entry["ci_low"], entry["ci_high"]
        value = "-" if entry["value"] is None else f"{entry['value']:.4g}"
        interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
        label = BRIER if name == "brier" else name.replace("_", " ")
        rows.append([label, value, interval])
    chosen = f", {one.chosen}" if one.chosen else ""
    left_out = f", {found['n_missing']} left out" if found["n_missing"] else ""
    title = f"{found['target']} by {one.command}{chosen}: {found['n_rows']} rows{left_out}"
    remark = ""
    if one.interval:
        remark = f"Coverage: share of rows inside the {100 * level:g} % interval ({one.interval})."
    shown = [Display(title, ["metric", "value", f"{100 * level:g} % interval"], rows, remark)]
    if one.classes and len(one.classes) <= 20:
        cells = [
            [name, *map(str, counts)]
            for name, counts in zip(one.classes, found["confusion"], strict=True)
        ]
        shown.append(
            Display("rows of a class (down) that are called (across)", ["", *one.classes], cells)
        )
    return shown
