def is_palindrome(text: str) -> bool:
    return all(text[index] == text[-1 - index] for index in range(len(text) // 2))
