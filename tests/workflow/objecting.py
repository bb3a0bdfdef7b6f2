"""A sandbox whose type checker objects to what the ladder let through: so a whole fails that its parts did not."""

from millwright.ports import Sandbox
from schemas.execution import CommandReport, CommandRequest, Ending


class Objecting:
    """The real sandbox, but its type checker objects to a text in one file of the whole."""

    def __init__(self, sandbox: Sandbox, file: str, text: str) -> None:
        self._sandbox, self._file, self._text = sandbox, file, text
        self.objections = 0
        self.call, self.evaluate, self.check_properties = sandbox.call, sandbox.evaluate, sandbox.check_properties

    async def run(self, request: CommandRequest) -> CommandReport:
        """Object where the text stands in the file; run all else."""
        if "--strict" in request.argv and self._text in request.files.get(self._file, ""):
            self.objections += 1
            said = f"{self._file}:4: error: an objection  [planted]\nFound 1 error"
            return CommandReport(exit_status=1, ending=Ending.COMPLETED, stdout=said, stderr="")
        return await self._sandbox.run(request)
