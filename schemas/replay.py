"""What came of making a build again from its record."""

from schemas.base import Schema
from schemas.identity import Digest, ProjectId


class Replayed(Schema):
    """A build beside what its record made anew; ``differing`` are the files that are not the same bytes, by path.

    ``manifest`` is the record's and ``again`` the new one; None where nothing was delivered. ``reason`` says in a line
    why the two differ, as far as it is known: a call without an answer in the record ends the part that needs it.
    """

    project: ProjectId
    answers: int
    manifest: Digest | None = None
    again: Digest | None = None
    differing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def identical(self) -> bool:
        """Whether the same was delivered, to the byte."""
        return self.manifest is not None and self.manifest == self.again
