import string


def word_counts(text: str) -> dict[str, int]:
    """Count words; ``string`` is a module here and a plain variable there."""
    blank = string.whitespace + "\x1c\x1d\x1e\x1f\x85\xa0"
    counts: dict[str, int] = {}
    for string_ in text.split():
        word = string_.strip(blank)
        counts[word] = counts.get(word, 0) + 1
    return counts
