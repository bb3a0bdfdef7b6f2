"""Takes a batch of candidates up the ladder, and watches how the survivors behave.

It decides nothing about votes. A layer that could not be run is an error, retried; it is never a rejection.
"""

from collections.abc import Mapping, Sequence

from temporalio import activity

from activities.asserting import Asserting
from activities.boundary import heartbeating, translated
from activities.climbing import Climber
from activities.observing import Observation
from activities.setting import Setting, Settings
from millwright.core.asserts import with_tallies
from millwright.core.specification import input_types
from millwright.core.verification.ladder import rejected_by
from millwright.core.verification.layer import Subject
from millwright.errors import SandboxUnavailable, SpecificationInvalid
from millwright.ports import ArtifactStore, InputSource, ProjectStore
from schemas.digests import digest_of_bytes
from schemas.identity import Digest, LayerName
from schemas.requests import (
    BatchObservations,
    BatchRequest,
    BatchVerdicts,
    CandidateVerdict,
    ElectionRef,
    NodeRef,
    ObservedCandidate,
)
from schemas.specification import Fault, TaskSpecification
from schemas.verification import InputOrigin, InputSet, InputVector, Verdict, VerdictStatus


class Verification:
    """Activities that use the CPU and the sandbox."""

    def __init__(self, climber: Climber, inputs: InputSource, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._climber = climber
        self._inputs = inputs
        self._projects = projects
        self._settings = Settings(projects, artifacts)
        self._asserting = Asserting(projects, climber.evaluate)

    @activity.defn
    @translated
    async def prepare_inputs(self, ref: NodeRef) -> int:
        """Generate the inputs of a node's specification, or find them stored; returns how many there are."""
        async with heartbeating():
            setting = await self._settings.load(ref.project, ref.path)
            return len((await self._input_set(setting)).vectors)

    @activity.defn
    @translated
    async def climb_layer(self, request: BatchRequest) -> BatchVerdicts:
        """Take a batch over one layer."""
        if request.layer is None:
            raise SpecificationInvalid([Fault(where="batch", what="no layer was named")])
        async with heartbeating():
            subjects = await self.subjects(request)
            verdicts = await self._layer(request, request.layer, request.candidates, subjects)
        return BatchVerdicts(verdicts=verdicts)

    @activity.defn
    @translated
    async def climb(self, request: BatchRequest) -> BatchVerdicts:
        """Take a batch over all layers, from where an earlier attempt of this activity came to."""
        done = _completed(request.candidates)
        async with heartbeating() as heart:
            subjects = await self.subjects(request)

            async def said(index: int, verdict: Verdict) -> None:
                candidate = request.candidates[index]
                await self._store(request, candidate, verdict)
                _demand_answers((verdict,))
                done[candidate][verdict.layer.value] = verdict.status.value
                heart.say(done)

            await self._climber.climb(
                [subjects[candidate] for candidate in request.candidates],
                first_rejection_stops=not request.all_layers,
                known=[_verdicts(done[candidate]) for candidate in request.candidates],
                said=said,
            )
        return BatchVerdicts(
            verdicts=tuple(
                CandidateVerdict(candidate=candidate, layer=verdict.layer, status=verdict.status)
                for candidate in request.candidates
                for verdict in _verdicts(done[candidate])
            )
        )

    @activity.defn
    @translated
    async def confirm(self, request: BatchRequest) -> BatchVerdicts:
        """Look further at winners, one after the other; returns the verdicts that became rejections.

        What verifiers assert is counted on the calls of one that stands, as evidence, and rejects nothing.
        """
        election = request.election
        rejections: list[CandidateVerdict] = []
        async with heartbeating():
            subjects = await self.subjects(request)
            stored = await self._projects.verdicts(election.project, election.path)
            asserted = (await self._asserting.kept(election)).assertions
            for candidate in request.candidates:
                subject = subjects[candidate]
                verdicts = await self._climber.confirm(subject, stored.get(candidate, ()))
                if asserted and rejected_by(verdicts) is None:
                    calls = await self._climber.seen(subject)
                    verdicts = with_tallies(verdicts, await self._asserting.counted(subject.task, asserted, calls))
                await self._projects.save_verdicts(election.project, election.path, candidate, verdicts)
                rejections.extend(
                    CandidateVerdict(candidate=candidate, layer=verdict.layer, status=verdict.status)
                    for verdict in verdicts
                    if verdict.status is VerdictStatus.REJECTED
                )
        return BatchVerdicts(verdicts=tuple(rejections))

    @activity.defn
    @translated
    async def observe(self, request: BatchRequest) -> BatchObservations:
        """Watch how a batch behaves on the specification's examples and inputs."""
        async with heartbeating():
            subjects = await self.subjects(request, further=True)
            seen = await self._climber.observe([subjects[candidate] for candidate in request.candidates])
        return BatchObservations(
            observations=tuple(
                _observed(candidate, observation)
                for candidate, observation in zip(request.candidates, seen, strict=True)
            )
        )

    @activity.defn
    @translated
    async def compare(self, request: BatchRequest) -> BatchObservations:
        """Compare all candidates that may vote, and keep at the node the inputs that tell some of them apart."""
        election = request.election
        async with heartbeating():
            subjects = await self.subjects(request, further=True)
            seed = int(digest_of_bytes(f"{election.path}/{election.key}".encode())[:12], 16)
            compared = await self._climber.compare([subjects[candidate] for candidate in request.candidates], seed)
            splitting = [InputVector(arguments=item, origin=InputOrigin.SPLITTING) for item in compared.splitting]
            await self._projects.add_further_inputs(election.project, election.path, splitting)
        return BatchObservations(
            observations=tuple(
                _observed(candidate, observation)
                for candidate, observation in zip(request.candidates, compared.observations, strict=True)
            )
        )

    @activity.defn
    @translated
    async def choose(self, request: BatchRequest) -> Digest:
        """Choose the best of candidates that no margin tells apart; it is not thereby won."""
        election = request.election
        async with heartbeating():
            subjects = await self.subjects(request, further=True)
            claims = await self._projects.claims(election.project, election.path)
            asserted = (await self._asserting.kept(election)).assertions
            of = [subjects[candidate] for candidate in request.candidates]
            place = await self._climber.choose(of, claims, asserted)
        return request.candidates[place]

    async def _layer(
        self, request: BatchRequest, layer: LayerName, alive: Sequence[Digest], subjects: dict[Digest, Subject]
    ) -> tuple[CandidateVerdict, ...]:
        verdicts = await self._climber.climb_layer(layer, [subjects[candidate] for candidate in alive])
        for candidate, verdict in zip(alive, verdicts, strict=True):
            await self._store(request, candidate, verdict)
        _demand_answers(verdicts)
        return tuple(
            CandidateVerdict(candidate=candidate, layer=layer, status=verdict.status)
            for candidate, verdict in zip(alive, verdicts, strict=True)
        )

    async def _store(self, request: BatchRequest, candidate: Digest, verdict: Verdict) -> None:
        """Store a verdict, and of one that ends the climb what is not run any more."""
        said = (verdict,) if request.all_layers else (verdict, *_not_run_after(verdict))
        await self._projects.save_verdicts(request.election.project, request.election.path, candidate, said)

    async def subjects(self, request: BatchRequest, *, further: bool = False) -> dict[Digest, Subject]:
        """Put candidates into their setting; ``further`` adds all of the node's own inputs, by most no layer judges."""
        election = request.election
        setting = await self._settings.load(election.project, election.path, simplification=election.simplification)
        inputs = await self._with_further(election, await self._input_set(setting), every=further)
        return {
            candidate: setting.subject(
                await self._projects.candidate(election.project, election.path, candidate), inputs
            )
            for candidate in request.candidates
        }

    async def _with_further(self, election: ElectionRef, inputs: InputSet, *, every: bool) -> InputSet:
        """Add the node's own inputs, or only those that it was really called with: by these every layer judges."""
        own = await self._projects.further_inputs(election.project, election.path)
        further = [vector for vector in own if every or vector.origin is InputOrigin.INTEGRATION]
        return inputs.model_copy(update={"vectors": (*inputs.vectors, *further)}) if further else inputs

    async def _input_set(self, setting: Setting) -> InputSet:
        digest = setting.node.specification
        stored = await self._projects.inputs(digest)
        if stored is not None:
            return stored
        task: TaskSpecification = await self._projects.specification(digest)
        if not input_types(task):
            generated = InputSet(specification_digest=digest, generator="none", vectors=())
        else:
            generated = await self._inputs.inputs(task, digest)
        await self._projects.save_inputs(generated)
        return await self._projects.inputs(digest) or generated


def _completed(candidates: Sequence[Digest]) -> dict[str, dict[str, str]]:
    """Return what each candidate's layers said to an earlier attempt of this activity, by its last heartbeat."""
    details = activity.info().heartbeat_details
    said = details[0] if details and isinstance(details[0], dict) else {}
    return {candidate: dict(said.get(candidate, {})) for candidate in candidates}


def _verdicts(said: Mapping[str, str]) -> tuple[Verdict, ...]:
    """Return what layers said, in the order in which they are climbed."""
    return tuple(
        Verdict(layer=layer, status=VerdictStatus(said[layer.value])) for layer in LayerName if layer.value in said
    )


def _not_run_after(verdict: Verdict) -> tuple[Verdict, ...]:
    """Say of the layers above a rejection that they were not run."""
    if verdict.status is not VerdictStatus.REJECTED:
        return ()
    order = list(LayerName)
    return tuple(
        Verdict(layer=layer, status=VerdictStatus.NOT_RUN, reason=f"rejected by {verdict.layer.value}")
        for layer in order[order.index(verdict.layer) + 1 :]
    )


def _demand_answers(verdicts: Sequence[Verdict]) -> None:
    """Refuse to go on when a layer could say nothing.

    Raises:
        SpecificationInvalid: a condition or property of the specification cannot be evaluated; no retry can mend that.
        SandboxUnavailable: any other layer in error.
    """
    for verdict in verdicts:
        if verdict.status is VerdictStatus.ERROR:
            if verdict.layer in (LayerName.CONTRACTS, LayerName.PROPERTY_TESTS):
                raise SpecificationInvalid([Fault(where=verdict.layer.value, what=verdict.reason)])
            raise SandboxUnavailable(f"the layer {verdict.layer.value} could not be run: {verdict.reason}")


def _observed(candidate: Digest, observation: Observation) -> ObservedCandidate:
    return ObservedCandidate(
        candidate=candidate,
        signature=None if observation.flag else observation.signature,
        flag=observation.flag,
        merit=observation.merit,
    )
