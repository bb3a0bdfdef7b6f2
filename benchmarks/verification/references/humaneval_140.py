import re


def fix_spaces(text: str) -> str:
    return re.sub(" {3,}", "-", text).replace(" ", "_")
