async def total_of(numbers: list[int]) -> int:
    return sum(numbers)
