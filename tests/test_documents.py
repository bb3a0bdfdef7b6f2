"""The documents hold what they say: commands exist, links lead somewhere, images are pinned, nothing local leaks.

The generated pages are compared where their generators are tested.
"""

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

import millwright
from millwright.adapters.documents.preset_files import presets_in
from millwright.commandline.application import COMMANDS
from millwright.core.memory_plan import memory_plan
from millwright.core.server_commands import COMPOSE_SERVICES, EVERYWHERE, compose_lines, serve_arguments

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
READ_VARIABLES = re.compile(r"""environ(?:ment)?(?:\.get\(|\[|,)\s*["']((?:MILLWRIGHT|TEMPORAL)_[A-Z_]+)["']""")
# Assembled, so that this file does not hold what it looks for.
LOCAL = re.compile(
    "|".join(
        (
            "pypi[.]org/simple",
            "files[.]pythonhosted",
            "extra-" + "index-url",
            "find-" + "links *=",
            "file:" + "///",
            "(?<![A-Za-z0-9_.~-])/(?:root|opt/pypi|opt/wheels)/",
        )
    )
)


@cache
def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))


def _commands(page: str) -> set[str]:
    """Return the words after ``millwright`` in code, where a command must stand."""
    return {
        name for piece in _code(page) for name in re.findall(r"^(?:.*/)?millwright ([a-z][a-z-]*)", piece, re.MULTILINE)
    }


def _code(page: str) -> list[str]:
    blocks = re.findall(r"```.*?\n(.*?)```", _text(page), re.DOTALL)
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", _text(page), flags=re.DOTALL))
    return [*blocks, *(" ".join(piece.split()) for piece in inline)]


def _services() -> dict[str, dict[str, object]]:
    services: dict[str, dict[str, object]] = yaml.safe_load(_text("docker-compose.yml"))["services"]
    return services


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    """A reader who types what a page says meets a target."""
    named = {
        word for piece in _code(page) for line in re.findall(r"^make ([a-z -]+)", piece, re.M) for word in line.split()
    }
    assert named <= _targets()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_exists(page: str) -> None:
    """A reader who types what a page says meets a command."""
    assert _commands(page) <= {name for name, _ in COMMANDS} | {name.partition(" ")[0] for name, _ in COMMANDS}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_that_exist(page: str) -> None:
    """A link within the repository leads to a file, and to a heading where it names one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        assert found.exists(), f"{page} links to {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, f"{page} links to {target}"


def test_every_target_is_explained() -> None:
    """``make help`` leaves no target out but those that others are made of."""
    explained = set(re.findall(r"^([a-z-]+):.*## ", _text("Makefile"), re.MULTILINE))
    assert _targets() - explained == {"sandbox"}


def test_the_changelog_mentions_this_version() -> None:
    """Whoever upgrades finds the version's own heading."""
    assert re.search(rf"^## {re.escape(millwright.__version__)}\b", _text("CHANGELOG.md"), re.MULTILINE)


def test_the_example_environment_names_every_variable_that_is_read() -> None:
    """No variable of ours is known to the code alone, and none is listed that nothing reads."""
    listed = set(re.findall(r"^#?([A-Z_]+)=", _text(".env.example"), re.MULTILINE))
    sources = (ROOT / "starter.py", ROOT / "worker.py", *ROOT.glob("millwright/**/*.py"), *ROOT.glob("migrations/*.py"))
    read = {name for source in sources for name in READ_VARIABLES.findall(source.read_text(encoding="utf-8"))}
    interpolated = set(re.findall(r"\$\{([A-Z_]+)", _text("docker-compose.yml")))
    assert read | interpolated <= listed
    # Temporal's own configuration reads these; the code does not.
    assert listed - read - interpolated == {"TEMPORAL_API_KEY", "TEMPORAL_NAMESPACE"}


def test_every_image_is_pinned() -> None:
    """An image has a version in its tag; the only one without is built here."""
    images = {str(service["image"]) for service in _services().values()} - {"millwright:local"}
    assert all(re.search(r":v?\d+\.\d+", image) for image in images), images
    bases = re.findall(r"^FROM (\S+)", _text("Dockerfile"), re.MULTILINE)
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases), bases


def test_every_service_that_stays_says_how_it_is() -> None:
    """What others wait for, or an operator looks at, has a health check; jobs end and need none."""
    for name, service in _services().items():
        if service["restart"] == "unless-stopped":
            assert "healthcheck" in service, name


def test_ports_are_published_on_this_machine_alone() -> None:
    """Nothing in the file listens to the network outside."""
    for name, service in _services().items():
        ports = service.get("ports", [])
        assert isinstance(ports, list)
        assert all(str(port).startswith("127.0.0.1:") for port in ports), name


def _interpolated(text: str, environment: dict[str, str]) -> str:
    """Fill variables in as compose does, with the defaults of the file."""
    return re.sub(r"\$\{([A-Z_]+)(?::?[-?]([^}]*))?\}", lambda found: environment.get(found[1], found[2] or ""), text)


def test_compose_starts_the_servers_of_the_recommended_preset() -> None:
    """Without a word in .env, arguments and ports are those of `dual`, which the workers then use."""
    preset = presets_in(ROOT / "config" / "models")["dual"]
    plan = memory_plan(preset)
    assert plan is not None
    services = _services()
    for name, server in zip(COMPOSE_SERVICES, plan.servers, strict=False):
        wanted = serve_arguments(preset.models[server.key], server, host=EVERYWHERE)
        assert tuple(shlex.split(_interpolated(str(services[name]["command"]), {}))) == wanted
        assert f"127.0.0.1:{server.port}/health" in _interpolated(str(services[name]["healthcheck"]), {})
    scales = [_interpolated(str(services[name].get("scale", 1)), {}) for name in COMPOSE_SERVICES]
    assert scales == ["1" if number < len(plan.servers) else "0" for number in range(len(COMPOSE_SERVICES))]
    worker = _interpolated(str(services["worker-model"]["environment"]), {})
    assert "'MILLWRIGHT_MODEL_PRESET': 'dual'" in worker
    assert "'MILLWRIGHT_MODEL_HOST': 'vllm'" in worker


def test_compose_reads_every_variable_that_a_plan_prints() -> None:
    """No line of `millwright models plan --compose` is without effect, for the most servers that there may be."""
    preset = presets_in(ROOT / "config" / "models")["triple"]
    plan = memory_plan(preset)
    assert plan is not None
    lines = compose_lines(preset, plan, "triple")
    assert lines is not None
    variables = dict(line.split("=", 1) for line in lines)
    assert variables.keys() <= set(re.findall(r"\$\{([A-Z_]+)", _text("docker-compose.yml")))
    third = _interpolated(str(_services()["vllm-third"]), variables)
    assert "TheBloke/Mistral-7B-Instruct-v0.2-AWQ --host 0.0.0.0 --port 8002" in third
    assert "'scale': '1'" in third


def test_compose_gives_the_notifiers_secret_to_the_worker_that_tells_people_alone() -> None:
    """Those that run candidates, or speak to models, have no use for it."""
    given = {name: service.get("environment") or {} for name, service in _services().items()}
    having = {name for name, environment in given.items() if "MILLWRIGHT_NOTIFY_SECRET" in str(environment)}
    assert having == {"worker-control"}
    for variable in ("MILLWRIGHT_NOTIFY_URL", "MILLWRIGHT_NOTIFY_COMMAND", "MILLWRIGHT_DATABASE_URL"):
        assert f"'{variable}': " in str(given["worker-control"])


def test_passwords_have_no_default() -> None:
    """The file refuses to be used before a password is chosen."""
    assert re.findall(r"\$\{POSTGRES_PASSWORD(?!:\?)", _text("docker-compose.yml")) == []
    assert re.search(r"^POSTGRES_PASSWORD=$", _text(".env.example"), re.MULTILINE)


def test_both_lock_files_pin_the_same_versions() -> None:
    """What runs is what was tested."""
    run, develop = (
        set(re.findall(r"^([a-z0-9.-]+==\S+)", _text(name), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert run
    assert run < develop


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_a_hash(name: str) -> None:
    """An index can serve nothing but what was pinned."""
    pins = re.split(r"\n(?=[a-z0-9])", _text(name))
    assert all("--hash=sha256:" in pin for pin in pins if not pin.startswith("#"))


def test_no_file_holds_an_address_of_an_index_or_a_path_of_a_machine() -> None:
    """What is committed works from any index and in any folder."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file() or path.is_symlink():
            continue
        found = LOCAL.search(path.read_bytes().decode("utf-8", "replace"))
        assert found is None, f"{name}: {found}"
