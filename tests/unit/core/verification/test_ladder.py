"""The ladder: its order, its completeness, and what verdicts mean together."""

from pathlib import Path

import pytest

import millwright.core.verification.languages as languages_package
import millwright.core.verification.layers as layers_package
from millwright.core.verification.ladder import LADDER, begin, is_verified, layer_named, rejected_by
from millwright.core.verification.languages import LANGUAGES, language_named
from millwright.core.verification.layer import Settled
from millwright.errors import BadInput
from schemas.identity import LayerName
from schemas.verification import Verdict, VerdictStatus
from tests.languages.python.tasks import TASKS, subject_of


def _modules(package: str | None) -> set[str]:
    assert package is not None
    return {path.stem for path in Path(package).parent.glob("*.py") if path.stem != "__init__"}


def _verdicts(**other: VerdictStatus) -> list[Verdict]:
    return [Verdict(layer=layer, status=other.get(layer.value, VerdictStatus.PASSED)) for layer in LayerName]


def test_the_ladder_has_every_layer_in_its_order() -> None:
    """The eight layers stand in the order of their names' enumeration."""
    assert [layer.name for layer in LADDER] == list(LayerName)


def test_no_layer_file_is_forgotten() -> None:
    """A file in ``layers`` without a line in LADDER would never be climbed."""
    assert _modules(layers_package.__file__) == {layer.name.value for layer in LADDER}


def test_no_language_file_is_forgotten() -> None:
    """A file in ``languages`` without a line in LANGUAGES is never written; ``python_x`` belongs to ``python``."""
    heads = {name.partition("_")[0] for name in _modules(languages_package.__file__)}
    assert heads == {language.name for language in LANGUAGES}


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    """The message says what could have been asked for."""
    assert language_named("python").name == "python"
    with pytest.raises(BadInput, match=r"'cobol'.*known are: python"):
        language_named("cobol")


@pytest.mark.parametrize("layer", [layer for layer in LADDER if layer.name is not LayerName.SYNTAX])
def test_source_that_does_not_compile_is_not_run_above_the_first_layer(layer: object) -> None:
    """No later layer passes or rejects what is no module."""
    subject = subject_of(TASKS["clamp"], "def clamp(")
    name = getattr(layer, "name", LayerName.SYNTAX)
    plan = begin(layer_named(name), subject, language_named("python"))
    assert isinstance(plan, Settled)
    assert plan.verdict.status is VerdictStatus.NOT_RUN
    assert "line" in plan.verdict.reason


def test_the_first_rejection_counts() -> None:
    """The layer that rejected first is the one that is named."""
    rejected = VerdictStatus.REJECTED
    assert rejected_by(_verdicts()) is None
    assert rejected_by(_verdicts(security=rejected, contracts=rejected)) is LayerName.CONTRACTS


@pytest.mark.parametrize("status", [VerdictStatus.REJECTED, VerdictStatus.ERROR, VerdictStatus.NOT_RUN])
def test_nothing_is_verified_while_one_layer_did_not_let_it_through(status: VerdictStatus) -> None:
    """A rejection, an error and a layer that was not run all stand in the way; one that does not apply does not."""
    assert is_verified(_verdicts(contracts=VerdictStatus.NOT_APPLICABLE))
    assert not is_verified(_verdicts(types=status))
    assert not is_verified(_verdicts()[:-1])
