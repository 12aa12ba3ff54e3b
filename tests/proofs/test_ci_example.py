"""The CI example of the guide, run as printed: its gate decides the exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOPIC = Path(__file__).parents[2] / "mlcli" / "guide" / "ci.md"
SCRIPTS = Path(sys.executable).parent


@pytest.mark.parametrize(("bound", "code"), [("0.9", 0), ("0.999", 3)])
def test_the_example_runs_gates_and_keeps_the_report(tmp_path: Path, bound: str, code: int) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", TOPIC.read_text(encoding="utf-8"), re.DOTALL)
    (script,) = [block for block in blocks if block.startswith("#!")]
    assert ">= 0.9'" in script
    environment = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("REPORT_URL", None)
    done = subprocess.run(
        ["bash", "-c", script.replace(">= 0.9'", f">= {bound}'")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert (tmp_path / "report.tar.gz").stat().st_size > 0
    assert "<failure" in (tmp_path / "out/check.xml").read_text() or code == 0
