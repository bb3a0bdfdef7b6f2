"""What the environment may set."""

import base64
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


def test_who_tells_people_is_read() -> None:
    """A webhook has an address and a secret, by the convention or any text; a command is split as a shell would."""
    environment = {
        "MILLWRIGHT_NOTIFY_URL": " https://ada:pw@hooks.example:8443/T0/B1?token=t ",
        "MILLWRIGHT_NOTIFY_SECRET": "whsec_" + base64.b64encode(b"twenty-four bytes of key").decode(),
        "MILLWRIGHT_NOTIFY_COMMAND": "/opt/tell 'two words' --to=ops",
    }
    settings = Settings.read(environment)
    assert settings.webhook is not None
    assert settings.webhook.url == "https://ada:pw@hooks.example:8443/T0/B1?token=t"
    assert settings.webhook.key == b"twenty-four bytes of key"
    assert settings.webhook.shown == "https://hooks.example:8443"
    assert settings.notify_command == ("/opt/tell", "two words", "--to=ops")
    assert not any(secret in repr(settings) for secret in ("pw", "T0", "token=t", "twenty", "whsec", "ops"))
    text = Settings.read({**environment, "MILLWRIGHT_NOTIFY_SECRET": "gr\u00fcn"}).webhook
    assert text is not None
    assert text.key == "gr\u00fcn".encode()
    nobody = Settings.read(dict.fromkeys(environment, ""))
    assert (nobody.webhook, nobody.notify_command) == (None, ())
    assert Settings.read({"MILLWRIGHT_NOTIFY_SECRET": "alone"}).webhook is None


@pytest.mark.parametrize(
    ("url", "secret", "command", "told"),
    [
        ("https://h/hush", "", "", "NOTIFY_SECRET is not: set it"),
        ("https://h/hush", " ", "", "NOTIFY_SECRET is not: set it"),
        ("https://h/hush", "whsec_", "", "no base64 follows"),
        ("https://h/hush", "whsec_hush!", "", "no base64 follows"),
        ("hush", "s", "", "NOTIFY_URL is no address"),
        ("ftp://h/hush", "s", "", "NOTIFY_URL is no address"),
        ("https:///hush", "s", "", "NOTIFY_URL is no address"),
        ("https://h:hush/", "s", "", "NOTIFY_URL is no address"),
        ("https://h:99999/hush", "s", "", "NOTIFY_URL is no address"),
        ("https://h/hush\nx", "s", "", "NOTIFY_URL is no address"),
        ("https://[::1/hush", "s", "", "NOTIFY_URL is no address"),
        ("", "", "tell 'hush", "NOTIFY_COMMAND cannot be read"),
    ],
)
def test_a_notifier_that_tells_nobody_is_refused(url: str, secret: str, command: str, told: str) -> None:
    """One line names the variable and what to write, and repeats neither address nor secret nor command."""
    with pytest.raises(BadInput, match=rf"^MILLWRIGHT_[^\n]*{told}[^\n]*$") as refused:
        Settings.read(
            {
                "MILLWRIGHT_NOTIFY_URL": url,
                "MILLWRIGHT_NOTIFY_SECRET": secret,
                "MILLWRIGHT_NOTIFY_COMMAND": command,
            }
        )
    assert "hush" not in str(refused.value)


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
