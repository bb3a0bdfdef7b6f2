def find_max(words: list[str]) -> str:
    if not words:
        raise ValueError("there is no word to choose")
    most = max(len(set(word)) for word in words)
    return min(word for word in words if len(set(word)) == most)
