"""Finds literals in Python source that look like credentials.

It knows the forms of common keys, and names that announce a secret; it cannot know whether one is real.
"""

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from schemas.verification import Finding

_CREDENTIAL_NAME = re.compile(
    r"pass(?:word|wd|phrase)|secret|token|api_?key|access_?key|credential|private_?key|auth_?key", re.IGNORECASE
)
_KNOWN = (
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "an AWS access key"),
    (re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY"), "a private key"),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"), "a GitHub token"),
    (re.compile(r"\bglpat-[\w-]{20,}"), "a GitLab token"),
    (re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"), "a Slack token"),
    (re.compile(r"\bAIza[\w-]{35}"), "a Google key"),
    (re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}"), "a Stripe key"),
    (re.compile(r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}"), "a model provider's key"),
    (re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"), "an npm token"),
    (re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"), "a signed web token"),
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@{}]{1,99}:[^\s/:@{}]{3,99}@\w"), "an address with a password"),
)
_LENGTH = 16
_ENTROPY = 3.5
"""Bits a character (Shannon): English words stay below, random hexadecimal and base64 of this length lie above."""

_ALPHABET = re.compile(r"abcdefgh|ABCDEFGH|01234567")


def secrets(node: ast.AST) -> Iterator[Finding]:
    """Find texts of a known form, and random-looking texts under a name that announces a secret."""
    text = _text(node)
    if text is not None:
        for pattern, what in _KNOWN:
            if pattern.search(text):
                yield _finding(f"the text looks like {what}", node)
    for name, value in _named(node):
        given = _text(value)
        if given is not None and _CREDENTIAL_NAME.search(name) and _looks_random(given):
            yield _finding(f"the text given to {name} looks like a credential", value)


def _named(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that are given a value, with the value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((_name(target), value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield _name(target), value
        case ast.keyword(arg=str() as name, value=value):
            yield name, value
        case ast.Dict(keys=keys, values=values):
            yield from ((_text(key) or "", value) for key, value in zip(keys, values, strict=True) if key is not None)
        case ast.Compare(left=left, comparators=[right]):
            yield from ((_name(left), right), (_name(right), left))
        case ast.arguments(args=args, defaults=defaults, kwonlyargs=only, kw_defaults=only_defaults):
            yield from ((arg.arg, value) for arg, value in zip(reversed(args), reversed(defaults), strict=False))
            yield from ((arg.arg, value) for arg, value in zip(only, only_defaults, strict=True) if value is not None)
        case _:
            return


def _name(target: ast.AST) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case _:
            return ""


def _text(node: ast.AST | None) -> str | None:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Constant(value=bytes() as data):
            return data.decode("latin-1")
        case _:
            return None


def _looks_random(text: str) -> bool:
    if len(text) < _LENGTH or " " in text or _ALPHABET.search(text):
        return False
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values()) >= _ENTROPY


def _finding(message: str, node: ast.AST) -> Finding:
    line = getattr(node, "lineno", None)
    return Finding(code="secret", message=f"{message}; take it as an argument instead", line=line)
