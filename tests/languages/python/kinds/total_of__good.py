import asyncio


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def total_of(numbers: list[int]) -> int:
    return sum(await asyncio.gather(*(doubled(number) for number in numbers)))
