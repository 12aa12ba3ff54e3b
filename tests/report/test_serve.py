"""`mlcli report --serve`: for this machine alone, behind a token, made again when a run changes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from page_tags import REPORTS

from mlcli.report.serve import HOST, LivePage, server_of

Run = Callable[..., Any]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    shutil.copytree(REPORTS / "kfold", tmp_path / "runs" / "kfold")
    return tmp_path / "runs"


@pytest.fixture
def served(runs: Path) -> Iterator[tuple[LivePage, int]]:
    page = LivePage([runs])
    with server_of(page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield page, server.server_port
        server.shutdown()


def get(port: int, path: str, host: str = HOST) -> tuple[int, str]:
    connection = HTTPConnection(HOST, port, timeout=20)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", f"{host}:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_only_the_address_with_the_token_is_answered(served: tuple[LivePage, int]) -> None:
    page, port = served
    status, text = get(port, f"/{page.token}/")
    assert status == 200
    assert '<section class="run" id="kfold"' in text
    assert 'fetch("version")' in text
    assert get(port, f"/{page.token}/version") == (200, "1")
    for path in (
        "/",
        "/index.html",
        f"/{page.token[:-1]}/",
        f"/{page.token}/../etc/passwd",
        "/a/b/c",
    ):
        assert get(port, path)[0] == 404
    # A name that another site points at this address.
    assert get(port, f"/{page.token}/", host="example.org")[0] == 404


def test_nobody_else_can_reach_it(served: tuple[LivePage, int]) -> None:
    own = {one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in own - {HOST}:
        if not address.startswith("127."):
            with socket.socket() as caller:
                caller.settimeout(2)
                assert caller.connect_ex((str(address), served[1])) != 0


def test_two_pages_have_two_tokens(runs: Path) -> None:
    assert LivePage([runs]).token != LivePage([runs]).token


def test_it_is_made_again_when_a_run_comes_and_kept_when_one_is_damaged(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = LivePage([runs])
    assert not page.refresh()
    shutil.copytree(runs / "kfold", runs / "again")
    assert page.refresh()
    assert page.version == 2
    assert b'id="kfold-2"' in page.content
    (runs / "again" / "manifest.json").write_text("{")
    assert not page.refresh()
    assert "the page is kept" in capsys.readouterr().err
    assert page.version == 2
    shutil.rmtree(runs / "again")
    assert page.refresh()
    assert b'id="kfold-2"' not in page.content


def test_the_command_says_its_address_and_ends_with_ctrl_c(runs: Path) -> None:
    command = [sys.executable, "-m", "mlcli", "report", str(runs), "--serve", "--quiet"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert started.stdout is not None
    try:
        address = started.stdout.readline().strip()
        assert address.startswith(f"http://{HOST}:")
        port, token = address.removeprefix(f"http://{HOST}:").strip("/").split("/")
        assert get(int(port), f"/{token}/version") == (200, "1")
        time.sleep(0.1)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)
        assert (started.returncode, said) == (0, "")
    finally:
        started.kill()
        started.communicate()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--port", "8000"), "--port must be used with --serve"),
        (("--serve", "--out", "x.html"), "--out must be left out beside --serve"),
        (("--serve", "--figure", "errors"), "--figure must be left out beside --serve"),
        (("--serve", "--port", "0"), "--port"),
    ],
)
def test_flags_that_do_not_fit_are_refused(mlcli: Run, flags: tuple[str, ...], said: str) -> None:
    done = mlcli("report", str(REPORTS / "kfold"), *flags)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_a_port_that_is_taken_is_one_sentence(mlcli: Run) -> None:
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = mlcli("report", str(REPORTS / "kfold"), "--serve", "--port", str(port))
    assert done.code == 2
    assert done.err.startswith(f"mlcli: --port must be free on this machine, got {port} (")
