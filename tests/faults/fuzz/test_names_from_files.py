"""Names that a file or a folder brings along: shown, escaped, never followed or obeyed."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fuzz_seeds import RUNS, csv_text, picture, table

from mlcli.console import visible
from mlcli.datasets.rows import ModelInputs, batches
from mlcli.errors import DataError
from mlcli.review import runs as sources
from mlcli.run.files import csv_text as written_csv

Run = Callable[..., Any]
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
OWNED = 'document.documentElement.setAttribute("data-owned","1")'
TAG = f"<img src=x onerror={OWNED}><script>{OWNED}</script>"
QUOTED = f"\"'><svg onload={OWNED}>"
TITLE = "\x1b]0;owned\x07\x1b[2J"
QUICK = ("--degrees", "1", "--n-seeds", "2", "--path-penalty", "none", "--no-plots", "--quiet")


class Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[str] = []
        self.n_scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [name for name, _ in attrs]
        self.n_scripts += tag == "script" and ("type", "application/json") not in attrs


@pytest.fixture
def hostile_run(mlcli: Run, empty_folder: Path) -> Path:
    """A run on a table whose name, columns and folder are tags; its page and comparison."""
    columns = table()
    named = {TAG.replace(",", ";"): columns["x"], QUOTED.replace(",", ";"): columns["z"]}
    heading = [*named, "t"]
    rows = zip(*named.values(), columns["t"], strict=True)
    with (empty_folder / "<b>a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        writer.writerows(rows)
    for name, seed in (("<script>alert(1)", "0"), ("other", "1")):
        done = mlcli("fit-poly", "--data", "<b>a.csv", *QUICK, "--seed", seed, "--out", name)
        assert done.code == 0, done.err
    return empty_folder


def pages(mlcli: Run, folder: Path) -> Iterator[Path]:
    run = "<script>alert(1)"
    for arguments in (
        ("report", run, "--out", "page.html", "--readme"),
        ("compare", run, "other", "--all", "--out", "both.html"),
    ):
        done = mlcli(*arguments)
        assert done.code == 0, done.err
    yield from (folder / "page.html", folder / "both.html")


def test_names_are_text_on_the_pages(mlcli: Run, hostile_run: Path) -> None:
    report, comparison = pages(mlcli, hostile_run)
    for page, n_scripts, shown in (
        (report, 1, "&lt;img src=x onerror="),
        (comparison, 0, "&lt;script&gt;alert(1)"),
    ):
        text = page.read_text()
        tags = Tags(text)
        assert tags.n_scripts == n_scripts, page
        assert not [name for name in tags.attributes if name.startswith("on")], page
        assert shown in text
        assert "<script>alert(1)" not in text
    readme = (hostile_run / "README.md").read_text()
    assert "<img" not in readme.replace("\\<", "")
    bad = hostile_run / "bad.html"
    bad.write_text(f"<p>{TAG}</p>")
    for page in (report, comparison, bad) if BROWSER else ():
        assert owned(page) == (page == bad)


def owned(page: Path) -> bool:
    """Whether a name on a page was run by a browser."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            f"--user-data-dir={page.parent / 'profile'}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "<html" in done.stdout
    return "data-owned=" in done.stdout[done.stdout.index("<html") :].partition(">")[0]


def test_a_terminal_obeys_no_name(mlcli: Run, empty_folder: Path) -> None:
    """Of a file, of a folder, of a column; on stdout, on stderr, in JSON and in a table."""
    name = f"{TITLE}.csv"
    (empty_folder / name).write_text(csv_text(table()))
    os.mkdir(b"\xff\x9b1m")
    (empty_folder / f"{TITLE}x.csv").write_text(f'"{TITLE}",t\n1,2\n3,4\n')
    for arguments in (
        ("data", "describe", name),
        ("data", "describe", name, "--json"),
        ("fit-poly", "--data", "no" + name),
        ("fit-poly", "--data", f"{TITLE}x.csv"),
        ("fit-poly", "--" + TITLE),
        ("check", os.fsdecode(b"\xff\x9b1m"), "--assert", "x>1"),
        ("validate", os.fsdecode(b"\xff\x9b1m")),
        ("report", os.fsdecode(b"\xff\x9b1m"), "--out", "p.html"),
        ("compare", TITLE, TITLE),
    ):
        done = mlcli(*arguments)
        assert done.code in (0, 2), arguments
        assert "this is a bug" not in done.err
        assert not set(done.out + done.err) & {"\x1b", "\x07", "\x9b"}, arguments
    said = mlcli("data", "describe", name, "--json").json
    assert said["file"] == name


def test_what_is_written_out_is_what_json_would_write() -> None:
    assert visible("a\x1b\x9b\udcff\u202e\tb\nc") == "a\\u001b\\u009b\\udcff\\u202e\tb\nc"
    text = "é 日本 $ [bold] \\u001b"
    assert visible(text) == text


def test_a_cell_that_a_spreadsheet_would_compute_stays_the_same_text() -> None:
    """The answer has the classes of the data; marks before them would be other classes."""
    classes = ["=1+1", "+1", "-1", "@x", '="a,b"']
    text = written_csv({"class": classes})
    assert [row["class"] for row in csv.DictReader(io.StringIO(text))] == classes


def test_names_of_images_become_cells_and_are_printable(tmp_path: Path) -> None:
    (tmp_path / f"{TITLE}.png").write_bytes(picture("PNG", "L"))
    with pytest.raises(DataError, match="must be printable"):
        list(batches(str(tmp_path), ModelInputs((), None, (7, 9)), 2))


@pytest.fixture
def run(mlcli: Run, empty_folder: Path) -> Path:
    (empty_folder / "table.csv").write_text(csv_text(table()))
    data = ("--data", "table.csv", "--features", "x,z", "--no-plots", "--quiet", "--out", "run")
    command, *flags = RUNS["fit-poly"]
    assert mlcli(command, *flags, *data).code == 0
    return empty_folder / "run"


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "model/../../secret", "a\0b"])
def test_a_manifest_names_files_of_its_own_folder(
    mlcli: Run, run: Path, empty_folder: Path, name: str
) -> None:
    (empty_folder / "secret").write_text("x")
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = "0" * 64
    path.write_text(json.dumps(manifest))
    for arguments in (
        ("verify", "run", "--hashes-only"),
        ("predict", "run", "table.csv"),
        ("report", "run", "--out", "p.html"),
        ("compare", "run", "run"),
    ):
        done = mlcli(*arguments)
        assert (done.code, len(done.err.splitlines())) == (2, 1), done.err
        assert "secret" not in done.err


@pytest.mark.parametrize("command", ["../../x", "fit_poly.display", "os", "", "..", "chapter"])
def test_a_command_in_a_manifest_is_no_module_to_import(
    mlcli: Run, run: Path, command: str
) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"command": command}))
    for arguments in (("report", "run", "--out", "p.html"), ("predict", "run", "table.csv")):
        done = mlcli(*arguments)
        assert (done.code, len(done.err.splitlines())) == (2, 1), done.err


@pytest.mark.parametrize("part", ["manifest.json", "details.json", "model/model.json"])
@pytest.mark.parametrize("device", ["/dev/zero", "pipe"])
def test_a_part_of_a_run_that_never_ends_is_not_read(
    mlcli: Run, run: Path, empty_folder: Path, part: str, device: str
) -> None:
    os.mkfifo(empty_folder / "pipe")
    (run / part).unlink()
    (run / part).symlink_to(device if device[0] == "/" else empty_folder / "pipe")
    arguments = (
        ("predict", "run", "table.csv")
        if "model" in part
        else ("check", "run", "--assert", "x > 1")
    )
    done = mlcli(*arguments)
    assert (done.code, len(done.err.splitlines())) == (2, 1), done.err


@pytest.mark.parametrize("kind", ["up", "absolute", "link"])
def test_a_revision_unpacks_below_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """git's own archives hold no such names; a repository that was made by hand may."""
    content = io.BytesIO()
    names = {"up": "../owned", "absolute": str(tmp_path / "owned"), "link": "reports/owned"}
    with tarfile.open(fileobj=content, mode="w") as archive:
        member = tarfile.TarInfo(names[kind])
        if kind == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        else:
            member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
        good = tarfile.TarInfo("reports/good")
        good.size = 1
        archive.addfile(good, io.BytesIO(b"y"))
    monkeypatch.setattr(sources, "_git", lambda *arguments: content.getvalue())
    folder = tmp_path / "inside"
    folder.mkdir()
    sources._extract("HEAD", "reports", folder, "HEAD")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["good"]
    assert not list(tmp_path.rglob("owned"))
