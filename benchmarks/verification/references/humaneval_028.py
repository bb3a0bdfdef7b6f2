def concatenate(strings: list[str]) -> str:
    return "".join(strings)
