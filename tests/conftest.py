"""What every test shares: Hypothesis runs the same examples each time, and no model of ours is reached by accident."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("fixed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's shell may have set."""
    for name in list(os.environ):
        if (
            name.startswith(("MILLWRIGHT_MODEL", "MILLWRIGHT_DATABASE", "MILLWRIGHT_NOTIFY", "TEMPORAL_"))
            or name == "MILLWRIGHT_HOME"
        ):
            monkeypatch.delenv(name)
