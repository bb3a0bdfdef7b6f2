def count_upper(s: str) -> int:
    return sum(character in "AEIOU" for character in s[::2])
