"""Continuous integration of a new project: a script, and what runs it on GitHub and GitLab."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

SCRIPT = "ci.sh"
GITHUB = ".github/workflows/mlcli.yml"
GITLAB = ".gitlab-ci.yml"
# Every run that ends well passes these; how good is good enough is the user's to say.
FIRST_GATES = {
    "train_mlp": "train_mlp.n_diverged == 0",
    "train_cnn": "train_cnn.n_diverged == 0",
    "bayes": "bayes.certificates.evidence.n_certified == bayes.certificates.evidence.n",
    "logistic": "logistic.converged.mean == 1",
}

SCRIPT_TEXT = """\
#!/usr/bin/env bash
# Runs the pipeline, holds it to the gates of params.yaml, compares it with a revision of git.
# Usage: bash ci.sh [REVISION]    (HEAD if none is given)
# Text for a comment goes to stdout, in Markdown, all else to stderr. Exit code 3: a gate failed.
# If WORSE names metrics, as train_mlp.test_loss, the exit code is 3 if one is worse, too.
# If REPORT_URL is set, the report is uploaded to it by HTTP PUT.
set -euo pipefail
cd "$(dirname "$0")"
base=${1:-HEAD}
verdict=0
mkdir -p runs/ci

mlcli validate >&2
dvc repro >&2

printf '### Gates\\n\\n~~~\\n'
mlcli check --junit runs/ci/check.xml || verdict=$?
printf '~~~\\n\\n'

# A first push has no revision before it, and a new project no reports in it.
if git cat-file -e "$base:./reports" 2> /dev/null; then
  mlcli compare "$base" reports --markdown --out runs/ci/comparison.html \\
    ${WORSE:+--fail-if-worse "$WORSE"} || verdict=$?
else
  printf 'There are no reports in `%s` to compare with.\\n' "$base"
fi

tar -czf runs/ci/report.tar.gz reports
if [ -n "${REPORT_URL:-}" ]; then
  curl --fail --silent --show-error --upload-file runs/ci/report.tar.gz "$REPORT_URL" >&2
fi
exit "$verdict"
"""

GITHUB_TEXT = """\
name: mlcli
on:
  push:
  pull_request:
permissions:
  contents: read
jobs:
  mlcli:
    runs-on: ubuntu-latest
    defaults:
      run:
        shell: bash
    steps:
      - uses: actions/checkout@v6
        with:
          # The revision to compare with, too.
          fetch-depth: 0
      - uses: actions/setup-python@v6
        with:
          python-version: "{python}"
      - name: Install mlcli
        env:
          # {source}
          MLCLI: {expression}
        run: {install}
      - name: Run, check, compare
        env:
          BASE: ${{{{ github.event.pull_request.base.sha || github.event.before }}}}
        # The summary of the job shows the Markdown.
        run: bash ci.sh "$BASE" | tee -a "$GITHUB_STEP_SUMMARY"
      - uses: actions/upload-artifact@v6
        if: always()
        with:
          name: report
          path: |
            reports
            runs/ci
"""

GITLAB_TEXT = """\
mlcli:
  image: python:{python}
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  variables:
    # The revision to compare with, too.
    GIT_DEPTH: "0"
{variable}  script:
    - {install}
    - mkdir -p runs/ci
    - >-
      bash ci.sh "${{CI_MERGE_REQUEST_DIFF_BASE_SHA:-$CI_COMMIT_BEFORE_SHA}}"
      | tee runs/ci/comment.md
  artifacts:
    when: always
    paths: [reports, runs/ci]
    reports:
      junit: runs/ci/check.xml
"""
README = (
    f"`bash {SCRIPT} REVISION` runs the stages, checks the gates and compares with a revision, in "
    "Markdown."
)
# Fails with the reason where the variable is empty.
INSTALL = """'python -m pip install "${MLCLI:?must say what pip installs, as git+https://...}"'"""
SOURCE = "What pip installs; the variable MLCLI of the repository says otherwise."


class Service(StrEnum):
    """Who runs the pipeline of a project after each push."""

    GITHUB = "github"
    GITLAB = "gitlab"
    SH = "sh"


def files(service: Service, requirement: str) -> dict[str, str]:
    """Path in the project -> text: the script, and the file of a service that runs it.

    Args:
        service: whose file.
        requirement: what pip installs, or "" where the service's variable is to say it.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {SCRIPT: SCRIPT_TEXT}
    if service is Service.GITHUB:
        other = "" if not requirement else " || '" + requirement.replace("'", "''") + "'"
        expression = "${{ vars.MLCLI" + other + " }}"
        found[GITHUB] = GITHUB_TEXT.format(
            python=python, source=SOURCE, expression=expression, install=INSTALL
        )
    if service is Service.GITLAB:
        variable = f"    # {SOURCE}\n    MLCLI: {json.dumps(requirement)}\n" if requirement else ""
        found[GITLAB] = GITLAB_TEXT.format(python=python, variable=variable, install=INSTALL)
    return found


def gates(sections: Iterable[str]) -> list[str]:
    """Gates that a new project passes."""
    return [FIRST_GATES[section] for section in sections if section in FIRST_GATES]


def requirement() -> str:
    """What pip installs to get this mlcli; "" where that is known to this machine only.

    The bare name is never the answer: an index may have another package of that name.
    """
    try:
        text = distribution("mlcli").read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    found = json.loads(text or "{}")
    url, version = str(found.get("url", "")), found.get("vcs_info")
    if not url.startswith("https://"):
        return ""
    return f"{version['vcs']}+{url}@{version['commit_id']}" if version else url


def notes(service: Service, folder: Path) -> Iterator[str]:
    """What is still to be done before the service runs the project."""
    if service is Service.SH:
        return
    if not requirement():
        yield "set the variable MLCLI of the repository to what pip installs, as git+https://..."
    if any((parent / ".git").exists() for parent in folder.resolve().parents):
        name = GITHUB if service is Service.GITHUB else GITLAB
        yield f"the service reads {name} in the repository's top folder only; move it there"
