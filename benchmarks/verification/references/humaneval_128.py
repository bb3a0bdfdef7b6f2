def prod_signs(arr: list[int]) -> int | None:
    if not arr:
        return None
    if 0 in arr:
        return 0
    negatives = sum(number < 0 for number in arr)
    magnitude = sum(abs(number) for number in arr)
    return -magnitude if negatives % 2 else magnitude
