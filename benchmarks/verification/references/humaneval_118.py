def get_closest_vowel(word: str) -> str:
    vowels = "aeiouAEIOU"
    for place in range(len(word) - 2, 0, -1):
        beside = word[place - 1] + word[place + 1]
        if word[place] in vowels and not any(letter in vowels for letter in beside):
            return word[place]
    return ""
