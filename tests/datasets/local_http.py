"""A real HTTP server on this machine that can misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """A folder of files over HTTP, which can break off, ignore ranges, or refuse."""

    files: dict[str, bytes]
    break_after: int | None = None
    ignores_range: bool = False
    status: int | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    address: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name, wanted = handler.path.rpartition("/")[2], handler.headers.get("Range")
        self.asked.append((name, wanted))
        if self.status is not None or name not in self.files:
            handler.send_error(self.status or 404)
            return
        body, start = self.files[name], 0
        if wanted and not self.ignores_range:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
            if start >= len(body):
                handler.send_error(416)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        rest = body[start:]
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        rest = rest if self.break_after is None else rest[: self.break_after]
        self.sent += len(rest)
        handler.wfile.write(rest)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve on a free port of 127.0.0.1 until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    server.address = f"http://127.0.0.1:{http.server_address[1]}/set/"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
