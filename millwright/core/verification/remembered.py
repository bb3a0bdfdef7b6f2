"""Remembers what a pure function said of the same objects: all candidates of a batch share their task and inputs.

It compares by identity, which costs nothing; equal objects that are not the same are asked anew. It keeps few answers.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

MOST_KEPT = 128
"""Answers a function keeps: of several tasks at once, or of a few batches of candidates."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def remembered(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Wrap a pure function of arguments that never change, all of them positional."""
    kept: OrderedDict[tuple[int, ...], tuple[tuple[Any, ...], _R]] = OrderedDict()

    @wraps(function)
    def asked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if kwargs:
            raise TypeError("what is remembered is asked by position")
        key = tuple(map(id, args))
        known = kept.get(key)
        if known is not None:  # the arguments are kept with the answer, so that no other object can have their identity
            return known[1]
        answer = function(*args, **kwargs)
        kept[key] = (args, answer)
        while len(kept) > MOST_KEPT:
            kept.popitem(last=False)
        return answer

    return asked
