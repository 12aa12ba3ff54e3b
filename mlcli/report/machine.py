"""What decides the last digits of a result on a machine, beside the versions of the packages."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

# Variables by which users choose other kernels than the processor's own.
CHOSEN = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")


def platform_facts() -> dict[str, Any]:
    """System, machine and the kernels that NumPy, its BLAS and torch use; no host, no clock.

    torch and oneDNN choose by the processor's features, which NumPy lists too, and by variables, so
    torch need not be imported.
    """
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "kernels": {"blas": _blas(), "simd": _simd(), "chosen": _chosen()},
    }


def _blas() -> str:
    """The kernel of NumPy's BLAS, as ``openblas SkylakeX``."""
    import numpy  # noqa: F401  # loads its BLAS
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools = [pool for pool in pools if "numpy" in pool["filepath"]] or pools
    return ", ".join(
        sorted({f"{pool['internal_api']} {pool.get('architecture', '')}".strip() for pool in pools})
    )


def _simd() -> str:
    """The features of the processor that NumPy found, without those that a variable disables."""
    import numpy as np

    features = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return " ".join([*features.get("baseline", []), *features.get("found", [])])


def _chosen() -> str:
    given = {name: os.environ[name] for name in CHOSEN if os.environ.get(name)}
    return " ".join(f"{name}={value}" for name, value in given.items())


def difference(recorded: Mapping[str, Any]) -> str:
    """What differs between a recorded machine and this one, in a few words; empty if nothing.

    Args:
        recorded: from `platform_facts`, or without kernels from an earlier version.
    """
    here = platform_facts()
    for a, b in ((recorded, here), (recorded.get("kernels") or {}, here["kernels"])):
        for key in ("system", "machine", "blas", "simd", "chosen"):
            if key in a and a[key] != b.get(key):
                return f"{key} {a[key] or 'none'} there, {b.get(key) or 'none'} here"
    return ""
