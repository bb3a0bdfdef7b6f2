"""Writes the commands that download the models of a preset and start their servers, as a memory plan shares them.

It runs none of them.
"""

import shlex

from millwright.core.memory_plan import MemoryPlan, Server
from schemas.presets import ModelEntry, Preset, Serving

COMPOSE_SERVICES = ("vllm", "vllm-second", "vllm-third")
"""The services of docker-compose.yml that a preset's servers run in, in order."""

EVERYWHERE = "0.0.0.0"  # noqa: S104 - within a container; what is published is the compose file's to say


def device_variable(server: Server) -> tuple[str, str]:
    """Return the environment variable that leads a server to its device, and its value."""
    return "CUDA_VISIBLE_DEVICES", str(server.device)


def download_command(serving: Serving, revision: str = "") -> tuple[str, ...]:
    """Return the command that downloads a model's weights."""
    return ("hf", "download", serving.repository, *_revision(revision))


def serve_command(entry: ModelEntry, server: Server, *, host: str = "127.0.0.1") -> tuple[str, ...]:
    """Return the command that starts a model's server, as the plan says."""
    return ("vllm", "serve", *serve_arguments(entry, server, host=host))


def serve_arguments(entry: ModelEntry, server: Server, *, host: str = "127.0.0.1") -> tuple[str, ...]:
    """Return the arguments of ``vllm serve``; the device is left to ``CUDA_VISIBLE_DEVICES``.

    As many sequences are computed at once as calls of average length fit the cache; where longer ones do not, vLLM lets
    some wait and computes them anew, which costs time and no answer.
    """
    serving = entry.serving
    assert serving is not None, "a plan has servers of models that are served"
    return (
        serving.repository,
        *(("--served-model-name", entry.name) if entry.name != serving.repository else ()),
        *_revision(entry.revision),
        *("--host", host, "--port", str(server.port)),
        *("--gpu-memory-utilization", f"{server.share:.3f}"),
        *("--max-model-len", str(serving.context_tokens)),
        *("--max-num-seqs", str(max(1, server.calls))),
        *(("--kv-cache-dtype", "fp8") if serving.weights.kv_bits == 8 else ()),
        *(("--scheduling-policy", "priority") if entry.takes_priority else ()),
        *serving.arguments,
    )


def _revision(revision: str) -> tuple[str, ...]:
    return ("--revision", revision) if revision else ()


def compose_lines(preset: Preset, plan: MemoryPlan, chosen: str) -> tuple[str, ...] | None:
    """Return the lines of ``.env`` with which docker-compose.yml starts a plan's servers; None where it has too few.

    ``chosen`` is how the settings name the preset.
    """
    if len(plan.servers) > len(COMPOSE_SERVICES):
        return None
    lines = [f"MILLWRIGHT_MODEL_PRESET={chosen}"]
    for number, service in enumerate(COMPOSE_SERVICES):
        prefix = _prefix(service)
        if number < len(plan.servers):
            server = plan.servers[number]
            arguments = serve_arguments(preset.models[server.key], server, host=EVERYWHERE)
            lines += [
                f"{prefix}={shlex.join(arguments)}",
                f"{prefix}_PORT={server.port}",
                f"{prefix}_GPU={server.device}",
            ]
        if number:
            lines.append(f"{prefix}_SCALE={int(number < len(plan.servers))}")
    return tuple(lines)


def _prefix(service: str) -> str:
    return f"VLLM_{service.partition('-')[2].upper() or 'FIRST'}"
