"""What the environment may set."""

from pathlib import Path

import pytest

from millwright.errors import BadInput
from millwright.settings import ModelSettings, Settings
from schemas.models import InstallationBudget, Period


def test_an_empty_environment_means_the_embedded_stack() -> None:
    """Without variables everything is embedded, under the user's home."""
    settings = Settings.read({})
    assert settings == Settings(home=Path.home() / ".millwright")


def test_every_variable_is_read(tmp_path: Path) -> None:
    """A trailing slash of the model's URL is of no importance."""
    settings = Settings.read(
        {
            "MILLWRIGHT_HOME": str(tmp_path),
            "MILLWRIGHT_DATABASE_URL": "postgresql://db/x",
            "TEMPORAL_ADDRESS": "temporal:7233",
            "MILLWRIGHT_MODEL_URL": "http://127.0.0.1:8000/v1/",
            "MILLWRIGHT_MODEL_NAME": "small",
            "MILLWRIGHT_MODEL_KEY": "hush",
            "XDG_CACHE_HOME": "/var/cache/user",
            "MILLWRIGHT_RED_FLAGS": str(tmp_path / "rules.yaml"),
        }
    )
    model = ModelSettings(url="http://127.0.0.1:8000/v1", name="small", key="hush")
    cache = Path("/var/cache/user/millwright")
    assert settings == Settings(tmp_path, "postgresql://db/x", "temporal:7233", model, cache, tmp_path / "rules.yaml")


def test_the_caps_of_the_installation_are_read() -> None:
    """Each cap has its variable, the period another; empty ones are not set."""
    environment = {
        "MILLWRIGHT_MAX_CALLS": "1000",
        "MILLWRIGHT_MAX_TOKENS": " 2000000 ",
        "MILLWRIGHT_MAX_COST": "2.5",
        "MILLWRIGHT_MAX_TIME": "1.5h",
        "MILLWRIGHT_BUDGET_PERIOD": "Day",
    }
    expected = InstallationBudget(
        max_calls=1000, max_tokens=2_000_000, max_cost=2.5, max_time_seconds=5400.0, period=Period.DAY
    )
    assert Settings.read(environment).installation == expected
    assert Settings.read(dict.fromkeys(environment, "")).installation == InstallationBudget()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("MILLWRIGHT_MAX_CALLS", ["0", "-1", "1.5", "1e3", "many", "\u0663", "9" * 19]),
        ("MILLWRIGHT_MAX_TOKENS", ["0", "x"]),
        ("MILLWRIGHT_MAX_COST", ["0", "-2", "nan", "inf", "2 dollars"]),
        ("MILLWRIGHT_MAX_TIME", ["0", "-1h", "1 week", "h"]),
        ("MILLWRIGHT_BUDGET_PERIOD", ["hour", "always"]),
    ],
)
def test_a_cap_that_cannot_be_read_is_refused(name: str, values: list[str]) -> None:
    """One line names the variable, its value and the form that it should have."""
    for value in values:
        with pytest.raises(BadInput, match=f"^{name} is '{value}': write [^\\n]+$"):
            Settings.read({name: value})


def test_secrets_are_not_shown() -> None:
    """Neither the key nor the database's password stands in a representation."""
    environment = {
        "MILLWRIGHT_DATABASE_URL": "postgresql://u:hush@db/x",
        "MILLWRIGHT_MODEL_URL": "https://m/v1",
        "MILLWRIGHT_MODEL_NAME": "m",
        "MILLWRIGHT_MODEL_KEY": "hush",
    }
    assert "hush" not in repr(Settings.read(environment))


@pytest.mark.parametrize("name", ["TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"])
def test_a_temporal_profile_counts_as_configured(name: str) -> None:
    """Then no embedded Temporal is started."""
    assert Settings.read({name: "cloud"}).temporal_address is not None


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"MILLWRIGHT_MODEL_URL": "127.0.0.1:8000/v1"}, "base URL"),
        ({"MILLWRIGHT_MODEL_URL": "http://m/v1/chat/completions"}, "base URL"),
        ({"MILLWRIGHT_MODEL_URL": "http://m/v1"}, "MILLWRIGHT_MODEL_NAME"),
    ],
)
def test_half_a_model_is_refused(environment: dict[str, str], words: str) -> None:
    """A URL of another form, or one without a name, is bad input that says what to set."""
    with pytest.raises(BadInput, match=words):
        Settings.read(environment)


def test_a_relative_home_becomes_absolute() -> None:
    """A later change of the working directory moves nothing."""
    assert Settings.read({"MILLWRIGHT_HOME": "here"}).home.is_absolute()
    assert Settings.read({"MILLWRIGHT_HOME": "~/x"}).home == Path.home() / "x"


@pytest.mark.parametrize("url", ["http://user:hunter2@host/v2", "user:hunter2@host/v1"])
def test_a_refused_model_url_is_quoted_without_its_password(url: str) -> None:
    """The message names the address, and nothing that opens it."""
    with pytest.raises(BadInput, match="host/v") as refused:
        Settings.read({"MILLWRIGHT_MODEL_URL": url, "MILLWRIGHT_MODEL_NAME": "m"})
    assert "hunter2" not in str(refused.value)
