def word_counts(text: str) -> dict:
    return {word: text.split().count(word) for word in text.split()}
