def word_counts(text: str) -> dict[str, int]:
    words = text.lower().split()
    return {word: words.count(word) for word in words}
