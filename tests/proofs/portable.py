"""Do the tests pass on other processors? The suite under the kernels that those would use.

python -m tests.proofs.portable [NAME ...]

NumPy, OpenBLAS, MKL, oneDNN and PyTorch choose their kernels by the processor they find. Variables
make them choose those of an older one. Each run first prints which kernels were really used; one
that did not get what it asked for fails. The first two run the whole suite, the others the numeric
part of it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
NUMERIC = [
    "tests/linear",
    "tests/selection",
    "tests/backpropagation",
    "tests/classification",
    "tests/convolution",
    "tests/optimisation",
    "tests/estimators",
    "tests/models",
    "tests/neural",
    "tests/notes",
    "tests/experiments",
    "tests/export",
]
OURS = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MKL_CBWR",
    "ATEN_CPU_CAPABILITY",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "MLCLI_THREADS",
)
# Asks each library what it uses; oneDNN and MKL say so of their work, on stdout.
PROBE = """
import json

from mlcli.scale.threads import set_thread_variables

set_thread_variables()

import numpy as np
import scipy.linalg
import torch
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from numpy.lib.introspect import opt_func_info
from threadpoolctl import threadpool_info

found = opt_func_info(func_name="^(add|exp|log)$", signature="float64")
with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
    torch.nn.Conv2d(3, 8, 3)(torch.ones(4, 3, 16, 16))
with torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):
    torch.ones(50, 50) @ torch.ones(50, 50)
blas = [one for one in threadpool_info() if one["user_api"] == "blas"]
print("\\nFOUND " + json.dumps({
    "numpy": sorted({one["current"] for each in found.values() for one in each.values()}),
    "dispatch": list(__cpu_dispatch__),
    "features": sorted(name for name, there in __cpu_features__.items() if there),
    "blas": sorted({f"{one['internal_api']} {one.get('architecture')}" for one in blas}),
    "threads": sorted({one["num_threads"] for one in threadpool_info()}),
    "torch": torch.backends.cpu.get_cpu_capability(),
}))
"""


@dataclass(frozen=True)
class Emulated:
    """A processor, as its kernels are asked for.

    Attributes:
        blas: OPENBLAS_CORETYPE.
        kernel: what OpenBLAS calls the kernels that this gives, before a "-" if there are several.
        torch: ATEN_CPU_CAPABILITY.
        onednn: ONEDNN_MAX_CPU_ISA.
        level: of x86-64: NumPy's kernels for a higher one are switched off.
        threads: of every library.
        needs: what the processor must have, as NumPy names it.
        mkl: MKL_CBWR, or nothing.
    """

    blas: str
    kernel: str
    torch: str
    onednn: str
    level: int
    threads: int
    needs: str = "SSE42"
    mkl: str = ""


PROCESSORS = {
    "sse4": Emulated("Nehalem", "Nehalem", "default", "SSE41", 2, 1, mkl="COMPATIBLE"),
    "avx2": Emulated("Haswell", "Haswell", "avx2", "AVX2", 3, 2, needs="AVX2"),
    "no-simd": Emulated("Prescott", "Katmai", "default", "SSE41", 2, 2, mkl="COMPATIBLE"),
    "avx": Emulated("Sandybridge", "Sandybridge", "default", "AVX", 2, 1, needs="AVX"),
    "avx512": Emulated("SkylakeX", "SkylakeX", "avx512", "AVX512_CORE", 4, 1, needs="AVX512_SKX"),
}
WHOLE = ("sse4", "avx2")


def level(feature: str) -> int:
    """The level of x86-64 that one of NumPy's sets of kernels belongs to, by its name."""
    if "AVX512" in feature or feature == "X86_V4":
        return 4
    return 3 if feature in ("X86_V3", "AVX", "AVX2", "F16C", "FMA3") else 2


def asked(processor: Emulated, dispatch: list[str]) -> dict[str, str]:
    """The variables of a processor."""
    threads = str(processor.threads)
    off = [feature for feature in dispatch if level(feature) > processor.level]
    found = {
        "OPENBLAS_CORETYPE": processor.blas,
        "ATEN_CPU_CAPABILITY": processor.torch,
        "ONEDNN_MAX_CPU_ISA": processor.onednn,
        "NPY_DISABLE_CPU_FEATURES": " ".join(off),
        "MKL_CBWR": processor.mkl,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # Networks choose their own number.
        "MLCLI_THREADS": threads,
    }
    return {name: value for name, value in found.items() if value}


def probe(environment: dict[str, str]) -> dict[str, Any]:
    """Which kernels a process with these variables uses."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.partition("\nFOUND ")[2])
    said = re.findall(r"isa:(.*)|cpu,convolution,([^,]*),", done.stdout)
    found["onednn"] = ", ".join(a or b for a, b in said)
    found["mkl"] = ", ".join(sorted(set(re.findall(r"CNR:(\S+)", done.stdout))))
    return found


def misses(processor: Emulated, used: dict[str, Any]) -> list[str]:
    """What was not used as it was asked for."""
    wrong = []
    if any(one != f"openblas {processor.kernel}" for one in used["blas"]):
        wrong.append(f"OpenBLAS {processor.kernel}")
    if used["torch"].lower() != processor.torch:
        wrong.append(f"PyTorch {processor.torch}")
    if any(level(one) > processor.level for one in used["numpy"]):
        wrong.append(f"NumPy x86-64-v{processor.level}")
    if processor.onednn.removesuffix("_CORE").lower() not in used["onednn"].lower():
        wrong.append(f"oneDNN {processor.onednn}")
    if processor.mkl and used["mkl"] not in ("", processor.mkl):
        wrong.append(f"MKL {processor.mkl}")
    if used["threads"] != [processor.threads]:
        wrong.append(f"{processor.threads} threads")
    return wrong


def shown(used: dict[str, Any]) -> str:
    """The kernels in one line a library."""
    return "\n".join(
        [
            f"  BLAS     {', '.join(used['blas'])}",
            f"  NumPy    {', '.join(used['numpy'])}",
            f"  PyTorch  {used['torch']}",
            f"  MKL      {used['mkl'].replace('OFF', 'by the processor') or 'not there'}",
            f"  oneDNN   {used['onednn'] or 'not there'}",
            f"  threads  {', '.join(map(str, used['threads']))}",
        ]
    )


def suite(name: str, environment: dict[str, str]) -> int:
    """The tests, those that run alone last; 0 if all passed."""
    where = [] if name in WHOLE else NUMERIC
    line = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", *where]
    return subprocess.run(line, cwd=PROJECT, env=environment, check=False).returncode


def main(names: list[str]) -> int:
    """Run under each processor; 1 if a test failed or kernels were not those asked for."""
    own = {name: value for name, value in os.environ.items() if name not in OURS}
    here = probe(own)
    print(f"{platform.machine()}, Python {platform.python_version()}; as it is:\n{shown(here)}")
    if platform.machine() not in ("x86_64", "AMD64"):
        # The variables name kernels of x86-64.
        runs = {f"as it is, {n} threads": own | {"OMP_NUM_THREADS": str(n)} for n in (1, 2)}
        codes = [suite(name, environment) for name, environment in runs.items()]
        return int(any(codes))
    failed = []
    for name in names:
        processor = PROCESSORS[name]
        if processor.needs not in here["features"]:
            print(f"\n{name}: left out, this processor has no {processor.needs}")
            continue
        variables = asked(processor, here["dispatch"])
        print(f"\n{name}: {' '.join(f'{key}={value}' for key, value in variables.items())}")
        environment = own | variables
        used = probe(environment)
        print(shown(used), flush=True)
        if wrong := misses(processor, used):
            print(f"{name}: not as asked: {', '.join(wrong)}")
            failed.append(name)
            continue
        t_start = time.perf_counter()
        code = suite(name, environment)
        print(
            f"{name}: {'passed' if code == 0 else 'FAILED'} in "
            f"{time.perf_counter() - t_start:.0f} s",
            flush=True,
        )
        failed += [name] if code else []
    print(f"\n{len(names) - len(failed)} of {len(names)} runs passed")
    return int(bool(failed))


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(PROCESSORS)
    if unknown:
        sys.exit(f"no such processor: {', '.join(sorted(unknown))}; try {', '.join(PROCESSORS)}")
    sys.exit(main(sys.argv[1:] or list(PROCESSORS)))
