"""Takes back questions that nobody waits for any more: of a part that has ended, or of a whole project.

It decides nothing, and no decision is recorded: nobody made one.
"""

from millwright.ports import ProjectStore
from schemas.identity import NodePath, ProjectId


async def withdraw_questions(projects: ProjectStore, project: ProjectId, path: NodePath | None = None) -> None:
    """Close the open questions about one part, or with its gates' about all of a project."""
    for question in await projects.questions(project):
        if question.open and (path is None or (question.path == path and question.gate is None)):
            await projects.save_question(question.model_copy(update={"open": False}))
