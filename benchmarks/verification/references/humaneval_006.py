def parse_nested_parens(paren_string: str) -> list[int]:
    depths = []
    for group in paren_string.split():
        depth = deepest = 0
        for character in group:
            if character == "(":
                depth += 1
                deepest = max(deepest, depth)
            elif character == ")":
                depth -= 1
        depths.append(deepest)
    return depths
