"""Is the verifier that many people would write: it imports the candidate, calls it, and compares with ``==``.

It takes no care whatever; that is its purpose. A pass is a line that says so, or exit status 0.
"""

import importlib
import json
import os
import pickle
import sys
import traceback
from typing import Any


def same(result: Any, expected: Any) -> bool:
    """Compare."""
    return bool(result == expected)


def announce(**said: Any) -> None:
    """Write a line."""
    print(json.dumps(said), flush=True)


def main(folder: str) -> int:
    """Verify one candidate, record what it gave, verify the next, and return an exit status."""
    sys.path.insert(0, folder)
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        job = json.load(file)
    argument, expected, oracle = job["argument"], job["expected"], job["oracle"]
    passed = False
    try:
        result = importlib.import_module("candidate").f(argument)
    except Exception:  # noqa: BLE001 - a candidate may raise anything
        traceback.print_exc()
    else:
        passed = same(result, eval(oracle, {"sorted": sorted}, {"expected": expected, "argument": argument}))
        announce(passed=passed)
        record(result, folder)
        del result
    following = importlib.import_module("following")
    announce(following=same(following.f(7), job["following"]))
    return 0 if passed else 1


def record(result: Any, folder: str) -> None:
    """Keep a result for later, as text and as an object."""
    with open(os.path.join(folder, "value"), "w", encoding="utf-8") as file:
        file.write(str(result))
    print("it returned", result)
    with open(os.path.join(folder, "record"), "w", encoding="utf-8") as file:
        file.write(json.dumps(result, default=repr, ensure_ascii=False))
    pickle.loads(pickle.dumps(result))


if __name__ == "__main__":
    status = main(sys.argv[1])
    sys.exit(status)
