import json
from collections.abc import Iterable
from urllib.parse import parse_qs


def _text_of(environ: WSGIEnvironment) -> str:
    try:
        sent = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    except ValueError:
        return ""
    text = sent.get("text", "") if isinstance(sent, dict) else ""
    return text if isinstance(text, str) else ""


def _number_of(path: str) -> int:
    digits = path.removeprefix("/notes/")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def notes_api() -> WSGIApplication:
    notes: list[str] = []

    def answer(environ: WSGIEnvironment) -> tuple[str, object]:
        path, verb = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if path == "/notes" and verb == "POST":
            text = _text_of(environ)
            if not text:
                return "422 Unprocessable Entity", {"error": "no text"}
            notes.append(text)
            return "201 Created", {"number": len(notes), "text": text}
        if path == "/notes" and verb == "GET":
            word = parse_qs(environ.get("QUERY_STRING", "")).get("word", [""])[0]
            return "200 OK", [number for number, text in enumerate(notes, 1) if word in text]
        number = _number_of(path)
        if path.startswith("/notes/") and verb == "GET" and 0 < number <= len(notes):
            return "200 OK", {"number": number, "text": notes[number - 1]}
        return "404 Not Found", {"error": "not found"}

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, body = answer(environ)
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", "100000")])
        return [json.dumps(body).encode()]

    return application
