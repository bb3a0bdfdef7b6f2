"""What is remembered: the same objects are answered once, equal ones anew, and old answers make room."""

import pytest

from millwright.core.verification.remembered import MOST_KEPT, remembered


def test_the_same_objects_are_answered_once() -> None:
    """Equal objects that are not the same are asked anew: identity is all that is looked at."""
    asked: list[list[int]] = []

    @remembered
    def total(numbers: list[int]) -> int:
        asked.append(numbers)
        return sum(numbers)

    first, second = [1, 2], [1, 2]
    assert [total(first), total(first), total(second)] == [3, 3, 3]
    assert len(asked) == 2


def test_no_object_can_take_the_place_of_one_that_is_gone() -> None:
    """An identity is used again once its object is gone; what is kept is therefore kept alive."""

    @remembered
    def only(numbers: list[int]) -> int:
        return numbers[0]

    assert [only([number]) for number in range(3 * MOST_KEPT)] == list(range(3 * MOST_KEPT))


def test_a_failure_is_not_remembered() -> None:
    """It is raised again, from the question itself."""
    answers = iter((ValueError("not yet"), 1))

    @remembered
    def ask(place: object) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    place = object()
    with pytest.raises(ValueError, match="not yet"):
        ask(place)
    assert ask(place) == 1


def test_arguments_by_name_are_refused() -> None:
    """They would not be told apart."""

    @remembered
    def same(value: int) -> int:
        return value

    with pytest.raises(TypeError):
        same(value=1)
