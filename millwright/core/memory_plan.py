"""Plans how the servers of a preset share the memory of GPUs: weights, caches of keys and values, and the processes.

All memory is in GiB (2**30 bytes); parameters are counted in billions (10**9). It measures nothing: what vLLM finds
free when it starts may be less, and its caches are then smaller.
"""

from collections.abc import Iterable, Mapping
from math import ceil, floor

from pydantic import Field

from millwright.core.basis import planned_by
from schemas.base import Schema
from schemas.presets import ModelEntry, Preset, Serving, Weights

GIB = 2**30

PROCESS_GIB = 1.0
"""What a server takes beside weights and cache: CUDA's context, activations, graphs. A rule of thumb; not measured."""

UTILISATION = 0.9
"""The share of a device's memory that all its servers together may take: the default of vLLM's
``--gpu-memory-utilization`` (docs.vllm.ai, engine arguments), which is meant for one server."""

REPORTED = 0.98
"""The share of the memory that nvidia-smi shows that CUDA reports, at the least, and that vLLM takes shares of. A card
of 24 GiB reports 23.6, one of 80 GiB 79.1."""

MOST_SEQUENCES = 256
"""The most sequences that a server is told to compute at once, whatever its cache holds."""

_PARTS = 1000
"""Shares are counted in thousandths, so that sums are exact."""


class Server(Schema):
    """A server of a plan. ``share`` is for ``--gpu-memory-utilization``.

    ``sequences`` of the full context fit its cache, or ``calls`` of average length; 0 where its weights do not fit.
    ``wanted`` is how many sequences the preset asks for.
    """

    key: str
    name: str
    repository: str
    device: int
    port: int
    weights_gib: float
    wanted_cache_gib: float
    cache_gib: float
    share: float
    context_tokens: int
    wanted: int
    sequences: int
    calls: int


class MemoryPlan(Schema):
    """How a preset's servers share ``gpus`` devices of ``memory_gib`` each, as nvidia-smi counts it.

    ``starts``: every server's cache holds one sequence at least, without which vLLM refuses to start. ``fits``: each
    holds all the sequences that the preset asks for.
    """

    preset: str
    memory_gib: float
    gpus: int = Field(ge=1)
    usable_gib: float
    servers: tuple[Server, ...]
    starts: bool
    fits: bool


def weights_gib(weights: Weights) -> float:
    """Return the memory of a model's weights: parameters x bits / 8."""
    return weights.parameters * 1e9 * weights.bits / 8 / GIB


def cache_bytes_per_token(weights: Weights) -> float:
    """Return the bytes of keys and values a token: 2 x layers x kv_heads x head_size x kv_bits / 8.

    The formula of full attention (Kwon et al., arXiv 2309.06180, section 3); windows and shared layers need less.
    """
    return 2 * weights.layers * weights.kv_heads * weights.head_size * weights.kv_bits / 8


def cache_gib(serving: Serving) -> float:
    """Return the memory of a server's cache that holds all its sequences at their full length."""
    return cache_bytes_per_token(serving.weights) * serving.context_tokens * serving.sequences / GIB


def need_gib(serving: Serving) -> float:
    """Return all that a server needs: weights, cache and process."""
    return weights_gib(serving.weights) + cache_gib(serving) + PROCESS_GIB


def usable_gib(memory_gib: float) -> float:
    """Return what servers may take of a device's memory."""
    return memory_gib * REPORTED * UTILISATION


def memory_plan(preset: Preset, *, memory_gib: float | None = None, gpus: int | None = None) -> MemoryPlan | None:
    """Share memory among a preset's servers; None where it starts none.

    Without ``gpus`` every server is on the device that the preset names; with them the servers are spread, the largest
    first, each to the device that is then the emptiest. What is left over on a device goes to the caches, in proportion
    to what was asked for. Where memory is short, each cache first gets one sequence, and then its part of what is left.
    """
    served = _served(preset)
    memory = memory_gib if memory_gib is not None else preset.memory_gib
    if not served or memory is None:
        return None
    devices = _spread(served, gpus) if gpus is not None else {key: entry[1].device for key, entry in served.items()}
    parts: dict[str, tuple[int, bool]] = {}
    for device in sorted(set(devices.values())):
        parts |= _shared({key: served[key][1] for key in served if devices[key] == device}, memory)
    servers = tuple(
        _server(key, entry, serving, devices[key], parts[key][0], memory) for key, (entry, serving) in served.items()
    )
    return MemoryPlan(
        preset=preset.name,
        memory_gib=memory,
        gpus=gpus if gpus is not None else max(devices.values()) + 1,
        usable_gib=usable_gib(memory),
        servers=servers,
        starts=all(server.sequences >= 1 for server in servers),
        fits=all(fits for _, fits in parts.values()),
    )


def best(presets: Mapping[str, Preset], memory_gib: float, gpus: int) -> tuple[str, ...]:
    """Return the names of the presets that fit, the best first.

    The best is the one whose coders ask the model with the greatest assumed share of right ballots; of equals the one
    with more models, then the one that needs less memory, then the first by name.
    """
    fitting = []
    for name, preset in presets.items():
        plan = memory_plan(preset, memory_gib=memory_gib, gpus=gpus)
        if plan is not None and plan.fits:
            needed = sum(server.weights_gib + server.wanted_cache_gib + PROCESS_GIB for server in plan.servers)
            fitting.append((-planned_by(preset).right.mean, -len(plan.servers), needed, name))
    return tuple(name for *_, name in sorted(fitting))


def _served(preset: Preset) -> dict[str, tuple[ModelEntry, Serving]]:
    return {key: (entry, entry.serving) for key, entry in preset.models.items() if entry.serving is not None}


def _spread(served: Mapping[str, tuple[ModelEntry, Serving]], gpus: int) -> dict[str, int]:
    taken = [0.0] * gpus
    devices: dict[str, int] = {}
    for key in sorted(served, key=lambda each: (-need_gib(served[each][1]), each)):
        device = min(range(gpus), key=lambda number: (taken[number], number))
        devices[key] = device
        taken[device] += need_gib(served[key][1])
    return devices


def _shared(on_device: Mapping[str, Serving], memory_gib: float) -> dict[str, tuple[int, bool]]:
    """Share one device: the thousandths of what CUDA reports for each server, and whether all that was asked fits."""
    reported = memory_gib * REPORTED
    fixed = {key: _parts_up(weights_gib(each.weights) + PROCESS_GIB, reported) for key, each in on_device.items()}
    one = {key: _parts_up(cache_gib(each) / each.sequences, reported) for key, each in on_device.items()}
    wanted = {key: max(one[key], _parts_up(cache_gib(each), reported)) for key, each in on_device.items()}
    left = floor(UTILISATION * _PARTS) - sum(fixed.values())
    if left < 0:
        return dict.fromkeys(on_device, (0, False))
    fits = left >= sum(wanted.values())
    if fits:
        caches = _divided(left, wanted)
    elif left >= sum(one.values()):
        more = _divided(left - sum(one.values()), {key: wanted[key] - one[key] for key in one})
        caches = {key: one[key] + more[key] for key in one}
    else:
        caches = _divided(left, one)
    return {key: (fixed[key] + caches[key], fits) for key in on_device}


def _divided(parts: int, wanted: Mapping[str, int]) -> dict[str, int]:
    total = sum(wanted.values())
    return {key: parts * each // total for key, each in wanted.items()}


def _parts_up(gib: float, reported: float) -> int:
    return ceil(gib / reported * _PARTS)


def _server(key: str, entry: ModelEntry, serving: Serving, device: int, parts: int, memory_gib: float) -> Server:
    weights = serving.weights
    cache = max(0.0, parts / _PARTS * memory_gib * REPORTED - weights_gib(weights) - PROCESS_GIB) if parts else 0.0
    # A cache that was asked for exactly must not lose a sequence to the last bit of a float.
    tokens = floor(cache * GIB / cache_bytes_per_token(weights) + 1e-6)
    sequences = tokens // serving.context_tokens
    average = min(serving.context_tokens, entry.prompt_tokens + entry.completion_tokens)
    return Server(
        key=key,
        name=entry.name,
        repository=serving.repository,
        device=device,
        port=serving.port,
        weights_gib=weights_gib(weights),
        wanted_cache_gib=cache_gib(serving),
        cache_gib=cache,
        share=parts / _PARTS,
        context_tokens=serving.context_tokens,
        wanted=serving.sequences,
        sequences=sequences,
        calls=min(MOST_SEQUENCES, max(sequences, tokens // average)),
    )


def servers_told(servers: Iterable[Server]) -> str:
    """Say how many sequences fit of those that were asked for, where they are fewer."""
    short = [each for each in servers if each.sequences < each.wanted]
    return "; ".join(
        f"{each.name}: {each.sequences} of {each.wanted} sequences of {each.context_tokens} tokens fit"
        for each in short
    )
