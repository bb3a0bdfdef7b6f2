"""What an endpoint was found able to do when it was really asked.

It says nothing of how well a model answers.
"""

from schemas.base import Schema


class Capability(Schema):
    """One thing that an endpoint can or cannot do, by ``name``; ``detail`` is what was seen, and what follows."""

    name: str
    ok: bool
    detail: str
