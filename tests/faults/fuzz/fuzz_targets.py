"""What is fuzzed: for each kind of file how a hostile one is made, and the doors it comes in by.

Each door is what a command does with the file, called in this process: the same readers, without
the start of a command line for each of 20,000 files.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import isclose
from pathlib import Path
from random import Random
from typing import Any

import fuzz_mutators as mutators
from fuzz_seeds import COLUMNS, csv_text, idx_bytes, table

Doors = Iterator[tuple[str, Callable[[], object]]]


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes:
        make: writes one hostile file, or folder, into an empty folder.
        doors: the name and the call of each door, for what `make` wrote.
        runs: the runs among the seeds that it needs.
    """

    make: Callable[[Random, Path, Path], None]
    doors: Callable[[Path, Random], Doors]
    runs: tuple[str, ...] = ()


@cache
def seed(folder: Path, name: str) -> bytes:
    """A whole file."""
    return (folder / name).read_bytes()


# --- params.yaml, dvc.yaml, gates ---------------------------------------------------------------

YAML_TOKENS = tuple(
    text.encode()
    for text in (
        "&a ", "*a", "<<: *a\n", "!!python/object/apply:os.system ['id']", "!tag ", "? ", "| ",
        ">-\n", "%YAML 1.1\n", "---\n", "...\n", "\t", "0o17", "0x1F", "1_000", "2001-01-01",
        ".inf", "-.inf",
        ".nan", "~", '"\\ud800"', "\ufeff", "[", "]", "{", "}", ": ", "- ", "# ", "'", '"',
        "\\", "12:30:45", "1e400", "1e-3", "=", "@", "`", "!!binary aGk=", "!!set {a, b}",
        "!!timestamp 2001-01-01", "!!float x", "!!int ''", "\u2028", "\x85", "null", "yes", "on",
        "9" * 5000, "!!omap [a: 1]", "!!merge", "*", "&", "!", "!!", "!<x>", "---\na: 1\n",
    )
)  # fmt: skip
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
    # JSON is YAML but for its names of what is no number.
    text = json.dumps(mutators.changed_tree(rng, tree), ensure_ascii=rng.random() < 0.5)
    return text.replace("NaN", ".nan").replace("Infinity", ".inf").encode("utf-8", "surrogatepass")


def params_doors(folder: Path, rng: Random) -> Doors:
    from mlcli.config import SECTIONS, config_class
    from mlcli.params.gates import gates_of
    from mlcli.params.resolve import resolve, validate_file
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


def dvc_doors(folder: Path, rng: Random) -> Doors:
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
    (folder / "metrics.json").write_text(json.dumps(metrics))


def gate_doors(folder: Path, rng: Random) -> Doors:
    from mlcli.commands.check import _display, sentence
    from mlcli.config.gates import GateSyntaxError, parse_gate
    from mlcli.console import print_displays
    from mlcli.errors import ConfigError, DataError
    from mlcli.json_file import parse_json
    from mlcli.report.files import strict
    from mlcli.review.gates import as_json, judge
    from mlcli.review.junit import junit_text

    def check() -> None:
        text = (folder / "gates.txt").read_bytes().decode("utf-8", "replace")
        try:
            metrics = parse_json((folder / "metrics.json").read_bytes())
        except ValueError:
            raise DataError("metrics.json is not JSON") from None
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


# --- tables -------------------------------------------------------------------------------------

CSV_TOKENS = (
    b'"', b'""', b",", b"\t", b"\n\n", b"\r\n", b"\r", b";", b"\0", b"\xff", b"\xef\xbb\xbf",
    b"nan", b"1e999", b"0x1F", b"1_000", b"true", b"-", b"=cmd|' /C calc'!A0", b"NA", b"t,t",
    b"x,x\n", b'"a\nb"', b"9" * 400, b"2020-01-01", b"31/12/2020", b"\x1b[2J", b"<script>", b" ",
    b"," * 50, b"inf", b"-inf", b"a" * 20_000, b"99999-12-31", b"0000-00-00", b"\xc2\xa0",
    b"1,2,3\n",
)  # fmt: skip


def make_csv(rng: Random, seeds: Path, folder: Path) -> None:
    columns = table(rng.choice((1, 2, 3, 30)))
    comma = rng.choice(",,,\t")
    if rng.random() < 0.4:
        odd = [str(mutators.odd(rng)) for _ in range(3)]
        cells = [rng.choice(odd) if rng.random() < 0.4 else cell for cell in columns["z"]]
        columns[rng.choice((*COLUMNS, *odd))] = ['"' + c.replace('"', '""') + '"' if comma in c
                                                 else c for c in map(str, cells)]  # fmt: skip
    content = csv_text(columns, comma).encode("utf-8", "surrogatepass")
    content = mutators.damaged(rng, content, CSV_TOKENS) if rng.random() < 0.8 else content
    if rng.random() < 0.03:
        content = content.decode("utf-8", "replace").encode("utf-16")
    (folder / ("table.tsv" if comma == "\t" else "table.csv")).write_bytes(content)


def make_npz(rng: Random, seeds: Path, folder: Path) -> None:
    name = rng.choice(("table.npz", "table.npz", "images.npz"))
    if rng.random() < 0.4:
        content = mutators.damaged(rng, seed(seeds, name))
    else:
        import numpy as np

        with np.load(seeds / name) as archive:
            content = mutators.odd_npz(rng, dict(archive))
    (folder / name).write_bytes(content)


def make_parquet(rng: Random, seeds: Path, folder: Path) -> None:
    names = sorted(path.name for path in seeds.glob("*.parquet"))
    content = seed(seeds, rng.choice(names))
    if rng.random() < 0.9:
        # The footer says what all the rest is; half of the damage is done there.
        cut = max(0, len(content) - 600) if rng.random() < 0.5 else 0
        content = content[:cut] + mutators.damaged(rng, content[cut:])
    (folder / "table.parquet").write_bytes(content)


def table_doors(folder: Path, rng: Random) -> Doors:
    import pandas  # noqa: F401  imported by a door on first use, which no file is blamed for

    from mlcli.console import print_displays
    from mlcli.datasets.describe import describe_table, holds_images
    from mlcli.datasets.describe_columns import OUTLIER_Z
    from mlcli.datasets.rows import Wanted, batches
    from mlcli.datasets.source import open_source
    from mlcli.report.files import strict
    from mlcli.report.manifest import question_hash

    (path,) = (one for one in folder.iterdir() if one.suffix != ".json")
    given: dict[str, Any] = {"drop_missing": rng.random() < 0.7}
    if rng.random() < 0.3:
        given |= {"features": ["x", "z"], "target": rng.choice(("t", "kind"))}
    if rng.random() < 0.1:
        given["group_column"] = "kind"
    stream_rows = rng.choice((10, 10, 10**6))

    def opened() -> None:
        source = open_source(str(path), **given, stream_rows=stream_rows)
        question_hash({"data": source.identity})
        if source.streamed:
            for X, t in source.batches(7):  # type: ignore[attr-defined]
                assert len(X) == len(t)
        else:
            source.replicate(0, 0)

    def described() -> None:
        from mlcli.commands.describe_tables import displays

        if not holds_images(path):
            found = strict(describe_table(path))
            json.dumps(found, allow_nan=False)
            print_displays(displays(found, OUTLIER_Z))

    def predicted() -> None:
        image = (8, 8) if path.name == "images.npz" else None
        names = tuple(f"pixel_{i}" for i in range(64)) if image else ("x", "z")
        wanted = Wanted(names, rng.choice((None, "y" if image else "t")), image)
        for batch in batches(str(path), wanted, 16):
            assert batch.X.shape[1] == len(names)

    yield "open", opened
    yield "describe", described
    yield "predict", predicted


def make_note(rng: Random, seeds: Path, folder: Path) -> None:
    from mlcli.datasets.make import write_draws
    from mlcli.datasets.sidecar import SUFFIX

    path = folder / "table.csv"
    write_draws("noisy-cubic", path, n_draws=2, seed=0, n_samples=5)
    note = json.loads(path.with_suffix(SUFFIX).read_text())
    kept = note["sha256"]
    content = mutators.json_bytes(rng, note)
    try:
        found = json.loads(content)
        # The right hash on the wrong note: otherwise it would not be looked at.
        content = json.dumps(found | {"sha256": kept}).encode()
    except (ValueError, TypeError, RecursionError):
        pass
    path.with_suffix(SUFFIX).write_bytes(content)


# --- images -------------------------------------------------------------------------------------


def make_images(rng: Random, seeds: Path, folder: Path) -> None:
    names = [path.name for path in sorted(seeds.iterdir()) if path.suffix in (".png", ".jpg")]
    for kind in ("a", "b"):
        (folder / "classes" / kind).mkdir(parents=True)
        shutil.copyfile(seeds / "RGB.png", folder / "classes" / kind / "1.png")
    name = rng.choice(names)
    content = seed(seeds, name)
    odd = name.endswith("png") and rng.random() < 0.5
    content = mutators.odd_png(rng, content) if odd else mutators.damaged(rng, content)
    (folder / "classes" / "a" / f"2{Path(name).suffix}").write_bytes(content)


def image_doors(folder: Path, rng: Random) -> Doors:
    from mlcli.datasets.describe_images import describe_images
    from mlcli.datasets.pictures import read_picture
    from mlcli.datasets.rows import Wanted, batches
    from mlcli.datasets.source import open_source

    classes = folder / "classes"
    (path,) = (one for one in (classes / "a").iterdir() if one.stem == "2")
    resize = rng.choice((None, (4, 5)))
    wanted = Wanted((), None, (3, 7, 9), None)
    yield "picture", lambda: read_picture(path, 5)
    yield "open", lambda: open_source(str(classes), resize=resize).replicate(0, 0)
    yield "describe", lambda: describe_images(str(classes), None)
    yield "predict", lambda: list(batches(str(classes), wanted, 2))


def make_idx(rng: Random, seeds: Path, folder: Path) -> None:
    content = seed(seeds, "images.idx")
    match rng.randrange(4):
        case 0:
            shape = [
                rng.choice((0, 1, 4, 2**16, 2**31, 2**32 - 1)) for _ in range(rng.randrange(9))
            ]
            content = idx_bytes(shape, 64)
        case 1:
            # A bomb: the packed zeros are fewer than the dimensions say, by far.
            content = idx_bytes((2**20, 2**12), 0) + b"\0" * rng.choice((10**6, 3 * 10**7))
        case _:
            content = mutators.damaged(rng, content)
    if rng.random() < 0.5:
        content = gzip.compress(content, mtime=0)
        content = mutators.damaged(rng, content) if rng.random() < 0.3 else content
    (folder / "images.idx").write_bytes(content)


def idx_doors(folder: Path, rng: Random) -> Doors:
    from mlcli.datasets.idx import load_with_hash

    yield "load", lambda: load_with_hash(folder / "images.idx")


# --- runs: their models, and what report, compare, check, verify and runs read of them -----------

REGRESSIONS = ("fit-poly", "lapack", "lasso", "kfold", "bayes", "bayes-student")
CLASSIFIERS = ("kfold-classes", "logistic")
NETWORKS = ("train-mlp", "mlp-classes", "train-cnn")


def _copied(rng: Random, seeds: Path, folder: Path, names: tuple[str, ...]) -> Path:
    run = folder / "run"
    there = [name for name in names if (seeds / name).is_dir()]
    shutil.copytree(seeds / rng.choice(there), run)
    return run


def _signed(run: Path, manifest: dict[str, Any]) -> None:
    """A manifest that fits its files and its question, as a hostile hand would make it."""
    from mlcli.report.manifest import question, question_hash, sha256

    manifest["files"] = {
        name: sha256(run / name) if (run / name).is_file() else digest
        for name, digest in manifest["files"].items()
    }
    config = {key: entry["value"] for key, entry in manifest["config"].items()}
    asked = question(manifest["command"], config, manifest["data"])
    manifest["run"] = question_hash(asked)
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


def model_doors(folder: Path, rng: Random) -> Doors:
    from mlcli.commands.evaluate import _scored
    from mlcli.commands.predict import columns_of
    from mlcli.commands.trained import load_model, rows_at_a_time, wanted_of
    from mlcli.datasets.rows import batches
    from mlcli.report.files import csv_text, strict

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
    run = _copied(rng, seeds, folder, ("fit-poly", "kfold", "logistic", "bayes", "train-mlp"))
    shutil.copytree(seeds / json.loads((run / "manifest.json").read_text())["command"],
                    folder / "other")  # fmt: skip
    paths = sorted(p for p in run.glob("*") if p.suffix in (".json", ".csv"))
    path = rng.choice([*paths, run / "metrics.json", run / "manifest.json"])
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


def run_doors(folder: Path, rng: Random) -> Doors:
    from mlcli.commands.check import _display, sentence
    from mlcli.commands.compare import _show
    from mlcli.commands.runs import find_runs
    from mlcli.config.gates import parse_gate
    from mlcli.console import print_displays, print_json
    from mlcli.report.files import strict
    from mlcli.review.compare import compare
    from mlcli.review.gates import as_json, judge
    from mlcli.review.metrics import flat
    from mlcli.review.runs import read_run, runs_by_section

    run, other = folder / "run", folder / "other"

    def compared() -> None:
        pair = [read_run(other), read_run(run)]
        found = compare(pair if rng.random() < 0.5 else pair[::-1])
        print_json(strict({"comparisons": [found]}))
        _show(found, rng.random() < 0.5)

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
        from mlcli.review.differences import first_difference

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


def page_doors(folder: Path, rng: Random) -> Doors:
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

    from mlcli.report.checkpoint import VERSIONS, FileCheckpoint

    path = folder / "kept.npz"
    FileCheckpoint(path).save({"theta": np.arange(12.0).reshape(3, 4), "step": np.array(7)})
    with np.load(path) as archive:
        arrays = dict(archive)
    assert VERSIONS in arrays
    odd = rng.random() < 0.5
    content = mutators.odd_npz(rng, arrays) if odd else mutators.damaged(rng, path.read_bytes())
    path.write_bytes(content)


def checkpoint_doors(folder: Path, rng: Random) -> Doors:
    from mlcli.report.checkpoint import FileCheckpoint

    yield "load", lambda: FileCheckpoint(folder / "kept.npz").load()


TARGETS: Mapping[str, Target] = {
    "params": Target(make_params, params_doors),
    "dvc": Target(make_dvc, dvc_doors),
    "gates": Target(make_gates, gate_doors),
    "csv": Target(make_csv, table_doors),
    "npz": Target(make_npz, table_doors),
    "parquet": Target(make_parquet, table_doors),
    "note": Target(make_note, table_doors),
    "images": Target(make_images, image_doors),
    "idx": Target(make_idx, idx_doors),
    "checkpoint": Target(make_checkpoint, checkpoint_doors),
    "regressions": Target(maker_of_models(REGRESSIONS), model_doors, REGRESSIONS),
    "classifiers": Target(maker_of_models(CLASSIFIERS), model_doors, CLASSIFIERS),
    "networks": Target(maker_of_models(NETWORKS), model_doors, NETWORKS),
    "runs": Target(make_run, run_doors, ("fit-poly", "kfold", "logistic", "bayes", "train-mlp")),
    "pages": Target(make_run, page_doors, ("fit-poly", "kfold", "logistic", "bayes", "train-mlp")),
}
