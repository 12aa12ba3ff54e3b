"""Hostile runs: models, checkpoints, and what compare, check, verify, runs and report read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from math import isclose
from pathlib import Path
from random import Random
from typing import Any

import fuzz_mutators as mutators
from fuzz_seeds import CSV_TOKENS, Readers

REGRESSIONS = ("fit-poly", "lapack", "lasso", "kfold", "bayes", "bayes-student")
CLASSIFIERS = ("kfold-classes", "logistic")
COMPARED = ("fit-poly", "kfold", "logistic", "bayes", "train-mlp")
NETWORKS = ("train-mlp", "mlp-classes", "train-cnn")


def _copied(rng: Random, seeds: Path, folder: Path, names: tuple[str, ...]) -> Path:
    run = folder / "run"
    there = [name for name in names if (seeds / name).is_dir()]
    shutil.copytree(seeds / rng.choice(there), run)
    return run


def _signed(run: Path, manifest: dict[str, Any]) -> None:
    """A manifest that fits its files and its question, as a hostile hand would make it."""
    from mlcli.run.manifest import run_hash, run_key, sha256

    manifest["files"] = {
        name: sha256(run / name) if (run / name).is_file() else digest
        for name, digest in manifest["files"].items()
    }
    config = {key: entry["value"] for key, entry in manifest["config"].items()}
    asked = run_key(manifest["command"], config, manifest["data"])
    manifest["run"] = run_hash(asked)
    (run / "manifest.json").write_text(json.dumps(manifest))


def maker_of_models(names: tuple[str, ...]) -> Callable[[Random, Path, Path], None]:
    def make(rng: Random, seeds: Path, folder: Path) -> None:
        run = _copied(rng, seeds, folder, names)
        shutil.copyfile(seeds / "table.csv", folder / "rows.csv")
        manifest = json.loads((run / "manifest.json").read_text())
        if rng.random() < 0.15:
            (run / "manifest.json").write_bytes(mutators.json_bytes(rng, manifest))
            return
        parts = sorted((run / "model").glob("*"))
        path = rng.choice([path for path in parts if path.suffix in (".json", ".safetensors")])
        content = path.read_bytes()
        if path.suffix == ".json":
            content = mutators.json_bytes(rng, json.loads(content))
        elif rng.random() < 0.6:
            content = mutators.odd_safetensors(rng, content)
        else:
            content = mutators.damaged(rng, content)
        path.write_bytes(content)
        if rng.random() < 0.95:
            _signed(run, manifest)

    return make


def model_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.commands.evaluate import _scored
    from mlcli.commands.predict import columns_of
    from mlcli.commands.trained import load_model, rows_at_a_time, wanted_of
    from mlcli.datasets.rows import batches
    from mlcli.run.files import csv_text, strict

    run, rows = str(folder / "run"), str(folder / "rows.csv")

    def predict() -> None:
        model, _ = load_model(run, None, None, None, "cpu")
        if model.described.image_shape is None:
            for batch in batches(rows, wanted_of(model), rows_at_a_time(model)):
                csv_text(columns_of(model, batch, 0.9)[0])

    def evaluate() -> None:
        model, _ = load_model(run, None, None, rng.choice((None, 0)), "cpu")
        if model.described.image_shape is None:
            found = _scored(model, rows, wanted_of(model, model.described.target), 0.9, True)
            json.dumps(strict(found), allow_nan=False)

    yield "predict", predict
    yield "evaluate", evaluate


def make_run(rng: Random, seeds: Path, folder: Path) -> None:
    run = _copied(rng, seeds, folder, COMPARED)
    shutil.copytree(
        seeds / json.loads((run / "manifest.json").read_text())["command"], folder / "other"
    )
    paths = sorted(p for p in run.glob("*") if p.suffix in (".json", ".csv"))
    path = rng.choice([*paths, run / "details.json", run / "manifest.json"])
    content = path.read_bytes()
    if path.suffix == ".json":
        path.write_bytes(mutators.json_bytes(rng, json.loads(content)))
    else:
        path.write_bytes(mutators.damaged(rng, content, CSV_TOKENS))
    if rng.random() < 0.5:
        try:
            _signed(run, json.loads((run / "manifest.json").read_bytes()))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError):
            return


def run_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.commands.check import _display, sentence
    from mlcli.commands.compare import _show
    from mlcli.commands.runs import find_runs
    from mlcli.config.gates import parse_gate
    from mlcli.console import print_displays, print_json
    from mlcli.review.compare import compare
    from mlcli.review.gates import as_json, judge
    from mlcli.review.runs import read_run, runs_by_section
    from mlcli.run.details import flat
    from mlcli.run.files import strict

    run, other = folder / "run", folder / "other"

    def compared() -> None:
        pair = [read_run(other), read_run(run)]
        found = compare(pair if rng.random() < 0.5 else pair[::-1])
        print_json(strict({"comparisons": [found]}))
        _show(found, rng.random() < 0.5, rng.random() < 0.5)

    def checked() -> None:
        found = runs_by_section(run)
        metrics = {section: one.metrics for section, one in found.items()}
        paths = [path for section, tree in metrics.items() for path in flat(tree, f"{section}.")]
        texts = [f"{rng.choice(paths)} >= 0.5", "fit_poly.n == x"] if paths else ["a > 1"]
        gates = []
        for text in texts:
            try:
                gates.append((parse_gate(text), "--assert"))
            except ValueError:
                continue
        verdicts = judge(gates, metrics)
        print_json(strict(as_json(verdicts)))
        print_displays([_display(run, verdicts)])
        for one in verdicts:
            sentence(one)

    def listed() -> None:
        print_json(find_runs(folder))

    def verified() -> None:
        from mlcli.review.verify import integrity

        one = read_run(run)
        str(integrity(run, one.manifest).sentence)

    def altered() -> None:
        from mlcli.review.verify import first_difference

        for path in sorted(run.rglob("*")):
            if path.is_file():
                try:
                    first_difference(other / path.relative_to(run), path, isclose)
                except ValueError:
                    continue

    yield "compare", compared
    yield "check", checked
    yield "runs", listed
    yield "verify", verified
    yield "differences", altered


def page_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.commands.compare import _chapter
    from mlcli.report.comparison import write_page
    from mlcli.report.gallery import write_gallery
    from mlcli.review.compare import compare
    from mlcli.review.runs import read_run

    out = folder.parent / "out"

    def compared() -> None:
        pair = [read_run(folder / "other"), read_run(folder / "run")]
        write_page([_chapter(pair, compare(pair), True)], out / "both.html")

    yield "report", lambda: write_gallery([folder / "run"], out / "page.html", out / "README.md")
    yield "compare", compared


def make_checkpoint(rng: Random, seeds: Path, folder: Path) -> None:
    import numpy as np

    from mlcli.run.checkpoint import VERSIONS, FileCheckpoint

    path = folder / "kept.npz"
    FileCheckpoint(path).save({"theta": np.arange(12.0).reshape(3, 4), "step": np.array(7)})
    with np.load(path) as archive:
        arrays = dict(archive)
    assert VERSIONS in arrays
    odd = rng.random() < 0.5
    content = mutators.odd_npz(rng, arrays) if odd else mutators.damaged(rng, path.read_bytes())
    path.write_bytes(content)


def checkpoint_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.run.checkpoint import FileCheckpoint

    yield "load", lambda: FileCheckpoint(folder / "kept.npz").load()
