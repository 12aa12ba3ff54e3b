"""`mlcli init --ci`: files that the services can read, and gates that hold from the start."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from mlcli.config.gates import parse_gate
from mlcli.params.yaml_file import read_yaml
from mlcli.projects import ci
from mlcli.projects.create import PARTS

Run = Callable[..., Any]
GIT = "git+https://example.org/mlcli.git@abc"


class Installed:
    """A package of which pip wrote down where it came from."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.mark.parametrize("service", list(ci.Service))
def test_a_new_project_has_the_script_the_service_file_and_gates(
    mlcli: Run, empty_folder: Path, service: ci.Service
) -> None:
    done = mlcli("init", "new", "--ci", str(service))
    assert done.code == 0, done.err
    names = {"github": ci.GITHUB, "gitlab": ci.GITLAB, "sh": ci.SCRIPT}
    there = {name for name in names.values() if Path("new", name).exists()}
    assert there == {ci.SCRIPT, names[service]}
    # A killed `init` finds all of them again.
    assert {path.name for path in Path("new").iterdir()} <= set(PARTS)
    script = Path("new", ci.SCRIPT)
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    params = read_yaml(Path("new/params.yaml")).values
    assert {parse_gate(gate).section for gate in params["gates"]} <= set(params) - {"data"}
    assert "ci.sh REVISION" in Path("new/README.md").read_text()
    assert mlcli("validate", "new/params.yaml").code == 0


def test_without_the_flag_there_is_nothing_of_it(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli("init", "new").code == 0
    assert not {".github", ".gitlab-ci.yml", "ci.sh"} & set(os.listdir("new"))
    assert "gates" not in read_yaml(Path("new/params.yaml")).values


def test_a_service_of_another_name_is_an_error(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli("init", "new", "--ci", "svn")
    assert (done.code, done.out, os.listdir()) == (2, "", [])
    assert "github, gitlab, sh" in done.err


@pytest.mark.parametrize("requirement", ["", GIT, "https://example.org/it's.whl"])
def test_github_reads_the_workflow(tmp_path: Path, requirement: str) -> None:
    (tmp_path / "a.yml").write_text(ci.files(ci.Service.GITHUB, requirement)[ci.GITHUB])
    found = read_yaml(tmp_path / "a.yml").values
    assert set(found["on"]) == {"push", "pull_request"}
    assert found["permissions"] == {"contents": "read"}
    checkout, python, install, run, upload = found["jobs"]["mlcli"]["steps"]
    assert checkout["with"] == {"fetch-depth": 0}
    assert isinstance(python["with"]["python-version"], str)
    other = requirement.replace("'", "''")
    said = f"vars.MLCLI || '{other}'" if requirement else "vars.MLCLI"
    assert install["env"]["MLCLI"] == "${{ " + said + " }}"
    assert run["run"].startswith('bash ci.sh "$BASE" |')
    assert run["env"]["BASE"].startswith("${{ github.event.pull_request.base.sha ||")
    assert upload["if"] == "always()"
    # An unnamed shell would hide the exit code of what is piped.
    assert found["jobs"]["mlcli"]["defaults"]["run"]["shell"] == "bash"


@pytest.mark.parametrize("requirement", ["", GIT])
def test_gitlab_reads_its_file(tmp_path: Path, requirement: str) -> None:
    (tmp_path / "a.yml").write_text(ci.files(ci.Service.GITLAB, requirement)[ci.GITLAB])
    job = read_yaml(tmp_path / "a.yml").values["mlcli"]
    assert job["variables"].get("MLCLI", "") == requirement
    assert job["variables"]["GIT_DEPTH"] == "0"
    assert all(isinstance(line, str) for line in job["script"])
    assert job["script"][-1].startswith('bash ci.sh "${CI_MERGE_REQUEST_DIFF_BASE_SHA:-')
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] in ci.SCRIPT_TEXT


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"url": "https://e.org/m.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}, None),
        ({"url": "https://e.org/m.whl", "archive_info": {}}, "https://e.org/m.whl"),
        ({"url": "file:///home/me/mlcli", "dir_info": {"editable": True}}, ""),
        (None, ""),
    ],
)
def test_a_service_installs_what_pip_can_find_from_anywhere(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, expected: str | None
) -> None:
    monkeypatch.setattr(ci, "distribution", lambda name: Installed(origin))
    assert ci.requirement() == ("git+https://e.org/m.git@abc" if expected is None else expected)


def test_what_is_left_to_do_is_said(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(ci, "distribution", absent)
    (empty_folder / ".git").mkdir()
    err = mlcli("init", "new", "--ci", "gitlab").err
    assert "note: set the variable MLCLI of the repository to what pip installs" in err
    assert "note: the service reads .gitlab-ci.yml in the repository's top folder only" in err
    assert "note" not in mlcli("init", "other", "--ci", "sh").err
    origin = {"url": "https://e.org/m.whl", "archive_info": {}}
    monkeypatch.setattr(ci, "distribution", lambda name: Installed(origin))
    (empty_folder / ".git").rmdir()
    assert "note" not in mlcli("init", "third", "--ci", "github").err
