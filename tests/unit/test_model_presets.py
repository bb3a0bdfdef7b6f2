"""Presets: every one of ours is sound, the settings find theirs, and each fault is told with its line."""

import re
from pathlib import Path

import pytest

from millwright.adapters.documents.model_presets import KEY_VARIABLE, endpoints_of, preset_of
from millwright.adapters.documents.preset_files import presets_in, read_preset, routed
from millwright.core.basis import planned_by
from millwright.core.memory_plan import memory_plan, need_gib
from millwright.errors import BadInput
from millwright.model_setup import PRESETS, configured_preset
from millwright.settings import ModelSettings, Settings
from schemas.identity import Archetype
from schemas.presets import ModelEntry, ModelProfile, Preset, Route, Variant

OURS = presets_in(PRESETS)
SMALL = ModelSettings(url="http://there:9000/v1", name="small", key="hush")
MINIMAL = "name: mine\nmodels:\n  m:\n    name: mine-7b\ndefault: {models: [m]}\n"


def _named(name: str, text: str, folder: Path) -> None:
    (folder / f"{name}.yaml").write_text(text)


def _routes(preset: Preset) -> list[Route]:
    return [preset.default, *preset.routes.values()]


def test_the_presets_that_are_promised_are_there() -> None:
    """The customer's five, those of current models by memory, hosted ones, the demo's and the default."""
    assert {"single", "dual", "triple", "a100-40", "a100-80"} <= OURS.keys()
    assert {"gpu-12", "gpu-24", "gpu-48", "gpu-80", "gpu-141", "hosted", "ollama", "demo", "default"} <= OURS.keys()


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_preset_of_ours_fits_the_memory_it_states(name: str) -> None:
    """The shares keep to the budget, every cache holds what is asked for, and calls are bounded by what it holds."""
    preset = OURS[name]
    plan = memory_plan(preset)
    served = {key: entry for key, entry in preset.models.items() if entry.serving is not None}
    assert (plan is None) == (not served) == (preset.memory_gib is None)
    for server in plan.servers if plan else ():
        entry = preset.models[server.key]
        assert server.sequences >= server.wanted
        assert entry.most_at_once == server.calls
        assert [endpoint.rpartition(":")[2] for endpoint in entry.endpoints] == [f"{server.port}/v1"]
    assert plan is None or plan.fits


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_preset_of_ours_sends_the_swarm_at_code(name: str) -> None:
    """Code is asked in all variants and all else in clarity, plans come first, and an answer leaves the prompt room."""
    preset = OURS[name]
    everywhere = (Variant.CLARITY,) if name == "demo" else tuple(Variant)
    for archetype in Archetype:
        route = preset.routes.get(archetype, preset.default)
        coding = archetype in (Archetype.CODER, Archetype.INTEGRATOR)
        assert route.variants == (everywhere if coding else (Variant.CLARITY,)), archetype
        assert min(route.temperatures) == 0
        planning = archetype in (Archetype.SPECIFIER, Archetype.DECOMPOSER)
        assert route.priority == (1 if planning else 3 if coding else 2), archetype
    for route in _routes(preset):
        for key in (*route.models, *route.fallback):
            serving = preset.models[key].serving
            if serving is not None:
                assert route.max_tokens is not None
                assert route.max_tokens <= serving.context_tokens // 2


def test_the_page_states_the_memory_that_is_computed() -> None:
    """docs/models.md has a row for every preset with servers, with its figures in GiB."""
    page = (PRESETS.parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| ([0-9]+ \| [0-9. |]+) \|$", page, re.MULTILINE))
    expected = {}
    for name, preset in OURS.items():
        if (plan := memory_plan(preset)) is not None:
            weights = sum(server.weights_gib for server in plan.servers)
            needs = sum(need_gib(entry.serving) for entry in preset.models.values() if entry.serving)
            expected[name] = f"{plan.memory_gib:g} | {weights:.1f} | {needs:.1f} | {plan.usable_gib:.1f}"
    assert rows == expected


def test_the_pages_example_is_a_preset() -> None:
    """Whoever copies it from docs/models.md has no fault in it."""
    page = (PRESETS.parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```\n(name: ours\n.*?)```", page, re.DOTALL)
    preset = read_preset(example.encode(), "docs/models.md")
    assert preset.models["planner"].key == "PLANNER_KEY"
    assert len(preset.models["coder"].endpoints) == 2


def test_what_is_assumed_of_a_model_is_the_same_in_every_preset() -> None:
    """A model's profile does not depend on the company that it keeps."""
    seen: dict[str, ModelProfile] = {}
    for preset in OURS.values():
        for entry in preset.models.values():
            profile = ModelProfile.model_validate(entry.model_dump(include=set(ModelProfile.model_fields)))
            assert entry.name == "*" or seen.setdefault(entry.name, profile) == profile


def test_a_preset_that_was_never_run_says_so() -> None:
    """Whoever reads the description of a preset for a card of theirs knows what its figures are."""
    for name, preset in OURS.items():
        assert preset.memory_gib is None or "Never run by us" in preset.description, name


def test_the_default_states_the_defaults() -> None:
    """What the file says of any model is what the schema assumes without a file."""
    assert OURS["default"].models == {"any": ModelEntry(name="*")}


def test_a_named_preset_counts_with_its_endpoints(tmp_path: Path) -> None:
    """A name leads to a file of the folder, a path to any; a key that is not named is the usual one."""
    text = MINIMAL.replace("mine-7b", "mine-7b\n    endpoints: [http://127.0.0.1:8000/v1, https://far/v1]")
    _named("mine", text, tmp_path)
    by_name = preset_of(None, "mine", tmp_path)
    assert by_name == preset_of(None, str(tmp_path / "mine.yaml"), PRESETS)
    assert by_name.models["m"].key == KEY_VARIABLE
    assert planned_by(by_name).name == "mine-7b"
    assert endpoints_of(by_name, {KEY_VARIABLE: "hush"}) == (
        ModelSettings(url="http://127.0.0.1:8000/v1", name="mine-7b", key="hush"),
        ModelSettings(url="https://far/v1", name="mine-7b", key="hush"),
    )


def test_a_key_of_its_own_is_read_from_its_own_variable(tmp_path: Path) -> None:
    """Two hosts, two keys; neither is sent the other's."""
    text = (
        "name: two\nmodels:\n  a: {name: a, endpoints: [https://a/v1], key: KEY_OF_A}\n"
        "  b: {name: b, endpoints: [https://b/v1]}\ndefault: {models: [a], fallback: [b]}\n"
    )
    _named("two", text, tmp_path)
    found = endpoints_of(preset_of(None, "two", tmp_path), {"KEY_OF_A": "one", KEY_VARIABLE: "other"})
    assert [(each.url, each.key) for each in found] == [("https://a/v1", "one"), ("https://b/v1", "other")]


def test_servers_of_a_preset_may_run_on_another_machine(tmp_path: Path) -> None:
    """The host stands in for this machine's address alone; ports stay."""
    text = MINIMAL.replace("mine-7b", "mine-7b\n    endpoints: [http://127.0.0.1:8000/v1, https://far/v1]")
    _named("mine", text, tmp_path)
    moved = preset_of(None, "mine", tmp_path, host="vllm").models["m"].endpoints
    assert moved == ("http://vllm:8000/v1", "https://far/v1")


def test_a_url_beside_endpoints_is_a_contradiction() -> None:
    """Nobody is asked silently: the message says what to unset."""
    with pytest.raises(BadInput, match=r"dual has endpoints .* unset MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME"):
        preset_of(SMALL, "dual", PRESETS)


def test_a_preset_without_endpoints_is_asked_at_the_url() -> None:
    """The environment says where, and which model where the preset leaves it open."""
    (entry,) = preset_of(SMALL, "hosted", PRESETS).models.values()
    assert (entry.name, entry.endpoints, entry.key, entry.most_at_once) == ("small", (SMALL.url,), KEY_VARIABLE, 16)
    demo = preset_of(ModelSettings(url=SMALL.url, name="millwright-demo"), "demo", PRESETS)
    assert planned_by(demo).right.mean == 0.95
    with pytest.raises(BadInput, match=r"demo has no model 'small': unset MILLWRIGHT_MODEL_NAME"):
        preset_of(SMALL, "demo", PRESETS)
    with pytest.raises(BadInput, match=r"hosted wants a model such as \*: set MILLWRIGHT_MODEL_NAME"):
        preset_of(ModelSettings(url=SMALL.url, name=""), "hosted", PRESETS)
    assert preset_of(None, "hosted", PRESETS) == OURS["hosted"]


def test_a_model_of_the_environment_is_one_model_with_the_defaults_routes(tmp_path: Path) -> None:
    """The first file that speaks of the name says what is assumed of it: exactly, or by a pattern without endpoints."""
    _named("default", MINIMAL.replace("mine-7b", '"*"').replace("[m]", "[m], priority: 5"), tmp_path)
    _named("b", MINIMAL.replace("mine-7b", "qwen*\n    right: {mean: 0.6, strength: 9}"), tmp_path)
    _named("a", MINIMAL.replace("mine-7b", "qwen-7b\n    endpoints: [http://a/v1]\n    system_role: false"), tmp_path)
    _named("0", MINIMAL.replace("mine-7b", '"*"\n    right: {mean: 0.1, strength: 1}'), tmp_path)

    def assumed(name: str) -> ModelEntry:
        preset = preset_of(ModelSettings(url=SMALL.url, name=name), None, tmp_path)
        assert (list(preset.models), preset.default.models, preset.default.priority) == (["model"], ("model",), 5)
        assert routed(preset) == {"model"}
        (entry,) = preset.models.values()
        assert (entry.name, entry.endpoints, entry.key) == (name, (SMALL.url,), KEY_VARIABLE)
        return entry

    assert (assumed("qwen-7b").right.mean, assumed("qwen-7b").system_role) == (0.8, False)
    assert assumed("qwen-32b").right.mean == 0.6
    assert assumed("other").right.mean == 0.8


def test_the_environments_model_keeps_the_swarm_of_the_default() -> None:
    """Without a preset, code is asked in every variant, at the one endpoint."""
    preset = preset_of(SMALL, None, PRESETS)
    assert preset.routes[Archetype.CODER].variants == tuple(Variant)
    assert preset_of(None, None, PRESETS) == OURS["default"]


def test_settings_lead_to_their_preset(tmp_path: Path) -> None:
    """What the environment names is what the roots get, a relative path included."""
    read = Settings.read({"MILLWRIGHT_MODEL_PRESET": "dual", "MILLWRIGHT_MODEL_HOST": "gpu-box"})
    assert configured_preset(read).models["planner"].endpoints == ("http://gpu-box:8001/v1",)
    assert read.names_model
    assert not Settings.read({"MILLWRIGHT_MODEL_PRESET": "demo"}).names_model
    assert Settings.read({"MILLWRIGHT_MODEL_PRESET": "mine.yaml"}).model_preset == str(Path("mine.yaml").absolute())
    without_name = {"MILLWRIGHT_MODEL_URL": "http://m/v1", "MILLWRIGHT_MODEL_PRESET": "demo"}
    assert configured_preset(Settings.read(without_name)).models["demo"].endpoints == ("http://m/v1",)


def test_a_preset_that_is_not_there_is_told_with_the_setting(tmp_path: Path) -> None:
    """A wrong name is answered with the names there are, a wrong path with the reason."""
    with pytest.raises(BadInput, match=r"MILLWRIGHT_MODEL_PRESET=duel is no preset: choose one of .*dual.*path"):
        preset_of(None, "duel", PRESETS)
    with pytest.raises(BadInput, match=r"gone\.yaml.*MILLWRIGHT_MODEL_PRESET"):
        preset_of(None, str(tmp_path / "gone.yaml"), PRESETS)


def _with(line: str) -> str:
    return MINIMAL.replace("name: mine-7b", f"name: mine-7b\n    {line}")


SERVING = (
    "serving: {repository: r, context_tokens: 4096, port: 8000, "
    "weights: {parameters: 7, bits: 4, layers: 32, kv_heads: 8, head_size: 128}}"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "is no mapping"),
        ("name: [", "line"),
        ("name: x", "models: Field required"),
        (_with("colour: red"), "line 5: models.m.colour: no such field"),
        (_with("right: {mean: 1.5, strength: 6}"), "line 5: models.m.right.mean"),
        (_with("prices: {prompt: 1}"), "models.m.prices.completion"),
        (_with("endpoints: [ftp://host/v1]"), r"line 5: models.m.endpoints.0: give a base URL that ends in /v1"),
        (_with("endpoints: [http://host/v2]"), "line 5: .*base URL"),
        (_with("endpoints: ['http://[::1/v1']"), "line 5: .*base URL"),
        (_with("endpoints: [http://me:secret@host/v1]"), "line 5: .*has a user or a password in it"),
        (_with("key: sk-abcdef0123456789"), "line 5: models.m.key: names the environment variable"),
        (_with("key: AKIAABCDEFGHIJKLMNOP"), "line 5: models.m.key: names the environment variable"),
        (_with(SERVING.replace("port", "arguments: [--api-key=hush], port")), "VLLM_API_KEY"),
        (MINIMAL.replace("[m]", "[m, n]"), "line 5: default.models.1: there is no model 'n'; models has m"),
        (MINIMAL.replace("[m]", "[m], fallback: [n]"), "line 5: default.fallback.0: there is no model 'n'"),
        (MINIMAL.replace("[m]", "[m], temperatures: [0.5, 2.5]"), "line 5: default.temperatures.1"),
        (MINIMAL.replace("[m]", "[m], temperatures: [-0.1]"), "line 5: default.temperatures.0"),
        (MINIMAL.replace("[m]", "[m], variants: [speed]"), "line 5: default.variants.0"),
        (MINIMAL + "routes:\n  painter: {models: [m]}", "line 7: routes.painter"),
        (MINIMAL + "routes:\n  coder: {models: [n]}", "line 7: routes.coder.models.0: there is no model 'n'"),
        (_with(SERVING).replace("[m]", "[m], max_tokens: 4096"), "line 6: default.max_tokens: leaves no room"),
        (MINIMAL.replace("mine-7b", "'*'\n    endpoints: [http://host/v1]"), "line 4: models.m.name: .* without endp"),
        (
            "name: x\nmodels:\n  a: {name: a, endpoints: [http://a/v1]}\n  b: {name: b}\ndefault: {models: [a, b]}",
            "line 4: models.b: has no endpoint, while other models have",
        ),
        (
            f"name: x\nmodels:\n  a:\n    name: a\n    {SERVING}\n  b:\n    name: b\n    {SERVING}\n"
            "default: {models: [a]}",
            "line 8: models.b.serving.port: 8000 is the port of a too",
        ),
    ],
)
def test_faults_are_told_with_their_lines(text: str, told: str) -> None:
    """One line says what is wrong, and where; what may be a secret is not repeated."""
    with pytest.raises(BadInput, match=told) as refusal:
        read_preset(text.encode(), "mine.yaml")
    message = str(refusal.value)
    assert message.startswith("mine.yaml")
    assert not any(secret in message for secret in ("secret@", "sk-abc", "AKIA", "hush"))


def test_all_faults_are_told_at_once() -> None:
    """Whoever corrects a file need not find its faults one by one."""
    text = MINIMAL.replace("mine-7b", "mine-7b\n    key: no key\n    endpoints: [here, there]").replace("[m]", "[n]")
    with pytest.raises(BadInput) as refusal:
        read_preset(text.encode(), "mine.yaml")
    assert str(refusal.value).count("line ") == 4


def test_what_is_no_text_or_too_long_is_refused() -> None:
    """A file of another kind is told as such."""
    for content in (b"\xff\xfe", b" " * 100_000):
        with pytest.raises(BadInput, match=r"mine\.yaml"):
            read_preset(content, "mine.yaml")
