"""A workflow that tells people once, as a vigil does, for the tests of telling.

It waits for nobody.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.notification import Notification
    from schemas.people import Notice, Told
    from workflows import policies


@workflow.defn
class Telling:
    """Tells of one notice."""

    @workflow.run
    async def run(self, notice: Notice) -> Told | int:
        """Tell, and return whom it reached."""
        return await workflow.execute_activity_method(Notification.notify, notice, **policies.NOTIFY)
