from collections import Counter


def word_counts(text: str):
    """Count the words."""
    return dict(Counter(text.split()))
