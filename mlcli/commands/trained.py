"""What predict and evaluate share: from a run and a file to a model and its rows."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli.commands.complete import data_sets, run_names
from mlcli.errors import DataError, InputError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.partials import temporary_folder
from mlcli.run import manifest as manifests
from mlcli.run.execute import RUNS

if TYPE_CHECKING:
    from mlcli.datasets.rows import ModelInputs
    from mlcli.models.prediction import Model

STDIN = "-"
# Of a file; a batch of a model may be a part of it.
ROWS = 8192
PARQUET_MAGIC = b"PAR1"

Run = Annotated[
    str,
    typer.Argument(
        help="A run folder, or the short hash of one below runs/.", autocompletion=run_names
    ),
]
Rows = Annotated[
    str,
    typer.Argument(
        help="A CSV, TSV, Parquet or NPZ file, a folder of parts or of images, a named set, or - "
        "for a CSV on stdin.",
        autocompletion=data_sets,
    ),
]
Degree = Annotated[
    int | None,
    typer.Option(help="Degree of a run of fit-poly (default: the least held-out error).", min=0),
]
Variant = Annotated[
    str | None,
    typer.Option(help="Variant of a run of networks (default: the least validation loss)."),
]
SeedIndex = Annotated[
    int | None,
    typer.Option(help="Only the network of this seed (default: the mean of all).", min=0),
]
Level = Annotated[float, typer.Option(help="Probability of the intervals, as 0.9.")]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Leave out images of a folder that can't be read, each by name."
    ),
]
Device = Annotated[str, typer.Option(help="Where networks compute: auto, cpu, cuda or mps.")]


def check_level(level: float) -> None:
    """Refuse a level that is not a probability.

    Raises:
        InputError: it isn't between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError("--level", must="between 0 and 1", got=f"{level:g}", hint="0.95")


def load_model(
    run: str, degree: int | None, variant: str | None, seed_index: int | None, device: str
) -> tuple[Model, dict[str, Any]]:
    """The model of a run, every part checked, and what the run says of its data.

    Raises:
        InputError: there is no such run, it was altered, or it has no such model.
    """
    folder, manifest = _folder(run), manifest_of(run)
    from mlcli.models.load import load

    command, digests = _checked(folder, manifest)
    predicting = [about(section).command for section in EXPERIMENTS if about(section).predicts]
    if command not in predicting:
        raise DataError(
            f"{folder} is a run of {command}, which leaves no model",
            hint="a run of " + ", ".join(predicting),
        )
    model = load(
        folder,
        command,
        digests,
        degree=degree,
        variant=variant,
        seed_index=seed_index,
        device=device,
    )
    return model, manifest["data"]


def manifest_of(run: str) -> dict[str, Any]:
    """The manifest of a run, as it stands in its folder.

    Raises:
        DataError: there is no such run.
    """
    folder = _folder(run)
    manifest = manifests.read_manifest(folder)
    if manifest is None:
        raise DataError(f"{folder} is not a run folder", hint="`mlcli runs`, which lists them")
    return manifest


def is_training_data(name: str, data: Mapping[str, Any]) -> bool:
    """Whether a file or a named set is the one that a run was made on."""
    path = Path(name).expanduser()
    if path.is_file():
        return manifests.sha256(path) == data.get("sha256")
    return name == data.get("name")


def _folder(run: str) -> Path:
    folder = Path(run).expanduser()
    if folder.is_dir():
        return folder
    found = (
        [path for path in sorted(RUNS.glob(f"*/{run}*")) if path.is_dir()] if run.isalnum() else []
    )
    if len(found) != 1:
        how = f"{len(found)} runs begin with it" if found else "no such folder"
        raise DataError("RUN", must="a run folder", got=f"{run} ({how})", hint="`mlcli runs`")
    return found[0]


def _checked(folder: Path, manifest: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The command and the hashes of a manifest, whose key must have the hash it says."""
    try:
        command = str(manifest["command"])
        config = {key: entry["value"] for key, entry in manifest["config"].items()}
        key = manifests.run_key(command, config, manifest["data"])
        whole = manifests.run_hash(key) == manifest["run"]
        digests = dict(manifest["files"])
    except (KeyError, TypeError, AttributeError, ValueError):
        whole = False
    if not whole:
        raise DataError(
            f"manifest.json of {folder} does not match the hash of its own question: it was "
            "altered after the run",
            hint="the same command again with --force",
        )
    return command, digests


def wanted_of(model: Model, target: str | None = None, *, skip_bad: bool = False) -> ModelInputs:
    """The columns or images that a model reads, and the target where it is asked for.

    Args:
        model: a trained one.
        target: its column; None: only inputs are read.
        skip_bad: leave out images of a folder that can't be read.
    """
    from mlcli.datasets.rows import ModelInputs
    from mlcli.preparation.columns import preparation_from_dict

    one = model.described
    preparation = None if one.preparation is None else preparation_from_dict(one.preparation)
    return ModelInputs(
        one.features,
        target,
        one.image_shape,
        one.resize,
        one.classes,
        one.class_values,
        preparation,
        skip_bad,
    )


def rows_at_a_time(model: Model) -> int:
    """Whole batches of the model, about `ROWS` rows."""
    return model.batch_rows * max(1, ROWS // model.batch_rows)


@contextmanager
def readable(name: str) -> Iterator[str]:
    """A file by its name; what comes on stdin is put into one first, on disk, not in memory."""
    if name != STDIN:
        yield name
        return
    with temporary_folder("stdin") as folder:
        stdin = sys.stdin.buffer
        start = stdin.read(len(PARQUET_MAGIC))
        path = folder / ("stdin.parquet" if start == PARQUET_MAGIC else "stdin.csv")
        with path.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(stdin, file)
        try:
            yield str(path)
        except InputError as error:
            raise DataError(str(error).replace(str(path), "stdin")) from None
