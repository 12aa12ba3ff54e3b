"""What `make portable` asks of the libraries, and whether it notices that it did not get it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.proofs.portable import PROCESSORS, asked, level, misses

USED = {
    "blas": ["openblas Haswell"],
    "numpy": ["X86_V3"],
    "torch": "AVX2",
    "mkl": "OFF",
    "onednn": "Intel AVX2, jit:avx2",
    "threads": [2],
}


def test_only_the_kernels_of_later_processors_are_switched_off() -> None:
    new, old = ["X86_V3", "X86_V4", "AVX512_ICL"], ["SSE42", "AVX2", "FMA3", "AVX512F"]
    off = "NPY_DISABLE_CPU_FEATURES"
    assert asked(PROCESSORS["sse4"], new)[off] == "X86_V3 X86_V4 AVX512_ICL"
    assert asked(PROCESSORS["avx2"], new)[off] == "X86_V4 AVX512_ICL"
    assert asked(PROCESSORS["avx2"], old)[off] == "AVX512F"
    assert off not in asked(PROCESSORS["avx512"], new)
    assert level("baseline(X86_V2)") == 2


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        ({"blas": ["openblas Haswell", "openblas SkylakeX"]}, ["OpenBLAS Haswell"]),
        ({"numpy": ["X86_V3", "X86_V4"]}, ["NumPy x86-64-v3"]),
        ({"torch": "AVX512"}, ["PyTorch avx2"]),
        ({"onednn": "Intel AVX-512, jit:avx512_core"}, ["oneDNN AVX2"]),
        ({"threads": [1, 2]}, ["2 threads"]),
    ],
)
def test_kernels_that_were_not_asked_for_are_named(
    change: dict[str, Any], wrong: list[str]
) -> None:
    assert misses(PROCESSORS["avx2"], USED | change) == wrong
