def is_happy(s: str) -> bool:
    if len(s) < 3:
        return False
    return all(len(set(s[start : start + 3])) == 3 for start in range(len(s) - 2))
