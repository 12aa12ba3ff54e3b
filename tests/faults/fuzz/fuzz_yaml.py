"""Hostile params.yaml, dvc.yaml and gates, and the readers they come in by."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import fuzz_mutators as mutators
from fuzz_seeds import Readers, seed

YAML_TOKENS = tuple(
    text.encode()
    for text in (
        "&a ",
        "*a",
        "<<: *a\n",
        "!!python/object/apply:os.system ['id']",
        "!tag ",
        "? ",
        "| ",
        ">-\n",
        "%YAML 1.1\n",
        "---\n",
        "...\n",
        "\t",
        "0o17",
        "0x1F",
        "1_000",
        "2001-01-01",
        ".inf",
        "-.inf",
        ".nan",
        "~",
        '"\\ud800"',
        "\ufeff",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "# ",
        "'",
        '"',
        "\\",
        "12:30:45",
        "1e400",
        "1e-3",
        "=",
        "@",
        "`",
        "!!binary aGk=",
        "!!set {a, b}",
        "!!timestamp 2001-01-01",
        "!!float x",
        "!!int ''",
        "\u2028",
        "\x85",
        "null",
        "yes",
        "on",
        "9" * 5000,
        "!!omap [a: 1]",
        "!!merge",
        "*",
        "&",
        "!",
        "!!",
        "!<x>",
        "---\na: 1\n",
    )
)
GATES = (b"fit_poly.x >= 1", b"a within 1..2", b"kfold.y == true", b"x <= y.z", b"bayes.n > 1e-3")


def make_params(rng: Random, seeds: Path, folder: Path) -> None:
    (folder / "params.yaml").write_bytes(_yaml(rng, seed(seeds, "params.yaml")))


def _yaml(rng: Random, whole: bytes) -> bytes:
    """One section of a YAML file, or a few, damaged as text or as a tree."""
    from ruamel.yaml import YAML

    blocks = whole.replace(b"\n\n", b"\n").split(b"\n")
    starts = [i for i, line in enumerate(blocks) if line[:1].isalpha()]
    first = rng.choice(starts)
    end = min([i for i in starts if i > first] or [len(blocks)])
    block = b"\n".join(blocks[first : min(end, first + 40)]) + b"\n"
    if rng.random() < 0.5:
        return mutators.damaged(rng, block, YAML_TOKENS + GATES)
    tree = json.loads(json.dumps(YAML(typ="safe", pure=True).load(block.decode())))
    tree = tree if isinstance(tree, dict) else {"params": tree}
    if rng.random() < 0.2:
        tree["gates"] = [rng.choice(GATES).decode(), mutators.odd(rng)]
    # JSON is YAML but for its names of values that are not numbers.
    text = json.dumps(mutators.changed_tree(rng, tree), ensure_ascii=rng.random() < 0.5)
    return text.replace("NaN", ".nan").replace("Infinity", ".inf").encode("utf-8", "surrogatepass")


def params_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.config import SECTIONS, config_class
    from mlcli.params.resolve import gates_of, resolve, validate_file
    from mlcli.params.yaml_file import read_yaml

    path = folder / "params.yaml"
    section = rng.choice(list(SECTIONS))
    yield "validate", lambda: [str(fault) for fault in validate_file(path)]
    yield "resolve", lambda: resolve(config_class(section), section, params=path, environ={})
    yield "gates", lambda: gates_of(read_yaml(path), [])


STAGES = b"""\
stages:
  fit:
    cmd: mlcli fit-poly
    params: [fit_poly, kfold.seed]
  many:
    foreach: [1, 2]
    do:
      cmd: x
      params: [{params.yaml: [bayes]}]
"""


def make_dvc(rng: Random, seeds: Path, folder: Path) -> None:
    shutil.copyfile(seeds / "params.yaml", folder / "params.yaml")
    (folder / "dvc.yaml").write_bytes(_yaml(rng, STAGES))


def dvc_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.params.dvc_guard import missing_params, refuse_overrides

    def guard() -> None:
        environ = {"DVC_STAGE": rng.choice(("fit", "many@1")), "DVC_ROOT": str(folder)}
        refuse_overrides("fit_poly", {"seed": ("flag", "--seed")}, environ)

    # Whole and the same each time; what reads it is another target's.
    params = _whole_params(str(folder / "params.yaml"))
    yield "validate", lambda: [str(fault) for fault in missing_params(folder / "dvc.yaml", params)]
    yield "overrides", guard


@cache
def _whole_params(path: str) -> Any:
    from mlcli.params.yaml_file import read_yaml

    return read_yaml(Path(path))


def make_gates(rng: Random, seeds: Path, folder: Path) -> None:
    gates = [mutators.damaged(rng, rng.choice(GATES)) for _ in range(4)]
    (folder / "gates.txt").write_bytes(b"\n".join(gates))
    tree = {"x": 1.5, "n": 3, "y": True, "z": None, "deep": {"mean": 1, "ci_low": 0.5}}
    metrics = {key: mutators.changed_tree(rng, tree) for key in ("fit_poly", "")}
    (folder / "details.json").write_text(json.dumps(metrics))


def gate_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.commands.check import _display, sentence
    from mlcli.config.gates import GateSyntaxError, parse_gate
    from mlcli.console import print_displays
    from mlcli.errors import ConfigError, DataError
    from mlcli.json_file import parse_json
    from mlcli.review.gates import as_json, judge, junit_text
    from mlcli.run.files import strict

    def check() -> None:
        text = (folder / "gates.txt").read_bytes().decode("utf-8", "replace")
        try:
            metrics = parse_json((folder / "details.json").read_bytes())
        except ValueError:
            raise DataError("details.json is not JSON") from None
        metrics = {k: v for k, v in metrics.items() if isinstance(v, dict)}
        gates = []
        for line in text.splitlines():
            try:
                gates.append((parse_gate(line), "--assert"))
            except GateSyntaxError as error:
                str(ConfigError(str(error)))
        verdicts = judge(gates, metrics)
        junit_text(verdicts, [sentence(one) for one in verdicts])
        json.dumps(strict(as_json(verdicts)), allow_nan=False)
        print_displays([_display(Path("run"), verdicts)])

    yield "check", check
