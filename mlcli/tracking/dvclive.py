"""DVCLive: the files that `dvc metrics`, `dvc params` and `dvc plots` read, in dvclive/<command>.

One folder per command, since DVC compares what a path holds at different commits.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlcli.tracking.record import Record, replaced

ROOT = Path("dvclive")
# What DVCLive and this file write.
NAMES = frozenset({"artifacts", "metrics.json", "params.yaml", "plots"})


def log(record: Record) -> str:
    """Log parameters, metrics, curves, figures and the manifest; git and dvc.yaml stay as they are.

    Raises:
        Exception: what the library raises.
    """
    target = ROOT / record.command
    with replaced(target, NAMES.__contains__) as partial:
        folder, source = partial.resolve(), record.folder.resolve()
        with _outside_any_repository():
            _fill(folder, source, record)
    return str(target)


def _fill(folder: Path, source: Path, record: Record) -> None:
    from dvclive.live import Live

    live: Any = Live(str(folder), save_dvc_exp=False, dvcyaml=None)
    live.log_params(
        {
            record.command: dict(record.config),
            "sources": dict(record.sources),
            "tags": dict(record.tags),
        }
    )
    for name, value in record.metrics.items():
        live.log_metric(name, value, plot=False)
    for name, points in record.series.items():
        for step, value in points:
            live.step = step
            live.log_metric(name, value)
    for name in record.figures:
        live.log_image(Path(name).name, source / name)
    Path(live.artifacts_dir).mkdir()
    shutil.copyfile(source / "manifest.json", Path(live.artifacts_dir) / "manifest.json")
    live.end()


@contextmanager
def _outside_any_repository() -> Iterator[None]:
    """Where DVCLive finds neither a repository to change, nor a stage, nor a server.

    In a git repository without DVC it would make one with DVC, and add files to git's index.
    """
    before, here = dict(os.environ), Path.cwd()
    for name in before:
        if name.startswith(("DVC_", "DVCLIVE_")):
            del os.environ[name]
    os.environ["DVC_STUDIO_OFFLINE"] = "true"
    os.chdir(here.anchor)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
