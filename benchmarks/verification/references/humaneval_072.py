def will_it_fly(q: list[int], w: int) -> bool:
    balanced = q == q[::-1]
    return balanced and sum(q) <= w
