from typing import Any


def word_counts(text: str) -> dict[str, int]:
    counts: Any = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return dict(counts)
