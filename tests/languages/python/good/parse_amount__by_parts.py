def parse_amount(text: str) -> int:
    whole, point, cents = text.partition(".")
    if not (whole.isdecimal() and point and cents.isdecimal() and len(cents) == 2):
        raise AmountError(text)
    return int(whole + cents)
