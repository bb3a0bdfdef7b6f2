def largest_smallest_integers(lst: list[int]) -> tuple[int | None, int | None]:
    negative = max((number for number in lst if number < 0), default=None)
    positive = min((number for number in lst if number > 0), default=None)
    return negative, positive
