def strange_sort_list(lst: list[int]) -> list[int]:
    rising = sorted(lst)
    falling = rising[::-1]
    return [(falling if turn % 2 else rising)[turn // 2] for turn in range(len(lst))]
