def parse_amount(text: str) -> int:
    digits = "".join(letter for letter in text if letter.isdigit())
    return int(digits or "0")
