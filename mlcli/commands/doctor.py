"""`mlcli doctor`: what this installation runs on, and what it lacks."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.run.manifest import package_versions
from mlcli.scale.threads import cores, thread_variables

app = typer.Typer(add_completion=False)


def examine() -> dict[str, Any]:
    """Versions, devices, threads, BLAS, and what is missing."""
    missing = _missing_packages()
    found: dict[str, Any] = {
        "versions": package_versions() | _versions(("scikit-learn", "typer", "pydantic", "dvc")),
        "machine": {"platform": platform.platform(), "cores": cores()},
        "blas": _blas(),
        "devices": _devices() if "torch" not in missing else {},
        "threads": thread_variables(),
        "data_folder": os.environ.get("MLCLI_DATA", "not set"),
        "missing": missing + [tool for tool in ("git", "make") if shutil.which(tool) is None],
    }
    return found


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _missing_packages() -> list[str]:
    from packaging.requirements import Requirement

    missing = []
    for text in requires("mlcli") or []:
        needed = Requirement(text)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            if not needed.specifier.contains(version(needed.name), prereleases=True):
                missing.append(f"{needed.name}{needed.specifier} (has {version(needed.name)})")
        except PackageNotFoundError:
            missing.append(needed.name)
    return missing


def _blas() -> list[dict[str, Any]]:
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    keys = ("internal_api", "version", "architecture", "num_threads")
    return [{key: pool.get(key) for key in keys} for pool in threadpool_info()]


def _devices() -> dict[str, Any]:
    import torch

    from mlcli.neural.device import auto_rule

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "cpu": {"torch_threads": torch.get_num_threads()},
        "cuda": gpus or "none",
        "mps": "yes" if torch.backends.mps.is_available() else "none",
        "auto": auto_rule(),
    }


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print versions, devices, threads, BLAS and what is missing.

    Example: mlcli doctor --json
    """
    found = examine()
    if as_json:
        console.print_json(found)
        return
    blas = ", ".join(
        f"{p['internal_api']} {p['version']} ({p['num_threads']} threads)" for p in found["blas"]
    )
    devices = found["devices"]
    lines = found["versions"] | {
        "platform": found["machine"]["platform"],
        "cores": found["machine"]["cores"],
        "BLAS": blas,
        "torch threads": devices.get("cpu", {}).get("torch_threads", "unknown"),
        "CUDA": _joined(devices.get("cuda")),
        "MPS": devices.get("mps", "unknown"),
        "--device auto": devices.get("auto", "unknown"),
        "thread variables": ", ".join(f"{k}={v}" for k, v in found["threads"].items()) or "none",
        "MLCLI_DATA": found["data_folder"],
        "missing": ", ".join(found["missing"]) or "nothing",
    }
    console.print_text(console.pairs(lines))


def _joined(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
