import typing as t

Counts = dict[str, t.Any]


def word_counts(text: str) -> dict[str, int]:
    counts: Counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts
