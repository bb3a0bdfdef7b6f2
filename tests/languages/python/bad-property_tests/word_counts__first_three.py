def word_counts(text: str) -> dict[str, int]:
    words = text.split()[:3]
    return {word: words.count(word) for word in words}
