"""All that crosses a boundary: frozen, closed to unknown fields, and open to a later field only with a default."""

import importlib
import pkgutil

import pytest
from pydantic import BaseModel, ValidationError

import schemas
from schemas.base import Schema
from schemas.identity import LayerName
from schemas.verification import Finding, Verdict, VerdictStatus

MODELS = sorted(
    {
        value
        for info in pkgutil.iter_modules(schemas.__path__)
        for value in vars(importlib.import_module(f"schemas.{info.name}")).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value not in (BaseModel, Schema)
    },
    key=lambda model: model.__name__,
)
REQUIRED = {
    "ProjectInput": set(),
    "NodeInput": {"project", "path", "policy"},
    "NodeResult": {"path", "status"},
    "ProjectResult": {"project", "status", "exit_code"},
    "ProjectProgress": {"project", "phase"},
    "Answer": {"question", "decision_id", "value"},
    "Approval": {"gate", "decision_id", "decision"},
    "Policy": set(),
    "Budget": set(),
    "OpenRequest": {"given", "workflow_id", "run_id"},
    "OpenedProject": {"project", "has_specification", "policy", "forecast"},
    "NodeRef": {"project", "path"},
    "ElectionRef": {"project", "path", "purpose"},
    "DrawRequest": {"election", "round", "count", "seed"},
    "DrawResult": {"draws"},
    "BatchRequest": {"election", "slots", "candidates"},
    "BatchVerdicts": {"verdicts"},
    "BatchObservations": {"observations"},
    "BatchAttempts": {"attempts"},
    "SettleRequest": {"election", "winner", "policy"},
    "NodeOutcome": {"project", "path", "status"},
    "NodeState": {"project", "path", "status"},
    "AskRequest": {"election", "outcome"},
    "AnswerRecord": {"question", "decision"},
    "IntegrationResult": set(),
    "FinishRequest": {"project", "root_status", "integration"},
}
"""The fields that were there from the first day. A history lacks every later one, so none may be added here."""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_schemas_are_frozen_and_closed(model: type[BaseModel]) -> None:
    """A value never changes, and a misspelt field is refused."""
    assert issubclass(model, Schema)
    assert model.model_config["frozen"] is True
    with pytest.raises(ValidationError) as refusal:
        model.model_validate({"no_such_field": 1, "expected_output": 1})
    assert any(error["type"] == "extra_forbidden" for error in refusal.value.errors())


@pytest.mark.parametrize("name", list(REQUIRED))
def test_what_histories_keep_demands_no_later_field(name: str) -> None:
    """Inputs and results of workflows and activities stay readable: a new field has a default."""
    model = next(model for model in MODELS if model.__name__ == name)
    assert {field for field, info in model.model_fields.items() if info.is_required()} <= REQUIRED[name]


@pytest.mark.parametrize("text", ["half \ud800 of a character", "\x1b[2J", "a\nline", "\u202ereversed", "\x00"])
def test_a_candidates_words_become_one_printable_line(text: str) -> None:
    """Findings and reasons go to terminals, histories and reports; printable text stays as it is."""
    finding = Finding(code="raised", message=text)
    verdict = Verdict(layer=LayerName.TYPES, status=VerdictStatus.ERROR, reason=text, findings=(finding,))
    assert finding.message.isprintable()
    assert verdict.reason == finding.message
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert Finding(code="x", message="ça va: 漢字").message == "ça va: 漢字"
