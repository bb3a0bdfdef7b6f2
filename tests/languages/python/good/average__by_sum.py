from typing import Optional, List


def average(values: List[float]) -> Optional[float]:
    return sum(values) / len(values) if values else None
