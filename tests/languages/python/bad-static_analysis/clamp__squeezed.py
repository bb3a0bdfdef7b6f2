def clamp(value: int, low: int, high: int) -> int:
    step_0_0 = 0; step_0_1 = 1; step_0_2 = 2
    step_1_0 = 0; step_1_1 = 1; step_1_2 = 2
    step_2_0 = 0; step_2_1 = 1; step_2_2 = 2
    step_3_0 = 0; step_3_1 = 1; step_3_2 = 2
    step_4_0 = 0; step_4_1 = 1; step_4_2 = 2
    step_5_0 = 0; step_5_1 = 1; step_5_2 = 2
    step_6_0 = 0; step_6_1 = 1; step_6_2 = 2
    return max(low, min(value, high)) + step_0_0
