"""The coder's and the integrator's prompts: one function, class, command or handler, from its specification.

The exact signature line stands in the prompt and one fenced block is asked for; nothing of an expected answer's text.
"""

from collections.abc import Sequence

from millwright.core.prompts.kinds import WHAT, examples_of, how_called, interface_sections
from millwright.core.prompts.wording import (
    Neighbour,
    conditions,
    declared,
    granted,
    neighbours,
    prompt,
    quoted,
    rejections,
    section,
)
from schemas.identity import Archetype
from schemas.models import Prompt
from schemas.specification import TaskKind, TaskSpecification

VERSION = "coder-2"
REJECTED_VERSION = "rejected-1"
"""Of what is added where a person rejected an earlier answer; such a prompt has both versions."""

_RULES = """You write one small {what} in {language}, exactly to its specification.
Answer with one fenced code block and nothing else that looks like code.
Keep the signature {lines} exactly as given. Use only the standard library. Read no files, no network, no environment.
{printing}Do not import or redefine what is listed as already imported.
Type annotations must satisfy the strictest checker; suppress nothing. Be simple, correct and short."""

_GLUE = """The functions that are already imported are finished and verified: compose them, do not repeat their work."""


def code_prompt(
    task: TaskSpecification,
    signature: str,
    imported: Sequence[Neighbour],
    *,
    guidance: str = "",
    rejected: Sequence[str] = (),
) -> Prompt:
    """Write the prompt for an atomic task's code; ``rejected`` is what people said of earlier answers."""
    return _write(Archetype.CODER, task, signature, imported, guidance, rejected)


def glue_prompt(
    task: TaskSpecification,
    signature: str,
    imported: Sequence[Neighbour],
    *,
    guidance: str = "",
    rejected: Sequence[str] = (),
) -> Prompt:
    """Write the prompt for the function that composes a node's children; ``rejected`` as for any other code."""
    joined = " ".join(filter(None, (_GLUE, guidance)))
    return _write(Archetype.INTEGRATOR, task, signature, imported, joined, rejected)


def _write(
    archetype: Archetype,
    task: TaskSpecification,
    signature: str,
    imported: Sequence[Neighbour],
    guidance: str,
    rejected: Sequence[str],
) -> Prompt:
    what = WHAT.get(task.kind, "function")
    body = (
        f"Write this {what}:\n\n```{task.target_language}\n{signature}\n```\n\n"
        + f"{quoted(task.description)}\n\n"
        + interface_sections(task)
        + section("How it is called", how_called(task))
        + section("Already imported", declared(task) + neighbours(imported))
        + section("Allowed all the same", granted(task))
        + section("Holds before the call", conditions(task.preconditions))
        + section("Holds for the result", conditions(task.postconditions))
        + section("Holds throughout", conditions(task.invariants))
        + section("Examples", examples_of(task))
        + section(
            "Limits",
            [
                f"- at most {task.max_lines} lines of code",
                f"- cyclomatic complexity at most {task.max_complexity}",
                f"- {task.timeout_ms} ms for one call",
            ],
        )
        + section("Guidance", [guidance] if guidance else [])
        + rejections(rejected, "answers", "Write one that this does not hold of.")
    )
    rules = _RULES.format(
        what=what,
        language=task.target_language,
        lines="lines" if task.kind is TaskKind.CLASS else "line",
        printing="" if task.kind is TaskKind.COMMAND else "Do not print. ",
    )
    version = f"{VERSION}+{REJECTED_VERSION}" if rejected else VERSION
    return prompt(archetype, version, rules, task.id, body.rstrip() + "\n")
