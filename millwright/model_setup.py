"""What the settings say of models, over the adapters: the preset, its endpoints, and whether anything answers there.

A part of the composition roots, which both use it; it starts nothing.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from millwright.adapters.documents.model_presets import endpoints_of, preset_of
from millwright.core.basis import planned_by
from millwright.errors import BadInput
from millwright.settings import DEMO_PRESET, ModelSettings, Settings
from schemas.capabilities import Capability
from schemas.presets import Preset

PRESETS = Path(__file__).resolve().parent.parent / "config" / "models"
"""The presets that come with the program."""


def configured_preset(settings: Settings) -> Preset:
    """Return the preset that the settings ask for.

    Raises:
        BadInput: there is no such preset, it has faults, or it contradicts the other settings of the model.
    """
    return preset_of(settings.model, settings.model_preset, PRESETS, host=settings.model_host)


def assumed_preset(settings: Settings) -> Preset:
    """Return the preset that the settings ask for, or the demo's where they name no model. Raises BadInput."""
    return configured_preset(settings) if settings.names_model else preset_of(None, DEMO_PRESET, PRESETS)


def endpoints_configured(settings: Settings, environment: Mapping[str, str]) -> tuple[ModelSettings, ...]:
    """Return the endpoints of the settings' preset, with models and keys; none without a model. Raises BadInput."""
    return endpoints_of(configured_preset(settings), environment) if settings.names_model else ()


def keys_configured(settings: Settings, environment: Mapping[str, str], *, needed: bool) -> dict[str, str]:
    """Return the key of each endpoint of the settings' preset, by base URL; empty where there is none.

    Raises:
        BadInput: a model is ``needed``, and no endpoint is configured; or as ``configured_preset``.
    """
    keys = {each.url: each.key for each in endpoints_configured(settings, environment)}
    if needed and not keys:
        raise BadInput(
            "no model is configured, and this role needs one: set MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME, or "
            "MILLWRIGHT_MODEL_PRESET to a preset with endpoints (`millwright up` sets them for its own)"
        )
    return keys


def first_asked(settings: Settings) -> ModelSettings | None:
    """Return the model that coders ask first at its first endpoint, without a key; None without an endpoint.

    Raises:
        BadInput: as ``configured_preset``.
    """
    entry = planned_by(assumed_preset(settings))
    return ModelSettings(url=entry.endpoints[0], name=entry.name) if entry.endpoints else None


Probed = tuple[str, str, str, tuple[Capability, ...]]
"""A model, its endpoint, why it did not answer, and what it can do."""


async def probed(settings: Settings, environment: Mapping[str, str]) -> tuple[Probed, ...]:
    """Ask every endpoint of the configured preset what it can do, one after the other.

    Raises:
        BadInput: no endpoint is configured, or as ``configured_preset``.
    """
    from millwright.adapters.embedded.checks import model_trouble
    from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
    from millwright.adapters.llm.probing import probe

    endpoints = endpoints_configured(settings, environment)
    if not endpoints:
        raise BadInput(
            "no model endpoint is configured: set MILLWRIGHT_MODEL_PRESET, or MILLWRIGHT_MODEL_URL and _NAME"
        )
    found: list[Probed] = []
    async with OpenAICompatibleModels({each.url: each.key for each in endpoints}) as models:
        for each in endpoints:
            silence = await model_trouble(each, _remedy(settings))
            seen = () if silence else await probe(models, each.url, each.name)
            found.append((each.name, each.public_url, silence or "", seen))
    return tuple(found)


async def model_silence(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """Say for which model that the settings name no endpoint answers; None when all are answered, or none is named.

    Raises:
        BadInput: as ``configured_preset``.
    """
    from millwright.adapters.embedded.checks import model_trouble

    if not settings.names_model:
        return None
    endpoints = endpoints_configured(settings, environment)
    if not endpoints:
        return f"the preset {settings.model_preset} has no endpoint: set MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME"
    troubles = await asyncio.gather(*(model_trouble(each, _remedy(settings)) for each in endpoints))
    told = list(zip(endpoints, troubles, strict=True))
    answered = {each.name for each, trouble in told if trouble is None}
    return next((trouble for each, trouble in told if each.name not in answered), None)


def _remedy(settings: Settings) -> str:
    if settings.model is not None:
        return "set MILLWRIGHT_MODEL_URL to where it is"
    return f"set MILLWRIGHT_MODEL_HOST to where it is, or change its endpoint in the preset {settings.model_preset}"
