"""The commands about models: what fits, what is downloaded and started, and what endpoints can do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from millwright.adapters.embedded.home import free_port
from millwright.adapters.embedded.model_servers import run_program, start_server
from millwright.commandline.application import run
from millwright.commandline.composition import Probe
from millwright.errors import BadInput, ModelUnavailable
from schemas.capabilities import Capability
from tests.unit.commandline_fakes import Pretended, one_line

WORKS = (
    Capability(name="completion", ok=True, detail="it answers"),
    Capability(name="seed", ok=False, detail="other answers"),
)


def _run(composition: Pretended, *arguments: str) -> int:
    return run(["models", *arguments], composition)


def test_a_plan_shows_the_budget_the_commands_and_what_else_fits(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best preset for the memory, its servers, and how to use it."""
    assert _run(composition, "plan", "--vram", "24") == 0
    out = capsys.readouterr().out
    assert out.startswith("gpu-24: ")
    assert "CUDA_VISIBLE_DEVICES=0 vllm serve Qwen/Qwen2.5-Coder-14B-Instruct-AWQ --host 127.0.0.1" in out
    assert "export MILLWRIGHT_MODEL_PRESET=gpu-24" in out
    assert "fits too: gpu-12, triple, dual, single" in out
    assert "servers may take 21.17 each" in out


def test_a_named_preset_is_planned_on_other_memory(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Servers are spread over the GPUs that are given; as JSON the plan is one object."""
    assert _run(composition, "plan", "--preset", "triple", "--vram", "12", "--gpus", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["chosen"] == "triple"
    assert {server["device"] for server in found["plan"]["servers"]} == {0, 1}
    assert sum("vllm serve" in command for command in found["commands"]) == 3
    assert sum(command.startswith("hf download") for command in found["commands"]) == 3


def test_what_does_not_fit_is_said_with_how_much_does(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three models do not start on 12 GiB; on 20 they start with fewer sequences than the preset asks for."""
    assert _run(composition, "plan", "--preset", "triple", "--vram", "12") == 1
    assert "triple does not fit 1 x 12 GiB" in capsys.readouterr().err
    assert _run(composition, "plan", "--preset", "triple", "--vram", "20") == 0
    assert "warning: TheBloke/deepseek-coder-6.7B-instruct-AWQ: 1 of 2 sequences" in capsys.readouterr().err
    assert _run(composition, "plan", "--vram", "4") == 1
    assert "no preset fits 1 x 4 GiB" in one_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("plan",), "give --vram GIB, or --preset NAME"),
        (("plan", "--preset", "hosted"), "hosted starts no server of ours"),
        (("plan", "--preset", "nowhere"), "nowhere is no preset: choose one of"),
        (("pull", "ollama"), "ollama starts no server of ours"),
        (("pull",), "Try `millwright models pull --help`"),
        (("paint",), "Try `millwright models --help`"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], told: str, composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and what to give instead."""
    assert _run(composition, *arguments) == 2
    assert told in one_line(capsys)


def test_compose_lines_name_the_preset_and_its_servers(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed goes into .env as it is."""
    assert _run(composition, "plan", "--vram", "12", "--compose") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "MILLWRIGHT_MODEL_PRESET=gpu-12"
    assert all(line.partition("=")[0].isupper() for line in lines)
    assert lines[-2:] == ["VLLM_SECOND_SCALE=0", "VLLM_THIRD_SCALE=0"]


def test_a_pull_prints_what_it_would_run(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is run before a person says so."""
    assert _run(composition, "pull", "dual") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["hf", "hf", "CUDA_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES=0"]
    assert composition.ran == []
    assert _run(composition, "pull", "dual", "--download-only") == 0
    assert capsys.readouterr().out.splitlines() == lines[:2]
    assert _run(composition, "pull", "triple", "--vram", "12") == 1
    assert capsys.readouterr().out == ""


def test_a_pull_downloads_all_before_it_starts_a_server(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """Downloads come first; servers follow one by one; how to stop them is said."""
    assert _run(composition, "pull", "dual", "--yes") == 0
    assert [" ".join(command[:2]) for command in composition.ran] == [
        "hf download",
        "hf download",
        "CUDA_VISIBLE_DEVICES=0 vllm",
        "CUDA_VISIBLE_DEVICES=0 vllm",
    ]
    out = capsys.readouterr().out
    assert "answers on port 8001; log" in out
    assert "kill 9001" in out
    assert out.endswith("export MILLWRIGHT_MODEL_PRESET=dual\n")


def test_a_pull_stops_at_what_is_missing_or_fails(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing program is named with its remedy before anything runs; after a failed download nothing is started."""
    composition.programs = ("hf",)
    assert _run(composition, "pull", "dual", "--yes") == 5
    assert "vllm not found: run `pip install 'vllm>=0.20'`" in one_line(capsys)
    assert composition.ran == []
    composition.status = 7
    assert _run(composition, "pull", "dual", "--yes", "--download-only") == 1
    assert "the download ended with status 7" in capsys.readouterr().err
    assert len(composition.ran) == 1


def test_a_check_tells_what_each_endpoint_cannot_do(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """What lacks a way around it decides the exit code: 1 where nothing is completed, 5 where nobody answers."""
    good = Probe("m", "http://a/v1", capabilities=WORKS)
    useless = Probe("n", "http://b/v1", capabilities=(Capability(name="completion", ok=False, detail="no such model"),))
    silent = Probe("o", "http://c/v1", silence="nobody listens")
    composition.probed = (good,)
    assert _run(composition, "check") == 0
    shown = capsys.readouterr()
    assert shown.out == "m at http://a/v1\n  ok  completion: it answers\n  no  seed: other answers\n"
    assert shown.err == ""
    composition.probed = (good, useless)
    assert _run(composition, "check") == 1
    assert capsys.readouterr().err == "completes nothing: n at http://b/v1\n"
    composition.probed = (good, useless, silent)
    assert _run(composition, "check", "--json") == 5
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 5
    assert [each["silence"] for each in found["endpoints"]] == ["", "", "nobody listens"]


SERVER = """
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
    def log_message(self, *words): pass
served = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
threading.Timer(60, served.shutdown).start()  # bounded, should its test be killed
print("serving", flush=True)
served.serve_forever()
"""


async def test_a_server_is_started_with_a_log_and_waited_for(tmp_path: Path) -> None:
    """It answers before the call returns, in a session of its own, and what it says is in its log."""
    port = free_port([])
    log = tmp_path / "logs" / "vllm-coder.log"
    program = [sys.executable, "-c", SERVER, str(port)]
    pid = await start_server(program, os.environ, port=port, log=log, patience=50, pause=0.05)
    try:
        assert os.getsid(pid) == pid
        assert log.read_text() == "serving\n"
        with pytest.raises(BadInput, match=f"port {port} is in use"):
            await start_server(program, os.environ, port=port, log=log, patience=50, pause=0.05)
    finally:
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitpid, pid, 0)


async def test_a_server_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The status and the last words, and where to read more."""
    log = tmp_path / "vllm.log"
    program = [sys.executable, "-c", "import sys; sys.exit('no CUDA device')"]
    with pytest.raises(ModelUnavailable, match=r"ended with status 1; the end of .*vllm\.log:\s+no CUDA device"):
        await start_server(program, os.environ, port=free_port([]), log=log, patience=50, pause=0.05)


async def test_a_server_that_never_answers_is_ended(tmp_path: Path) -> None:
    """Patience has an end, and leaves no process behind."""
    told = tmp_path / "pid"
    program = [
        sys.executable,
        "-c",
        f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(60)",
    ]
    with pytest.raises(ModelUnavailable, match="did not answer in 2 s"):
        await start_server(program, os.environ, port=free_port([]), log=tmp_path / "log", patience=2, pause=0.05)
    pid = int(told.read_text())
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM


def test_a_program_runs_in_the_given_environment(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its status is returned, and what it prints goes to stderr: stdout is for results."""
    program = "import os, sys; print(os.environ['WHERE'], flush=True); sys.exit(3)"
    assert run_program([sys.executable, "-c", program], {**os.environ, "WHERE": "here"}) == 3
    assert capfd.readouterr() == ("", "here\n")


def test_stub_programs_on_the_path_are_run_in_earnest(tmp_path: Path) -> None:
    """The whole way through the process: programs found on PATH, downloads run, a failing server told in one line."""
    for name, body in (
        ("hf", f'echo "hf $@" >> {tmp_path}/ran'),
        ("vllm", f'echo "vllm $@" >> {tmp_path}/ran; exit 9'),
    ):
        stub = tmp_path / name
        stub.write_text(f"#!/bin/sh\n{body}\n")
        stub.chmod(0o755)
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        "name: mine\nmemory_gib: 12\nmodels:\n  m:\n    name: mine\n    endpoints: [http://127.0.0.1:1/v1]\n"
        "    serving:\n"
        "      repository: me/mine\n      context_tokens: 4096\n      sequences: 1\n"
        f"      port: {free_port([])}\n"
        "      weights: {parameters: 1, bits: 4, layers: 8, kv_heads: 2, head_size: 64}\ndefault: {models: [m]}\n"
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "MILLWRIGHT_HOME": str(tmp_path / "home")}
    found = subprocess.run(
        [sys.executable, "-m", "starter", "models", "pull", str(preset), "--yes"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert found.returncode == 5
    assert "ended with status 9" in found.stderr.splitlines()[-1]
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran[0] == "hf download me/mine"
    assert ran[1].startswith("vllm serve me/mine --served-model-name mine --host 127.0.0.1 --port ")
