def check_if_last_char_is_a_letter(txt: str) -> bool:
    word = txt.split(" ")[-1]
    return len(word) == 1 and word.isalpha()
