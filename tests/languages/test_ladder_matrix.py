"""Every layer of every language rejects what is planted for it, and keeps good code."""

import importlib
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.climbing import Climber
from millwright.core.verification.ladder import LADDER, rejected_by
from millwright.core.verification.languages import LANGUAGES
from millwright.ports import Analyser, Sandbox
from schemas.identity import LayerName
from schemas.verification import Severity, VerdictStatus
from tests.languages.in_process import InProcessSandbox, SilentAnalyser
from tests.languages.python.tasks import candidates, subject_in

GOOD = candidates("good")
BAD = [(layer.name, path) for layer in LADDER for path in candidates(f"bad-{layer.name.value}")]
NEED_A_TOOL = {
    "average__none_where_a_number_is_needed": "a type checker",
    "average__untyped_inner": "a type checker",
    "clamp__default_of_another_type": "a type checker",
    "clamp__returns_text": "a type checker",
    "clamp__undefined_name": "a linter",
    "clamp__counts_slowly": "the kernel's account of time",
    "clamp__hoards": "a limit on memory",
    "clamp__never_ends": "a limit on time",
}


def _id(value: object) -> str:
    return value.stem if isinstance(value, Path) else str(value)


@pytest.mark.parametrize("layer", LADDER, ids=lambda layer: layer.name.value)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_layer_of_every_language_has_candidates_to_reject(language: object, layer: object) -> None:
    """No language is added without planting at least three defects for each layer."""
    folder = Path(__file__).parent / getattr(language, "name", "")
    planted = list((folder / f"bad-{getattr(layer, 'name', '')}").iterdir())
    assert len([path for path in planted if path.is_file()]) >= 3


@pytest.mark.parametrize("path", GOOD, ids=_id)
async def test_good_code_is_kept_by_every_layer(path: Path) -> None:
    """No layer rejects good code where the tools find nothing."""
    (verdicts,) = await Climber(InProcessSandbox(), SilentAnalyser()).climb([subject_in(path)])
    kept = {VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE}
    assert [verdict for verdict in verdicts if verdict.status not in kept] == []


@pytest.mark.parametrize(
    ("layer", "path"), [(layer, path) for layer, path in BAD if path.stem not in NEED_A_TOOL], ids=_id
)
async def test_a_planted_defect_is_rejected_by_its_layer_first(layer: LayerName, path: Path) -> None:
    """The layer for which a defect was planted is the first to reject it, and says where it is."""
    (verdicts,) = await Climber(InProcessSandbox(), SilentAnalyser()).climb([subject_in(path)])
    assert rejected_by(verdicts) is layer
    rejection = next(verdict for verdict in verdicts if verdict.layer is layer)
    errors = [finding for finding in rejection.findings if finding.severity is Severity.ERROR]
    assert errors
    assert any(finding.line for finding in errors) or errors[0].code == "not-defined"


def _adapters() -> tuple[type[Sandbox], type[Analyser]] | None:
    names = ("millwright.adapters.sandbox.bubblewrap", "millwright.adapters.analysis.static_analyser")
    if shutil.which("bwrap") is None or any(importlib.util.find_spec(name) is None for name in names):
        return None
    sandbox, analyser = map(importlib.import_module, names)
    return sandbox.BubblewrapSandbox, analyser.StaticAnalyser


@pytest.mark.sandbox
@pytest.mark.slow
class TestWithTheRealTools:
    """The same candidates, through the sandbox and the analyser that a worker uses."""

    @pytest.fixture
    def climber(self) -> Iterator[Climber]:
        """A climber over the real adapters."""
        adapters = _adapters()
        if adapters is None:
            pytest.skip("bubblewrap or an adapter is not installed")
        sandbox, analyser = adapters
        made = sandbox()
        yield Climber(made, analyser())
        close = getattr(made, "close", None)
        if close is not None:
            close()

    async def test_good_code_is_kept_by_every_layer(self, climber: Climber) -> None:
        """Real tools find no fault with good code."""
        every = await climber.climb([subject_in(path) for path in GOOD])
        kept = {VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE}
        wrong = {
            path.stem: [verdict for verdict in verdicts if verdict.status not in kept]
            for path, verdicts in zip(GOOD, every, strict=True)
        }
        assert {name: verdicts for name, verdicts in wrong.items() if verdicts} == {}

    async def test_planted_defects_are_rejected_by_their_layer(self, climber: Climber) -> None:
        """Each defect is seen by its layer when all layers are climbed."""
        every = await climber.climb([subject_in(path) for _, path in BAD], first_rejection_stops=False)
        missed = [
            f"{layer.value}: {path.stem}"
            for (layer, path), verdicts in zip(BAD, every, strict=True)
            if not any(item.layer is layer and item.status is VerdictStatus.REJECTED for item in verdicts)
        ]
        assert missed == []

    async def test_right_answers_to_one_task_are_one_vote(self, climber: Climber) -> None:
        """Good candidates for one task have one signature, and no flag."""
        paths = candidates("good")
        seen = await climber.observe([subject_in(path) for path in paths])
        votes: dict[str, set[object]] = {}
        for path, observation in zip(paths, seen, strict=True):
            assert observation.flag is None, (path.stem, observation.detail)
            votes.setdefault(path.stem.partition("__")[0], set()).add(observation.signature)
        assert {task: len(signatures) for task, signatures in votes.items()} == dict.fromkeys(votes, 1)
