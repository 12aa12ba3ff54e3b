"""The examples of the guide's topic on export print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOPIC = Path(__file__).parents[2] / "mlcli" / "guide" / "exporting.md"


def test_the_files_are_read_as_the_guide_reads_them(
    mlcli: Callable[..., Any], empty_folder: Path
) -> None:
    section = TOPIC.read_text(encoding="utf-8")
    quick = ("--no-plots", "--quiet", "--out")
    # Without the studies beside the models, which they leave as they are.
    few = ("--n-seeds", "1", "--n-study", "10")
    mlcli("logistic", "--data", "breast-cancer", *few, *quick, "cancer")
    on = ("--data", "diabetes", "--degree", "2", "--degrees", "1,2")
    mlcli("bayes", *on, "--n-calibration", "0", *quick, "diabetes")
    mlcli("export", "cancer", "--to", "safetensors", "--out", "cancer.safetensors")
    mlcli("export", "diabetes", "--to", "sklearn", "--out", "diabetes.skops")
    examples = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", section, re.DOTALL)
    assert len(examples) == 2
    for code, printed in examples:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
        )
        assert done.stdout == printed, done.stderr
