def is_palindrome(string: str) -> bool:
    return string == string[::-1]


def make_palindrome(string: str) -> str:
    for start in range(len(string)):
        if is_palindrome(string[start:]):
            return string + string[:start][::-1]
    return string
