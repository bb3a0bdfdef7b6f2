def unique_digits(x: list[int]) -> list[int]:
    return sorted(number for number in x if not set(str(number)) & set("02468"))
