import re

_AMOUNT = re.compile(r"(\d+)\.(\d\d)")


def parse_amount(text: str) -> int:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise AmountError(f"{text!r} is not an amount")
    return int(found[1]) * 100 + int(found[2])
