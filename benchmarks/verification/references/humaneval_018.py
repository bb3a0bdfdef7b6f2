def how_many_times(string: str, substring: str) -> int:
    starts = range(len(string) - len(substring) + 1)
    return sum(string.startswith(substring, start) for start in starts)
