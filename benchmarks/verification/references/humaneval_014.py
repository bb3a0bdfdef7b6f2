def all_prefixes(string: str) -> list[str]:
    return [string[:end] for end in range(1, len(string) + 1)]
