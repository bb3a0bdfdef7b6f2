import re

LONGEST = {month: 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)} | {2: 29}


def valid_date(date: str) -> bool:
    match = re.fullmatch(r"([0-9]{2})-([0-9]{2})-[0-9]{4}", date)
    if match is None:
        return False
    month, day = int(match[1]), int(match[2])
    return 1 <= day <= LONGEST.get(month, 0)
