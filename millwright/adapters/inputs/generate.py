"""The process in which inputs are generated: a task as JSON on stdin, its inputs or its faults as JSON on stdout.

It limits itself to 30 s of CPU and 1 GiB of memory, for it evaluates the specification's expressions.
"""

import json
import resource
import sys

import hypothesis

from millwright.adapters.inputs.drawing import Drawing
from millwright.errors import SpecificationInvalid
from schemas.identity import Digest
from schemas.specification import TaskSpecification
from schemas.verification import InputSet

CPU_SECONDS = 30
MEMORY_BYTES = 1024**3
GENERATOR = f"hypothesis {hypothesis.__version__}, millwright inputs 1"


def main() -> None:
    """Read the request, generate, and answer."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _hide_own_constants()
    request = json.load(sys.stdin)
    task = TaskSpecification.model_validate(request["task"])
    digest = Digest(request["digest"])
    try:
        vectors = Drawing(task, digest).vectors()
    except SpecificationInvalid as invalid:
        json.dump({"faults": [fault.model_dump() for fault in invalid.faults]}, sys.stdout)
        return
    inputs = InputSet(specification_digest=digest, generator=GENERATOR, vectors=vectors)
    json.dump({"inputs": inputs.model_dump(mode="json")}, sys.stdout)


def _hide_own_constants() -> None:
    """Keep Hypothesis from drawing the constants that stand in Millwright's source.

    It looks for them in every loaded module outside site-packages, so that inputs would depend on how Millwright is
    installed and change with its code (``hypothesis.internal.constants_ast``). Modules without a file are passed over.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("millwright", "schemas", "__main__"):
            module.__file__ = None


if __name__ == "__main__":
    main()
