import httpx
from packaging.version import Version


def newest(versions: list[str]) -> str | None:
    return max(versions, key=Version, default=httpx.__title__ if not versions else None)
