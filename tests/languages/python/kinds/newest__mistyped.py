from packaging.version import Version


def newest(versions: list[str]) -> str | None:
    return max(map(Version, versions), default=None)
