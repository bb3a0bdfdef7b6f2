"""Compares all candidates of an election on the same inputs, and looks for inputs that tell some of them apart.

It counts no votes and stores nothing. It runs candidates through ports; which inputs are worth a try, and what agrees
with what, is the core's to say.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from activities.observing import Observation, admitted, lay_out, merit_of
from activities.quiet import Quiet
from activities.recall import Recall
from activities.together import together
from activities.trying import Outcomes, Trying
from millwright.core.asserts import Call, calls_request, preferred
from millwright.core.doubt import doubtful, failures
from millwright.core.grouping import Classes, group, rounding_noise, signatures, useless
from millwright.core.selection import Contender, choose
from millwright.core.signature import is_deterministic, records_of
from millwright.core.specification import input_types
from millwright.core.splitting import Budget, Splitting, begin, learn, propose
from millwright.core.verification.evidence import MOST_LOST, Arguments, output_type
from millwright.core.verification.layer import Subject
from millwright.core.verification.reports import conditions
from millwright.core.verification.trial import Trial
from millwright.ports import Sandbox
from schemas.claims import Assertion, Claim, digest_of_values
from schemas.election import Flag, Merit
from schemas.execution import Outcome, OutcomeKind
from schemas.types import Type

BUDGET = Budget(rounds=4, inputs=80, batch=20, patience=2)
"""What one comparison may try. An election compares after each round, so that its search goes on where it ended."""


@dataclass(frozen=True)
class Compared:
    """One observation per candidate, in order, and the inputs found that tell some of them apart."""

    observations: tuple[Observation, ...]
    splitting: tuple[Arguments, ...] = ()


class Comparer:
    """Runs candidates through a sandbox, beside all other runs of this process."""

    def __init__(self, sandbox: Sandbox, recall: Recall, quiet: Quiet) -> None:
        self._sandbox, self._recall = sandbox, recall
        self._trying = Trying(sandbox, recall, quiet)

    async def compare(self, subjects: Sequence[Subject], seed: int, budget: Budget = BUDGET) -> Compared | None:
        """Compare candidates of one task, each with a text of its own; None where there is no input to try them on.

        Raises:
            SandboxUnavailable: nothing is known of any candidate.
            SpecificationInvalid: the task's own examples or types cannot be decoded.
        """
        laid_out = await lay_out(self._recall, subjects[0])
        if not laid_out.calls:
            return None
        election = _Election(tuple(subjects), laid_out)
        tried_on = await together([self._trying.trial(subject, laid_out) for subject in subjects])
        flags: list[Flag | None] = list(useless(tried_on, election.task))
        alive = [place for place, flag in enumerate(flags) if flag is None]
        election.leave_out([tried_on[place] for place in alive])
        known = list(await together([self._kept(election, place, tried_on[place]) for place in range(len(subjects))]))
        search = await self._search(election, [known[place] for place in alive], alive, seed, budget)
        if search.kept:
            further = await together([self._trying.outcomes(subjects[place], search.kept) for place in alive])
            again = await together([self._trying.outcomes(subjects[place], search.kept) for place in alive])
            for place, first, second in zip(alive, further, again, strict=True):
                if not is_deterministic(first, second):
                    flags[place] = Flag.NONDETERMINISTIC
                known[place] = (*known[place], *first)
            alive = [place for place in alive if flags[place] is None]
        found = signatures(
            [known[place] for place in alive],
            election.of,
            election.tolerance,
            election.records,
            [*election.noise, *map(rounding_noise, search.kept)],
        )
        signature = dict(zip(alive, found, strict=True))
        observations = tuple(
            Observation(signature.get(place), flags[place], _merit(subject, tried_on[place]))
            for place, subject in enumerate(subjects)
        )
        return Compared(observations, search.kept)

    async def choose(
        self, subjects: Sequence[Subject], claims: Sequence[Claim], assertions: Sequence[Assertion] = ()
    ) -> int:
        """Return the place of the best of candidates of one task, which no margin tells apart; it has not won.

        An outcome that meets an assert which another one on the same input does not is claimed by all who state it.

        Raises:
            SandboxUnavailable: nothing is known of any candidate.
            SpecificationInvalid: the task's own examples or types cannot be decoded.
        """
        laid_out = await lay_out(self._recall, subjects[0])
        known = (
            await together([self._trying.trial(subject, laid_out) for subject in subjects]) if laid_out.calls else []
        )
        election = _Election(tuple(subjects), laid_out)
        met = await self._met(election, known, assertions)
        return election.best(known or [()] * len(subjects), claims, met)

    async def seen(self, subject: Subject) -> tuple[Call, ...]:
        """Return the calls of a candidate's trial, of promised inputs alone, with their outcomes."""
        laid_out = await lay_out(self._recall, subject)
        outcomes = await self._trying.trial(subject, laid_out) if laid_out.calls else ()
        every = enumerate(zip(laid_out.calls, outcomes, strict=True))
        return tuple(call for place, call in every if place not in laid_out.unpromised)

    async def _met(
        self, election: "_Election", known: Sequence[Outcomes], assertions: Sequence[Assertion]
    ) -> list[tuple[int, Outcome, int]]:
        """Return the outcomes that asserts speak for, each with its input's place and how many state the assert."""
        differing = election.differing(known)
        asked = calls_request(election.task, assertions, [(arguments, outcome) for _, arguments, outcome in differing])
        if asked is None:
            return []
        report = conditions(await self._recall.evaluate(asked), asked)
        bound = differing[: len(report.truths)]
        return [(bound[at][0], bound[at][2], assertions[number].votes) for at, number in preferred(bound, report)]

    async def _kept(self, election: "_Election", place: int, outcomes: Outcomes) -> Outcomes:
        """Return what a candidate did on the inputs that count; one that was lost before is run on these once more."""
        kept = election.counted(outcomes)
        if len(kept) == len(outcomes) or all(outcome.kind is not OutcomeKind.LOST for outcome in kept):
            return kept
        return await self._trying.outcomes(election.subjects[place], election.inputs)

    async def _search(
        self, election: "_Election", known: Sequence[Outcomes], places: Sequence[int], seed: int, budget: Budget
    ) -> Splitting:
        """Try inputs on the candidates that agree so far; one that is lost on an input is not run on any more."""
        state = election.search(known, places, seed, budget)
        running = {name: election.subjects[int(name)] for name in state.names}
        before = dict(zip(map(str, places), known, strict=True))
        while not state.done:
            proposed = propose(state)
            promised = await admitted(self._sandbox, election.task, proposed)
            names = list(running) if promised else []
            ran = await together([self._trying.outcomes(running[name], promised) for name in names])
            outcomes = dict(zip(names, ran, strict=True))
            for name, seen in outcomes.items():
                if any(outcome.kind is OutcomeKind.LOST for outcome in seen):
                    del running[name]
            counted, outcomes = _counting(election, before, promised, outcomes)
            refused = [vector for vector in proposed if vector not in counted]
            state = learn(state, counted, election.texts(state.names, outcomes, counted), refused)
        return state


def _counting(
    election: "_Election", before: dict[str, Outcomes], vectors: tuple[Arguments, ...], ran: dict[str, Outcomes]
) -> tuple[tuple[Arguments, ...], dict[str, Outcomes]]:
    """Leave out the new inputs that most likely lie outside of the promise; who is sound, all inputs tell."""
    known = len(election.inputs)
    out = doubtful([(*before[name], *seen) for name, seen in ran.items()], known, election.task, MOST_LOST)
    kept = [place for place in range(len(vectors)) if known + place not in out]
    return (
        tuple(vectors[place] for place in kept),
        {name: tuple(seen[place] for place in kept) for name, seen in ran.items()},
    )


def _merit(subject: Subject, outcomes: Outcomes) -> Merit:
    """Measure a candidate by its text, its run, and how many inputs it gives no value on."""
    return merit_of(subject, outcomes).model_copy(update={"failures": failures(outcomes, subject.task, MOST_LOST)})


class _Election:
    """What all candidates of one election share; ``inputs`` are those that count."""

    def __init__(self, subjects: tuple[Subject, ...], laid_out: Trial) -> None:
        self.subjects, self._examples = subjects, len(laid_out.examples)
        self.task = subjects[0].task
        self.inputs: tuple[Arguments, ...] = laid_out.calls
        self._out: frozenset[int] = frozenset()
        self.of: Type = output_type(self.task)
        self.tolerance = min((case.tolerance for case in self.task.test_cases if case.tolerance), default=None)
        self.records = records_of(self.task)

    @property
    def noise(self) -> list[float]:
        """What rounding may make of each of the inputs."""
        return [rounding_noise(arguments) for arguments in self.inputs]

    def leave_out(self, behaviours: Sequence[Outcomes]) -> None:
        """Leave out the inputs that most likely lie outside of the promise, by what the candidates did on all."""
        self._out = doubtful(behaviours, self._examples, self.task, MOST_LOST)
        self.inputs = tuple(arguments for place, arguments in enumerate(self.inputs) if place not in self._out)

    def counted(self, outcomes: Outcomes) -> Outcomes:
        """Return the outcomes of the inputs that are not left out."""
        return tuple(outcome for place, outcome in enumerate(outcomes) if place not in self._out)

    def search(self, known: Sequence[Outcomes], places: Sequence[int], seed: int, budget: Budget) -> Splitting:
        """Begin a search among those that agree with another one."""
        members: defaultdict[int, list[str]] = defaultdict(list)
        for place, number in zip(places, group(known, self.of, self.tolerance, self.records, self.noise), strict=True):
            members[number].append(str(place))
        return begin(
            self.inputs[: self._examples],
            self.inputs[self._examples :],
            input_types(self.task),
            self.records,
            seed,
            budget if self.task.inputs else replace(budget, rounds=0),
            [names for names in members.values() if len(names) > 1],
        )

    def differing(self, known: Sequence[Outcomes]) -> list[tuple[int, Arguments, Outcome]]:
        """Return the different values that candidates returned where they returned several, by input."""
        found: list[tuple[int, Arguments, Outcome]] = []
        for place, seen in enumerate(zip(*known, strict=True)):
            values = {repr(item.value): item for item in seen if item.value is not None}
            if len(values) > 1:
                found += [(place, self.inputs[place], outcome) for outcome in values.values()]
        return found

    def best(
        self, known: Sequence[Outcomes], claims: Sequence[Claim], met: Sequence[tuple[int, Outcome, int]] = ()
    ) -> int:
        """Return the place of the best candidate by what each did on every input of the trial, and by the claims.

        ``met`` are outcomes of inputs that so many agents speak for.
        """
        inputs = self.inputs if known[0] else ()
        classes = Classes(len(inputs), self.of, self.tolerance, self.records, self.noise if inputs else ())
        rows = [classes.row(outcomes) for outcomes in known]
        place_of = {digest_of_values(arguments): place for place, arguments in enumerate(inputs)}
        claimed: list[tuple[int, str]] = []
        for claim in claims:
            place = place_of.get(digest_of_values(claim.arguments))
            if place is None or claim.expected is None:
                continue
            number = classes.number(place, Outcome(kind=OutcomeKind.RETURNED, value=claim.expected))
            if number is not None:
                claimed += [(place, classes.text(place, number))] * claim.votes
        for place, outcome, votes in met:
            number = classes.number(place, outcome)
            if number is not None:
                claimed += [(place, classes.text(place, number))] * votes
        contenders = [
            Contender(
                outcomes=tuple(
                    None if number is None else classes.text(place, number) for place, number in enumerate(row)
                ),
                merit=tuple(merit_of(subject, outcomes).model_dump().values()),  # in the order of its fields
            )
            for subject, row, outcomes in zip(self.subjects, rows, known, strict=True)
        ]
        chosen = choose(contenders, claimed)
        if chosen is None:
            raise AssertionError("there is always a first candidate")
        return chosen

    def texts(
        self, names: Sequence[str], outcomes: dict[str, Outcomes], inputs: Sequence[Arguments]
    ) -> dict[str, list[str | None]]:
        """Name what each candidate did on each input: equal names for equal behaviour, None where nothing is known."""
        noise = [rounding_noise(arguments) for arguments in inputs]
        classes = Classes(len(inputs), self.of, self.tolerance, self.records, noise)
        told: dict[str, list[str | None]] = {}
        for name in names:
            if name not in outcomes:
                told[name] = [None] * len(inputs)
                continue
            row = classes.row(outcomes[name])
            told[name] = ["lost" if number is None else str(number) for number in row]
        return told
