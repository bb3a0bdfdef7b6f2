"""What the environment may set, read once in a composition root and passed down.

It reads nothing on import, and Temporal's own variables are left to Temporal's standard configuration.
"""

import base64
import binascii
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from millwright.errors import BadInput
from schemas.addresses import public_url
from schemas.durations import duration_seconds
from schemas.models import InstallationBudget, Period

T = TypeVar("T")

_MOST_DIGITS = 18
"""More could not be counted: the ledger's totals are numbers of 64 bits."""

DEMO_PRESET = "demo"
"""The preset of the scripted model, which a stack serves by itself."""

_SIGNING_PREFIX = "whsec_"
"""What a secret of Standard Webhooks begins with; base64 follows. Any other secret is its UTF-8 bytes."""


@dataclass(frozen=True)
class ModelSettings:
    """The OpenAI-compatible endpoint: base URL ending in ``/v1``, the model's name, and the key (never shown)."""

    url: str
    name: str
    key: str = field(default="", repr=False)

    @property
    def public_url(self) -> str:
        """The URL as it may be shown and written down: without a user or a password in it."""
        return public_url(self.url)


@dataclass(frozen=True)
class Webhook:
    """Where people are told, and the key that signs it; neither is shown, for chats keep a secret in the path."""

    url: str = field(repr=False)
    key: bytes = field(repr=False)

    @property
    def shown(self) -> str:
        """The scheme, host and port of the address."""
        parts = urlsplit(self.url)
        return public_url(f"{parts.scheme}://{parts.netloc}")


@dataclass(frozen=True)
class Settings:
    """Everything the environment sets.

    ``home`` holds the embedded stack's data, ports and lock; ``cache`` what can be made again at any time, for all
    homes of the user. ``database_url`` None means the embedded Postgres; ``temporal_address`` None the embedded
    Temporal; ``model`` None the demo model; ``red_flags`` None the default rules;
    ``calibration`` None the one that comes with the program. ``model_preset`` is the name of a preset or the path of a
    file, None the one that speaks of the model; ``model_host`` is where the servers of a preset run, if not here.
    ``installation`` caps what all projects of the database use together. ``webhook`` and ``notify_command`` (a program
    and its arguments, empty: none) tell people that something waits for them.
    """

    home: Path
    database_url: str | None = field(default=None, repr=False)
    temporal_address: str | None = None
    model: ModelSettings | None = None
    cache: Path = field(default_factory=lambda: Path.home() / ".cache" / "millwright")
    red_flags: Path | None = None
    calibration: Path | None = None
    model_preset: str | None = None
    model_host: str = ""
    installation: InstallationBudget = field(default_factory=InstallationBudget)
    webhook: Webhook | None = None
    notify_command: tuple[str, ...] = field(default=(), repr=False)

    @property
    def names_model(self) -> bool:
        """Whether a model is configured; else the demo's is served."""
        return self.model is not None or self.model_preset not in (None, DEMO_PRESET)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings from an environment.

        Raises:
            BadInput: a model URL with neither name nor preset, a URL that is not http(s) ending in ``/v1``, a cap
                or a period that cannot be read, a webhook that has no address or no secret, or a command that has an
                unfinished quotation.
        """
        rules, calibration = environment.get("MILLWRIGHT_RED_FLAGS"), environment.get("MILLWRIGHT_CALIBRATION")
        home = environment.get("MILLWRIGHT_HOME") or str(Path.home() / ".millwright")
        return cls(
            home=Path(home).expanduser().absolute(),
            database_url=environment.get("MILLWRIGHT_DATABASE_URL") or None,
            temporal_address=_temporal_address(environment),
            model=_model(environment),
            cache=_cache(environment),
            red_flags=Path(rules).expanduser().absolute() if rules else None,
            calibration=Path(calibration).expanduser().absolute() if calibration else None,
            model_preset=_preset(environment),
            model_host=environment.get("MILLWRIGHT_MODEL_HOST", ""),
            installation=_installation(environment),
            webhook=_webhook(environment),
            notify_command=_notify_command(environment),
        )


def _temporal_address(environment: Mapping[str, str]) -> str | None:
    if environment.get("TEMPORAL_ADDRESS"):
        return environment["TEMPORAL_ADDRESS"]
    return "from profile" if environment.get("TEMPORAL_PROFILE") or environment.get("TEMPORAL_CONFIG_FILE") else None


def _cache(environment: Mapping[str, str]) -> Path:
    """Return the folder by the XDG base directory specification, which ignores relative paths."""
    base = Path(environment.get("XDG_CACHE_HOME") or "")
    return (base if base.is_absolute() else Path.home() / ".cache") / "millwright"


def _preset(environment: Mapping[str, str]) -> str | None:
    """Return the name of a preset, or the absolute path of what looks like a file."""
    given = environment.get("MILLWRIGHT_MODEL_PRESET") or None
    if given is None or not (Path(given).suffix or Path(given).name != given):
        return given
    return str(Path(given).expanduser().absolute())


def _installation(environment: Mapping[str, str]) -> InstallationBudget:
    period = environment.get("MILLWRIGHT_BUDGET_PERIOD", "").strip().lower() or Period.EVER
    if period not in {known.value for known in Period}:
        raise BadInput(f"MILLWRIGHT_BUDGET_PERIOD is {period!r}: write {', '.join(Period)}")
    return InstallationBudget(
        max_calls=_cap(environment, "MILLWRIGHT_MAX_CALLS", _count, "a whole number above 0"),
        max_tokens=_cap(environment, "MILLWRIGHT_MAX_TOKENS", _count, "a whole number above 0"),
        max_cost=_cap(environment, "MILLWRIGHT_MAX_COST", _amount, "a number above 0, such as 2.50"),
        max_time_seconds=_cap(
            environment, "MILLWRIGHT_MAX_TIME", duration_seconds, "a duration such as 90, 30m, 8h, 2d"
        ),
        period=Period(period),
    )


def _cap(environment: Mapping[str, str], name: str, read: Callable[[str], T | None], form: str) -> T | None:
    """Read a cap; a variable that is not set, or empty, is none."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    value = read(text)
    if value is None:
        raise BadInput(f"{name} is {text!r}: write {form}, or unset it for no cap")
    return value


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and int(text) else None


def _amount(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def _model(environment: Mapping[str, str]) -> ModelSettings | None:
    url = environment.get("MILLWRIGHT_MODEL_URL", "").rstrip("/")
    if not url:
        return None
    if not url.startswith(("http://", "https://")) or not url.endswith("/v1"):
        raise BadInput(f"MILLWRIGHT_MODEL_URL is {public_url(url)!r}: give a base URL such as http://127.0.0.1:8000/v1")
    name = environment.get("MILLWRIGHT_MODEL_NAME", "")
    if not name and not environment.get("MILLWRIGHT_MODEL_PRESET"):
        raise BadInput("MILLWRIGHT_MODEL_URL is set but MILLWRIGHT_MODEL_NAME is not: name the model to ask for")
    return ModelSettings(url=url, name=name, key=environment.get("MILLWRIGHT_MODEL_KEY", ""))


def _webhook(environment: Mapping[str, str]) -> Webhook | None:
    url = environment.get("MILLWRIGHT_NOTIFY_URL", "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(character.isspace() or not character.isprintable() for character in url):
        raise BadInput("MILLWRIGHT_NOTIFY_URL is no address: give one such as https://host/path")
    secret = environment.get("MILLWRIGHT_NOTIFY_SECRET", "").strip()
    if not secret:
        raise BadInput(
            "MILLWRIGHT_NOTIFY_URL is set but MILLWRIGHT_NOTIFY_SECRET is not: set it to what the receiver checks "
            "signatures with"
        )
    return Webhook(url=url, key=_signing_key(secret))


def _signing_key(secret: str) -> bytes:
    if not secret.startswith(_SIGNING_PREFIX):
        return secret.encode("utf-8", "surrogateescape")
    try:
        key = base64.b64decode(secret.removeprefix(_SIGNING_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not key:
        raise BadInput(f"MILLWRIGHT_NOTIFY_SECRET begins with {_SIGNING_PREFIX}, and no base64 follows: copy it anew")
    return key


def _notify_command(environment: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(environment.get("MILLWRIGHT_NOTIFY_COMMAND", "")))
    except ValueError as error:
        raise BadInput(
            f"MILLWRIGHT_NOTIFY_COMMAND cannot be read ({error}): write a program and its arguments, quoted as for a "
            "shell"
        ) from None
