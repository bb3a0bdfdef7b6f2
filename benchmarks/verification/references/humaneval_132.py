def is_nested(string: str) -> bool:
    wanted = iter("[[]]")
    waiting = next(wanted)
    for bracket in string:
        if bracket == waiting:
            following = next(wanted, None)
            if following is None:
                return True
            waiting = following
    return False
