def word_counts(text: str) -> dict[str, int]:
    return {letter: text.count(letter) for letter in text}
