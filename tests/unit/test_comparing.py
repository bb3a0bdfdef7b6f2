"""Candidates compared together: what tells them apart is found, kept within the promise, and counts for all."""

from collections.abc import Sequence

import pytest

from activities.climbing import Climber
from activities.comparing import Compared
from millwright.core.verification.layer import Subject
from schemas.claims import Assertion
from schemas.election import Flag
from schemas.execution import CallReport, CallRequest, Ending, Outcome, OutcomeKind
from tests.languages.in_process import InProcessSandbox, SilentAnalyser
from tests.languages.python.tasks import TASKS, subject_of


def clamp(body: str) -> Subject:
    """Make a candidate for ``clamp`` of a body."""
    return subject_of(TASKS["clamp"], f"def clamp(value: int, low: int, high: int) -> int:\n    {body}\n")


RIGHT = [clamp("return max(low, min(value, high))"), clamp("return sorted((low, value, high))[1]")]
NEARLY = clamp("return low + 1 if value == low + 1 == high - 3 else max(low, min(value, high))")
SUBTLY_WRONG = clamp("return max(low, min(value, high)) if value != high + 1 else low")
CONSTANT = clamp("return 5")
RAISING = clamp("raise KeyError(value)")


async def compared(*subjects: Subject, sandbox: InProcessSandbox | None = None, seed: int = 1) -> Compared:
    """Compare candidates."""
    return await Climber(sandbox or InProcessSandbox(), SilentAnalyser()).compare(subjects, seed)


async def test_an_input_is_found_that_tells_alike_candidates_apart() -> None:
    """They agree on the examples and on every generated input, and are two votes all the same."""
    alike = await Climber(InProcessSandbox(), SilentAnalyser()).observe([*RIGHT, SUBTLY_WRONG])
    assert len({item.signature for item in alike}) == 1
    told = await compared(*RIGHT, SUBTLY_WRONG)
    signatures = [item.signature for item in told.observations]
    assert signatures[0] == signatures[1] != signatures[2]
    assert len(told.splitting) == 1
    value, low, high = (int(str(item[1])) for item in told.splitting[0])
    assert value == high + 1
    assert low <= high


async def test_inputs_beyond_the_promise_split_nobody() -> None:
    """How candidates differ where the bounds are out of order is nobody's vote."""
    swapped = clamp("return max(low, min(value, high)) if low <= high else 77")
    told = await compared(*RIGHT, swapped)
    assert len({item.signature for item in told.observations}) == 1
    assert told.splitting == ()


async def test_equal_behaviour_stays_one_vote_and_ends_the_search_early() -> None:
    """Two batches that split nothing are enough."""
    sandbox = InProcessSandbox()
    told = await compared(*RIGHT, sandbox=sandbox)
    assert len({item.signature for item in told.observations}) == 1
    runs = [request for request in sandbox.asked if isinstance(request, CallRequest)]
    assert len(runs) == 2 + 2 * 2


async def test_whoever_stands_alone_is_not_searched() -> None:
    """Nothing can split a group of one."""
    sandbox = InProcessSandbox()
    await compared(RIGHT[0], clamp("return low"), sandbox=sandbox)
    assert len([request for request in sandbox.asked if isinstance(request, CallRequest)]) == 2


async def test_useless_behaviour_does_not_vote() -> None:
    """It raises on every input, or gives the same value on all where most do not."""
    told = await compared(*RIGHT, CONSTANT, RAISING)
    assert [item.flag for item in told.observations] == [None, None, Flag.USELESS, Flag.USELESS]
    assert [item.signature is None for item in told.observations] == [False, False, True, True]


async def test_the_same_seed_finds_the_same() -> None:
    """On every worker, and again after a crash."""
    first, second = [await compared(*RIGHT, SUBTLY_WRONG, NEARLY, seed=7) for _ in range(2)]
    assert first == second


class Fickle(InProcessSandbox):
    """A sandbox in which one candidate changes its mind on inputs that were not generated."""

    async def call(self, request: CallRequest) -> CallReport:
        """Call, and spoil every answer of the fickle one to a further input."""
        report = await super().call(request)
        if "fickle" not in "".join(request.program.modules.values()) or len(self.asked) < 5:
            return report
        spoilt = [item.model_copy(update={"value": ["int", str(len(self.asked))]}) for item in report.outcomes]
        return report.model_copy(update={"outcomes": tuple(spoilt)})


async def test_whoever_answers_otherwise_the_second_time_is_flagged() -> None:
    """Also where only an input that was found shows it."""
    fickle = clamp("return max(low, min(value, high))  # fickle")
    told = await compared(*RIGHT, fickle, sandbox=Fickle())
    assert [item.flag for item in told.observations] == [None, None, Flag.NONDETERMINISTIC]


class Losing(InProcessSandbox):
    """A sandbox that loses every call of one candidate beyond the examples and generated inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    async def call(self, request: CallRequest) -> CallReport:
        """Call, or lose all."""
        report = await super().call(request)
        if "slow" not in "".join(request.program.modules.values()) or len(self.asked) < 5:
            return report
        self.lost += 1
        return CallReport(outcomes=(Outcome(kind=OutcomeKind.LOST),) * len(request.calls))


async def test_whoever_is_lost_on_an_input_stands_apart_and_is_not_searched_on() -> None:
    """It agreed on all other inputs; the search ends for it, and what was found is run twice more."""
    sandbox = Losing()
    told = await compared(*RIGHT, clamp("return max(low, min(value, high))  # slow"), sandbox=sandbox)
    signatures = [item.signature for item in told.observations]
    assert signatures[0] == signatures[1] != signatures[2]
    assert sandbox.lost == 1 + 2


class Stumbling(InProcessSandbox):
    """A sandbox that loses one candidate while its module loads, the first time or always."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def call(self, request: CallRequest) -> CallReport:
        """Call, or lose everything."""
        if "odd" not in "".join(request.program.modules.values()) or not self.times:
            return await super().call(request)
        self.times -= 1
        lost = (Outcome(kind=OutcomeKind.LOST),) * len(request.calls)
        return CallReport(outcomes=lost, load_error="no time left", ending=Ending.TIMED_OUT)


@pytest.mark.parametrize("times", [1, 100])
async def test_what_the_machine_may_have_lost_is_never_called_useless(times: int) -> None:
    """It is tried once more; if that fails too, it votes with nobody, until it is compared again."""
    odd = clamp("return max(low, min(value, high))  # odd")
    told = await compared(*RIGHT, odd, sandbox=Stumbling(times))
    assert [item.flag for item in told.observations] == [None] * 3
    assert (told.observations[2].signature == told.observations[0].signature) is (times == 1)


@pytest.mark.parametrize("source", ["return 1", "return 2"])
async def test_a_task_without_inputs_has_one_call_to_compare(source: str) -> None:
    """There is nothing to search."""
    task = TASKS["clamp"].model_copy(update={"inputs": (), "preconditions": (), "postconditions": (), "test_cases": ()})

    def constant(body: str) -> Subject:
        subject = subject_of(TASKS["clamp"], f"def clamp() -> int:\n    {body}\n")
        inputs = subject.inputs.model_copy(update={"vectors": ()})
        return Subject(
            task=task,
            source=subject.source,
            modules=subject.modules,
            target=subject.target,
            module=subject.module,
            inputs=inputs,
        )

    told: Sequence[object] = [
        item.signature for item in (await compared(constant("return 1"), constant(f"x = 0\n    {source}"))).observations
    ]
    assert (told[0] == told[1]) is (source == "return 1")


async def test_what_many_cannot_answer_splits_nobody_and_costs_merit() -> None:
    """An input on which candidates that hold elsewhere give no value is nobody's vote; who answers it is preferred."""
    brittle = clamp("return max(low, min(value, high)) if value != 37 else [][value]")
    told = await compared(*RIGHT, brittle)
    assert len({item.signature for item in told.observations}) == 1
    failures = [item.merit.failures for item in told.observations]
    assert failures[:2] == [0, 0]
    assert failures[2] > 0


async def test_what_one_of_many_cannot_answer_is_its_own_vote() -> None:
    """A lone failure says more of the candidate than of the input."""
    others = [clamp(f"return max(low, min(value, high)) + {number} - {number}") for number in range(4)]
    brittle = clamp("return max(low, min(value, high)) if value != 37 else [][value]")
    told = await compared(*RIGHT, *others, brittle)
    signatures = [item.signature for item in told.observations]
    assert len(set(signatures[:-1])) == 1
    assert signatures[-1] not in signatures[:-1]


async def test_an_assert_breaks_a_tie_and_rejects_nobody() -> None:
    """One behaviour is as good as the other until somebody asserts what only one of them meets."""
    climber = Climber(InProcessSandbox(), SilentAnalyser())
    tied = [RIGHT[0], CONSTANT]
    assert await climber.choose(tied, ()) == 1
    speaking = Assertion(expression="low <= result and result <= high", votes=2)
    assert await climber.choose(tied, (), (speaking,)) == 0
    silent = Assertion(expression="isinstance(result, int)", votes=9)
    assert await climber.choose(tied, (), (silent,)) == 1
