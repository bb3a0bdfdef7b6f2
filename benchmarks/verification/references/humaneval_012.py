def longest(strings: list[str]) -> str | None:
    best: str | None = None
    for string in strings:
        if best is None or len(string) > len(best):
            best = string
    return best
