"""The identity of a request: two project inputs with one digest ask for the same build.

Limits, gates and fallbacks may change between runs of one project; what is asked for may not.
"""

import hashlib
import json

from millwright.errors import BadInput
from schemas.identity import PROJECT_ID_PATTERN, Digest, ProjectId, project_id_from
from schemas.project import ProjectInput


def input_digest(given: ProjectInput) -> Digest:
    """Digest what is asked for: requirements, specification, target language and seed, however they are handed over."""
    asked = {
        "requirements": given.requirements_digest or _digest(given.requirements),
        "specification": given.specification_digest or _digest(given.specification),
        "target_language": given.target_language,
        "seed": given.seed,
    }
    return _digest(json.dumps(asked, sort_keys=True))


def _digest(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def checked_project_id(text: str) -> ProjectId:
    """Accept a project id as it stands. Raises BadInput, with the nearest id that would do."""
    if PROJECT_ID_PATTERN.fullmatch(text):
        return ProjectId(text)
    near = project_id_from(text)
    advice = f"; {near!r} would do" if near else ""
    raise BadInput(f"{text[:80]!r} is not a project id (lower-case letters, digits and hyphens, 1 to 64){advice}")
