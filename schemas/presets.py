"""Presets: which models there are, what is known of each before it is asked anything, and which archetype asks which.

A preset holds no key: it names the environment variable that does. What is left out keeps its default, which is a
judgment on models in general.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.base import Schema
from schemas.breakers import BreakerRule
from schemas.identity import Archetype

ANY_MODEL = "*"
"""The name of an entry without endpoints that stands for whatever model the environment names."""


class Variant(StrEnum):
    """What a prompt asks an agent to mind above all, so that the agents of a swarm do not all think alike."""

    CLARITY = "clarity"
    PERFORMANCE = "performance"
    CORRECTNESS = "correctness"
    SIMPLICITY = "simplicity"
    IDIOM = "idiom"


Temperature = Annotated[float, Field(ge=0, le=2)]
"""A sampling temperature, within what the protocol of OpenAI allows."""


class Share(Schema):
    """A share as it is believed to be, worth ``strength`` independent observations."""

    mean: float = Field(gt=0, lt=1)
    strength: float = Field(gt=0, le=10_000)


class Prices(Schema):
    """US dollars for a million tokens of prompts and of completions."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)


class ModelProfile(Schema):
    """What is assumed of a model before its first answer.

    ``right`` is the share of verified ballots that are right, ``usable`` the share of answers that become ballots.
    ``prices`` None: nothing is known of its price, and calls count as free. ``prompt_tokens`` and ``completion_tokens``
    are of an average call, ``seconds_per_call`` is from asking to verdict.
    """

    right: Share = Share(mean=0.8, strength=6)
    usable: Share = Share(mean=0.7, strength=6)
    prices: Prices | None = None
    prompt_tokens: int = Field(default=900, ge=1, le=10_000_000)
    completion_tokens: int = Field(default=300, ge=1, le=10_000_000)
    seconds_per_call: float = Field(default=5.0, gt=0, le=86_400)


class Weights(Schema):
    """What a model's memory depends on.

    ``parameters`` are counted in billions, at ``bits`` each on average, all of a quantisation's overhead included. The
    cache of keys and values has ``layers`` x ``kv_heads`` x ``head_size`` numbers twice a token, of ``kv_bits`` each.
    """

    parameters: float = Field(gt=0)
    bits: float = Field(gt=0, le=32)
    layers: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_size: int = Field(ge=1)
    kv_bits: int = Field(default=16, ge=1, le=32)


class Serving(Schema):
    """How vLLM serves a model: what is downloaded, and what it is started with.

    The cache shall hold ``sequences`` of ``context_tokens`` each. ``arguments`` are added to what follows from the
    other fields. Servers of one preset with the same ``device`` share that device's memory.
    """

    repository: str = Field(min_length=1)
    weights: Weights
    context_tokens: int = Field(ge=256, le=10_000_000)
    sequences: int = Field(default=16, ge=1, le=4096)
    port: int = Field(default=8000, ge=1, le=65_535)
    device: int = Field(default=0, ge=0)
    arguments: tuple[str, ...] = ()


class ModelEntry(ModelProfile):
    """A model of a preset.

    ``name`` is what its endpoints know it by; where there are none, ``*`` stands for anything: the entry then speaks of
    whatever model the environment names. ``key`` is the environment variable with the endpoints' key. ``revision``
    identifies the weights; only where it is stated can answers be used again. ``takes_priority``: the endpoints know
    vLLM's field ``priority``. ``system_role``: the model's chat template knows messages of the role ``system``.
    ``most_at_once`` bounds the calls in flight at one endpoint.
    """

    name: str = Field(min_length=1)
    endpoints: tuple[str, ...] = ()
    key: str = ""
    revision: str = ""
    takes_priority: bool = False
    system_role: bool = True
    most_at_once: int = Field(default=64, ge=1, le=4096)
    serving: Serving | None = None


class Route(Schema):
    """What an archetype asks: the swarm of its elections is ``models`` x ``temperatures`` x ``variants``.

    Models are keys of the preset's; those of ``fallback`` are asked, in order, where no endpoint of a model can be.
    The lowest temperature has the first vote. ``max_tokens`` None: as the purpose needs. A lower ``priority`` is served
    first, in Temporal's queue and in the endpoint's.
    """

    models: tuple[str, ...] = Field(min_length=1)
    fallback: tuple[str, ...] = ()
    temperatures: tuple[Temperature, ...] = Field(default=(0.0, 0.4, 0.7, 1.0), min_length=1)
    variants: tuple[Variant, ...] = Field(default=(Variant.CLARITY,), min_length=1)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    priority: int = Field(default=3, ge=1, le=5)
    timeout_seconds: float = Field(default=300.0, gt=0, le=86_400)


class Preset(Schema):
    """A preset: models by key, and the route of each archetype; ``default`` is that of archetypes without one.

    ``gpus`` x ``memory_gib`` of GPU memory are what its servers need, as nvidia-smi counts it (MiB / 1024); None: it
    starts none. ``breaker`` says when an endpoint is given up for a while.
    """

    name: str = Field(min_length=1)
    description: str = ""
    memory_gib: float | None = Field(default=None, gt=0)
    gpus: int = Field(default=1, ge=1)
    models: dict[str, ModelEntry] = Field(min_length=1)
    default: Route
    routes: dict[Archetype, Route] = Field(default_factory=dict)
    breaker: BreakerRule = BreakerRule()
