def compare(game: list[int], guess: list[int]) -> list[int]:
    return [abs(score - guessed) for score, guessed in zip(game, guess, strict=True)]
