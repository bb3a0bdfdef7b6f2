def parse_amount(text: str) -> int:
    if text.count(".") != 1:
        raise KeyError(text)
    return int(text.replace(".", ""))
