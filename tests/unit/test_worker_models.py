"""Which endpoints a worker asks: those of its settings, by URL or by preset, and none without either."""

from pathlib import Path

import pytest

from millwright.errors import BadInput
from millwright.settings import Settings
from worker import Role, keys_of

PRESET = """
name: two
models:
  small: {name: small, endpoints: ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"], key: SMALL_KEY}
default: {models: [small]}
"""


def _keys(environment: dict[str, str], role: Role) -> dict[str, str]:
    return keys_of(Settings.read(environment), environment, role)


def test_a_preset_with_endpoints_needs_no_url(tmp_path: Path) -> None:
    """Its endpoints are asked with the key that its variable has."""
    file = tmp_path / "two.yaml"
    file.write_text(PRESET, encoding="utf-8")
    found = _keys({"MILLWRIGHT_MODEL_PRESET": str(file), "SMALL_KEY": "sk-1"}, Role.ALL)
    assert found == {"http://127.0.0.1:1/v1": "sk-1", "http://127.0.0.1:2/v1": "sk-1"}


def test_a_url_is_asked_with_its_key() -> None:
    """What the environment names is one endpoint."""
    given = {"MILLWRIGHT_MODEL_URL": "http://h/v1", "MILLWRIGHT_MODEL_NAME": "m", "MILLWRIGHT_MODEL_KEY": "sk-2"}
    assert _keys(given, Role.MODEL) == {"http://h/v1": "sk-2"}


@pytest.mark.parametrize("role", [Role.MODEL, Role.ALL])
def test_a_role_that_waits_on_models_needs_one(role: Role) -> None:
    """Without any, the message names both ways to set one."""
    with pytest.raises(BadInput, match=r"MILLWRIGHT_MODEL_URL.*MILLWRIGHT_MODEL_PRESET"):
        _keys({}, role)


@pytest.mark.parametrize("role", [Role.CONTROL, Role.VERIFY])
def test_other_roles_need_no_model(role: Role) -> None:
    """They ask none."""
    assert _keys({}, role) == {}
