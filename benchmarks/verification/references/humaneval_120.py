import heapq


def maximum(arr: list[int], k: int) -> list[int]:
    return sorted(heapq.nlargest(k, arr))
