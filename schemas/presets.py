"""What is known of a model before it is asked anything: a preset, one file a model or family of models.

It chooses no endpoint and holds no key. A field that is left out keeps its default, which is a judgment on models in
general.
"""

from pydantic import Field

from schemas.base import Schema


class Share(Schema):
    """A share as it is believed to be, worth ``strength`` independent observations."""

    mean: float = Field(gt=0, lt=1)
    strength: float = Field(gt=0, le=10_000)


class Prices(Schema):
    """US dollars for a million tokens of prompts and of completions."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)


class ModelPreset(Schema):
    """A model's preset.

    ``models`` are the names it speaks of, where ``*`` stands for anything. ``right`` is the share of verified ballots
    that are right, ``usable`` the share of answers that become ballots. ``prices`` None: nothing is known of its price,
    and calls count as free. ``prompt_tokens`` and ``completion_tokens`` are of an average call,
    ``seconds_per_call`` is from asking to verdict.
    """

    name: str = Field(default="any model", min_length=1)
    models: tuple[str, ...] = ()
    right: Share = Share(mean=0.8, strength=6)
    usable: Share = Share(mean=0.7, strength=6)
    prices: Prices | None = None
    prompt_tokens: int = Field(default=900, ge=1, le=10_000_000)
    completion_tokens: int = Field(default=300, ge=1, le=10_000_000)
    seconds_per_call: float = Field(default=5.0, gt=0, le=86_400)
