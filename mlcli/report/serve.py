"""The page on a port of this machine, made again whenever a run below it changes."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mlcli import console
from mlcli.errors import DataError
from mlcli.report.gallery import page_text
from mlcli.report.runs import find_folders, read_runs

HOST = "127.0.0.1"
SECONDS = 1.0
# Asks which version of the page there is, and loads it again at the same place if it is another.
RELOAD = """<script>
(() => {
  let own = null;
  setInterval(async () => {
    try {
      const now = await (await fetch("version")).text();
      if (own !== null && now !== own) location.reload();
      own = now;
    } catch { /* The server was stopped; the page stays. */ }
  }, 1000);
})();
</script>
</body>"""


class LivePage:
    """The page of some run folders, as new as their files.

    Attributes:
        token: the first part of every address, so that no other page can guess it.
        version: how often the page was made.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        """Make the page once.

        Raises:
            DataError: no finished run is there, or one can't be read.
        """
        self.token = secrets.token_urlsafe(16)
        self.version = 1
        self._places = list(places)
        self._state = self._look()
        self._text = self._make()

    @property
    def content(self) -> bytes:
        """The present page, which asks for newer ones."""
        return self._text.encode("utf-8")

    def refresh(self) -> bool:
        """Make the page again if a run has come, gone or changed; whether it was.

        A run that can't be read at this moment leaves the page as it is, with a message.
        """
        try:
            state = self._look()
            if state == self._state:
                return False
            self._text = self._make()
        except (DataError, OSError) as error:
            console.message(f"the page is kept: {error}")
            return False
        self._state = state
        self.version += 1
        return True

    def _look(self) -> dict[Path, int]:
        folders = find_folders(self._places)
        return {folder: (folder / "manifest.json").stat().st_mtime_ns for folder in folders}

    def _make(self) -> str:
        head, _, tail = page_text(read_runs(self._places)).rpartition("</body>")
        return head + RELOAD + tail


def server_of(page: LivePage, port: int = 0) -> ThreadingHTTPServer:
    """A server of this machine alone, not yet running; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "mlcli", ""

        def do_GET(self) -> None:
            # Another site's name for this address is refused, so that its scripts read nothing.
            named = self.headers.get("Host", "").rpartition(":")[0] in (HOST, "localhost")
            parts = self.path.split("?")[0].split("/")
            known = secrets.compare_digest(parts[1].encode(), page.token.encode())
            if not (named and known) or len(parts) != 3 or parts[2] not in ("", "version"):
                self.send_error(404)
            elif parts[2]:
                self._send(str(page.version).encode(), "text/plain")
            else:
                self._send(page.content, "text/html; charset=utf-8")

        def _send(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    return ThreadingHTTPServer((HOST, port), Handler)


def serve(places: Sequence[Path], port: int, opened: bool, quiet: bool) -> None:
    """Serve until Ctrl-C."""
    page = LivePage(places)
    with server_of(page, port) as server:
        address = f"http://{HOST}:{server.server_port}/{page.token}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # The address has a token, so it is said even when quiet.
        console.print_text(address)
        if opened:
            import webbrowser

            webbrowser.open(address)
        waiting = threading.Event()
        try:
            while not waiting.wait(SECONDS):
                if page.refresh() and not quiet:
                    console.message(f"made again, version {page.version}")
        except KeyboardInterrupt:
            server.shutdown()
