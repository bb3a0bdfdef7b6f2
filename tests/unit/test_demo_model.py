"""The demo model: what it reads, how it draws, and what it says over HTTP."""

import http.client
import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.adapters.embedded import demo_protocol
from millwright.adapters.embedded.demo_model import DemoModelServer, demo_server
from millwright.adapters.embedded.demo_sampling import (
    DEMO_MODEL_LABEL,
    DEMO_MODEL_NAME,
    Completion,
    CompletionBook,
    TaskCompletions,
    addressee,
    bundled_examples,
    bundled_files,
    cut,
    read_book,
    tokens_in,
)
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.core.prompts.planner import decompose_prompt
from millwright.errors import BadInput, ModelRefused
from schemas.identity import Archetype
from schemas.models import EARLIER_PLAN_LINE, FinishReason, Message, ModelRequest, Prompt, Role
from schemas.specification import TaskSpecification

ANSWERS = (Completion("first", weight=2.0), Completion("second"), Completion("third and long", FinishReason.LENGTH))
BOOK = CompletionBook([TaskCompletions("tax", "sales_tax", Archetype.CODER, ANSWERS)])


def body(**changes: Any) -> dict[str, Any]:
    """Make the body of a request for the task ``tax``."""
    messages = [
        {"role": "system", "content": "Role: coder\nYou write code."},
        {"role": "user", "content": "Task: tax\nWrite it."},
    ]
    return {"model": "millwright-demo", "messages": messages, "temperature": 0.8, "seed": 3, **changes}


def ask(server: DemoModelServer, method: str, path: str, content: bytes | dict[str, Any] | None = None) -> Any:
    """Send one request and return the status and the decoded body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, json.dumps(content) if isinstance(content, dict) else content)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@given(seed=st.integers(0, 2**63 - 1), temperature=st.floats(0.01, 2))
def test_drawing_depends_on_its_arguments_alone(seed: int, temperature: float) -> None:
    """Two books with the same answers draw the same, whatever was drawn before."""
    other = CompletionBook(list(BOOK))
    other.draw("coder", "tax", seed=seed + 1, temperature=temperature)
    drawn = [book.draw("coder", "tax", seed=seed, temperature=temperature) for book in (BOOK, other, BOOK)]
    assert drawn[0] is not None
    assert drawn == [drawn[0]] * 3


def test_weights_are_kept() -> None:
    """Over many seeds an answer comes as often as its weight says."""
    drawn = Counter(BOOK.draw("coder", "tax", seed=seed, temperature=0.8) for seed in range(4000))
    for answer, share in zip(ANSWERS, (0.5, 0.25, 0.25), strict=True):
        assert drawn[answer] / 4000 == pytest.approx(share, abs=0.03)


def test_temperature_zero_draws_the_first() -> None:
    """Without temperature the likeliest answer comes, whatever the seed."""
    assert {BOOK.draw("coder", "tax", seed=seed, temperature=0) for seed in range(50)} == {ANSWERS[0]}


def test_unknown_tasks_have_no_answer() -> None:
    """Neither another archetype nor another task is answered."""
    assert BOOK.draw("integrator", "tax", seed=0, temperature=1) is None
    assert BOOK.draw("coder", "taxes", seed=0, temperature=1) is None


@given(text=st.text(), limit=st.integers(1, 20))
def test_cut_answers_keep_to_the_limit(text: str, limit: int) -> None:
    """What is cut fits the limit, begins the text and says that it was cut; what fits is untouched."""
    answer = cut(Completion(text), limit)
    assert tokens_in(answer.text) <= limit
    assert text.startswith(answer.text)
    assert (answer.text != text) == (answer.finish_reason is FinishReason.LENGTH)


def test_addressee_is_read_from_the_prompt() -> None:
    """The archetype stands in the system message's first line, the task in a line of the user's."""
    assert addressee([("system", "Role: coder\nRole: x"), ("user", "Hello\nTask: tax \nTask: b")]) == ("coder", "tax")
    assert addressee([("system", "Be nice\nRole: coder"), ("user", " Task: tax")]) == (None, None)
    assert addressee([("user", "Role: coder\nTask: tax")]) == (None, "tax")


def test_recorded_answers_are_read(tmp_path: Path) -> None:
    """JSON lines with plain strings are served as they are, all equally likely."""
    line = {"task": "humaneval_000", "name": "f", "archetype": "coder", "completions": ["def f(): ...", "x\u2028y"]}
    file = tmp_path / "completions.jsonl"
    file.write_text(json.dumps(line, ensure_ascii=False) + "\n\n", encoding="utf-8")
    known = read_book([file]).get("coder", "humaneval_000")
    assert known is not None
    assert [answer.text for answer in known.completions] == line["completions"]


def test_structures_are_written_as_a_fenced_block(tmp_path: Path) -> None:
    """A structured answer is JSON in one fence, between the sentences around it."""
    file = tmp_path / "root.yaml"
    file.write_text(
        "task: root\narchetype: specifier\ncompletions:\n  - {before: Here., document: {a: [1]}, after: Done.}\n"
    )
    known = read_book([tmp_path]).get("specifier", "root")
    assert known is not None
    assert known.completions[0].text == 'Here.\n\n```json\n{\n  "a": [\n    1\n  ]\n}\n```\n\nDone.\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "1 is not JSON"),
        ("[]", "expected an object"),
        ('{"task": "", "completions": ["x"]}', "`task`"),
        ('{"task": "a", "completions": []}', "at least one"),
        ('{"task": "a", "completions": ["x"], "extra": 1}', "unknown field 'extra'"),
        ('{"task": "a", "archetype": "king", "completions": ["x"]}', "king"),
        ('{"task": "a", "again": 1, "completions": ["x"]}', "true or false"),
        ('{"task": "a", "completions": [{"weight": 1}]}', "needs `text`"),
        ('{"task": "a", "completions": [{"text": "x", "document": {}}]}', "not both"),
        ('{"task": "a", "completions": [{"text": "x", "weight": 0}]}', "positive"),
        ('{"task": "a", "completions": [{"text": "x", "finish_reason": "tired"}]}', "tired"),
        ('{"task": "a", "completions": ["x"]}\n{"task": "a", "completions": ["y"]}', "given twice"),
    ],
)
def test_unusable_files_are_refused_with_the_place(tmp_path: Path, text: str, reason: str) -> None:
    """A file of another form is bad input, and the message says what and where."""
    file = tmp_path / "answers.jsonl"
    file.write_text(text)
    with pytest.raises(BadInput, match=reason):
        read_book([file])


def test_missing_files_and_empty_folders_are_refused(tmp_path: Path) -> None:
    """What cannot be read is said, never skipped."""
    with pytest.raises(BadInput, match="cannot be read"):
        read_book([tmp_path / "none.jsonl"])
    with pytest.raises(BadInput, match="no completions"):
        read_book([tmp_path])
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(BadInput, match="not YAML"):
        read_book([tmp_path])


def test_bundled_examples_are_found() -> None:
    """The examples' completions are there, wherever Millwright is installed, and one demo model serves them all."""
    book = read_book(bundled_files())
    assert {"notice-board", "order-pricing", "parking-fees", "station-readings", "timesheet"} <= set(bundled_examples())
    assert book.get("coder", "coupon") is not None
    for name in ("price_order", "summarize_readings", "report_hours"):
        found = book.get("decomposer", "root", f"Split this task: {name}\n")
        assert found is not None
        assert found.name == name


def test_functions_with_one_id_are_told_apart_by_the_name_in_the_prompt() -> None:
    """Projects may call different tasks alike; a prompt that names none of the functions, or two, is not guessed at."""
    first, second = (
        TaskCompletions("root", name, Archetype.CODER, (Completion(name),)) for name in ("price", "price_all")
    )
    book = CompletionBook([first, second])
    assert len(book) == len(list(book)) == 2
    for entry in (first, second):
        answer = book.draw("coder", "root", seed=1, temperature=0.5, prompt=f"def {entry.name}(order: str) -> str:")
        assert answer == entry.completions[0]
    for prompt in ("", "def prices() -> None:", "price, or price_all"):
        assert book.draw("coder", "root", seed=1, temperature=0.5, prompt=prompt) is None
    with pytest.raises(BadInput, match="given twice"):
        CompletionBook([first, second, first])


def test_a_plan_that_is_made_anew_is_answered_otherwise() -> None:
    """What tells of an earlier plan has answers of its own; where none are written down, the usual ones hold."""
    first = TaskCompletions("bill", "bill", Archetype.DECOMPOSER, (Completion("first"),))
    anew = TaskCompletions("bill", "bill", Archetype.DECOMPOSER, (Completion("anew"),), again=True)
    task = TaskSpecification.model_validate(
        {"id": "bill", "name": "bill", "description": "Sum.", "outputs": [{"name": "r", "type_annotation": "int"}]}
    )

    def told(served: CompletionBook, because: str, description: str = "Sum.") -> str | None:
        described = task.model_copy(update={"description": description})
        prompt = decompose_prompt(described, [], "", because=because)
        answer = served.answer(ModelRequest(prompt=prompt, seed=1, temperature=0.5))
        return answer.choices[0].text if answer is not None else None

    both, usual = CompletionBook([first, anew]), CompletionBook([first])
    assert (told(both, ""), told(both, "nobody could do a part")) == ("first", "anew")
    assert (told(usual, ""), told(usual, "nobody could do a part")) == ("first", "first")
    assert told(CompletionBook([anew]), "") is None
    assert told(both, "", description=EARLIER_PLAN_LINE) == "first"


def test_the_server_reads_the_name_out_of_the_messages() -> None:
    """Over HTTP, too, the function that a message names is the one that is answered for."""
    entries = [TaskCompletions("tax", name, Archetype.CODER, (Completion(name),)) for name in ("sales_tax", "vat")]
    book = CompletionBook(entries)
    for name in ("sales_tax", "vat"):
        messages = [
            {"role": "system", "content": "Role: coder\nYou write code."},
            {"role": "user", "content": f"Task: tax\n\ndef {name}(cents: int) -> int: ..."},
        ]
        reply = demo_protocol.answer(book, json.dumps(body(messages=messages)).encode())
        assert reply["choices"] == [
            {"index": 0, "message": {"role": "assistant", "content": name}, "finish_reason": "stop"}
        ]


def test_completions_are_served() -> None:
    """A request is answered with as many choices as asked for, their usage, and what the model is."""
    with DemoModelServer(BOOK) as server:
        status, reply = ask(server, "POST", "/v1/chat/completions", body(n=3, temperature=0))
    assert status == 200
    assert [choice["message"]["content"] for choice in reply["choices"]] == ["first"] * 3
    assert reply["model"] == DEMO_MODEL_LABEL
    assert "not a language model" in DEMO_MODEL_LABEL
    assert reply["usage"] == {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18}


def test_choices_of_one_call_differ() -> None:
    """Several choices are draws of their own."""
    with DemoModelServer(BOOK) as server:
        _, reply = ask(server, "POST", "/v1/chat/completions", body(n=40))
    assert {choice["message"]["content"] for choice in reply["choices"]} == {answer.text for answer in ANSWERS}


def test_answers_beyond_max_tokens_are_cut() -> None:
    """An answer that is too long ends with the finish reason ``length``."""
    with DemoModelServer(BOOK) as server:
        _, reply = ask(server, "POST", "/v1/chat/completions", body(temperature=0, max_tokens=1))
    assert reply["choices"][0]["message"]["content"] == "firs"
    assert reply["choices"][0]["finish_reason"] == "length"


def test_models_and_health_say_what_it_is() -> None:
    """Whoever looks finds a scripted demo, on the list of models as in the health check."""
    with DemoModelServer(BOOK) as server:
        status, models = ask(server, "GET", "/v1/models")
        health = ask(server, "GET", "/health")
    assert (status, models["data"][0]["id"]) == (200, "millwright-demo")
    assert models["data"][0]["description"] == DEMO_MODEL_LABEL
    assert health == (200, {"status": "ok", "model": DEMO_MODEL_LABEL, "tasks": 1})


def test_unknown_task_names_the_setting_for_a_real_model() -> None:
    """A task without answers is a 404 that says why, and how to plug in a model that can answer it."""
    messages = [{"role": "system", "content": "Role: coder"}, {"role": "user", "content": "Task: chess"}]
    with DemoModelServer(BOOK) as server:
        status, reply = ask(server, "POST", "/v1/chat/completions", body(messages=messages))
    assert status == 404
    assert reply["error"]["code"] == "unknown_task"
    for word in ("scripted demo", "chess", "MILLWRIGHT_MODEL_URL", "MILLWRIGHT_MODEL_NAME"):
        assert word in reply["error"]["message"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"\xff",
        body(messages=[]),
        body(messages=[{"role": "user"}]),
        body(messages=[1]),
        body(temperature=3),
        body(temperature="hot"),
        body(seed=-1),
        body(seed=True),
        body(max_tokens=0),
        body(n=0),
        body(n=1000),
        body(stream=True),
    ],
)
def test_bad_requests_are_refused(content: bytes | dict[str, Any]) -> None:
    """A request that is none gets a 400 in OpenAI's form, and the server goes on."""
    with DemoModelServer(BOOK) as server:
        status, reply = ask(server, "POST", "/v1/chat/completions", content)
        assert (status, reply["error"]["type"]) == (400, "invalid_request_error")
        assert ask(server, "GET", "/health")[0] == 200


def test_other_paths_and_missing_lengths_are_refused() -> None:
    """What is not served is said so."""
    with DemoModelServer(BOOK) as server:
        assert ask(server, "GET", "/")[0] == 404
        assert ask(server, "POST", "/v1/completions", body())[0] == 404
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest("POST", "/v1/chat/completions")
        connection.endheaders()
        assert connection.getresponse().status == 411
        connection.close()


def test_order_of_arrival_makes_no_difference() -> None:
    """Many calls at once get what the same calls get one after the other."""
    texts: dict[int, str] = {}

    def draw(server: DemoModelServer, seed: int) -> None:
        _, reply = ask(server, "POST", "/v1/chat/completions", body(seed=seed))
        texts[seed] = reply["choices"][0]["message"]["content"]

    with DemoModelServer(BOOK) as server:
        threads = [threading.Thread(target=draw, args=(server, seed)) for seed in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
    expected = {seed: BOOK.draw("coder", "tax", seed=seed, temperature=0.8) for seed in range(24)}
    assert texts == {seed: answer.text for seed, answer in expected.items() if answer is not None}


async def test_our_own_adapter_gets_the_same_answers_in_process_and_over_http() -> None:
    """The server, asked by the adapter, and the book, asked in the process, agree on everything but the address."""
    messages = (Message(role=Role.SYSTEM, content="Role: coder"), Message(role=Role.USER, content="Task: tax"))
    prompt = Prompt(archetype=Archetype.CODER, version="coder-1", messages=messages)
    with DemoModelServer(BOOK) as server:
        async with OpenAICompatibleModels() as model:
            for seed in range(10):
                asked = ModelRequest(
                    prompt=prompt, model=DEMO_MODEL_NAME, endpoint=server.url, temperature=0.8, seed=seed
                )
                over_http, here = await model.complete(asked), BOOK.answer(asked)
                assert here is not None
                same = {"endpoint": "", "latency_seconds": 0.0}
                assert over_http.model_copy(update=same) == here.model_copy(update=same)
            unknown = Prompt(archetype=Archetype.DECOMPOSER, version="x", messages=messages[1:])
            with pytest.raises(ModelRefused, match="MILLWRIGHT_MODEL_URL"):
                await model.complete(ModelRequest(prompt=unknown, endpoint=server.url, temperature=0, seed=0))
            assert BOOK.answer(ModelRequest(prompt=unknown, temperature=0, seed=0)) is None


def test_taken_port_is_bad_input() -> None:
    """A port that another program holds is named."""
    with DemoModelServer(BOOK) as server, pytest.raises(BadInput, match=str(server.port)):
        demo_server(port=server.port)


def test_program_says_its_url_and_stops_when_asked(tmp_path: Path) -> None:
    """The program prints one ready line with its URL, answers there, and ends cleanly on SIGTERM."""
    file = tmp_path / "completions.jsonl"
    file.write_text(json.dumps({"task": "tax", "completions": ["first"]}))
    command = [sys.executable, "-m", "millwright.adapters.embedded.demo_model", "--completions", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            line = program.stdout.readline()
            port = int(line.split("127.0.0.1:")[1].removesuffix("/v1\n"))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/health")
            assert json.loads(connection.getresponse().read())["tasks"] == 1
            connection.close()
        finally:
            program.terminate()
        assert program.wait(timeout=10) == 0


def test_program_names_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """Bad input is one line on stderr and exit code 2."""
    command = [sys.executable, "-m", "millwright.adapters.embedded.demo_model", "--completions", str(tmp_path / "no")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
