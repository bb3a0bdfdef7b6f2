from typing import Any


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def any_int(x: Any, y: Any, z: Any) -> bool:
    if not (is_whole(x) and is_whole(y) and is_whole(z)):
        return False
    return 2 * max(x, y, z) == x + y + z or x in (y + z, y - z, z - y)
