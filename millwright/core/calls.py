"""What makes two calls the same: for one call tried again, and for the same question asked by anybody at any time.

It makes no call and keeps no answer.
"""

import json

from schemas.digests import digest_of_bytes
from schemas.identity import Digest
from schemas.models import CallKey, ModelRequest


def call_digest(request: ModelRequest, revision: str) -> Digest:
    """Identify what is asked, whoever asks it: model and revision, prompt, parameters, seed, number of choices.

    Where it is sent, how urgent it is and how long it may take change no answer, and are left out.
    """
    asked = {
        "model": request.model,
        "revision": revision,
        "prompt": [[message.role.value, message.content] for message in request.prompt.messages],
        "temperature": request.temperature,
        "seed": request.seed,
        "choices": request.choices,
        "max_tokens": request.max_tokens,
        "schema": request.json_schema,
        "stop": request.stop,
    }
    return digest_of_bytes(json.dumps(asked, sort_keys=True).encode("ascii"))


def idempotency_key(key: CallKey, call: Digest) -> str:
    """Return what an endpoint may tell repeated attempts at one call by; it shows nothing of the project."""
    return digest_of_bytes(f"{key}\n{call}".encode("utf-8", "surrogatepass"))[:32]
