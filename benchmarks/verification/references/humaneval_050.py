def decode_shift(s: str) -> str:
    first = ord("a")
    return "".join(chr((ord(character) - first - 5) % 26 + first) for character in s)
