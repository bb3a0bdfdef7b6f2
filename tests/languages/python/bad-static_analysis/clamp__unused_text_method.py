def clamp(value: int, low: int, high: int) -> int:
    text = str(value)
    text.strip()
    return max(low, min(int(text), high))
