"""A change that breaks running builds, planted to see that replay would notice."""

from temporalio import workflow

from schemas.identity import TaskStatus
from schemas.project import NodeInput, NodeResult
from workflows.endings import show
from workflows.node import NodeWorkflow


@workflow.defn(name="NodeWorkflow")
class ForgetfulNodeWorkflow(NodeWorkflow):
    """A node that shows its state, and no longer records it."""

    @workflow.init
    def __init__(self, given: NodeInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: NodeInput) -> NodeResult:
        """Build the node."""
        return await super().run(given)

    async def _state(self, status: TaskStatus) -> None:
        show(status)
