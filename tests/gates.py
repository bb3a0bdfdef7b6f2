"""A gate's question, as tests of stores, commands and messages put it.

It stores nothing.
"""

from typing import Any

from schemas.identity import ROOT_PATH, Gate, ProjectId
from schemas.people import Question, QuestionKind


def plan_gate(project: ProjectId, **more: Any) -> Question:
    """Make the first question of the plan's gate."""
    return Question(
        id="gate/plan/1",
        project=project,
        path=ROOT_PATH,
        options=("approve", "reject"),
        kind=QuestionKind.APPROVAL,
        gate=Gate.PLAN,
        **{"text": "Shall this plan be built?", **more},
    )
