PASSWORD = "q7ZkP2vXw9LmB4tR"


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high)) + 0 * len(PASSWORD)
