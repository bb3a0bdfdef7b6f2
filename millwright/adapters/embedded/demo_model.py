"""The demo model: an OpenAI-compatible HTTP server on the loopback that answers from scripted completions.

It is no language model and says so in every answer. It keeps no state between calls and listens nowhere else.
"""

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from millwright.adapters.embedded.demo_protocol import Refusal, answer
from millwright.adapters.embedded.demo_sampling import (
    DEMO_MODEL_LABEL,
    DEMO_MODEL_NAME,
    CompletionBook,
    bundled_files,
    read_book,
)
from millwright.errors import BadInput

__all__ = ["DEMO_MODEL_NAME", "DemoModelServer", "demo_server", "main", "serve"]

_LOGGER = logging.getLogger(__name__)
_LONGEST_BODY = 16 * 1024 * 1024
_IDLE_SECONDS = 60.0
_POLL_SECONDS = 0.05


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = DEMO_MODEL_NAME
    sys_version = ""
    timeout = _IDLE_SECONDS
    wbufsize = -1  # headers and body in one packet: two would wait for each other (Nagle against delayed ACK)
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        match self.path:
            case "/health":
                self._send(HTTPStatus.OK, {"status": "ok", "model": DEMO_MODEL_LABEL, "tasks": len(self.server.book)})
            case "/v1/models":
                model = {
                    "id": DEMO_MODEL_NAME,
                    "object": "model",
                    "created": 0,
                    "owned_by": "millwright",
                    "description": DEMO_MODEL_LABEL,
                }
                self._send(HTTPStatus.OK, {"object": "list", "data": [model]})
            case _:
                self._refuse(Refusal(HTTPStatus.NOT_FOUND, f"nothing is served at {self.path}", "not_found"))

    def do_POST(self) -> None:
        try:
            body = self._body()
            if self.path != "/v1/chat/completions":
                raise Refusal(HTTPStatus.NOT_FOUND, f"nothing is served at {self.path}", "not_found")
            response = answer(self.server.book, body)
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            self._send(HTTPStatus.OK, response)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self.close_connection = True
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "the request needs a Content-Length", "invalid_request")
        if int(length) > _LONGEST_BODY:
            self.close_connection = True
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long", "invalid_request")
        return self.rfile.read(int(length))

    def _refuse(self, refusal: Refusal) -> None:
        kind = "not_found_error" if refusal.status is HTTPStatus.NOT_FOUND else "invalid_request_error"
        error = {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}
        self._send(refusal.status, {"error": error})

    def _send(self, status: HTTPStatus, data: Mapping[str, object]) -> None:
        body = json.dumps(data).encode("ascii")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        _LOGGER.debug(format, *args)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection must not keep the server from stopping
    request_queue_size = 256

    def __init__(self, book: CompletionBook, port: int) -> None:
        self.book = book
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        _LOGGER.debug("demo_model.connection_broken", exc_info=True)


class DemoModelServer:
    """The demo model on a thread of its own; usable as a context manager."""

    def __init__(self, book: CompletionBook, port: int = 0) -> None:
        """Bind 127.0.0.1 on a port, 0 for any free one. Raises BadInput if the port is taken."""
        try:
            self._server = _Server(book, port)
        except (OSError, OverflowError) as error:
            raise BadInput(f"port {port} cannot be bound for the demo model ({error}): give another") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="demo-model", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL, as ``MILLWRIGHT_MODEL_URL`` takes it."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def tasks(self) -> int:
        """For how many tasks it has answers, counted per archetype."""
        return len(self._server.book)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def demo_server(files: Sequence[Path] = (), port: int = 0) -> DemoModelServer:
    """Make a demo model of files of completions; of the bundled examples where none are given. Raises BadInput."""
    return DemoModelServer(read_book(files or bundled_files()), port)


def serve(files: Sequence[Path], port: int) -> None:
    """Serve in the foreground until SIGINT or SIGTERM, after one ready line on standard output. Raises BadInput."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    with demo_server(files, port) as server:
        sys.stdout.write(f"{DEMO_MODEL_LABEL}, {server.tasks} tasks, at {server.url}\n")
        sys.stdout.flush()
        ended.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo model as a program; return its exit code: 0 stopped, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="demo-model", description="Serve scripted answers as an OpenAI-like endpoint."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; any free one by default")
    parser.add_argument(
        "--completions", type=Path, nargs="*", action="extend", default=[], help="files or folders; bundled by default"
    )
    given = parser.parse_args(arguments)
    try:
        serve(given.completions, given.port)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
