"""The command `calibrate`: fits how likely a won task is wrong all the same, on results of which the truth is known."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.options import JsonOption
from millwright.commandline.output import console, emit, note, say, table

if TYPE_CHECKING:
    from millwright.core.calibration import Bin, Calibration, Trial

DEFAULT_OUT = Path("calibration.json")


def calibrate(
    results: Annotated[
        str, typer.Argument(metavar="RESULTS|-", help="Won tasks, one JSON object a line; - reads stdin.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Write the calibration there.")] = DEFAULT_OUT,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TEXT", help="What the results are; else their file.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit defect probabilities on results.

    Each line tells of a won task: {"margin": 3, "purity": 0.8, "yield": 0.4, "examples": 2, "layers": 8, "right":
    true}; "task", a name, keeps several elections of one task together. The kind of fit with the least Brier score on
    tasks held out is taken, and the table shows its predictions of those. A file that is no calibration is not
    overwritten.

    Example: millwright calibrate results.jsonl --out calibration.json

    Exit codes: 0 written, 2 bad input.
    """
    from datetime import UTC, datetime

    from millwright.commandline.requests import STDIN, read_bytes
    from millwright.core.calibration import reliability_diagram
    from millwright.core.fitting import contest, fit_winner

    origin = "stdin" if results == STDIN else results
    trials = list(_trials(read_bytes(results), origin))
    _check_free(out)
    won = contest(trials)
    fitted = fit_winner(won, trials, source=source or Path(origin).name, date=datetime.now(UTC).date().isoformat())
    bins = reliability_diagram(won.predicted)
    _write(fitted, out)
    if as_json:
        emit({"calibration": fitted.model_dump(mode="json"), "diagram": [each._asdict() for each in bins]})
    else:
        _show(fitted, bins)
    note(f"written to {out}")


def _trials(content: bytes, origin: str) -> "Iterator[Trial]":
    from pydantic import ValidationError

    from millwright.core.calibration import Trial
    from millwright.errors import BadInput

    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{origin}, line {number}"
        try:
            # Strictly: a text is no number, and 1 is not true.
            yield Trial.model_validate_json(line, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise BadInput(f"{place}: {where}: {first['msg']}; `millwright calibrate --help` shows a line") from error


def _check_free(out: Path) -> None:
    from millwright.core.calibration import read_calibration
    from millwright.errors import BadInput

    if not out.exists():
        return
    try:
        read_calibration(out.read_bytes(), str(out))
    except (OSError, BadInput) as error:
        raise BadInput(f"{str(out)!r} exists and is no calibration: choose another file with --out") from error


def _write(fitted: "Calibration", out: Path) -> None:
    from millwright.errors import BadInput

    content = json.dumps(fitted.model_dump(mode="json"), indent=2) + "\n"
    unfinished = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(content, encoding="utf-8")
        unfinished.replace(out)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BadInput(f"cannot write {str(out)!r}: {error.strerror}; choose another file with --out") from error


def _show(fitted: "Calibration", bins: "tuple[Bin, ...]") -> None:
    known = fitted.provenance
    say(f"{known.elections:,} elections of {known.tasks:,} tasks, {known.right:.1%} right")
    say(f"fit: {fitted.method}{_features(fitted)}")
    say(f"Brier score on tasks held out: {known.brier:.4f} (always the base rate: {known.brier_of_base_rate:.4f})")
    shown = table("predicted defects", "elections", "mean", "wrong", right=("elections", "mean", "wrong"))
    for each in bins:
        shown.add_row(
            f"{each.low:.1%} to {each.high:.1%}", f"{each.size:,}", f"{each.predicted:.1%}", f"{each.observed:.1%}"
        )
    console().print(shown, markup=False)


def _features(fitted: "Calibration") -> str:
    names = ", ".join(each.feature for each in fitted.weights)
    return f" over {names}" if names else ""
