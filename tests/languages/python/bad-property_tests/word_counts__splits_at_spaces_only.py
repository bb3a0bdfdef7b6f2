def word_counts(text: str) -> dict[str, int]:
    words = text.split(" ")
    return {word: words.count(word) for word in words if word}
