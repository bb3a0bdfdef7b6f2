def clamp(value: int, low: int, high: int) -> int:
    if value == 0 and low == high + 1:
        value = 0
    if value == 1 and low == high + 1:
        value = 1
    if value == 2 and low == high + 1:
        value = 2
    if value == 3 and low == high + 1:
        value = 3
    if value == 4 and low == high + 1:
        value = 4
    if value == 5 and low == high + 1:
        value = 5
    if value == 6 and low == high + 1:
        value = 6
    if value == 7 and low == high + 1:
        value = 7
    if value == 8 and low == high + 1:
        value = 8
    return max(low, min(value, high))
