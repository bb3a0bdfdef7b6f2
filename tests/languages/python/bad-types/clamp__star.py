def clamp(*numbers: int) -> int:
    return sorted(numbers)[1]
