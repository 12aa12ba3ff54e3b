"""The page of speeds, of a run in which some benchmarks failed."""

from __future__ import annotations

from tests.benchmarks.bars import BARS
from tests.benchmarks.page import page

CPU = {"brand_raw": "a processor", "count": 2}
FIGURE = {"peer": "a peer", "median": 9.0, "low": 8.0, "high": 10.0, "rounds": 3, "note": ""}


def test_a_failed_benchmark_is_one_line_and_the_others_stay() -> None:
    measured = [key for key in BARS if key != "repro"]
    text = page(
        {
            "machine_info": {
                "cpu": CPU,
                "system": "Linux",
                "release": "6",
                "python_version": "3.11",
            },
            "datetime": "2026-11-30T12:00:00",
            "benchmarks": [
                {"extra_info": {"figures": [FIGURE | {"key": key}]}} for key in measured
            ],
            "failed": {"test_process.py::test_x": "RuntimeError: `dvc repro` ended with 255"},
        }
    )
    assert text.count("| 9 |") + text.count("| 9 s |") == len(measured)
    assert text.count("| not measured |") == 1
    assert f"| {BARS['repro'].work} |  | not measured |" in text
    assert "- `test_process.py::test_x`: RuntimeError: `dvc repro` ended with 255\n" in text
    asked = [bar for bar in BARS.values() if bar.asked]
    assert f" of {len(asked)} figures reach what was asked." in text
