"""Builds the children of a node: each as soon as the siblings that it waits for have ended, a bounded number at a time.

It starts no workflow by itself, and what a child came to is not judged here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from schemas.identity import NodePath
from schemas.planning import ChildOutline
from schemas.project import NodeResult


async def built(
    outlines: Sequence[ChildOutline], window: int, build: Callable[[NodePath], Awaitable[NodeResult]]
) -> list[NodeResult]:
    """Build children, at most ``window`` at once; one that was delivered before keeps its part."""
    free = asyncio.Semaphore(window)
    ended = {outline.path: asyncio.Event() for outline in outlines}

    async def one(outline: ChildOutline) -> NodeResult:
        if outline.standing is not None:
            ended[outline.path].set()
            return NodeResult(path=outline.path, status=outline.standing, artifact=outline.artifact)
        for sibling in outline.after:
            await ended[sibling].wait()
        try:
            async with free:
                return await build(outline.path)
        finally:
            ended[outline.path].set()

    return list(await asyncio.gather(*(one(outline) for outline in outlines)))
