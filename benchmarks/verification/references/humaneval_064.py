def vowels_count(s: str) -> int:
    word = s.lower()
    plain = sum(letter in "aeiou" for letter in word)
    return plain + 1 if word.endswith("y") else plain
