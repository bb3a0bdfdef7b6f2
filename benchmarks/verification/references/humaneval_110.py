def exchange(lst1: list[int], lst2: list[int]) -> str:
    evens = sum(number % 2 == 0 for number in lst1 + lst2)
    return "YES" if evens >= len(lst1) else "NO"
