def minSubArraySum(nums: list[int]) -> int:
    if not nums:
        raise ValueError("there is no sub-array to sum")
    least = ending_here = nums[0]
    for number in nums[1:]:
        ending_here = min(number, ending_here + number)
        least = min(least, ending_here)
    return least
