"""A proposal -> the content of the files of a project."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.config import config_class
from mlcli.config.data import SECTION
from mlcli.experiments import about
from mlcli.projects.proposal import Proposal
from mlcli.run.files import yaml_text

WIDTH = 96
# Words of any alphabet, which YAML takes for text without quotes in a list too.
PLAIN = re.compile(r"[^\W\d_][\w./()%-]*( [\w()%][\w./()%-]*)*")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
GITIGNORE = """\
runs/
mlruns/
dvc_plots/
reports/*/environment.json
reports/*/timings.json
.*.partial/
"""
DVCIGNORE = """\
# When and where a run was made: beside the results, and no part of them.
reports/*/environment.json
reports/*/timings.json
"""
DVC_GITIGNORE = "/config.local\n/tmp\n/cache\n"
DVC_CONFIG = """\
[core]
    analytics = false
    check_update = false
"""
NO_GIT = """\
    # Take this line out after `git init`.
    no_scm = true
"""


def params_text(proposal: Proposal) -> str:
    """params.yaml: each key below its help, which is given where the key first occurs."""
    lines = [
        "# Check this file: `mlcli validate`. Every other key: `mlcli "
        f"{_command(next(iter(proposal.sections)))} --help`, and so on."
    ]
    for name, why in proposal.left_out.items():
        lines += _comment(f"Not a feature: '{name}' {why}.", "")
    said: set[tuple[str, str]] = set()
    shared = {SECTION: proposal.source} if proposal.source else {}
    for section, values in {**shared, **proposal.sections}.items():
        fields = config_class(section).model_fields
        lines += ["", f"{section}:"]
        for key, value in values.items():
            help = fields[key].description or ""
            if (key, help) not in said:
                said.add((key, help))
                lines += _comment(help, "  ")
            lines.append(f"  {key}: {_value(value)}")
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str) -> list[str]:
    clean = " ".join(text.split())
    marks = indent + "# "
    return textwrap.wrap(
        clean, WIDTH, initial_indent=marks, subsequent_indent=marks, break_on_hyphens=False
    )


def _value(value: Any) -> str:
    """A value in YAML, lists on one line; quoted where a string could be read as something else."""
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.fullmatch(value) and value.isprintable() and value.lower() not in WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    # Invisible characters, and those that end a line for some YAML readers, are escaped.
    return "".join(one if one.isprintable() else _escaped(one) for one in quoted)


def _escaped(one: str) -> str:
    return f"\\u{ord(one):04x}" if ord(one) < 2**16 else f"\\U{ord(one):08x}"


def _command(section: str) -> str:
    return section.replace("_", "-")


def dvc_text(proposal: Proposal, inputs: Sequence[str]) -> str:
    """dvc.yaml: a stage for each section, and one that makes the report of them.

    Args:
        proposal: what is run.
        inputs: the files or folders that every stage reads.
    """
    stages: dict[str, Any] = {name: _stage(name, inputs) for name in proposal.sections}
    stages["report"] = {
        "cmd": "mlcli report",
        "deps": [f"reports/{name}" for name in proposal.sections],
        "outs": [{"reports/index.html": {"cache": False}}, {"reports/README.md": {"cache": False}}],
    }
    return yaml_text({"stages": stages})


def _stage(section: str, inputs: Sequence[str]) -> dict[str, Any]:
    place = f"reports/{section}"
    files = [*about(section).files, "manifest.json"]
    tops = sorted({name.split("/")[0] for name in files} - {"metrics.json"})
    stage: dict[str, Any] = {
        "cmd": f"mlcli {_command(section)} --out {place} --force",
        "params": [SECTION, section],
    }
    if inputs:
        stage["deps"] = list(inputs)
    return stage | {
        "outs": _kept(place, tops),
        "metrics": _kept(place, ["metrics.json"]),
        "plots": _kept(place, ["figures"]),
    }


def _kept(place: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Results that git keeps, not DVC's cache."""
    return [{f"{place}/{name}": {"cache": False}} for name in names]


def readme_text(name: str, proposal: Proposal, commands: Sequence[str]) -> str:
    """README.md, of ten lines."""
    left_out = ", ".join(f"`{one}`" for one in list(proposal.left_out)[:8]) or "none"
    more = len(proposal.left_out) - 8
    left_out += f" and {more} more" if more > 0 else ""
    stages = ", ".join(f"`{_command(section)}`" for section in proposal.sections)
    return (
        f"# {name}\n\n"
        f"{proposal.reasons['task'][0].upper()}{proposal.reasons['task'][1:]}.\n\n"
        f"- `{commands[0]}` runs {stages} and writes `reports/index.html`, anew where the data or "
        "`params.yaml` changed.\n"
        f"- `{commands[1]}` runs one of them by hand, below `runs/`; any key is a flag, too.\n"
        "- `params.yaml` has every choice with its reason; `mlcli validate` checks it.\n"
        f"- Columns that are not features: {left_out}; `params.yaml` says why.\n"
        "- `mlcli compare` holds two runs beside each other, `mlcli check` holds them to gates.\n"
        "- Start with `mlcli data describe`, and keep test rows out of every choice.\n"
    )


def config_text(*, in_git: bool) -> str:
    """.dvc/config, as `dvc init` means it with and without git."""
    return DVC_CONFIG + ("" if in_git else NO_GIT)


def commands_of(proposal: Proposal) -> tuple[str, str]:
    """The two commands to go on with: everything, and the last stage by hand."""
    return "dvc repro", f"mlcli {_command(list(proposal.sections)[-1])}"


def summary(proposal: Proposal) -> Mapping[str, str]:
    """What is proposed, for the console."""
    rows = dict(proposal.reasons)
    shown = {
        "degrees": ("fit_poly", "degrees"),
        "folds": ("kfold", "n_folds"),
        "hidden layers": ("train_mlp", "hidden"),
        "batch size": ("train_mlp", "batch_size"),
        "epochs": ("train_mlp", "n_epochs"),
        "architecture": ("train_cnn", "architecture"),
        "batch size of images": ("train_cnn", "batch_size"),
    }
    for label, (section, key) in shown.items():
        if section in proposal.sections:
            value = proposal.sections[section][key]
            rows[label] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    rows["stages"] = ", ".join([*proposal.sections, "report"])
    return rows
