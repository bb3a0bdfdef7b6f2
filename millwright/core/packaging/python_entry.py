"""What a delivered Python package does when it is run: its entry point, where some part of it is one.

The command comes of the root, or of the only part that is a command or answers HTTP. It runs nothing.
"""

from millwright.core.packaging.package import Part, Whole
from schemas.specification import TaskKind

_MAIN = '''"""The command: reads a document from a file or standard input, and writes the answer to standard output."""

import sys
from pathlib import Path

from {module} import {imported}


def main() -> int:
    """Run the command; returns the exit status, 2 for a document that is refused."""
    arguments = sys.argv[1:]
    if len(arguments) > 1 or arguments in (["-h"], ["--help"]):
        sys.stderr.write("usage: {command} [FILE]\\n")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        document = Path(arguments[0]).read_text(encoding="utf-8") if arguments else sys.stdin.read()
        answer = {called}(document)
    except (OSError, {errors}) as error:
        sys.stderr.write(f"{command}: {{error}}\\n")
        return 2
    sys.stdout.write(answer if answer.endswith("\\n") else answer + "\\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''

_COMMAND = '''"""The command: hands its arguments on, and ends with the status that comes back."""

import sys

from {module} import {imported}


def main() -> int:
    """Run the command; returns the exit status."""
    return {called}(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
'''

_SERVER = '''"""The server: answers requests on an address of this machine until it is interrupted."""

import argparse
import sys
from wsgiref.simple_server import make_server

from {module} import {imported}


def main() -> int:
    """Serve; returns the exit status."""
    parser = argparse.ArgumentParser(prog="{command}", description="Serve requests with the standard library's server.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    options = parser.parse_args()
    with make_server(options.host, options.port, {called}()) as server:
        sys.stderr.write(f"{command}: listening on http://{{options.host}}:{{server.server_port}}\\n")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''

_TAKEN = ("main", "sys", "Path", "argparse", "make_server")
"""Names that the modules above give a meaning of their own."""


def usage(name: str, entry: Part) -> str:
    """Show how the command is used, for people."""
    match entry.task.kind:
        case TaskKind.COMMAND:
            return f"    {name} ARGUMENTS\n"
        case TaskKind.HTTP_HANDLER:
            return f"    {name} --port 8000\n"
        case _:
            return f"    {name} document.txt        # or: {name} < document.txt\n"


def main_module(whole: Whole, entry: Part) -> str:
    """Write the module that is run."""
    name = entry.task.name
    called = f"{name}_" if name in _TAKEN else name
    names = {
        "module": entry.module,
        "imported": name if called == name else f"{name} as {called}",
        "called": called,
        "command": whole.package.replace("_", "-"),
    }
    match entry.task.kind:
        case TaskKind.COMMAND:
            return _COMMAND.format(**names)
        case TaskKind.HTTP_HANDLER:
            return _SERVER.format(**names)
        case _:
            return _filter(whole, names)


def _filter(whole: Whole, names: dict[str, str]) -> str:
    declared = sorted(error.name for error in whole.errors)
    text = _MAIN.format(**names, errors=", ".join(["ValueError", *declared]))
    if declared and whole.records_file:
        imported = f"from {whole.package}.{whole.records_file[0].rpartition('/')[2].removesuffix('.py')} import "
        text = text.replace("\n\n\ndef main", f"\n{imported}{', '.join(declared)}\n\n\ndef main", 1)
    return text
