"""The smallest file of each kind that once gave a traceback, a hang or no end of memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzz_mutators as mutators
import numpy as np
import pyarrow as pa
import pytest
from fuzz_seeds import idx_bytes
from pyarrow import parquet

from mlcli.datasets import checks, read_parquet
from mlcli.datasets.describe import describe_table
from mlcli.datasets.idx import load_idx
from mlcli.datasets.make import SUFFIX, read_note
from mlcli.datasets.rows import ModelInputs, batches
from mlcli.datasets.source import open_source
from mlcli.errors import ConfigError, DataError, InputError
from mlcli.json_file import MOST_BYTES, parse_json, read_json
from mlcli.params.resolve import validate_file
from mlcli.params.yaml_file import read_yaml
from mlcli.run.checkpoint import FileCheckpoint
from mlcli.run.manifest import read_manifest

Run = Callable[..., Any]
SECONDS = 5.0


def put(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npz(
    header: str, body: bytes = b"", version: tuple[int, int] = (1, 0), name: str = "x", **more: Any
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **more) as archive:
        archive.writestr(f"{name}.npy", mutators.npy_bytes(header, body, version))
    return file.getvalue()


def header(shape: Any, descr: str = "<f8") -> str:
    return repr({"descr": descr, "fortran_order": False, "shape": shape})


# --- YAML ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # Ten lines that name 10^9 values.
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)),
            "more than 20,000 values",
        ),
        ("a: " + "[" * 25 + "]" * 25, "nested too deeply"),
        ("a: &a {x: 1}\nb:\n" + "  - {<<: *a}\n" * 21, "at most 20"),
        ("x: " + "1" * 2**17, "at most 131,072 characters"),
        ("[" * 5000, "nested too deeply"),
        (
            "x: !!python/object/apply:os.system ['touch owned']\n",
            "got one with the tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        ("x: !tag {y: 1}\n", "got one with the tag !tag"),
        ("x: !tag 1\n", "must be a plain number"),
        ('logistic: {"\\ud800": 1}\n', "whole characters"),
        ("kfold: !!binary aGk=\n", "must be a plain number"),
    ],
)
def test_yaml_that_is_a_bomb_or_wants_to_be_more_than_text(
    tmp_path: Path, text: str, words: str
) -> None:
    start = time.monotonic()
    with pytest.raises(ConfigError, match=words):
        validate_file(put(tmp_path, "params.yaml", text))
    assert time.monotonic() - start < SECONDS
    assert not Path("owned").exists()


def test_as_many_values_as_a_file_may_have(tmp_path: Path) -> None:
    path = put(tmp_path, "params.yaml", "a: &a [1, 2]\nb: [" + "*a, " * 6000 + "]\n")
    assert len(read_yaml(path).values["b"]) == 6000


@pytest.mark.parametrize(
    "text",
    [
        "stages: x",
        "stages: [1]",
        "stages: {fit: 1.5}",
        "stages: {fit: {do: [1]}}",
        "stages: {fit: {params: 1}}",
        "stages: {fit: {params: [{params.yaml: 5}]}}",
        "stages: {fit: {do: {params: {a: 1}}}}",
        "stages: {fit: {do: null}}",
    ],
)
def test_a_dvc_file_with_stages_that_are_none(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    put(empty_folder, "dvc.yaml", text + "\n")
    put(empty_folder, "params.yaml", "kfold: {seed: 1}\n")
    assert mlcli("validate").code == 0
    monkeypatch.setenv("DVC_STAGE", "fit")
    done = mlcli("data", "make", "--n-draws", "1", "--quiet")
    # A file whose keys are none is taken for one that is tracked as a whole.
    assert done.code == (2 if "params.yaml" in text else 0), done.err


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npz(header((10**12,))), "is damaged"),
        (npz(header((0, 10**9))), "an array with values"),
        (npz(header((10**12,), "<U0")), "at most 536870912"),
        (
            npz(
                header((1, 2**18 + 1), "|i1"), b"\0" * (2**18 + 1), compression=zipfile.ZIP_DEFLATED
            ),
            "the columns of",
        ),
        # NumPy's own reader would unpack what the header says it is long before it looks.
        (npz(" " * 10**7, version=(2, 0), compression=zipfile.ZIP_DEFLATED), "is damaged"),
        (npz("{'descr': 'f8'"), "is damaged"),
        (npz("(" * 3000), "is damaged"),
        (npz("'\\d'"), "is damaged"),
        (npz(header((1,)), b"\0" * 8, compression=zipfile.ZIP_LZMA), "is damaged"),
        (npz(header((1,), "|O")), "pickled objects"),
    ],
)
def test_an_npz_archive_that_lies_about_its_size(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = put(tmp_path, "a.npz", content)
    for reader in (
        open_source,
        lambda name: describe_table(Path(name)),
        lambda name: list(batches(name, ModelInputs(("x",)), 9)),
    ):
        with pytest.raises(DataError, match=words):
            reader(str(path))


def test_columns_of_a_wide_heading_are_told_apart_in_time(tmp_path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(100_000))
    path = put(tmp_path, "a.csv", f"{names},c0\n{names},1\n")
    start = time.monotonic()
    with pytest.raises(DataError, match="two columns named 'c0'"):
        open_source(str(path))
    assert time.monotonic() - start < SECONDS
    wide = put(tmp_path, "b.csv", ",".join(map(str, range(2**18 + 1))) + "\n1\n")
    with pytest.raises(DataError, match="at most 262144, got 262145"):
        open_source(str(wide))


def test_a_small_parquet_file_of_equal_numbers_is_no_way_to_all_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = pa.array(np.zeros(10**5))
    table = pa.table({f"c{i}": column for i in range(20)} | {"t": column})
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    assert path.stat().st_size < table.nbytes / 500
    # As a file of 50 times the columns and rows would.
    monkeypatch.setattr(checks, "MOST_VALUES", 2 * 10**6)
    with pytest.raises(DataError, match=r"at most 2000000 .* got 2100000"):
        open_source(str(path))
    # Batches are of fewer rows where they have more columns.
    monkeypatch.setattr(read_parquet, "BATCH_VALUES", 2000)
    rows = [
        len(part["t"])
        for part in read_parquet.batches(
            path, table.column_names, 65536, requested=frozenset(), coders={}
        )
    ]
    assert max(rows) == 2000 // 21
    assert sum(rows) == 10**5


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()], ids=str)
def test_a_long_text_that_many_rows_share_is_not_written_out_for_each(
    tmp_path: Path, kind: pa.DataType
) -> None:
    places = pa.array(np.zeros(60_000, dtype=np.int32))
    shared = pa.DictionaryArray.from_arrays(places, pa.array(["9" * 2**14]).cast(kind))
    table = pa.table({"x": shared, "t": np.arange(60_000.0)})
    parquet.write_table(table, tmp_path / "a.parquet")
    for reader in (open_source, lambda name: describe_table(Path(name))):
        with pytest.raises(DataError, match=r"the texts in column 'x' .* got 983040000"):
            reader(str(tmp_path / "a.parquet"))


def test_times_beyond_the_calendar_are_refused_where_they_are_described(tmp_path: Path) -> None:
    far = pa.array([2**62], pa.timestamp("us"))
    parquet.write_table(pa.table({"x": [1.0], "far": far}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="years 1 to 9999"):
        describe_table(tmp_path / "a.parquet")


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_is_read_no_further_than_a_data_set_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(checks, "MOST_VALUES", 3 * 2**20)
    content = idx_bytes((2**20, 2**10), 0) + b"\0" * (5 * 2**20)
    path = put(tmp_path, "a.idx", gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=r"at most 3145728 .* got 4194304"):
        load_idx(path)


@pytest.mark.parametrize(
    "change",
    [
        {"draw_column": None},
        {"draw_column": ["t"]},
        {"drawn_from": 1},
        {"drawn_from": {"name": "noisy-cubic", "n_samples": "x"}},
        {"drawn_from": {"name": "noisy-cubic", "n_samples": 5, "noise_std": []}},
    ],
)
def test_a_note_of_other_types_is_none(
    mlcli: Run, empty_folder: Path, change: dict[str, Any]
) -> None:
    assert mlcli("data", "make", "--n-draws", "2", "--quiet").code == 0
    (path,) = empty_folder.rglob("*.csv")
    note = json.loads(path.with_suffix(SUFFIX).read_text())
    assert read_note(path) == note
    path.with_suffix(SUFFIX).write_text(json.dumps(note | change))
    assert read_note(path) is None
    path.with_suffix(SUFFIX).write_text("[" * 100_000)
    assert read_note(path) is None


# --- images -------------------------------------------------------------------------------------


def test_a_picture_of_a_hundred_bytes_that_claims_to_be_huge(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    content = mutators.png_of(chunks)
    assert len(content) < 100
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        put(tmp_path / kind, "1.png", content)
    with pytest.raises(DataError, match="pixels"):
        open_source(str(tmp_path))


# --- JSON, and the files of runs -----------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 5000, b'"\\ud800"', b"\xff", b"1" * 10 + b"x", b""]
)
def test_json_that_is_none(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(content)
    assert read_manifest(put(tmp_path, "manifest.json", content).parent) is None


def test_whole_numbers_beyond_a_float_are_infinite_as_others_are() -> None:
    assert parse_json(b"[1" + b"0" * 400 + b", -1" + b"0" * 6000 + b", 7, 1e999]") == [
        float("inf"),
        float("-inf"),
        7,
        float("inf"),
    ]
    assert isinstance(parse_json(b"123456789012345678901234567890"), int)


def test_json_is_a_plain_file_of_bounded_size(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ValueError, match="no plain file"):
        read_json(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="no plain file"):
        read_json(tmp_path / "zero.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ValueError, match="more than"):
        read_json(tmp_path / "large.json")


@pytest.mark.parametrize(
    "content",
    [
        npz("(" * 3000, name="versions"),
        npz("'\\d'", name="versions"),
        npz(header((10**12,)), name="versions"),
        npz(header((1,)), b"\0" * 8, name="versions"),
        npz(header((1,)), b"\0" * 8),
        b"PK\x03\x04",
    ],
)
def test_a_checkpoint_that_is_none_is_not_gone_on_from(tmp_path: Path, content: bytes) -> None:
    assert FileCheckpoint(put(tmp_path, "a.npz", content)).load() is None


def test_a_checkpoint_of_ours_with_an_odd_head_is_passed_over_without_a_word(
    tmp_path: Path,
) -> None:
    checkpoint = FileCheckpoint(tmp_path / "a.npz")
    checkpoint.save({"theta": np.arange(3)})
    assert checkpoint.load() is not None
    with zipfile.ZipFile(checkpoint.path) as archive:
        versions = archive.read("versions.npy")
    with zipfile.ZipFile(checkpoint.path, "w") as archive:
        archive.writestr("versions.npy", versions)
        archive.writestr("theta.npy", mutators.npy_bytes("'\\d'", b""))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert checkpoint.load() is None
    assert said == []


def test_a_number_in_metrics_that_no_float_holds_fails_its_gate(
    mlcli: Run, empty_folder: Path
) -> None:
    flags = ("--degrees", "1", "--n-seeds", "2", "--path-penalty", "none", "--no-plots", "--quiet")
    assert mlcli("fit-poly", *flags, "--out", "a").code == 0
    path = empty_folder / "a" / "details.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps(metrics | {"n": 10**400}))
    done = mlcli("check", "a", "--assert", "n > 1")
    assert (done.code, len(done.err.splitlines())) == (3, 1)
    assert "it is inf" in done.err


@pytest.mark.parametrize("row", ["1", "1,2,3,4,5,6,7,8,9,10,11,12", "x" + ",x" * 10])
def test_a_table_of_a_run_that_can_not_be_drawn_beside_another(
    mlcli: Run, empty_folder: Path, row: str
) -> None:
    flags = ("--degrees", "1,2", "--n-seeds", "2", "--path-penalty", "none", "--no-plots")
    for name, seed in (("a", "0"), ("b", "1")):
        assert mlcli("fit-poly", *flags, "--quiet", "--seed", seed, "--out", name).code == 0
    path = empty_folder / "b" / "tables/errors.csv"
    path.write_text(path.read_text() + row + "\n")
    done = mlcli("compare", "a", "b", "--out", "page.html")
    assert (done.code, len(done.err.splitlines())) == (2, 1), done.err
    assert "errors.csv" in done.err
    assert not (empty_folder / "page.html").exists()


def test_a_sentence_about_a_long_name_is_cut_in_its_middle() -> None:
    said = str(InputError("a" * 5000, must="short", got="b" * 5000))
    assert len(said) == 1000 - 1
    assert said.startswith("aaa")
    assert said.endswith("bbb")
    assert " ... " in said
