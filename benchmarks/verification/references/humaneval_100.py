def make_a_pile(n: int) -> list[int]:
    return [n + 2 * level for level in range(n)]
