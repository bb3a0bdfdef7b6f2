"""The base of every schema: frozen, and closed to unknown fields.

It holds no fields and no behaviour of its own.
"""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """A frozen value that crosses a boundary; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
