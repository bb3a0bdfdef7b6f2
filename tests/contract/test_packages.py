"""Granted packages: read where they are installed, laid beside candidates, and refused with the remedy otherwise."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.adapters.packages.beside import AnalyserWithPackages, SandboxWithPackages
from millwright.adapters.packages.installed import package_modules
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.errors import BadInput
from schemas.execution import CallRequest, Program, PropertyRequest
from schemas.packages import RequirementSyntaxError, parse_requirement
from schemas.specification import PackageGrant, Property
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool
from tests.contract.sandbox_fixtures import ONE

PACKAGING = PackageGrant(requirement="packaging>=20", modules=("packaging",))
PROGRAM = Program(
    modules={"m.py": "from packaging.version import Version\ndef f(n): return str(Version(f'{n}.0rc1'))"},
    module="m",
    function="f",
    packages=(PACKAGING,),
)


@pytest.mark.sandbox
async def test_a_candidate_imports_what_it_is_granted_and_an_engine_alone_refuses(sandbox: BubblewrapSandbox) -> None:
    """The package is there as text; without whoever lays it in, the program is refused and never run without."""
    laid = SandboxWithPackages(sandbox)
    (one,) = (await laid.call(CallRequest(program=PROGRAM, calls=((ONE,),)))).outcomes
    assert one.value == ["str", "1.0rc1"]
    held = Property(name="p", property_function="def p(n):\n    assert f(n) == '1.0rc1'")
    report = await laid.check_properties(
        PropertyRequest(program=PROGRAM, properties=(held,), calls=((ONE,),), input_names=("n",))
    )
    assert report.results[0].failure is None
    assert report.results[0].checked == 1
    with pytest.raises(BadInput, match="nobody laid beside it"):
        await sandbox.call(CallRequest(program=PROGRAM, calls=((ONE,),)))
    bare = PROGRAM.model_copy(update={"packages": ()})
    report_of_bare = await laid.call(CallRequest(program=bare, calls=((ONE,),)))
    assert "ModuleNotFoundError" in (report_of_bare.load_error or "")


class Listening:
    """An analyser that finds nothing and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AnalysisRequest] = []

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Find nothing."""
        self.asked += requests
        return (AnalysisReport(findings=()),) * len(requests)


async def test_the_type_checker_sees_the_package_and_the_candidate_wins_over_it() -> None:
    """What is granted lies among the modules; one that was not granted anything is handed on as it is."""
    listening = Listening()
    modules = {"m.py": "", "packaging/tags.py": "mine"}
    request = AnalysisRequest(tool=AnalysisTool.TYPES, modules=modules, target="m.py", packages=(PACKAGING,))
    plain = request.model_copy(update={"packages": ()})
    await AnalyserWithPackages(listening).analyse([request, plain])
    seen, untouched = listening.asked
    assert "class Version" in seen.modules["packaging/version.py"]
    assert seen.modules["packaging/tags.py"] == "mine"
    assert untouched is plain


REFUSED = [
    ("no-such-distribution-anywhere", "x", "not installed where candidates are verified: pip install"),
    ("packaging>=9999", "packaging", "is installed as"),
    ("packaging", "wheel_of_time", "has no module wheel_of_time"),
    ("httpx", "httpx", "needs .*: grant that as well"),
    ("markupsafe", "markupsafe", "not all of Python"),
]


@pytest.mark.parametrize(("requirement", "module", "complaint"), REFUSED, ids=[item for item, _, _ in REFUSED])
def test_what_cannot_be_laid_in_is_refused_with_what_to_do(requirement: str, module: str, complaint: str) -> None:
    """A candidate is never tried without what its specification grants."""
    with pytest.raises(BadInput, match=complaint):
        package_modules([PackageGrant(requirement=requirement, modules=(module,))])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.lists(st.integers(0, 30), min_size=1, max_size=4))
def test_bounds_compare_releases_number_by_number(one: list[int], other: list[int]) -> None:
    """1.10 comes after 1.9, and 1.0 is 1; exactly one of less, equal and greater holds."""
    version, bound = ".".join(map(str, one)), ".".join(map(str, other))
    less, equal, greater = (parse_requirement(f"p{sign}{bound}").allows(version) for sign in ("<", "==", ">"))
    assert [less, equal, greater].count(True) == 1
    assert parse_requirement(f"p >= {bound}, <= {bound}").allows(version) is equal
    assert parse_requirement(f"p!={bound}").allows(f"{version}rc1") is not equal


@pytest.mark.parametrize(
    "text", ["", "-p", "p[extra]", "p @ http://x", "p>=1; python_version<'4'", "p~=1.0", "p>=1rc1"]
)
def test_other_requirements_are_refused(text: str) -> None:
    """A grant names a distribution and plain bounds, and nothing that would have to be resolved."""
    with pytest.raises(RequirementSyntaxError):
        parse_requirement(text)
