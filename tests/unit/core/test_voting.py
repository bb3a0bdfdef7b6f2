"""What an election promises, whatever arrives in whatever order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from millwright.core.voting import decide, draws_needed, tally
from millwright.errors import BadInput
from schemas.election import Attempt, Ballot, Election, ElectionState, Flag, Merit, Rule, Slot, Tally
from schemas.identity import Digest, LayerName
from tests import strategies
from tests.strategies import SIGNATURES, attempt_of, digest_of

A, B, C = SIGNATURES[:3]
PLAIN = Merit(code_lines=5, complexity=2, nesting=1, size_bytes=100)


def _votes(text: str, merits: dict[int, Merit] | None = None) -> list[Attempt]:
    """Write one round of attempts: a letter is a vote, ``!`` a red flag, ``x`` a rejection by the unit tests."""
    found = []
    for index, letter in enumerate(text):
        slot = Slot(round=0, index=index)
        if letter == "!":
            found.append(attempt_of(slot, (None, None, Flag.REFUSES, None)))
        elif letter == "x":
            found.append(attempt_of(slot, (None, None, None, LayerName.UNIT_TESTS)))
        else:
            signature = {"a": A, "b": B, "c": C}[letter]
            found.append(attempt_of(slot, (signature, (merits or {}).get(index, PLAIN), None, None)))
    return found


def _candidate(index: int) -> Digest:
    return digest_of(f"candidate 0.{index}")


def _sequential(attempts: tuple[Attempt, ...], k: int) -> tuple[int, Digest] | None:
    """Vote one ballot at a time, recounting from scratch: (attempts used, winning signature)."""
    seen: list[Ballot] = []
    for used, attempt in enumerate(attempts, start=1):
        if attempt.ballot is not None:
            seen.append(attempt.ballot)
            counts = [*Counter(ballot.signature for ballot in seen).most_common(), (Digest(""), 0)]
            if counts[0][1] - counts[1][1] >= k:
                return used, counts[0][0]
    return None


class TestTally:
    """Counting."""

    def test_counts_what_became_of_every_attempt(self) -> None:
        """Ballots, red flags and rejections are counted apart, groups by votes."""
        counted = tally(_votes("ba!xa!"))
        assert (counted.attempts, counted.ballots, counted.red_flags, counted.rejected) == (6, 3, 2, 1)
        assert [(group.signature, group.votes, group.first.index) for group in counted.groups] == [(A, 2, 1), (B, 1, 0)]

    def test_orders_equal_groups_by_their_first_ballot(self) -> None:
        """A tie in votes is settled by who was drawn first."""
        assert [group.signature for group in tally(_votes("cbbc")).groups] == [C, B]

    def test_counts_nothing_without_attempts(self) -> None:
        """An empty election has an empty tally."""
        assert tally(()) == Tally()

    def test_counts_an_attempt_that_arrives_twice_once(self) -> None:
        """A repeated delivery is no second vote."""
        votes = _votes("aab")
        assert tally(votes + votes) == tally(votes)

    def test_refuses_two_different_attempts_in_one_slot(self) -> None:
        """A contradiction is an error, not a matter of who came last."""
        with pytest.raises(BadInput, match="round 0, index 0"):
            tally(_votes("a") + _votes("b"))

    @given(data=st.data(), attempts=strategies.attempts())
    def test_is_the_same_in_any_order_of_arrival(self, data: st.DataObject, attempts: tuple[Attempt, ...]) -> None:
        """Only slots order ballots."""
        assert tally(data.draw(st.permutations(attempts))) == tally(attempts)

    @given(strategies.attempts())
    def test_agrees_with_itself(self, attempts: tuple[Attempt, ...]) -> None:
        """Every attempt is counted in exactly one place, and groups stand in order."""
        counted = tally(attempts)
        assert counted.ballots + counted.red_flags + counted.rejected == counted.attempts == len(attempts)
        assert sum(group.votes for group in counted.groups) == counted.ballots
        order = [(-group.votes, group.first.round, group.first.index) for group in counted.groups]
        assert order == sorted(order)


class TestDrawsNeeded:
    """How many answers to draw next."""

    @pytest.mark.parametrize(
        ("votes", "k", "expected"), [("", 3, 3), ("a", 3, 2), ("ab", 3, 3), ("aab", 3, 2), ("aaa", 3, 0), ("!x", 3, 3)]
    )
    def test_draws_as_many_as_could_still_decide(self, votes: str, k: int, expected: int) -> None:
        """The leader needs k minus its margin; rejected attempts bring nobody nearer."""
        assert draws_needed(tally(_votes(votes)), Rule(k=k, max_attempts=20)) == expected

    def test_draws_nothing_where_the_margin_is_out_of_reach(self) -> None:
        """Two draws left cannot make a lead of three."""
        assert draws_needed(tally(_votes("ab!!")), Rule(k=3, max_attempts=6)) == 0

    @pytest.mark.parametrize(
        ("votes", "purity", "share", "expected"),
        [
            ("aab", 0.8, 0.0, 2),
            ("aabc", 0.8, 0.0, 6),
            ("aa!!!!!!", 0.0, 0.2, 1),
            ("a!!!!!!!!!", 0.0, 0.3, 3),
            ("aaaa!!!!!!!!!!!!!!!!", 0.0, 0.2, 0),
            ("aabc!!", 0.8, 0.5, 6),
            ("", 1.0, 0.0, 3),
            ("ab", 1.0, 0.0, 0),
        ],
    )
    def test_draws_what_the_gates_need(self, votes: str, purity: float, share: float, expected: int) -> None:
        """The strictest of the three asks for the batch; a purity that is lost for good asks for none."""
        gated = Rule(k=3, max_attempts=30, min_purity=purity, min_yield=share)
        assert draws_needed(tally(_votes(votes)), gated) == expected

    @pytest.mark.parametrize(
        ("votes", "limits", "expected"),
        [
            ("", Rule(k=3, max_attempts=4), 3),
            ("", Rule(k=3, max_attempts=4, min_purity=0.5), 2),
            ("", Rule(k=3, max_attempts=30, min_yield=1.0), 1),
            ("aabb", Rule(k=2, max_attempts=17, min_purity=0.8), 6),
            ("aabb", Rule(k=2, max_attempts=11, min_purity=0.8), 2),
            ("aab!", Rule(k=5, max_attempts=30, patience=4), 2),
            ("aab!!!", Rule(k=5, max_attempts=30, patience=4), 0),
            ("!!!", Rule(k=5, max_attempts=30, patience=4), 1),
        ],
    )
    def test_draws_no_further_than_hope_without_a_vote(self, votes: str, limits: Rule, expected: int) -> None:
        """With gates or patience a batch ends where it would be over if none of it voted; with k alone it does not."""
        assert draws_needed(tally(_votes(votes)), limits) == expected

    def test_draws_nothing_where_a_gate_is_out_of_reach(self) -> None:
        """The margin alone would be in reach of the three draws left."""
        counted = tally(_votes("aab!!"))
        assert draws_needed(counted, Rule(k=3, max_attempts=8)) == 2
        assert draws_needed(counted, Rule(k=3, max_attempts=8, min_purity=0.9)) == 0
        assert draws_needed(counted, Rule(k=3, max_attempts=8, min_yield=0.7)) == 0

    @given(strategies.tallies(), strategies.rules())
    def test_never_exceeds_need_or_budget(self, counted: Tally, rule: Rule) -> None:
        """What it draws fits the budget, and its last draw is the first that could decide."""
        drawn = draws_needed(counted, rule)
        assert drawn >= 0
        assert counted.attempts + drawn <= max(rule.max_attempts, counted.attempts)
        if drawn:
            assert counted.margin + drawn == rule.k


class TestDecide:
    """Deciding."""

    def test_is_won_with_the_margin(self) -> None:
        """Two votes ahead win at k = 2."""
        election = decide(_votes("abaa"), Rule(k=2))
        assert (election.state, election.winner) == (ElectionState.WON, _candidate(0))
        assert election.best == election.winner

    def test_is_open_below_the_margin(self) -> None:
        """A lead of one does not win at k = 2."""
        election = decide(_votes("aba"), Rule(k=2))
        assert (election.state, election.winner) == (ElectionState.OPEN, None)

    def test_stops_at_the_first_point_with_the_margin(self) -> None:
        """Later ballots of the batch are counted in the tally, but change nothing."""
        election = decide(_votes("aabbbbb"), Rule(k=2))
        assert (election.state, election.winner) == (ElectionState.WON, _candidate(0))
        assert election.tally.groups[0].signature == B

    def test_takes_the_best_by_merit_of_those_counted_until_then(self) -> None:
        """A better candidate after the deciding ballot comes too late."""
        merits = {
            1: PLAIN.model_copy(update={"code_lines": 3}),
            2: PLAIN.model_copy(update={"code_lines": 3, "complexity": 1}),
            4: PLAIN.model_copy(update={"code_lines": 1}),
        }
        assert decide(_votes("aaa!a", merits), Rule(k=3)).winner == _candidate(2)

    def test_takes_the_first_drawn_of_equals(self) -> None:
        """Equal merit is settled by slot."""
        assert decide(_votes("!aaa"), Rule(k=3)).winner == _candidate(1)

    def test_takes_the_faster_of_candidates_that_read_alike(self) -> None:
        """Speed settles what text leaves equal, and nothing before that."""
        merits = {
            0: PLAIN.model_copy(update={"slowness": 2}),
            1: PLAIN.model_copy(update={"slowness": 1}),
            2: PLAIN.model_copy(update={"size_bytes": 101}),
        }
        assert decide(_votes("aaa", merits), Rule(k=3)).winner == _candidate(1)

    def test_merit_is_compared_as_the_schema_lists_it(self) -> None:
        """Fewer lines, simpler, flatter, smaller, faster: an earlier advantage outweighs all later ones."""
        fields = tuple(Merit.model_fields)
        for place, name in enumerate(fields):
            better = dict.fromkeys(fields[:place], 5) | {name: 4} | dict.fromkeys(fields[place + 1 :], 9)
            merits = {0: Merit(**dict.fromkeys(fields, 5)), 1: Merit(**better)}
            assert decide(_votes("aa", merits), Rule(k=2)).winner == _candidate(1), name

    @pytest.mark.parametrize(
        ("votes", "purity", "share", "state"),
        [
            ("aabaa", 0.8, 0.0, ElectionState.WON),
            ("abaacaa", 0.8, 0.0, ElectionState.OPEN),
            ("bbaaaac", 0.0, 0.0, ElectionState.OPEN),
            ("aaa!!!!!!!!!!!!", 0.0, 0.2, ElectionState.WON),
            ("!!!!!!!!!!!!!aaa", 0.0, 0.2, ElectionState.OPEN),
            ("!!!!!!!!!!!!aaa", 0.0, 0.2, ElectionState.WON),
        ],
    )
    def test_a_margin_alone_does_not_win(self, votes: str, purity: float, share: float, state: ElectionState) -> None:
        """Both are judged at the deciding ballot, over what came before it: what follows takes no victory back."""
        gated = Rule(k=3, max_attempts=30, min_purity=purity, min_yield=share)
        assert decide(_votes(votes), gated).state is state

    def test_a_gate_that_is_met_later_decides_later(self) -> None:
        """The winner is the best of those counted until then, also of those after the margin was there."""
        merits = {5: PLAIN.model_copy(update={"code_lines": 1}), 6: PLAIN.model_copy(update={"code_lines": 0})}
        attempts = _votes("baaaaa", merits)
        assert decide(attempts, Rule(k=3, min_purity=0.8)).winner == _candidate(1)
        assert decide(attempts, Rule(k=3, min_purity=0.83)).winner == _candidate(5)

    @pytest.mark.parametrize(
        ("votes", "limits", "reason"),
        [
            ("!x!", Rule(k=1, max_attempts=3), "no ballot among 3 attempts"),
            ("a!xba", Rule(k=3, max_attempts=6), "the leader's margin of 1 cannot reach 3, with 1 of 6 attempts left"),
            (
                "bbccbcaaaaa",
                Rule(k=3, max_attempts=12, min_purity=0.8),
                "the leader's purity of 45% cannot reach 80%, with 1 of 12 attempts left",
            ),
            (
                "ab!!!!!!",
                Rule(k=3, max_attempts=8, min_purity=0.6, min_yield=0.125),
                "the leader's margin of 0 cannot reach 3 and purity of 50% cannot reach 60%, with 0 of 8 attempts left",
            ),
            (
                "aa!!!!!!!!!!!!!!!",
                Rule(k=3, max_attempts=18, min_yield=0.175),
                "the leader's yield of 11% cannot reach 17.5%, with 1 of 18 attempts left",
            ),
            ("aab!bx", Rule(k=9, patience=4, max_attempts=99), ""),
            (
                "aab!x!",
                Rule(k=9, patience=3, max_attempts=99),
                "no vote for the leader in the last 4 attempts, where patience ends at 3",
            ),
            ("", Rule(k=3, max_attempts=2), "the leader's margin of 0 cannot reach 3, with 2 of 2 attempts left"),
        ],
    )
    def test_says_why_it_is_hopeless(self, votes: str, limits: Rule, reason: str) -> None:
        """An exhausted election tells what was missing, an open one nothing."""
        election = decide(_votes(votes), limits)
        assert election.reason == reason
        assert election.state is (ElectionState.EXHAUSTED if reason else ElectionState.OPEN)

    def test_a_share_below_its_least_is_never_shown_as_equal_to_it(self) -> None:
        """79.7 % is not 80 %: shares are rounded down."""
        reason = decide(_votes("ab" * 12 + "a" * 35), Rule(k=3, max_attempts=59, min_purity=0.8)).reason
        assert "purity of 79% cannot reach 80%" in reason

    def test_patience_begins_anew_with_each_vote_that_keeps_or_takes_the_lead(self) -> None:
        """A vote that draws level counts as well, for then two groups lead."""
        ends = {"aa!bb": ElectionState.OPEN, "aa!!b": ElectionState.EXHAUSTED, "aa!!a": ElectionState.OPEN}
        assert {votes: decide(_votes(votes), Rule(k=9, patience=3, max_attempts=99)).state for votes in ends} == ends

    def test_is_exhausted_when_the_budget_is_used_up(self) -> None:
        """Attempts that were flagged or rejected count against the budget."""
        election = decide(_votes("a!xba"), Rule(k=3, max_attempts=5))
        assert (election.state, election.winner, election.best) == (ElectionState.EXHAUSTED, None, _candidate(0))

    def test_is_exhausted_when_nobody_can_gain_the_margin(self) -> None:
        """Hope ends before the budget does."""
        assert decide(_votes("ab"), Rule(k=3, max_attempts=4)).state is ElectionState.EXHAUSTED
        assert decide(_votes("ab"), Rule(k=3, max_attempts=5)).state is ElectionState.OPEN

    def test_has_no_best_where_nothing_was_verified(self) -> None:
        """Without ballots there is nothing to fall back on."""
        assert decide(_votes("!x!"), Rule(k=1, max_attempts=3)).best is None

    def test_counts_rejections_by_layer_in_the_order_of_the_ladder(self) -> None:
        """The counts say where candidates fell."""
        layers = (LayerName.SECURITY, LayerName.SYNTAX, LayerName.SECURITY)
        attempts = [attempt_of(Slot(round=0, index=i), (None, None, None, layer)) for i, layer in enumerate(layers)]
        rejected = decide(attempts, Rule()).rejected_by_layer
        assert list(rejected.items()) == [(LayerName.SYNTAX, 1), (LayerName.SECURITY, 2)]

    @given(strategies.attempts(), strategies.rules())
    def test_agrees_with_voting_one_ballot_at_a_time(self, attempts: tuple[Attempt, ...], rule: Rule) -> None:
        """Counting in one pass and recounting after every ballot find the same winner, or none."""
        election, expected = decide(attempts, rule), _sequential(attempts, rule.k)
        assert (election.state is ElectionState.WON) == (expected is not None)
        if expected is not None:
            signature = {attempt.candidate: attempt.ballot for attempt in attempts}[election.winner]
            assert signature is not None
            assert signature.signature == expected[1]

    @given(data=st.data(), attempts=strategies.attempts(), rule=strategies.rules())
    def test_is_the_same_in_any_order_of_arrival(
        self, data: st.DataObject, attempts: tuple[Attempt, ...], rule: Rule
    ) -> None:
        """The whole outcome depends on slots alone, to the byte."""
        shuffled = decide(data.draw(st.permutations(attempts)), rule)
        assert shuffled.model_dump_json() == decide(attempts, rule).model_dump_json()

    @given(strategies.attempts(), st.integers(0, 30), strategies.rules())
    def test_stays_won_whatever_follows(self, attempts: tuple[Attempt, ...], cut: int, rule: Rule) -> None:
        """Once won, an election keeps its winner."""
        earlier = decide(attempts[:cut], rule)
        if earlier.state is ElectionState.WON:
            assert decide(attempts, rule).winner == earlier.winner

    @given(strategies.attempts(), strategies.rules())
    def test_names_a_winner_exactly_when_won(self, attempts: tuple[Attempt, ...], rule: Rule) -> None:
        """No state but won has a winner, and best is there whenever anything was verified."""
        election = decide(attempts, rule)
        assert (election.winner is not None) == (election.state is ElectionState.WON)
        assert (election.best is not None) == (election.tally.ballots > 0)

    @given(strategies.attempts(), strategies.rules())
    def test_is_open_exactly_when_draws_are_needed(self, attempts: tuple[Attempt, ...], rule: Rule) -> None:
        """An open election always asks for more, so that no loop stands still."""
        election = decide(attempts, rule)
        if election.state is not ElectionState.WON:
            assert (election.state is ElectionState.OPEN) == (draws_needed(election.tally, rule) > 0)


class AnElection(RuleBasedStateMachine):
    """An election as a workflow runs it: batches arrive in any order, and a crash may come at any point."""

    def __init__(self) -> None:
        super().__init__()
        self.rule = Rule()
        self.kept: list[Attempt] = []
        self.round = 0
        self.election = decide((), self.rule)

    @initialize(chosen=strategies.rules(max_k=4, max_attempts=15))
    def begin(self, chosen: Rule) -> None:
        """Fix the rule."""
        self.rule = chosen
        self.election = decide((), chosen)

    @precondition(lambda self: self.election.state is ElectionState.OPEN)
    @rule(data=st.data())
    def draw_a_batch(self, data: st.DataObject) -> None:
        """Draw as many as asked for, deliver them in any order, and decide."""
        before = self.election.tally
        size = draws_needed(before, self.rule)
        assert 1 <= size <= self.rule.k - before.margin
        batch = [
            attempt_of(Slot(round=self.round, index=index), data.draw(strategies.outcomes(SIGNATURES[:2])))
            for index in range(size)
        ]
        self.round += 1
        self.kept.extend(data.draw(st.permutations(batch)))
        self.election = decide(self.kept, self.rule)

    @rule(data=st.data())
    def crash_and_resume(self, data: st.DataObject) -> None:
        """Read the attempts back as stored, some of them delivered twice, in another order."""
        stored = [Attempt.model_validate_json(attempt.model_dump_json()) for attempt in self.kept]
        again = data.draw(st.lists(st.sampled_from(stored), max_size=3)) if stored else []
        resumed = decide(data.draw(st.permutations(stored + again)), self.rule)
        assert resumed == self.election
        assert Election.model_validate_json(resumed.model_dump_json()) == self.election

    @invariant()
    def it_never_draws_past_the_budget(self) -> None:
        """The attempts made stay within the rule."""
        assert len(self.kept) == self.election.tally.attempts <= self.rule.max_attempts

    @invariant()
    def it_uses_no_more_than_one_at_a_time_would(self) -> None:
        """A won election ended on its deciding ballot: drawing in parallel wasted nothing."""
        in_order = tuple(sorted(self.kept, key=lambda attempt: (attempt.slot.round, attempt.slot.index)))
        expected = _sequential(in_order, self.rule.k)
        if self.election.state is ElectionState.WON:
            assert expected is not None
            assert expected[0] == len(self.kept)
            assert self.election.tally.margin == self.rule.k
        else:
            assert expected is None
            assert self.election.tally.margin < self.rule.k


TestAnElection = AnElection.TestCase
