"""`mlcli export`: the model of a run as a file that others can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli import __version__, console
from mlcli.commands import trained
from mlcli.errors import ConfigError, InputError
from mlcli.export.formats import FORMATS, check_installed, find_format
from mlcli.run.files import replace_bytes
from mlcli.run.folder import check_file

if TYPE_CHECKING:
    import numpy as np

    from mlcli.export.formats import Exported
    from mlcli.models.prediction import Model, ModelDescription

app = typer.Typer(add_completion=False)
# Rows of the run's data that are looked at, of which as many as the check takes are run.
MOST_READ = 8192


@app.command()
def export(
    run: trained.Run,
    to: Annotated[
        str, typer.Option("--to", help=f"One of {', '.join(FORMATS)}.", metavar="FORMAT")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", help="File (default: here, named by command and run).", metavar="FILE"
        ),
    ] = None,
    level: trained.Level = 0.95,
    degree: trained.Degree = None,
    variant: trained.Variant = None,
    seed_index: trained.SeedIndex = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the model of a run as ONNX, safetensors or scikit-learn.

    The file is run by its own reader on rows of the run's data before it is written, and must
    say what the model says to 1e-5. The same model gives the same bytes.

    Example: mlcli export runs/logistic/3f2a9c81d0 --to onnx
    """
    kind = find_format(to)
    trained.check_level(level)
    if out is not None:
        _check_out(Path(out), to, kind.suffix)
    check_installed(to)
    model, data = trained.load_model(run, degree, variant, seed_index, "cpu")
    manifest = trained.manifest_of(run)
    path = Path(out or f"{manifest['command']}-{manifest['run']}{kind.suffix}")
    _check_out(path, to, kind.suffix)
    from mlcli.export.formats import export as exported
    from mlcli.export.formats import refuse_prepared

    refuse_prepared(model)
    X, rows = _check_rows(model, manifest, data)
    found = exported(model, to, X, level, _about(model.described, manifest["run"], level))
    replace_bytes(path, found.content)
    _say(found, path, to, model.described, f"{len(X)} {rows}", as_json)


def _check_out(path: Path, to: str, suffix: str) -> None:
    """Refuse a file that can't be written, before any work.

    Raises:
        ConfigError: another ending, a folder, or a folder that isn't there or can't be written to.
    """
    if path.suffix.lower() != suffix:
        raise ConfigError(
            "--out",
            must=f"a {suffix} file with --to {to}",
            got=f"{path}",
            hint=f"{path.with_suffix(suffix) if path.name else suffix}",
        )
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}", must="a file", got="one in a folder that does not exist")
    check_file(path, "--out")


def _about(described: ModelDescription, run: str, level: float) -> dict[str, Any]:
    """What the file says of the model: no clock and no host."""
    from mlcli.models.parts import SCHEMA

    found: dict[str, Any] = {
        "command": described.command,
        "run": run,
        "mlcli_version": __version__,
        "model_schema": SCHEMA,
        "chosen": described.chosen,
        "features": list(described.features),
        "target": described.target,
    }
    if described.classes:
        found["classes"] = list(described.classes)
    if described.interval:
        found |= {"level": level, "interval": described.interval}
    return found


def _check_rows(
    model: Model, manifest: dict[str, Any], data: dict[str, Any]
) -> tuple[np.ndarray, str]:
    """Rows (n, D) for the check, and what they are: of the run's data if it is still there."""
    import numpy as np

    from mlcli.export.check import N_ROWS, random_rows

    name = manifest["config"].get("data", {}).get("value") or data.get("name") or ""
    try:
        X = _data_rows(model, str(name)) if trained.is_training_data(str(name), data) else None
    except (InputError, OSError):
        X = None
    if X is None or not len(X):
        return random_rows(model), "random rows in the ranges that the model knows"
    # Spread over all of them: data may be sorted by class.
    some = np.linspace(0, len(X) - 1, min(len(X), N_ROWS)).astype(int)
    return X[some], "rows of the run's data"


def _data_rows(model: Model, name: str) -> np.ndarray:
    """The first rows that lack no input, (n, D)."""
    import numpy as np

    from mlcli.datasets.rows import batches

    parts: list[np.ndarray] = []
    for batch in batches(name, trained.wanted_of(model), trained.rows_at_a_time(model)):
        parts.append(batch.X[np.isfinite(batch.X).all(axis=1)])
        if sum(map(len, parts)) >= MOST_READ:
            break
    return np.concatenate(parts)


def _say(
    found: Exported, path: Path, to: str, described: ModelDescription, rows: str, as_json: bool
) -> None:
    from mlcli.export.check import TOLERANCE

    worst = max(found.differences.values())
    if as_json:
        console.print_json(
            {
                "file": str(path),
                "to": to,
                "bytes": len(found.content),
                "outputs": list(found.outputs),
                "left_out": list(found.left_out),
                "reader": found.reader,
                "rows": rows,
                "differences": dict(found.differences),
                "largest_difference": worst,
                "tolerance": TOLERANCE,
                "trusted": None if found.trusted is None else list(found.trusted),
            }
        )
        return
    chosen = f", {described.chosen}" if described.chosen else ""
    words = {
        "file": f"{path} ({len(found.content):,} bytes)",
        "model": f"{described.target} by {described.command}{chosen}",
        "outputs": ", ".join(found.outputs),
    }
    if found.trusted is not None:
        words["holds"] = found.kind
        words["trust"] = ", ".join(found.trusted) or "nothing beyond what skops trusts"
    if found.left_out:
        words["left out"] = ", ".join(found.left_out)
    words["checked"] = f"by {found.reader} on {rows}"
    words["largest difference"] = (
        f"{worst:.1e} of the largest value (at most {TOLERANCE:g}), "
        + ", ".join(f"{name} {value:.1e}" for name, value in found.differences.items())
    )
    console.print_text(console.pairs(words))
