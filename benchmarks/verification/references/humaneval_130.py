def tri(n: int) -> list[float]:
    values: list[float] = []
    for index in range(n + 1):
        if index == 1:
            values.append(3.0)
        elif index % 2 == 0:
            values.append(1 + index / 2)
        else:
            values.append(values[index - 1] + values[index - 2] + 1 + (index + 1) / 2)
    return values
