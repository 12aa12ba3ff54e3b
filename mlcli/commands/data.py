"""`mlcli data`: list, describe, make and fetch data sets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.commands.complete import set_names
from mlcli.commands.flags import RUN_FLAGS, with_flags
from mlcli.config.data import DataConfig, MakeFields
from mlcli.datasets.files import MADE_FOLDER
from mlcli.errors import ConfigError, DataError
from mlcli.params import resolve
from mlcli.result import Display
from mlcli.run.execute import FIGURE_KINDS

SHOWN_COLUMNS = 100
SHOWN_CLASSES = 20


app = typer.Typer(add_completion=False, no_args_is_help=True, help="Data sets by name or by file.")
FOLDER = Path(MADE_FOLDER)
FIGURE_SUFFIXES = tuple(f".{kind}" for kind in FIGURE_KINDS)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[
    str, typer.Argument(help="A name from `mlcli data list`.", autocompletion=set_names)
]


@app.command("list")
def list_sets(as_json: Json = False) -> None:
    """List the named data sets.

    Example: mlcli data list
    """
    from mlcli.datasets.registry import available

    sets = available()
    if as_json:
        console.print_json(sets)
        return
    keys = ("name", "kind", "task", "shape", "summary")
    rows = [[_text(one[key]) for key in keys] for one in sets]
    remark = "A path to a CSV, TSV, Parquet or NPZ file works wherever a name does."
    console.print_displays([Display("named data sets", keys, rows, remark)])


def _text(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@app.command()
def info(name: Name, as_json: Json = False) -> None:
    """Describe one data set: shape, units, parameters, licence, source.

    Example: mlcli data info noisy-cubic
    """
    from mlcli.datasets.names import is_named
    from mlcli.datasets.registry import describe

    path = Path(name).expanduser()
    if not is_named(name) and path.exists():
        kind = "folder" if path.is_dir() else "file"
        hint = f"`mlcli data describe {shlex.quote(name)}`"
        raise DataError(f"'{name}' is a {kind}, no named data set", hint=hint)
    found = describe(name)
    if as_json:
        console.print_json(found)
    else:
        console.print_text(console.pairs({key: _text(value) for key, value in found.items()}))


@app.command("describe")
def describe_file(
    file: Annotated[
        Path,
        typer.Argument(help="A CSV, TSV, Parquet or NPZ file, or a folder of parts or of images."),
    ],
    target: Annotated[
        str | None, typer.Option("--target", help="Column to predict (default: t, y or target).")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Also draw the columns: a .png, .svg or .pdf.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Describe a file of your own: columns, classes, correlations, what would spoil a result.

    Reads the whole file once; more than 100,000 rows are described by a random sample.

    Example: mlcli data describe measurements.csv --target y
    """
    from mlcli.datasets.describe import describe_images, describe_table, holds_images
    from mlcli.datasets.describe_columns import OUTLIER_Z
    from mlcli.run.files import strict
    from mlcli.run.folder import check_file

    if figure is not None and figure.suffix not in FIGURE_SUFFIXES:
        got = figure.suffix or "no suffix"
        raise ConfigError("--figure", must="a .png, .svg or .pdf file", got=got)
    if figure is not None:
        check_file(figure, "--figure")
    path = file.expanduser()
    images = holds_images(path)
    found = strict(describe_images(str(path), target) if images else describe_table(path, target))
    if figure is not None:
        if images:
            raise ConfigError("--figure", must="of a table", got=f"the images of {path}")
        from mlcli.report.figures import draw_description

        draw_description(found, figure)
        console.message(f"written to {figure}")
    if as_json:
        console.print_json(found)
    elif images:
        console.print_displays(image_displays(found))
    else:
        console.print_displays(displays(found, OUTLIER_Z))


def _make(flags: Mapping[str, Any], run_flags: Mapping[str, Any]) -> None:
    from mlcli.datasets.make import write_draws

    resolved = resolve(
        DataConfig,
        "data",
        flags=flags,
        sets=tuple(run_flags["sets"] or ()),
        params=run_flags["params"],
    )
    config: Any = resolved.config
    folder = run_flags["out"] or FOLDER
    for name in config.names:
        path = folder / f"{name.replace('-', '_')}.csv"
        write_draws(
            name,
            path,
            n_draws=config.n_draws,
            seed=config.seed,
            n_samples=config.n_samples,
            x_min=config.x_min,
            x_max=config.x_max,
            noise_std=config.noise_std,
        )
        if not run_flags["quiet"]:
            console.message(f"written to {path}")


OUT = Annotated[
    Path | None,
    typer.Option("--out", help=f"Folder of the files (default: {FOLDER}).", metavar="DIR"),
]

app.command("make")(
    with_flags(
        MakeFields,
        _make,
        run_flags={key: RUN_FLAGS[key] for key in ("params", "sets", "quiet")}
        | {"out": (OUT, None)},
        help="""Write synthetic data sets as CSV files, the same bytes for the same seed.

        Example: mlcli data make --names noisy-cubic --n-draws 20
        """,
    )
)


@app.command()
def fetch(
    name: Name,
    folder: Annotated[Path | None, typer.Option("--out", help="Where to keep the files.")] = None,
) -> None:
    """Fetch a data set that is too large to ship, check it, and keep it.

    Looks first in $MLCLI_DATA and where Debian's package dataset-fashion-mnist puts it.

    Example: mlcli data fetch fashion-mnist
    """
    from mlcli.datasets.fetch import fetch as fetch_files
    from mlcli.datasets.fetch import find

    found = find(name) if folder is None else None
    if found is None:
        with console.progress(f"fetching {name}", quiet=False) as progress:
            found = fetch_files(name, folder=folder, progress=progress)
    console.print_text(str(found))


def displays(found: Mapping[str, Any], outlier_z: float) -> list[Display]:
    """The tables of a described file.

    Args:
        found: as `datasets.describe.describe_table` gives it.
        outlier_z: the limit of the robust z beyond which values were counted as outliers.
    """
    shown = [_columns(found, outlier_z)]
    target = found["target"]
    if target is not None and target["classes"]:
        shown.append(_classes(target))
    if target is not None and target.get("correlations"):
        kind = "correlation ratio" if target["classes"] else "r"
        rows = [[one["name"], f"{one['r']:.4f}"] for one in target["correlations"]]
        shown.append(Display(f"largest with '{target['name']}'", ["feature", kind], rows))
    if found["correlations"]["largest"]:
        rows = [[p["a"], p["b"], f"{p['r']:.4f}"] for p in found["correlations"]["largest"]]
        shown.append(Display("largest among features", ["feature", "feature", "r"], rows))
    return [*shown, _warnings(found)]


def image_displays(found: Mapping[str, Any]) -> list[Display]:
    """The tables of described images."""
    size = " x ".join(map(str, found["image_shape"]))
    rows = [[key, f"{found[key]:.6g}"] for key in ("min", "mean", "max")]
    title = f"{found['file']}: {found['n_rows']} images of {size}"
    head = Display(title, ["pixels", "value"], rows)
    return [head, _classes({"name": "class"} | dict(found)), _warnings(found)]


def _warnings(found: Mapping[str, Any]) -> Display:
    rows = [[line] for line in found["warnings"]] or [["none"]]
    return Display("warnings", ["what"], rows)


def _columns(found: Mapping[str, Any], outlier_z: float) -> Display:
    columns = found["columns"]
    title = f"{found['file']}: {found['n_rows']} rows, {len(columns)} columns"
    if found["n_sampled"] < found["n_rows"]:
        title += f"; counts are of a random sample of {found['n_sampled']} rows"
    headings = ["column", "type", "missing", "distinct", "min", "median", "max", "outliers"]
    headings += ["most frequent", "as a feature"]
    rows = [_row(one) for one in columns[:SHOWN_COLUMNS]]
    remark = f"Outliers: robust z, 0.6745 |x - median| / MAD, above {outlier_z:g}."
    if len(columns) > SHOWN_COLUMNS:
        remark += f" The first {SHOWN_COLUMNS} columns; --json has all {len(columns)}."
    return Display(title, headings, rows, remark)


def _row(one: Mapping[str, Any]) -> list[str]:
    frequent: Sequence[Any] = one.get("most_frequent") or ()
    # Values that all come once say nothing by their order.
    says = bool(frequent) and (frequent[0]["n"] > 1 or one["n_distinct"] == 1)
    most = f"{frequent[0]['value']} ({frequent[0]['n']})" if says else ""
    outliers = one.get("n_outliers")
    return [
        one["name"],
        one["type"],
        str(one["n_missing"]),
        str(one["n_distinct"]),
        *(_number(one.get(key)) for key in ("min", "median", "max")),
        "-" if outliers is None else str(outliers),
        most,
        " ".join(one["declare"]),
    ]


def _number(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def _classes(target: Mapping[str, Any]) -> Display:
    classes = target["classes"]
    rows = [
        [one["value"], str(one["n"]), f"{one['share']:.1%}", "rare" if one["rare"] else ""]
        for one in classes[:SHOWN_CLASSES]
    ]
    remark = ""
    if len(classes) > SHOWN_CLASSES:
        remark = f"The first {SHOWN_CLASSES} of {len(classes)} classes; --json has all."
    return Display(f"classes of '{target['name']}'", ["class", "rows", "share", ""], rows, remark)
