"""The memory of GPUs: worked examples, what every sharing holds to, and the best preset that fits."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from millwright.core.memory_plan import (
    GIB,
    PROCESS_GIB,
    REPORTED,
    UTILISATION,
    MemoryPlan,
    best,
    cache_bytes_per_token,
    cache_gib,
    memory_plan,
    need_gib,
    servers_told,
    usable_gib,
    weights_gib,
)
from millwright.core.server_commands import compose_lines, download_command, serve_arguments, serve_command
from schemas.identity import Archetype
from schemas.presets import ModelEntry, Preset, Route, Serving, Share, Weights

CODER = Weights(parameters=6.74, bits=4.62, layers=32, kv_heads=32, head_size=128)
MISTRAL = Weights(parameters=7.24, bits=16, layers=32, kv_heads=8, head_size=128)


def _serving(weights: Weights = CODER, context: int = 4096, sequences: int = 1, **more: object) -> Serving:
    fields = {"repository": "some/model", "weights": weights, "context_tokens": context, "sequences": sequences}
    return Serving.model_validate({**fields, **more})


def _preset(*servings: Serving, memory: float = 24.0, right: float = 0.8) -> Preset:
    models = {
        f"m{number}": ModelEntry(name=f"model-{number}", serving=serving, right=Share(mean=right, strength=6))
        for number, serving in enumerate(servings)
    }
    return Preset(name="p", memory_gib=memory, models=models, default=Route(models=("m0",)))


def _planned(preset: Preset, memory: float | None = None, gpus: int | None = None) -> MemoryPlan:
    plan = memory_plan(preset, memory_gib=memory, gpus=gpus)
    assert plan is not None
    return plan


def test_weights_and_caches_are_computed_as_on_paper() -> None:
    """6.74e9 x 4.62 / 8 bytes are 3.63 GiB; a token takes 2 x 32 x 32 x 128 x 2 bytes, half a MiB, in the cache."""
    assert weights_gib(CODER) == pytest.approx(3.625, abs=0.001)
    assert cache_bytes_per_token(CODER) == 512 * 1024
    assert cache_bytes_per_token(CODER.model_copy(update={"kv_bits": 8})) == 256 * 1024
    assert cache_gib(_serving(sequences=3)) == 6.0
    assert need_gib(_serving(sequences=3)) == pytest.approx(3.625 + 6 + PROCESS_GIB, abs=0.001)
    assert weights_gib(MISTRAL) == pytest.approx(13.49, abs=0.01)
    assert cache_bytes_per_token(MISTRAL) == 128 * 1024


def test_a_card_of_twelve_holds_what_is_left_of_it() -> None:
    """12 x 0.98 x 0.9 = 10.58 GiB; less 4.63 for weights and process, two sequences of 2 GiB fit, a third does not."""
    assert usable_gib(12) == pytest.approx(10.584)
    two, three = (_planned(_preset(_serving(sequences=count)), 12) for count in (2, 3))
    assert (two.fits, two.servers[0].sequences) == (True, 2)
    assert (three.fits, three.starts, three.servers[0].sequences) == (False, True, 2)
    assert servers_told(three.servers) == "model-0: 2 of 3 sequences of 4096 tokens fit"
    assert servers_told(two.servers) == ""


def test_weights_that_do_not_fit_leave_no_share() -> None:
    """Nothing is promised of a server that cannot start."""
    plan = _planned(_preset(_serving(), _serving(MISTRAL, port=8001)), 12)
    assert (plan.fits, plan.starts) == (False, False)
    assert [(server.share, server.sequences, server.calls) for server in plan.servers] == [(0, 0, 0)] * 2


def test_where_memory_is_short_each_server_has_a_sequence_first() -> None:
    """A server that asks for much leaves one that asks for little its start."""
    plan = _planned(_preset(_serving(sequences=20), _serving(context=1024, port=8001)), 16)
    assert (plan.fits, plan.starts) == (False, True)
    assert [server.sequences for server in plan.servers] == [2, 1]


def test_more_devices_take_the_largest_servers_apart() -> None:
    """With two cards each has one of two servers; without the option they are where the preset says."""
    preset = _preset(_serving(), _serving(MISTRAL, context=1024, port=8001), memory=24)
    assert [server.device for server in _planned(preset, gpus=2).servers] == [1, 0]
    assert [server.device for server in _planned(preset).servers] == [0, 0]
    assert _planned(preset, 18).fits is False
    assert _planned(preset, 18, gpus=2).fits is True
    apart = _preset(_serving(), _serving(port=8001, device=1))
    assert (_planned(apart).gpus, [server.device for server in _planned(apart).servers]) == (2, [0, 1])


def test_a_preset_without_servers_has_no_plan() -> None:
    """A hosted model needs no memory of ours."""
    hosted = Preset(name="h", models={"m": ModelEntry(name="m")}, default=Route(models=("m",)))
    assert memory_plan(hosted, memory_gib=12) is None
    assert best({"hosted": hosted}, 1000, 8) == ()


def test_the_best_preset_asks_the_best_coder() -> None:
    """The coder's model counts; of equals the preset with more models, then the one that needs less."""
    strong = _preset(_serving(sequences=2), right=0.9)
    weak = _preset(_serving(), right=0.7)
    pair = _preset(_serving(), _serving(context=512, port=8001), right=0.9)
    larger = _preset(_serving(sequences=3), right=0.9)
    presets = {"weak": weak, "larger": larger, "strong": strong, "pair": pair}
    assert best(presets, 24, 1) == ("pair", "strong", "larger", "weak")
    assert best(presets, 10, 1) == ("strong", "weak")
    assert best(presets, 5, 1) == ()
    by_route = pair.model_copy(
        update={
            "models": {
                **pair.models,
                "m1": pair.models["m1"].model_copy(update={"right": Share(mean=0.6, strength=6)}),
            },
            "routes": {Archetype.CODER: Route(models=("m1",))},
        }
    )
    assert best({"by_route": by_route, "weak": weak}, 24, 1) == ("weak", "by_route")


def test_the_command_says_what_the_plan_says() -> None:
    """Memory, length, sequences, and what only some entries want; other arguments follow."""
    weights = CODER.model_copy(update={"kv_bits": 8})
    serving = _serving(weights, sequences=2, port=8003, arguments=("--enforce-eager",))
    preset = _preset(serving)
    (server,) = _planned(preset, 12).servers
    plain = preset.models["m0"]
    entry = plain.model_copy(update={"takes_priority": True, "revision": "abc", "name": "some/model"})
    command = serve_command(entry, server)
    assert command[:5] == ("vllm", "serve", "some/model", "--revision", "abc")
    shown = dict(zip(command[5::2], command[6::2], strict=False))
    assert shown["--host"] == "127.0.0.1"
    assert shown["--port"] == "8003"
    assert shown["--gpu-memory-utilization"] == f"{server.share:.3f}"
    assert shown["--max-model-len"] == "4096"
    assert shown["--max-num-seqs"] == str(server.calls)
    assert (shown["--kv-cache-dtype"], shown["--scheduling-policy"]) == ("fp8", "priority")
    assert command[-1] == "--enforce-eager"
    assert serve_arguments(plain, server)[1:3] == ("--served-model-name", "model-0")
    assert "--scheduling-policy" not in serve_arguments(plain, server)
    assert download_command(serving, "abc") == ("hf", "download", "some/model", "--revision", "abc")


def test_compose_is_told_of_each_of_its_servers() -> None:
    """What runs has arguments, port and device; what does not is scaled to none; a fourth server has no service."""
    preset = _preset(_serving(), _serving(context=512, port=8001))
    lines = compose_lines(preset, _planned(preset, gpus=2), "mine")
    assert lines is not None
    variables = dict(line.split("=", 1) for line in lines)
    assert variables["MILLWRIGHT_MODEL_PRESET"] == "mine"
    assert variables["VLLM_FIRST"].startswith("some/model --served-model-name model-0 --host 0.0.0.0 --port 8000 ")
    assert (variables["VLLM_SECOND_PORT"], variables["VLLM_SECOND_GPU"]) == ("8001", "1")
    assert (variables["VLLM_SECOND_SCALE"], variables["VLLM_THIRD_SCALE"]) == ("1", "0")
    many = _preset(*(_serving(context=512, port=8000 + number) for number in range(4)), memory=80)
    assert compose_lines(many, _planned(many), "many") is None


WEIGHTS = st.builds(
    Weights,
    parameters=st.floats(0.1, 40),
    bits=st.floats(2, 16),
    layers=st.integers(1, 80),
    kv_heads=st.integers(1, 32),
    head_size=st.sampled_from((64, 96, 128)),
    kv_bits=st.sampled_from((8, 16)),
)
SERVINGS = st.lists(
    st.builds(
        Serving,
        repository=st.just("some/model"),
        weights=WEIGHTS,
        context_tokens=st.integers(256, 32_768),
        sequences=st.integers(1, 64),
    ),
    min_size=1,
    max_size=4,
)
MEMORY = st.floats(4, 200)


@given(SERVINGS, MEMORY, st.integers(1, 4))
def test_no_device_is_promised_twice(servings: list[Serving], memory: float, gpus: int) -> None:
    """The shares of a device never exceed what servers may take, and every server has a device that is there."""
    plan = _planned(_preset(*servings), memory, gpus)
    for device in range(gpus):
        assert sum(round(server.share * 1000) for server in plan.servers if server.device == device) <= 900
    assert all(0 <= server.device < gpus for server in plan.servers)
    assert plan.starts or not plan.fits


@given(SERVINGS, MEMORY)
def test_what_fits_holds_all_that_was_asked_for(servings: list[Serving], memory: float) -> None:
    """A plan that fits keeps the budget by the formula, and every cache has its sequences; else it does not keep it."""
    plan = _planned(_preset(*servings), memory, 1)
    needed = sum(need_gib(serving) for serving in servings)
    if plan.fits:
        assert needed <= usable_gib(memory) + 1e-9
        for server, serving in zip(plan.servers, servings, strict=True):
            assert server.sequences >= serving.sequences
            assert server.share * memory * REPORTED >= need_gib(serving) - 1e-9
    else:
        # Shares are counted in thousandths, and each server may lose two of them.
        assert needed > usable_gib(memory) - 2 * len(servings) * memory * REPORTED / 1000


@given(SERVINGS, MEMORY)
def test_more_memory_takes_nothing_away(servings: list[Serving], memory: float) -> None:
    """What fits a card fits one twice as large, and no cache holds less there."""
    small, large = (_planned(_preset(*servings), size, 1) for size in (memory, 2 * memory))
    assert large.fits or not small.fits
    assume(small.fits)
    assert all(a.cache_gib <= b.cache_gib for a, b in zip(small.servers, large.servers, strict=True))


@given(SERVINGS, MEMORY)
def test_a_cache_is_what_the_share_leaves(servings: list[Serving], memory: float) -> None:
    """Tokens are counted from the memory that vLLM is given, never from more."""
    for server, serving in zip(_planned(_preset(*servings), memory, 1).servers, servings, strict=True):
        tokens = server.sequences * serving.context_tokens
        held = server.cache_gib * GIB / cache_bytes_per_token(serving.weights)
        assert tokens <= held + 1
        assert server.share <= UTILISATION
