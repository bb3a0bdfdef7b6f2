"""Starts a handler of HTTP on a port of this process's own network, and sends it requests over real sockets.

The network has nothing but this process in it. What a request is made of is the specification's template and the
values that a call gives; what came back is written down as it was received, and is judged outside.
"""

from __future__ import annotations

import socketserver
import threading
from http.client import HTTPConnection
from json import dumps, loads
from re import sub
from socket import AF_INET, SOCK_STREAM, socket
from urllib.parse import quote, urlencode
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from .kinds import Sequence, history, raised
from .wire import Encoder

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from typing import Any

    Sent = tuple[str, str, bytes | None]

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.002
_ANY_PATH = "/?&=%+:@,;~"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return _HOST


class _Server(WSGIServer):
    def server_bind(self) -> None:  # without asking for the name of the host: there is nobody to ask
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()


class Handler(Sequence):
    """Requests to a server that is started anew for each sequence."""

    def step(self, name: str, fields: list[list[Any]]) -> Sent:
        """Prepare one request."""
        given = dict(fields)
        _, _, request = self.methods[name]
        return sent(request, given) if request else any_request(given)

    def play(self, arguments: list[Any], steps: list[tuple[str, Any]], encoder: Encoder) -> list[Any]:
        """Start the server, send the requests one after another, and end it."""
        server = _Server((_HOST, 0), _Quiet)
        server.set_app(self.target(*arguments))
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            return history([self._answer(server.server_port, request, encoder) for _, request in steps], [])
        finally:
            server.shutdown()
            server.server_close()

    def _answer(self, port: int, request: Sent, encoder: Encoder) -> list[Any]:
        try:
            status, kind, body = _exchange(port, *request)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an answer is what came of it
            return raised(error, [])
        fields = (("status", status), ("content_type", kind), ("body", body))
        return ["record", "response", [[name, encoder.value(value)] for name, value in fields]]


def _exchange(port: int, verb: str, path: str, content: bytes | None) -> tuple[int, str, Any]:
    connection = HTTPConnection(_HOST, port)
    connection.sock = socket(AF_INET, SOCK_STREAM)
    try:
        connection.sock.connect((_HOST, port))
        connection.request(verb, path, content, {} if content is None else {"Content-Type": "application/json"})
        answer = connection.getresponse()
        kind = answer.headers.get_content_type() if "Content-Type" in answer.headers else ""
        body = answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
    return answer.status, kind, _read(body) if kind == "application/json" else body


def _read(body: str) -> Any:
    try:
        return loads(body)
    except (ValueError, RecursionError):  # it says that it is JSON, and is not: it stays the text that it is
        return body


def sent(request: str, given: dict[str, list[Any]]) -> Sent:
    """Write a request after its template: what stands in the path, the query, and a body of JSON."""
    verb, _, template = request.partition(" ")
    used: set[str] = set()

    def put(found: Any) -> str:
        used.add(found[1])
        return quote(_text(given[found[1]]), safe="", errors="replace")

    path = sub(r"\{([^{}]*)\}", put, template)
    query = [(name, _text(value)) for name, value in given.items() if name not in used and name != "body"]
    if query:
        path += "?" + urlencode(query, errors="replace")
    return verb, path, dumps(_plain(given["body"])).encode() if "body" in given else None


def any_request(given: dict[str, list[Any]]) -> Sent:
    """Write a request that follows no template."""
    path = "/" + quote(given["path"][1].lstrip("/"), safe=_ANY_PATH, errors="replace")
    content = given["content"][1].encode("utf-8", "replace")
    return given["verb"][1], path, content or None


def _text(value: list[Any]) -> str:
    match value:
        case ["bool", truth]:
            return "true" if truth else "false"
        case ["float", digits] if digits not in ("nan", "inf", "-inf"):
            return repr(float.fromhex(digits))
        case _:
            return str(value[1])


def _plain(value: list[Any]) -> Any:
    """Write a tagged value as JSON has it: records and dicts as objects, every sequence as a list."""
    match value:
        case ["none"]:
            return None
        case ["int", digits]:
            return int(digits)
        case ["float", digits]:
            return float(digits) if digits in ("nan", "inf", "-inf") else float.fromhex(digits)
        case ["list" | "tuple" | "set", items]:
            return [_plain(item) for item in items]
        case ["dict", pairs]:
            return {key[1] if key[0] == "str" else dumps(_plain(key)): _plain(item) for key, item in pairs}
        case ["record", _, pairs]:
            return {name: _plain(item) for name, item in pairs}
        case _:
            return value[1]
