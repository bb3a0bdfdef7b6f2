def total_match(lst1: list[str], lst2: list[str]) -> list[str]:
    first = sum(len(string) for string in lst1)
    second = sum(len(string) for string in lst2)
    return lst2 if second < first else lst1
