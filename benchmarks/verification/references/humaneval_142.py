def sum_squares(lst: list[int]) -> int:
    total = 0
    for index, number in enumerate(lst):
        if index % 3 == 0:
            total += number * number
        elif index % 4 == 0:
            total += number * number * number
        else:
            total += number
    return total
