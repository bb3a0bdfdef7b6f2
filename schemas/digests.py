"""Digests, and the one way in which a schema is written when its digest matters.

It stores nothing and reads nothing: what a digest stands for is the business of whoever asks for it.
"""

import hashlib
import json

from pydantic import BaseModel

from schemas.identity import Digest


def digest_of_bytes(content: bytes) -> Digest:
    """Compute the SHA-256 digest of bytes."""
    return Digest(hashlib.sha256(content).hexdigest())


def canonical_json(model: BaseModel) -> bytes:
    """Write a model as ASCII JSON with sorted keys and no white space: equal models give equal bytes."""
    tree = model.model_dump(mode="json")
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
