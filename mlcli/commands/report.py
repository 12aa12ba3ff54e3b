"""`mlcli report`: run folders become one HTML page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlcli import console
from mlcli.errors import ConfigError

app = typer.Typer(add_completion=False)
REPORTS = Path("reports")
PAGE = REPORTS / "index.html"


class Kind(StrEnum):
    """The format of a figure."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


@app.command()
def report(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders, or folders with run folders in them (default: reports)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help=f"The page to write (default: {PAGE}), or the figure (default: its name here).",
            metavar="FILE",
        ),
    ] = None,
    readme: Annotated[
        bool | None,
        typer.Option(
            "--readme/--no-readme",
            help="Write README.md beside the page as well, with the figures as a gallery "
            "(default: only for reports/index.html).",
        ),
    ] = None,
    opened: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser of this machine.")
    ] = False,
    figure: Annotated[
        str | None,
        typer.Option(
            "--figure",
            help="Write this figure of one run instead, for slides or a paper, with its caption "
            "in a text file beside it.",
            metavar="NAME",
        ),
    ] = None,
    to: Annotated[
        Kind, typer.Option("--to", help="The format of that figure; a PNG has 300 dots an inch.")
    ] = Kind.PNG,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Turn run folders into one self-contained HTML page.

    The page needs no network: figures are inside it, drawn again from the CSV files.

    Example: mlcli report runs --out runs/index.html
    """
    if figure is not None:
        if opened or readme is not None:
            flag = "--open" if opened else "--readme"
            raise ConfigError(flag, must="left out beside --figure, which writes no page")
        written = _figure(folders or [REPORTS], figure, out, to)
        message = " and ".join(map(str, written))
    else:
        page = out or PAGE
        n_runs = _page(folders or [REPORTS], page, readme)
        message = f"{n_runs} run{'' if n_runs == 1 else 's'} in {page}"
    if not quiet:
        console.message(message)
    if opened and not _shown(page):
        console.message(f"no browser could be opened; the page is {page.resolve().as_uri()}")


def _page(folders: list[Path], page: Path, readme: bool | None) -> int:
    from mlcli.report.gallery import write_gallery
    from mlcli.run.folder import check_file

    check_file(page, "--out")
    wanted = page == PAGE if readme is None else readme
    return write_gallery(folders, page, page.with_name("README.md") if wanted else None)


def _figure(folders: list[Path], name: str, out: Path | None, to: Kind) -> tuple[Path, Path]:
    from mlcli.report.gallery import write_figure
    from mlcli.run.folder import check_file

    if out is not None and out.suffix != f".{to.value}":
        raise ConfigError(
            "--out", must=f"a name that ends in .{to.value}, as --to says", got=str(out)
        )
    path = out or Path(f"{name.replace('/', '-')}.{to.value}")
    caption = path.with_suffix(".txt")
    for one in (path, caption):
        check_file(one, "--out")
    write_figure(folders, name, path, caption)
    return path, caption


def _shown(page: Path) -> bool:
    """Whether a browser took the page."""
    import webbrowser

    return webbrowser.open(page.resolve().as_uri())
