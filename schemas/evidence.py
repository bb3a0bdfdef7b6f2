"""What a build leaves behind: artifacts, the manifest, the rows that the record is made of."""

from datetime import datetime

from pydantic import Field, JsonValue

from schemas.base import Schema
from schemas.coordination import Advised
from schemas.election import Flag
from schemas.identity import Archetype, Digest, LayerName, NodePath, ProjectId, TaskId, TaskStatus
from schemas.lessons import Lesson
from schemas.models import Spend
from schemas.planning import Promises


class ManifestEntry(Schema):
    """One file of a deliverable: path relative to its root, digest of its bytes, size in bytes."""

    path: str
    digest: Digest
    size_bytes: int = Field(ge=0)


class Manifest(Schema):
    """The list that makes a deliverable: its files by path, and for each module the node that won it."""

    project: ProjectId
    package: str
    files: tuple[ManifestEntry, ...]
    nodes: dict[str, NodePath] = Field(default_factory=dict)


class Rework(Schema):
    """What became of a node after its part was won once, or could not be.

    ``edition`` stands in the keys of its calls: it tells the task of a new plan from an earlier one at the same place.
    ``replans`` counts the new plans of the node itself, and ``given_up`` says of each plan before them why it was given
    up. ``reopenings`` is how often its election was held again. The candidates that are ``barred`` have no vote any
    more, each with the layer that what is held against it belongs to. ``reasons`` say, one for each reopening, what was
    found against its part. ``advised`` are a coordinator's proposals after elections that nobody won. ``guidance`` is
    what people said when they rejected what it came to; whoever writes the part is told. ``respecified`` is what they
    said when they rejected specifications of the whole that were elected before this one. ``editors`` are the
    questions whose answers changed the specification.
    """

    edition: str = ""
    replans: int = Field(default=0, ge=0)
    given_up: tuple[str, ...] = ()
    reopenings: int = Field(default=0, ge=0)
    barred: dict[Digest, LayerName] = Field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    advised: tuple[Advised, ...] = ()
    guidance: tuple[str, ...] = ()
    respecified: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()


class NodeRecord(Schema):
    """A node as stored: where it stands and how its part was won.

    ``module`` is the file of the deliverable that the node fills, ``candidate`` the source that was accepted and
    ``artifact`` the module made of it. ``dependencies`` are the nodes that it may call, its children among them.
    ``defect`` is the predicted probability that a part which was won is wrong all the same; None: nothing is predicted.
    ``estimated_lines`` and ``estimated_complexity`` are the decomposer's, ``lines`` and ``complexity`` those of the
    accepted source; 0 where there is none. ``promises`` is what was found of the plan of a node that was split.
    """

    project: ProjectId
    path: NodePath
    task: TaskId
    name: str
    parent: NodePath | None = None
    archetype: Archetype = Archetype.CODER
    status: TaskStatus = TaskStatus.PENDING
    specification: Digest
    module: str = ""
    dependencies: tuple[NodePath, ...] = ()
    children: tuple[NodePath, ...] = ()
    artifact: Digest | None = None
    candidate: Digest | None = None
    votes: int = 0
    margin: int = 0
    k: int = 0
    samples: int = 0
    red_flags: int = 0
    rejected_by_layer: dict[LayerName, int] = Field(default_factory=dict)
    defect: float | None = None
    note: str = ""
    estimated_lines: int = 0
    estimated_complexity: int = 0
    lines: int = 0
    complexity: int = 0
    promises: Promises | None = None
    rework: Rework = Rework()


class CompletionRecord(Schema):
    """A completion as stored, under its call's key.

    ``call`` identifies what was asked, whoever asked it, and ``choice`` counts the completions of one request from 0.
    ``model`` is the one that answered. ``recalled``: it was answered before, and no request was made for it.
    """

    path: NodePath
    purpose: str
    round: int
    index: int
    archetype: Archetype
    text: str
    finish_reason: str
    candidate: Digest | None = None
    flag: Flag | None = None
    detail: str = ""
    revision: int = Field(default=1, ge=1)
    call: Digest | None = None
    choice: int = Field(default=0, ge=0)
    model: str = ""
    recalled: bool = False


class ProjectRecord(Schema):
    """A project as stored. ``input_digest`` identifies what was asked for.

    ``revision`` counts from 1 how often other input was built under the project's id.
    """

    id: ProjectId
    input_digest: Digest
    requirements: Digest | None = None
    specification: Digest | None = None
    target_language: str = "python"
    package: str = ""
    seed: int = 0
    options: dict[str, JsonValue] = Field(default_factory=dict)
    status: TaskStatus = TaskStatus.RUNNING
    exit_code: int | None = None
    message: str = ""
    workflow_id: str = ""
    run_id: str = ""
    manifest: Digest | None = None
    report: Digest | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    revision: int = Field(default=1, ge=1)


class Actual(Schema):
    """What a project took in fact, beside its forecast.

    ``delivered``: it was built whole, so that its figures can teach. ``seconds`` is None where time says nothing of the
    work: a person was waited for. The ratios are of what was written over what was estimated, over the
    ``estimated_parts`` that an elected plan had estimated. ``lessons`` is what its elections taught, by kind.
    """

    delivered: bool
    lines: int = Field(ge=0)
    tasks: int = Field(ge=0)
    calls: int = Field(ge=0)
    tokens: int = Field(ge=0)
    cost: float = Field(default=0.0, ge=0)
    seconds: float | None = None
    estimated_parts: int = 0
    part_lines_ratio: float | None = None
    part_complexity_ratio: float | None = None
    lessons: tuple[Lesson, ...] = ()


class PlannedKind(Schema):
    """The margin planned for one kind of task: how many there are, the p it rests on, and the chance that one is
    right, each with an interval."""

    name: str
    tasks: int
    k: int
    p: float
    p_range: tuple[float, float]
    success: float
    success_range: tuple[float, float]


class Forecast(Schema):
    """What a project is expected to take, each figure with an interval (low, high) of about 90 %.

    ``success`` is the chance that all tasks are right if votes are independent, ``target`` what was asked for;
    ``kinds`` are the margins by kind of task, of which ``k`` is the one that most tasks have, and ``notes`` what stands
    against the target. ``guessed``: lines and tasks come from a text's length. ``corrected`` are the factors by figure
    that finished builds taught, already applied, and ``corrections`` says so in words. ``actual`` is filled at the end.
    """

    lines: int
    lines_range: tuple[int, int]
    tasks: int
    tasks_range: tuple[int, int]
    calls: int
    calls_range: tuple[int, int]
    tokens: int
    tokens_range: tuple[int, int]
    cost: float
    cost_range: tuple[float, float]
    wall_seconds: float
    wall_seconds_range: tuple[float, float]
    k: int
    agents: int
    timeline: str
    basis: str
    agents_range: tuple[int, int] = (0, 0)
    timeline_range: tuple[str, str] = ("", "")
    concurrency: int = 0
    target: float | None = None
    success: float | None = None
    success_range: tuple[float, float] = (0.0, 1.0)
    kinds: tuple[PlannedKind, ...] = ()
    notes: tuple[str, ...] = ()
    guessed: bool = False
    corrected: dict[str, float] = Field(default_factory=dict)
    corrections: str = ""
    actual: Actual | None = None


class ProjectSpend(Schema):
    """A project's spend: what its concluded requests count as (settled, refused or lost), and what is reserved."""

    settled: Spend = Spend()
    reserved: Spend = Spend()
