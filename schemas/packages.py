"""Requirements on third-party packages: a distribution's name, and bounds on its version.

It compares release numbers only; what is installed is for an adapter to find out.
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_BOUND = re.compile(r"(>=|<=|==|!=|>|<)\s*([0-9]{1,9}(?:\.[0-9]{1,9}){0,5})")
_RELEASE = re.compile(r"v?(?:[0-9]+!)?([0-9]+(?:\.[0-9]+)*)")
_LONGEST = 200


class RequirementSyntaxError(ValueError):
    """A text is not a requirement; the message says why."""


@dataclass(frozen=True)
class Requirement:
    """A distribution and the bounds on its version."""

    name: str
    bounds: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def key(self) -> str:
        """The name as the package index compares it (PEP 503)."""
        return re.sub(r"[-_.]+", "-", self.name).lower()

    def allows(self, version: str) -> bool:
        """Say whether a version lies within the bounds, by the numbers of its release."""
        found = _RELEASE.match(version)
        if found is None:
            return not self.bounds
        release = _numbers(found[1])
        return all(_holds(release, operator, wanted) for operator, wanted in self.bounds)


def parse_requirement(text: str) -> Requirement:
    """Parse a requirement such as ``attrs``, ``attrs>=23`` or ``attrs>=23.1,<27``.

    Raises:
        RequirementSyntaxError: it has another form: extras, addresses, markers and pre-releases are not among it.
    """
    name = _NAME.match(text)
    if name is None or len(text) > _LONGEST:
        raise RequirementSyntaxError(f"{text[:60]!r} does not begin with the name of a distribution")
    rest = text[name.end() :].strip()
    bounds = []
    for part in rest.split(",") if rest else ():
        bound = _BOUND.fullmatch(part.strip())
        if bound is None:
            raise RequirementSyntaxError(f"{part.strip()!r} is no bound on a version, such as >=1.2 or <3")
        bounds.append((bound[1], _numbers(bound[2])))
    return Requirement(name.group(), tuple(bounds))


def _numbers(text: str) -> tuple[int, ...]:
    """Split a release into numbers, without the zeros at its end: 1.0 is 1."""
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _holds(release: tuple[int, ...], operator: str, wanted: tuple[int, ...]) -> bool:
    match operator:
        case ">=":
            return release >= wanted
        case "<=":
            return release <= wanted
        case ">":
            return release > wanted
        case "<":
            return release < wanted
        case "==":
            return release == wanted
        case _:
            return release != wanted
