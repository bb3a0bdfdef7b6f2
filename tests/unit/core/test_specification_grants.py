"""Grants: what a specification may allow beyond pure code, and what follows for its parts."""

import pytest
from pydantic import JsonValue

from millwright.core.decomposition import read_proposal, read_root
from millwright.core.specification import check_document
from millwright.core.specification_grants import excess_of, grant_faults, granted_packages, package_faults
from millwright.core.verification.languages.python_security import check_security
from schemas.election import RedFlag
from schemas.identity import TaskId
from schemas.planning import Proposal
from schemas.project import Policy
from schemas.specification import Grants, SpecificationDocument, TaskSpecification

_INTERFACE: dict[str, JsonValue] = {
    "inputs": [{"name": "n", "type_annotation": "int"}],
    "outputs": [{"name": "result", "type_annotation": "int"}],
    "test_cases": [{"name": "one", "inputs": {"n": 1}, "expected_output": 1}],
}


def _task(**grants: list[str]) -> TaskSpecification:
    return TaskSpecification.model_validate({"id": "a", "name": "f", **_INTERFACE, "grants": grants})


def _faults(**grants: list[str]) -> list[tuple[str, str]]:
    found = check_document(SpecificationDocument(tasks=(_task(**grants),)))
    return [(fault.where.removeprefix("tasks[0].grants."), fault.what) for fault in found]


@pytest.mark.parametrize(
    "grants",
    [
        {},
        {"imports": ["time", "uuid", "xml.etree", "logging"]},
        {"imports": ["math"], "names": ["print", "vars"]},
        {"imports": ["pathlib", "os.path", "csv"], "names": ["open"], "files": ["/data", "/var/spool/in"]},
    ],
)
def test_harmless_grants_are_accepted(grants: dict[str, list[str]]) -> None:
    """Clocks and chance, files in directories of their own, and what needs no grant anyway."""
    assert _faults(**grants) == []


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("socket", "reaches the network"),
        ("urllib.request", "reaches the network"),
        ("logging.handlers", "reaches the network"),
        ("os", "reaches processes"),
        ("subprocess", "reaches processes"),
        ("threading", "reaches processes, threads"),
        ("importlib.util", "runs or reaches code"),
        ("pickle", "runs or reaches code"),
        ("ctypes", "reaches memory"),
        ("pwd", "the machine and its users"),
        ("sys", "what is harmless of it may be used without"),
        ("_thread", "is not one of the modules"),
        ("numpy", "is not in the standard library"),
        ("a b", "is not the name of a module"),
        ("", "is not the name of a module"),
        ("pathlib", "grant a directory in files as well"),
    ],
)
def test_a_module_that_cannot_be_granted_says_why(module: str, reason: str) -> None:
    """Network, processes, native memory and code execution are never granted."""
    ((where, what),) = _faults(imports=[module])
    assert where == "imports[0]"
    assert reason in what


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("eval", "runs or reaches code"),
        ("__import__", "runs or reaches code"),
        ("globals", "runs or reaches code"),
        ("exit", "is not one of the names"),
        ("__debug__", "is not one of the names"),
        ("opne", "is not a built-in name"),
        ("open", "grant a directory in files as well"),
    ],
)
def test_a_name_that_cannot_be_granted_says_why(name: str, reason: str) -> None:
    """So that nobody learns it from a rejected candidate."""
    ((where, what),) = _faults(names=["vars", name])
    assert where == "names[1]"
    assert reason in what


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("data", "absolute"),
        ("", "absolute"),
        ("/", "is everything"),
        ("/data/", "not normalised"),
        ("//data", "not normalised"),
        ("/data/../etc", "not normalised"),
        ("/usr/share", "the sandbox's own"),
        ("/etc", "the sandbox's own"),
        ("/proc/self", "the sandbox's own"),
        ("/lib64", "the sandbox's own"),
        ("/python", "the sandbox's own"),
        ("/tmp", "needs no grant"),
        ("/a\nb", "printable"),
        ("/" + "a" * 300, "at most 200"),
    ],
)
def test_only_plain_directories_of_their_own_can_be_granted(path: str, reason: str) -> None:
    """Nothing may be laid over what the sandbox fills itself."""
    ((where, what),) = _faults(files=[path])
    assert where == "files[0]"
    assert reason in what


def test_one_thing_is_granted_once() -> None:
    """Twice, or one directory in another, is a slip."""
    assert [where for where, _ in _faults(imports=["time", "time"], files=["/a/b", "/ab", "/a"])] == [
        "imports[1]",
        "files[2]",
    ]


@pytest.mark.parametrize(
    ("part", "excess"),
    [
        (Grants(), None),
        (Grants(imports=("xml.etree.ElementTree",), names=("open",), files=("/data/in",)), None),
        (Grants(imports=("xml",)), "the module xml"),
        (Grants(names=("vars",)), "the name vars"),
        (Grants(files=("/database",)), "the directory /database"),
    ],
)
def test_a_part_has_nothing_that_the_whole_has_not(part: Grants, excess: str | None) -> None:
    """Less is fine."""
    assert excess_of(part, Grants(imports=("xml.etree",), names=("open",), files=("/data",))) == excess


def test_a_specifier_may_not_grant_and_a_decomposer_nothing_more() -> None:
    """Only a person's own specification grants; a model cannot widen it."""
    granted: JsonValue = {"imports": ["time"]}
    root: JsonValue = {"id": "root", "name": "f", **_INTERFACE, "grants": granted}
    flag: object = read_root({"specification": root}, "python")
    assert isinstance(flag, RedFlag)
    assert "grant" in flag.detail

    def proposed(grants: JsonValue) -> Proposal | RedFlag:
        estimates: dict[str, JsonValue] = {"estimated_lines": 5, "estimated_complexity": 2}
        children: list[JsonValue] = [
            {"specification": {"id": name, "name": name, **_INTERFACE, "grants": grants}, **estimates}
            for name in ("left", "right")
        ]
        parent = _task(imports=["time"])
        return read_proposal({"children": children}, parent, (), 0, Policy())

    assert isinstance(proposed(granted), Proposal), proposed(granted)
    flag = proposed({"imports": ["time", "uuid"]})
    assert isinstance(flag, RedFlag)
    assert "the module uuid" in flag.detail


PACKAGE_FAULTS: list[tuple[list[dict[str, object]], str, str]] = [
    ([{"requirement": "attrs~=1", "modules": ["attr"]}], "packages[0].requirement", "no bound on a version"),
    ([{"requirement": "a", "modules": ["os"]}], "packages[0].modules", "of the standard library"),
    ([{"requirement": "a", "modules": ["a.b"]}], "packages[0].modules", "not the name of a top-level module"),
    ([{"requirement": "a", "modules": ["a", "a"]}], "packages[0].modules", "there twice"),
    (
        [{"requirement": "A_b", "modules": ["a"]}, {"requirement": "a-B>=1", "modules": ["b"]}],
        "packages[1]",
        "the package 'a-b' is there twice",
    ),
]


@pytest.mark.parametrize(("packages", "where", "what"), PACKAGE_FAULTS, ids=[what for *_, what in PACKAGE_FAULTS])
def test_packages_that_cannot_be_granted_are_refused(packages: list[dict[str, object]], where: str, what: str) -> None:
    """A grant names what is to be installed and what it brings; anything else is a fault at its place."""
    task = TaskSpecification.model_validate({"id": "f", "name": "f", "grants": {"packages": packages}})
    found = {fault.where: fault.what for fault in grant_faults("grants", task)}
    assert what in found[f"grants.{where}"]


def test_a_granted_package_may_be_used_and_no_other_and_a_part_gets_no_more_than_the_whole() -> None:
    """All that the package offers is allowed; the deliverable depends on what some part was granted, once."""
    given = Grants.model_validate({"packages": [{"requirement": "attrs>=23", "modules": ["attr", "attrs"]}]})
    used = "import attr\nfrom attrs.setters import frozen\n\n\ndef f():\n    return attr.ib(frozen)\n"
    assert check_security(used, given, ()) == ()
    assert [item.code for item in check_security(used, Grants(), ())] == ["import", "import"]
    assert check_security("import attributes\n", given, ())
    assert excess_of(given, Grants()) == "the package attrs>=23"
    assert excess_of(given, given) is None
    tasks = [TaskSpecification.model_validate({"id": name, "name": name, "grants": given}) for name in ("a", "b")]
    user = {"id": "c", "name": "c", "kind": "command", "dependencies": ["a"]}
    (fault,) = package_faults([*tasks, TaskSpecification.model_validate(user)])
    assert "'c' runs 'a', which is granted attrs>=23" in fault.what
    assert list(package_faults([*tasks, TaskSpecification.model_validate({**user, "grants": given})])) == []
    assert granted_packages(tasks) == given.packages
    assert "packages" not in TaskSpecification(id=TaskId("a"), name="a").model_dump()["grants"]
