"""What agents propose beside code: inputs worth trying, and what they claim of the results.

A claim is evidence of what agents believe, never of what is right: nothing is rejected by it.
"""

from collections.abc import Iterable

from pydantic import Field

from schemas.base import Schema
from schemas.digests import digest_of_bytes
from schemas.identity import Digest
from schemas.values import Value, canonical_text


class Claim(Schema):
    """Arguments that an agent proposes, in the order of the specification's inputs, and what it expects of them.

    ``expected`` is None where it claims nothing; ``votes`` counts the answers that say the same.
    """

    arguments: tuple[Value, ...]
    expected: Value | None = None
    votes: int = Field(default=1, ge=1)

    @property
    def digest(self) -> Digest:
        """What makes two claims the same: the arguments and what is expected of them."""
        return digest_of_values(
            self.arguments if self.expected is None else (*self.arguments, ["claim"], self.expected)
        )


def digest_of_values(values: Iterable[Value]) -> Digest:
    """Digest a list of tagged values: equal lists, whatever the order of their sets and dicts, have equal digests."""
    return digest_of_bytes("\n".join(map(canonical_text, values)).encode("ascii"))


class Assertion(Schema):
    """What agents assert of every call that returns: an expression of the safe subset over inputs, result and old.

    It is a claim like any other: ``votes`` counts the answers that state it, and nothing is rejected by it.
    """

    expression: str
    votes: int = Field(default=1, ge=1)
