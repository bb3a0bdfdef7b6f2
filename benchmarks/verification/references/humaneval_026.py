from collections import Counter


def remove_duplicates(numbers: list[int]) -> list[int]:
    occurrences = Counter(numbers)
    return [number for number in numbers if occurrences[number] == 1]
