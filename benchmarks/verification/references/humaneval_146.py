def specialFilter(nums: list[int]) -> int:
    odd = "13579"
    return sum(number > 10 and str(number)[0] in odd and str(number)[-1] in odd for number in nums)
