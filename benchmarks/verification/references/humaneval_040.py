from itertools import combinations


def triples_sum_to_zero(l: list[int]) -> bool:
    return any(sum(triple) == 0 for triple in combinations(l, 3))
