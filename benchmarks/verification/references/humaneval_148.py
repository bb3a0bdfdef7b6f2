PLANETS = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")


def bf(planet1: str, planet2: str) -> tuple[str, ...]:
    if planet1 not in PLANETS or planet2 not in PLANETS:
        return ()
    inner, outer = sorted((PLANETS.index(planet1), PLANETS.index(planet2)))
    return PLANETS[inner + 1 : outer]
