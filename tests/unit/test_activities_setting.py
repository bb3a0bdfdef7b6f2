"""Prompts, settings and what meets in one module."""

from collections.abc import Mapping

import pytest

from activities.plans import available_to
from activities.prompting import Prompting
from activities.setting import Settings, declared
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.red_flags.rule_set import RuleSet, rule_sets
from millwright.errors import NotFound, SpecificationInvalid
from schemas.election import Flag
from schemas.evidence import CompletionRecord
from schemas.identity import Archetype, NodePath, TaskStatus
from schemas.red_flags import RuleSettings
from schemas.requests import ElectionRef, Purpose
from schemas.verification import InputSet
from tests.strategies import digest_of
from tests.unit.activity_fakes import PROJECT, flat, opened, placed, task

ERRORS = [{"name": "Refused", "base": "ValueError"}]
QUADRUPLE = NodePath("root.quadruple")


async def _stored(store: MemoryStore, name: str = "double") -> None:
    await opened(store, requirements=await store.put(b"# Double everything\n", "text/markdown"))
    await flat(store, task("double", name=name, description="Double\n it."), task("quadruple", dependencies=["double"]))


async def _deliver(store: MemoryStore, path: str) -> None:
    artifact = await store.put(b"def double(n: int) -> int:\n    return n * 2\n", "text/x-source")
    node = await store.node(PROJECT, NodePath(path))
    await store.save_nodes([node.model_copy(update={"status": TaskStatus.WON, "artifact": artifact})])


async def test_a_setting_holds_what_a_candidate_imports() -> None:
    """The dependency's module, its import line and its signature are there; the candidate's text is added."""
    store = MemoryStore()
    await _stored(store)
    await _deliver(store, "root.double")
    setting = await Settings(store, store).load(PROJECT, QUADRUPLE)
    assert list(setting.modules) == ["shop/double.py"]
    (neighbour,) = setting.neighbours()
    assert neighbour.import_line == "from shop.double import double"
    assert (neighbour.signature, neighbour.description) == ("def double(n: int) -> int:", "Double it.")
    inputs = InputSet(specification_digest=digest_of("x"), generator="none", vectors=())
    subject = setting.subject("def quadruple(n: int) -> int:\n    return double(double(n))\n", inputs)
    assert subject.target == "shop/quadruple.py"
    assert "from shop.double import double\n" in subject.modules["shop/quadruple.py"]


async def test_a_dependency_without_verified_code_is_not_found() -> None:
    """Nothing is verified on top of what was not."""
    store = MemoryStore()
    await _stored(store)
    with pytest.raises(NotFound, match=r"root\.double has no verified code"):
        await Settings(store, store).load(PROJECT, QUADRUPLE)


async def test_functions_of_one_name_may_not_meet_in_a_module() -> None:
    """Two dependencies of one name, or one named like the node itself, are a clear fault and no silent shadow."""
    for names in (("same", "same"), ("user", "other")):
        store = MemoryStore()
        await opened(store)
        await placed(store, "root", task("root"))
        for path, name in zip(("root.a.f", "root.b.g"), names, strict=True):
            await placed(store, path, task(path[-1], name=name))
            await _deliver(store, path)
        await placed(store, "root.c", task("c", name="user"), dependencies=["root.a.f", "root.b.g"])
        with pytest.raises(SpecificationInvalid, match=r"root\.c: .* mean two things"):
            await Settings(store, store).load(PROJECT, NodePath("root.c"))


async def test_simplified_tasks_ask_for_less() -> None:
    """A setting after a simplification has the halved limits."""
    store = MemoryStore()
    await _stored(store)
    first, second = [
        await Settings(store, store).load(PROJECT, NodePath("root.double"), simplification=times) for times in (0, 1)
    ]
    assert second.task.max_lines < first.task.max_lines


async def test_declared_names_are_collected_once() -> None:
    """Errors that several tasks declare stand once in the module of records and errors."""
    one = task("a", errors=ERRORS)
    assert declared([one, one]) == ((), one.errors)
    store = MemoryStore()
    await opened(store)
    await placed(store, "root", one)
    setting = await Settings(store, store).load(PROJECT, NodePath("root"))
    assert setting.records_module == "shop.records"
    assert "class Refused(ValueError)" in setting.modules["shop/records.py"]


async def test_a_nodes_own_children_are_not_what_they_may_use() -> None:
    """After an earlier attempt gave it children, only what lies outside is available to a new proposal."""
    store = MemoryStore()
    await opened(store)
    await placed(store, "root.uncle", task("uncle"))
    await placed(store, "root.a.x", task("x"))
    node = await placed(store, "root.a", task("a"), children=["root.a.x"], dependencies=["root.a.x", "root.uncle"])
    assert await available_to(store, node) == ("uncle",)


async def test_every_purpose_has_its_prompt() -> None:
    """Structures come with a schema and code without; prose reaches specifier and the root's decomposer only."""
    store = MemoryStore()
    await _stored(store)
    await _deliver(store, "root.double")
    prompting = Prompting(store, store)
    expected = {
        (Purpose.SPECIFY, "root"): (Archetype.SPECIFIER, True),
        (Purpose.DECOMPOSE, "root"): (Archetype.DECOMPOSER, True),
        (Purpose.DECOMPOSE, "root.quadruple"): (Archetype.DECOMPOSER, False),
        (Purpose.CODE, "root.quadruple"): (Archetype.CODER, False),
        (Purpose.INTEGRATE, "root.quadruple"): (Archetype.INTEGRATOR, False),
    }
    for (purpose, path), (archetype, prose) in expected.items():
        election = ElectionRef(project=PROJECT, path=NodePath(path), purpose=purpose)
        prompt, schema = await prompting.prompt(election)
        assert prompt.archetype is archetype
        assert (schema is not None) == (purpose in (Purpose.SPECIFY, Purpose.DECOMPOSE))
        assert ("# Double everything" in prompt.messages[1].content) == prose


@pytest.mark.parametrize(
    ("purpose", "text", "flag"),
    [
        (Purpose.CODE, "```python\ndef double(n: int) -> int:\n    pass\n```", Flag.PLACEHOLDER),
        (Purpose.CODE, "```python\ndef double(\n```", Flag.DOES_NOT_LOAD),
        (Purpose.DECOMPOSE, '{"children": 1}', Flag.MALFORMED),
        (Purpose.SPECIFY, "no", Flag.NOTHING_EXTRACTABLE),
    ],
)
async def test_answers_of_every_purpose_are_flagged(purpose: Purpose, text: str, flag: Flag) -> None:
    """What is no answer has a flag, a reason and no candidate."""
    store = MemoryStore()
    await _stored(store)
    election = ElectionRef(project=PROJECT, path=NodePath("root.double"), purpose=purpose)
    completion = CompletionRecord(
        path=election.path,
        purpose=election.key,
        round=0,
        index=0,
        archetype=Archetype.CODER,
        text=text,
        finish_reason="stop",
    )
    labelled, source = await Prompting(store, store).extract(election, completion)
    assert (labelled.flag, labelled.candidate, source) == (flag, None, None)
    assert labelled.detail


async def test_advice_is_recorded_beside_the_candidate() -> None:
    """Words in a comment drop no answer; what they weigh stands with it."""
    labelled, source = await _extracted("def double(n: int) -> int:\n    return 2 * n  # TODO: test\n", None)
    assert source is not None
    assert labelled.candidate is not None
    assert labelled.flag is None
    assert labelled.detail.startswith("advised: unfinished 0.3 (line 2: ")


async def test_each_archetype_has_its_own_rules() -> None:
    """What the coder's rules leave out drops no code."""
    text = "```python\ndef double(n: int) -> int:\n    pass\n```"
    assert (await _extracted(text, None))[0].flag is Flag.PLACEHOLDER
    rules = rule_sets({Archetype.CODER: RuleSettings(rules=("does_not_load",))})
    assert (await _extracted(text, rules))[0].flag is None
    rules = rule_sets({Archetype.SPECIFIER: RuleSettings(rules=("too_long",))})
    assert (await _extracted(text, rules))[0].flag is Flag.PLACEHOLDER


async def _extracted(text: str, rules: Mapping[Archetype, RuleSet] | None) -> tuple[CompletionRecord, str | None]:
    store = MemoryStore()
    await _stored(store)
    election = ElectionRef(project=PROJECT, path=NodePath("root.double"), purpose=Purpose.CODE)
    completion = CompletionRecord(
        path=election.path,
        purpose=election.key,
        round=0,
        index=0,
        archetype=Archetype.CODER,
        text=text,
        finish_reason="stop",
    )
    return await Prompting(store, store, rules).extract(election, completion)
