def sort_array(arr: list[int]) -> list[int]:
    return sorted(arr, key=lambda number: (number.bit_count(), number))
