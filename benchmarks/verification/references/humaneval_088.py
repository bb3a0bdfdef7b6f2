def sort_array(array: list[int]) -> list[int]:
    if not array:
        return []
    falls = (array[0] + array[-1]) % 2 == 0
    return sorted(array, reverse=falls)
