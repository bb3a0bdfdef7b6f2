"""An election as it is lived through: batches, crashes, splits and lost votes, under any rule."""

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from millwright.core.voting import decide, draws_needed
from schemas.election import Attempt, Election, ElectionState, Flag, Merit, Rule, Slot, Tally
from schemas.identity import Digest, LayerName
from tests import strategies
from tests.strategies import SIGNATURES, attempt_of, digest_of

SHARES = tuple(Fraction(share) for share in ("0", "1/5", "1/3", "1/2", "2/3", "4/5", "1"))
STRANGER = digest_of("a behaviour that nobody showed yet")
FEW = settings(max_examples=60, stateful_step_count=20)

Gates = tuple[Rule, Fraction, Fraction]
"""A rule, with its purity and yield as exact fractions, so that its divisions are checked by multiplication."""


@st.composite
def gates(draw: st.DrawFn, max_k: int = 4, max_attempts: int = 15) -> Gates:
    """Draw rules with purity, yield and patience, hopeless ones among them."""
    purity, share = draw(st.sampled_from(SHARES)), draw(st.sampled_from(SHARES[:5]))
    made = Rule(
        k=draw(st.integers(1, max_k)),
        max_attempts=draw(st.integers(1, max_attempts)),
        min_purity=purity.numerator / purity.denominator,
        min_yield=share.numerator / share.denominator,
        patience=draw(st.none() | st.integers(1, 8)),
    )
    return made, purity, share


def _in_order(attempts: Iterable[Attempt]) -> list[Attempt]:
    return sorted(attempts, key=lambda attempt: (attempt.slot.round, attempt.slot.index))


def _votes(attempts: Sequence[Attempt]) -> Counter[Digest]:
    return Counter(attempt.ballot.signature for attempt in attempts if attempt.ballot)


def _wins(attempts: Sequence[Attempt], gated: Gates) -> Digest | None:
    """Recount from scratch: the group that has all that the rule demands after exactly these attempts."""
    allowed, purity, share = gated
    counts = [*_votes(attempts).most_common(), (Digest(""), 0), (Digest(""), 0)]
    leader, votes = counts[0]
    margin, pure = votes - counts[1][1] >= allowed.k, votes >= purity * _votes(attempts).total()
    return leader if margin and pure and votes >= share * len(attempts) else None


def _sequential(attempts: Iterable[Attempt], gated: Gates) -> tuple[int, Digest] | None:
    """Vote one attempt at a time: (attempts used, winning signature) at the first that decides."""
    ordered = _in_order(attempts)
    for used in range(1, len(ordered) + 1):
        found = _wins(ordered[:used], gated)
        if found is not None:
            return used, found
    return None


def _followed(attempts: Sequence[Attempt], signature: Digest, count: int) -> list[Attempt]:
    """Add a round in which all vote alike."""
    merit = Merit(code_lines=1, complexity=1, nesting=0, size_bytes=9)
    return [
        *attempts,
        *(attempt_of(Slot(round=999, index=index), (signature, merit, None, None)) for index in range(count)),
    ]


def _anyone_wins(attempts: Sequence[Attempt], gated: Gates, count: int) -> bool:
    """Tell whether the election is won once so many more votes all go to one group, whichever."""
    return any(_sequential(_followed(attempts, group, count), gated) for group in {*_votes(attempts), STRANGER})


def _blank(attempts: Sequence[Attempt], count: int) -> list[Attempt]:
    """Add a round in which nobody votes."""
    slots = (Slot(round=999, index=index) for index in range(count))
    return [*attempts, *(attempt_of(slot, (None, None, Flag.REFUSES, None)) for slot in slots)]


def _gated(limits: Rule) -> bool:
    """Tell whether a rule asks for more than k."""
    return bool(limits.min_purity or limits.min_yield or limits.patience)


def _idle(attempts: Iterable[Attempt]) -> int:
    """Count the attempts since the last one that added to a group with the most votes."""
    ordered = _in_order(attempts)
    votes = _votes(ordered)
    most = [signature for signature in votes if votes[signature] == max(votes.values())]
    at = [place for place, attempt in enumerate(ordered) if attempt.ballot and attempt.ballot.signature in most]
    return len(ordered) - 1 - max(at, default=-1)


def _stored(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Write attempts as JSON and read them back."""
    return [Attempt.model_validate_json(attempt.model_dump_json()) for attempt in attempts]


def _winning_signature(attempts: Iterable[Attempt], election: Election) -> Digest | None:
    ballots = (attempt.ballot for attempt in attempts if attempt.ballot)
    return next((ballot.signature for ballot in ballots if ballot.candidate == election.winner), None)


class AnElectionWithGates(RuleBasedStateMachine):
    """An election as a workflow runs it; what is known of its candidates may change between rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.gated: Gates = (Rule(), Fraction(0), Fraction(0))
        self.kept: list[Attempt] = []
        self.round = 0
        self.recounted = False
        self.election = decide((), Rule())

    @property
    def limits(self) -> Rule:
        """Return the rule."""
        return self.gated[0]

    @initialize(gated=gates())
    def begin(self, gated: Gates) -> None:
        """Fix the rule."""
        self.gated = gated
        self.election = decide((), self.limits)

    @precondition(lambda self: self.election.state is ElectionState.OPEN)
    @rule(data=st.data())
    def draw_a_batch(self, data: st.DataObject) -> None:
        """Draw as many as asked for; a crash may lose some of them, and those are delivered again."""
        size = draws_needed(self.election.tally, self.limits)
        batch = [
            attempt_of(Slot(round=self.round, index=index), data.draw(strategies.outcomes(SIGNATURES[:2])))
            for index in range(size)
        ]
        self.round += 1
        arrived = data.draw(st.lists(st.sampled_from(batch), max_size=size))
        self.kept = [*_stored([*self.kept, *arrived]), *data.draw(st.permutations(batch))]
        self.election = decide(self.kept, self.limits)

    @rule(data=st.data())
    def crash_and_resume(self, data: st.DataObject) -> None:
        """Go on from the attempts as stored, some of them delivered twice, in another order."""
        stored = _stored(self.kept)
        again = data.draw(st.lists(st.sampled_from(stored), max_size=3)) if stored else []
        self.kept = data.draw(st.permutations(stored + again))
        resumed = decide(self.kept, self.limits)
        assert resumed.model_dump_json() == self.election.model_dump_json()
        assert Election.model_validate_json(resumed.model_dump_json()) == self.election

    @precondition(lambda self: len(_votes(self.kept)) > 0)
    @rule(data=st.data(), modulus=st.integers(2, 3))
    def split_a_group(self, data: st.DataObject, modulus: int) -> None:
        """Tell some candidates of a group apart from the others, by a new input."""
        group = data.draw(st.sampled_from(sorted(_votes(self.kept))))
        apart = digest_of(f"{group} apart {modulus}")
        self._recount(
            [
                item.model_copy(update={"ballot": item.ballot.model_copy(update={"signature": apart})})
                if item.ballot and item.ballot.signature == group and item.slot.index % modulus == 0
                else item
                for item in self.kept
            ]
        )

    @precondition(lambda self: self.election.best is not None)
    @rule()
    def reject_the_best(self) -> None:
        """Take the best candidate's vote away, as a further look does."""
        lost = {"ballot": None, "rejected_by": LayerName.CONTRACTS}
        self._recount(
            [item.model_copy(update=lost) if item.candidate == self.election.best else item for item in self.kept]
        )

    def _recount(self, attempts: list[Attempt]) -> None:
        self.kept = attempts
        self.recounted = True
        self.election = decide(self.kept, self.limits)

    def _attempts(self) -> list[Attempt]:
        return _in_order({(item.slot.round, item.slot.index): item for item in self.kept}.values())

    @invariant()
    def it_never_draws_past_the_budget(self) -> None:
        """Each slot counts once, and the attempts stay within the rule."""
        assert len(self._attempts()) == self.election.tally.attempts <= self.limits.max_attempts

    @invariant()
    def it_is_won_by_whom_one_at_a_time_would_choose(self) -> None:
        """No winner without margin, purity and yield; drawn in parallel, none is drawn after the deciding one."""
        attempts = self._attempts()
        expected = _sequential(attempts, self.gated)
        assert (self.election.state is ElectionState.WON) == (expected is not None)
        if expected is not None:
            assert _winning_signature(attempts[: expected[0]], self.election) == expected[1]
            assert self.recounted or expected[0] == len(attempts)

    @invariant()
    def it_draws_up_to_the_first_draw_that_could_end_it(self) -> None:
        """No unanimous batch wins sooner; the last draw wins if all vote alike, or ends it if the rule has gates."""
        attempts, size = self._attempts(), draws_needed(self.election.tally, self.limits)
        assert (size > 0) == (self.election.state is ElectionState.OPEN) or self.election.state is ElectionState.WON
        if self.election.state is ElectionState.OPEN:
            assert size <= self.limits.max_attempts - len(attempts)
            assert not _anyone_wins(attempts, self.gated, size - 1)
            if not _anyone_wins(attempts, self.gated, size):
                assert _gated(self.limits)
                assert decide(_blank(attempts, size), self.limits).state is ElectionState.EXHAUSTED
                assert decide(_blank(attempts, size - 1), self.limits).state is ElectionState.OPEN

    @invariant()
    def it_gives_up_only_with_a_reason(self) -> None:
        """An exhausted election is out of reach of every group, or its patience has run out; it says so in a line."""
        attempts, state = self._attempts(), self.election.state
        assert bool(self.election.reason) == (state is ElectionState.EXHAUSTED)
        assert "\n" not in self.election.reason
        if state is not ElectionState.WON:
            tired = self.limits.patience is not None and _idle(attempts) >= self.limits.patience
            reachable = _anyone_wins(attempts, self.gated, self.limits.max_attempts - len(attempts))
            assert (state is ElectionState.EXHAUSTED) == (tired or not reachable)


TestAnElectionWithGates = AnElectionWithGates.TestCase
TestAnElectionWithGates.settings = FEW


@given(st.data(), strategies.attempts(), gates())
def test_order_of_arrival_changes_nothing(data: st.DataObject, attempts: tuple[Attempt, ...], gated: Gates) -> None:
    """The same attempts give the same outcome to the byte, its reason included."""
    shuffled = decide(data.draw(st.permutations(attempts)), gated[0])
    assert shuffled.model_dump_json() == decide(attempts, gated[0]).model_dump_json()


@given(strategies.attempts(), gates(max_attempts=40))
def test_gates_are_exact_at_their_edge(attempts: tuple[Attempt, ...], gated: Gates) -> None:
    """Division and multiplication agree on who has the purity and the yield, also where they are just reached."""
    expected = _sequential(attempts, gated)
    assert (decide(attempts, gated[0]).state is ElectionState.WON) == (expected is not None)


@given(strategies.tallies(), st.floats(0, 1), st.floats(0, 1), st.integers(1, 30), st.integers(1, 80), st.data())
def test_the_batch_is_the_least_that_could_end_it(
    counted: Tally, purity: float, share: float, k: int, budget: int, data: st.DataObject
) -> None:
    """It agrees with trying one draw more until the leader wins, or nothing that follows blanks could let it win."""
    patience = data.draw(st.none() | st.integers(1, 30))
    counted = counted.model_copy(update={"idle": data.draw(st.integers(0, counted.attempts))})
    limits = Rule(k=k, max_attempts=budget, min_purity=purity, min_yield=share, patience=patience)
    lead = counted.groups[0].votes if counted.groups else 0

    def wins(votes: int, blanks: int) -> bool:
        ballots, attempts = counted.ballots + votes, counted.attempts + votes + blanks
        margin, leads = counted.margin + votes, lead + votes
        return margin >= k and leads / ballots >= purity and leads / attempts >= share

    left = budget - counted.attempts
    tired = counted.idle + 1 > patience if patience else False
    reachable = any(wins(votes, 0) for votes in range(1, left + 1)) and not wins(0, 0) and not tired
    ends = [
        further
        for further in range(1, left + 1)
        if wins(further, 0)
        or (patience and counted.idle + further >= patience)
        or (_gated(limits) and not any(wins(votes, further) for votes in range(left - further + 1)))
    ]
    assert draws_needed(counted, limits) == (ends[0] if reachable else 0)


@given(strategies.attempts(), gates(max_attempts=40))
def test_nobody_but_the_leader_could_win_sooner(attempts: tuple[Attempt, ...], gated: Gates) -> None:
    """Whatever group gets all votes of a smaller batch, it does not win."""
    election = decide(attempts, gated[0])
    assume(election.state is ElectionState.OPEN)
    assert not _anyone_wins(attempts, gated, draws_needed(election.tally, gated[0]) - 1)


@given(strategies.attempts(), gates())
def test_gates_only_ever_delay(attempts: tuple[Attempt, ...], gated: Gates) -> None:
    """Whoever wins by purity and yield has led by k."""
    plain = gated[0].model_copy(update={"min_purity": 0.0, "min_yield": 0.0, "patience": None})
    if decide(attempts, gated[0]).state is ElectionState.WON:
        assert decide(attempts, plain).state is ElectionState.WON


@given(strategies.attempts(), gates())
def test_patience_never_changes_a_winner(attempts: tuple[Attempt, ...], gated: Gates) -> None:
    """Patience ends elections, and decides none."""
    endless = gated[0].model_copy(update={"patience": None})
    patient, hasty = decide(attempts, endless), decide(attempts, gated[0])
    assert hasty.winner == patient.winner
    if patient.state is ElectionState.EXHAUSTED:
        assert hasty == patient


@given(st.lists(strategies.outcomes(), min_size=40, max_size=40), gates(max_attempts=40))
def test_every_election_ends(outcomes: list[strategies.Outcome], gated: Gates) -> None:
    """Whatever is drawn, there is an end within the budget."""
    attempts = _held(outcomes, gated[0], at_once=True)
    assert len(attempts) <= gated[0].max_attempts
    assert decide(attempts, gated[0]).state is not ElectionState.OPEN


@given(st.lists(strategies.outcomes(), min_size=40, max_size=40), gates(max_attempts=40))
def test_batches_end_as_one_at_a_time_would(outcomes: list[strategies.Outcome], gated: Gates) -> None:
    """The same outcomes elect the same behaviour or none, and who wins in batches has used no sample more."""
    one_by_one, batched = _held(outcomes, gated[0], at_once=False), _held(outcomes, gated[0], at_once=True)
    assert decide(batched, gated[0]).state is decide(one_by_one, gated[0]).state
    if decide(batched, gated[0]).state is ElectionState.WON:
        assert [_shown(item) for item in batched] == [_shown(item) for item in one_by_one]


def _shown(attempt: Attempt) -> Digest | None:
    return attempt.ballot.signature if attempt.ballot else None


def _held(outcomes: Sequence[strategies.Outcome], limits: Rule, at_once: bool) -> list[Attempt]:
    """Hold an election over given outcomes, asking after each batch or after each draw whether it is over."""
    attempts: list[Attempt] = []
    rounds = 0
    while (election := decide(attempts, limits)).state is ElectionState.OPEN:
        size = draws_needed(election.tally, limits) if at_once else 1
        assert size >= 1
        batch = outcomes[len(attempts) : len(attempts) + size]
        attempts += [attempt_of(Slot(round=rounds, index=index), outcome) for index, outcome in enumerate(batch)]
        rounds += 1
    return attempts


def test_flags_alone_end_an_election_by_patience() -> None:
    """Where nothing ever votes, patience counts every attempt."""
    refusals = [attempt_of(Slot(round=0, index=index), (None, None, Flag.REFUSES, None)) for index in range(3)]
    assert decide(refusals, Rule(patience=3)).reason == "no ballot among 3 attempts"
    assert decide(refusals, Rule(patience=4)).state is ElectionState.OPEN
