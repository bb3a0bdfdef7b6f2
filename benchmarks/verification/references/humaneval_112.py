def reverse_delete(s: str, c: str) -> tuple[str, bool]:
    kept = "".join(character for character in s if character not in c)
    return kept, kept == kept[::-1]
