def digitSum(s: str) -> int:
    return sum(ord(character) for character in s if character.isupper())
