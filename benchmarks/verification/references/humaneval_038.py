def decode_cyclic(s: str) -> str:
    groups = [s[start : start + 3] for start in range(0, len(s), 3)]
    return "".join(group[-1] + group[:-1] if len(group) == 3 else group for group in groups)
