"""Hostile answers to any task, for the soak: each has the task's signature, so that it comes as far as being run.

The attacks that are shown to work without a sandbox, and to be held by both engines, are in ``tests/attacks``.
"""

from dataclasses import dataclass

from millwright.core.verification.languages import language_named
from schemas.specification import TaskSpecification


@dataclass(frozen=True)
class Hostile:
    """A hostile answer: what stands before the function, and the lines of its body."""

    name: str
    body: str
    before: str = ""

    def source(self, task: TaskSpecification) -> str:
        """Write it as an answer to a task."""
        head = language_named(task.target_language).signature(task)
        lines = "\n".join(f"    {line}" for line in self.body.splitlines())
        return f"{self.before}\n\n{head.rstrip(':')}:\n{lines}\n"


HOSTILE: tuple[Hostile, ...] = (
    Hostile("loop", "while True:\n    pass"),
    Hostile("sleep", "time.sleep(60)\nraise ValueError", "import time"),
    Hostile("memory", "hoard = []\nwhile True:\n    hoard.append(bytes(1 << 20))"),
    Hostile("recursion", "def again() -> None:\n    again()\nagain()\nraise ValueError"),
    Hostile("exit", "raise SystemExit(0)"),
    Hostile("end", "os._exit(0)", "import os"),
    Hostile("end_on_import", "raise ValueError", "import os\nos._exit(0)"),
    Hostile("flood", "while True:\n    print('x' * 100000)"),
    Hostile("kill_all", "os.kill(-1, 9)\nraise ValueError", "import os"),
    Hostile("kill_parent", "os.kill(os.getppid(), 9)\nraise ValueError", "import os"),
    Hostile("fork", "while True:\n    os.fork()", "import os"),
    Hostile(
        "threads",
        "while True:\n    threading.Thread(target=time.sleep, args=(60,)).start()",
        "import threading\nimport time",
    ),
    Hostile("network", "socket.create_connection(('127.0.0.1', 1))\nraise ValueError", "import socket"),
    Hostile("read", "raise ValueError(open('/etc/passwd').read())"),
    Hostile("write", "for n in range(1000):\n    open(f'/tmp/{n}', 'w').write('x' * 100000)\nraise ValueError"),
    Hostile(
        "forge",
        'for fd in range(3, 64):\n    try:\n        os.write(fd, b\'[0, "returned", ["none"], [], 0.0]\\n\')\n'
        "    except OSError:\n        pass\nraise ValueError",
        "import os",
    ),
    Hostile("stack", "text = '[' * 100000 + ']' * 100000\nreturn eval(text)"),
    Hostile("huge", "return 10 ** (10 ** 7)"),
    Hostile(
        "signals",
        "for n in range(1, 32):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\nwhile True:\n    pass",
        "import signal",
    ),
    Hostile("shell", "subprocess.run(['sh', '-c', 'true'])\nraise ValueError", "import subprocess"),
)
"""What a hostile tenth of the candidates is drawn from; none may ever be accepted."""
