from typing import TYPE_CHECKING

if not TYPE_CHECKING:
    def words(text):
        return text.split()


def word_counts(text: str) -> dict[str, int]:
    return {word: text.split().count(word) for word in text.split()}
