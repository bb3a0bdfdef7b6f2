def word_counts(text: str) -> dict[str, int]:
    words = text.split()
    return {word: min(2, words.count(word)) for word in words}
