"""What `mlcli init --ci` writes works at once: each of its steps, by bash, with a real history."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from mlcli.params.yaml_file import read_yaml
from mlcli.projects import ci

PROJECT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
NO_REVISION = "0" * 40
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The bin folder of an environment without mlcli, which sees all other packages; a wheel."""
    folder = tmp_path_factory.mktemp("runner")
    source = folder / "source"
    shutil.copytree(PROJECT / "mlcli", source / "mlcli")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*pip, str(source)], check=True)
    (wheel,) = folder.glob("mlcli-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    packages = Path(np.__file__).parents[1]
    (inside,) = (folder / "env").glob("lib/python*/site-packages")
    (inside / "others.pth").write_text(f"{packages}\n")
    return folder / "env" / "bin", wheel


@contextmanager
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that keeps what is put to it, and what it was."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/report.tar.gz", received
    finally:
        server.shutdown()
        server.server_close()


def environment(runner: tuple[Path, Path], **more: str) -> dict[str, str]:
    gone = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "REPORT_URL", "MLCLI", "WORSE")
    kept = {key: value for key, value in os.environ.items() if key not in gone}
    who = {
        f"GIT_{role}_{key}": "t" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    path = os.pathsep.join([str(runner[0]), str(SCRIPTS), os.environ["PATH"]])
    # Nothing is fetched: all but the wheel is there.
    return kept | who | {"PATH": path, "PIP_NO_INDEX": "1", "DVC_NO_ANALYTICS": "1"} | more


def bash(text: str, folder: Path, env: dict[str, str]) -> Done:
    """A step as GitHub runs it with `shell: bash`, and the lines of a script as GitLab does."""
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)


def git(folder: Path, env: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def steps_of(project: Path, service: ci.Service) -> list[str]:
    """What the service gives to bash, one text for each step: to install, then to run."""
    if service is ci.Service.SH:
        return ['python -m pip install "$MLCLI"', f'bash {ci.SCRIPT} "$BASE"']
    if service is ci.Service.GITLAB:
        install, *run = read_yaml(project / ci.GITLAB).values["mlcli"]["script"]
        return [install, "\n".join(run)]
    steps = read_yaml(project / ci.GITHUB).values["jobs"]["mlcli"]["steps"]
    return [step["run"] for step in steps if "run" in step]


@pytest.mark.parametrize("service", list(ci.Service))
def test_each_step_runs_and_the_gate_decides(
    tmp_path: Path, runner: tuple[Path, Path], service: ci.Service
) -> None:
    project, summary = tmp_path / "iris", tmp_path / "summary.md"
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    rows = [f"{a},{b},{'yes' if a + b > 0 else 'no'}\n" for a, b in X]
    (tmp_path / "a.csv").write_text("a,b,t\n" + "".join(rows), encoding="utf-8")
    plain = environment(runner)
    words = [sys.executable, "-m", "mlcli", "init", str(project)]
    words += ["--data", str(tmp_path / "a.csv"), "--ci", str(service)]
    subprocess.run(words, cwd=tmp_path, check=True, env=plain | {"PYTHONPATH": str(PROJECT)})
    params = project / "params.yaml"
    text = re.sub(r"n_(epochs|seeds): \d+", r"n_\1: 4", params.read_text(encoding="utf-8"))
    params.write_text(text, encoding="utf-8")
    git(project, plain, "init", "--quiet")
    git(project, plain, "add", ".")
    git(project, plain, "commit", "--quiet", "-m", "a project")
    install, run = steps_of(project, service)

    if service is not ci.Service.SH:
        unset = bash(install, project, plain)
        assert unset.returncode != 0
        assert "must say what pip installs" in unset.stderr
    done = bash(install, project, plain | {"MLCLI": str(runner[1])})
    assert done.returncode == 0, done.stdout + done.stderr

    def at(base: str, **more: str) -> Done:
        named = {
            ci.Service.SH: {"BASE": base},
            ci.Service.GITHUB: {"BASE": base, "GITHUB_STEP_SUMMARY": str(summary)},
            ci.Service.GITLAB: {"CI_COMMIT_BEFORE_SHA": base},
        }
        return bash(run, project, plain | named[service] | more)

    # A first push.
    done = at(NO_REVISION)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gates hold" in done.stdout
    assert f"There are no reports in `{NO_REVISION}` to compare with." in done.stdout
    git(project, plain, "add", ".")
    assert not [name for name in git(project, plain, "ls-files").split() if "runs" in name]
    git(project, plain, "commit", "--quiet", "-m", "results")

    # A change, compared with the revision before it.
    params.write_text(text.replace("optimiser: adam", "optimiser: sgd"), encoding="utf-8")
    base = git(project, plain, "rev-parse", "HEAD")
    if service is ci.Service.SH:
        done = at(base, WORSE="train_mlp.test_loss")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "| optimiser | adam | sgd |" in done.stdout
        # Four seeds can't tell; that passes, and is said.
        assert re.search(r"^\| undecided \| .*test\\_loss \|", done.stdout, re.MULTILINE)
    # A gate that fails: the code is 3, and the comparison and the report are there.
    gate = "train_mlp.test_accuracy.mean > 1"
    params.write_text(params.read_text(encoding="utf-8") + f"  - {gate}\n", encoding="utf-8")
    with receiver() as (address, received):
        done = at(base, REPORT_URL=address)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "FAIL   train_mlp.test_accuracy.mean" in done.stdout
    before, title, after = done.stdout.partition(f"### train-mlp: A = {base}/train\\_mlp, B = ")
    assert title
    assert "No metric differs" in before
    assert "| optimiser | adam | sgd |" in after
    assert "<failure" in (project / "runs/ci/check.xml").read_text(encoding="utf-8")
    assert (project / "runs/ci/comparison.html").stat().st_size > 10_000
    if service is ci.Service.GITHUB:
        assert summary.read_text(encoding="utf-8").endswith(done.stdout)
    if service is ci.Service.GITLAB:
        assert (project / "runs/ci/comment.md").read_text(encoding="utf-8") == done.stdout
    (sent,) = received
    with tarfile.open(fileobj=BytesIO(sent)) as files:
        assert "reports/index.html" in files.getnames()
