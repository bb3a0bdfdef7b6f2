"""The reviewer's prompt: an accepted answer and what was asked for, and the inputs on which the one may miss the other.

It asks for inputs and never for a judgement: what a reviewer believes of the results is kept apart, and rejects nobody.
"""

from millwright.core.prompts.answer_schema import HOW_VALUES_ARE_WRITTEN, closed, value_schema
from millwright.core.prompts.verifier import task_outline
from millwright.core.prompts.wording import prompt, quoted, schema_section
from millwright.core.specification import input_types, result_type
from schemas.identity import Archetype
from schemas.models import WINNER_LINE, Prompt
from schemas.specification import TaskSpecification

VERSION = "reviewer-1"

MOST_CASES = 8
"""Cases that one answer is asked for: a reader who doubts everything has found nothing."""

_RULES = """You read an answer that won its vote, and look for inputs on which it may not do what the text asks.
You write no code, and you do not judge: your inputs are run with this answer and with others that may have lost.
Answer with one JSON object that fits the schema, in one fenced json block, and nothing else.
Every case gives all inputs by name, keeps what holds before the call, and says in one line why the answer may fail
there. Follow the source: the branches that no known example takes, the order of its conditions, the first and the last
turn of each loop, what it assumes of its inputs without a word. Where nothing is doubtful, give an empty list.
Keep values short enough to be read. Add "expected" only where the text leaves no doubt about the result, else leave it
out; leave it out as well where the call raises.
"""


def review_prompt(task: TaskSpecification, signature: str, source: str) -> Prompt:
    """Write the prompt that shows a winner's source, and asks on which inputs of the task it may be wrong."""
    body = (
        f"Propose up to {MOST_CASES} cases for this function:\n\n```{task.target_language}\n{signature}\n```\n\n"
        + task_outline(task)
        + schema_section(review_schema(task))
        + "\n"
        + f"{WINNER_LINE}\n\n{quoted(source)}\n"
    )
    return prompt(Archetype.REVIEWER, VERSION, _RULES + HOW_VALUES_ARE_WRITTEN, task.id, body)


def review_schema(task: TaskSpecification) -> dict[str, object]:
    """Return the JSON Schema of a reviewer's answer for a task. Raises TypeSyntaxError."""
    records = {record.name: record for record in task.known_records}
    types = zip(task.inputs, input_types(task), strict=True)
    given = closed({item.name: value_schema(of, records) for item, of in types})
    expected = value_schema(result_type(task), records)
    case = closed({"inputs": given, "expected": expected, "why": {"type": "string"}}, ["inputs", "why"])
    return closed({"cases": {"type": "array", "items": case, "maxItems": MOST_CASES}})
