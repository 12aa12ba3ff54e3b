"""`mlcli report`: run folders become one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli import console

app = typer.Typer(add_completion=False)
REPORTS = Path("reports")
PAGE = REPORTS / "index.html"


@app.command()
def report(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders, or folders with run folders in them (default: reports)."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The page to write.", metavar="FILE")] = PAGE,
    readme: Annotated[
        bool | None,
        typer.Option(
            "--readme/--no-readme",
            help="Write README.md beside the page as well, with the figures as a gallery "
            "(default: only for reports/index.html).",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Turn run folders into one self-contained HTML page.

    The page needs no network: figures are inside it, drawn again from the CSV files.

    Example: mlcli report runs --out runs/index.html
    """
    from mlcli.report.gallery import write_gallery
    from mlcli.run.folder import check_file

    check_file(out, "--out")
    wanted = out == PAGE if readme is None else readme
    readme_path = out.with_name("README.md") if wanted else None
    n_runs = write_gallery(folders or [REPORTS], out, readme_path)
    if not quiet:
        console.message(f"{n_runs} run{'' if n_runs == 1 else 's'} in {out}")
