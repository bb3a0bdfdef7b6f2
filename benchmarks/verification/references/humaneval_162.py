import hashlib


def string_to_md5(text: str) -> str | None:
    return hashlib.md5(text.encode()).hexdigest() if text else None
