"""The DVC commands of the guide, run as printed in a small project of `mlcli init`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.project.documents import GUIDE, PROJECT, code_blocks

SCRIPTS = Path(sys.executable).parent


def bash(text: str, folder: Path) -> str:
    who = {
        f"GIT_{role}_{key}": "t" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    path = {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=os.environ | who | path | {"DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_experiments_are_run_queued_shown_compared_and_fetched(tmp_path: Path) -> None:
    text = (GUIDE / "pipeline.md").read_text(encoding="utf-8")
    line = text[: text.index("\n## Experiments")].count("\n")
    blocks = [one for one in code_blocks(GUIDE / "pipeline.md") if one.line > line]
    make, queue = (one.text for one in blocks if one.language == "sh")
    shown, metrics, compared, fetched = (one.text for one in blocks if one.language == "console")
    # Small enough to wait for, before the first run.
    fewer = "sed -i -E 's/n_(epochs|seeds): [0-9]+/n_\\1: 3/' params.yaml\n"
    bash(make.replace("git add", f"{fewer}git add", 1), tmp_path)
    moons = tmp_path / "moons"
    bash(queue, moons)

    def said(block: str, folder: Path) -> tuple[str, str]:
        """What the block's commands print now, and what the guide printed."""
        commands = re.findall(r"^\$ (.*)$", block, re.MULTILINE)
        return bash("\n".join(commands), folder), re.sub(r"^\$ .*\n", "", block, flags=re.MULTILINE)

    now, then = said(shown, moons)
    for one in (now, then):
        assert "[sgd]" in one
        assert "reports/train_mlp/metrics.json:test_accuracy" in one
        assert len(re.findall(r"\b[0-9a-f]{7} \[", one)) == 3
    now, then = said(metrics, moons)
    assert now.split()[:5] == then.split()[:5] == ["Path", "Metric", "HEAD", "sgd", "Change"]
    assert re.search(r"^reports/train_mlp/metrics.json +test_loss ", now, re.MULTILINE)
    bash("dvc plots diff HEAD sgd", moons)
    assert (moons / "dvc_plots/static/sgd_reports_train_mlp_figures_curves.png").is_file()
    now, then = said(compared, moons)
    for one in (now, then):
        assert re.search(r"^ optimiser +adam +sgd *$", one, re.MULTILINE)
        assert re.search(r"^ test_loss .* paired *$", one, re.MULTILINE)
    tag, *rest = (f"$ {one}" for one in re.findall(r"^\$ (.*)$", fetched, re.MULTILINE))
    bash(tag.removeprefix("$ "), moons)
    (tmp_path / "new.csv").write_text("x1,x2\n0.5,0.25\n-1,1\n", encoding="utf-8")
    now, then = said("\n".join([*rest, ""]), tmp_path)[0], fetched
    assert now.splitlines()[-3] == "class,probability,p_0,p_1"
    assert "class,probability,p_0,p_1" in then
