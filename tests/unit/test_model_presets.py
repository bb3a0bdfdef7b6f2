"""Model presets: found by the model's name, read by schema, and refused with the line of each fault."""

from pathlib import Path

import pytest

from millwright.adapters.documents.model_presets import preset_for, read_model_preset
from millwright.errors import BadInput
from schemas.presets import ModelPreset, Prices, Share
from worker import model_preset

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ROOT / "config" / "models"


@pytest.mark.parametrize("file", sorted(PRESETS.iterdir()), ids=lambda file: file.name)
def test_every_preset_of_ours_is_sound(file: Path) -> None:
    """Each names what it is about; only the default speaks of no model by name."""
    found = read_model_preset(file.read_bytes(), file.name)
    assert found.name
    assert bool(found.models) == (file.name != "default.yaml")


def test_the_default_states_the_defaults() -> None:
    """What the file says of any model is what the schema assumes without a file."""
    assert preset_for("never-heard-of", PRESETS) == ModelPreset()


def test_a_preset_is_found_by_the_models_name(tmp_path: Path) -> None:
    """Stars stand for anything; the first file by name counts, and the default where none speaks of the model."""
    (tmp_path / "default.yaml").write_text("name: any")
    (tmp_path / "b.yaml").write_text("name: b\nmodels: ['qwen*']\nprices: {prompt: 0.5, completion: 2}")
    (tmp_path / "a.yaml").write_text("name: a\nmodels: [qwen-7b]\nright: {mean: 0.7, strength: 12}")
    assert preset_for("qwen-7b", tmp_path).right == Share(mean=0.7, strength=12)
    assert preset_for("qwen-32b", tmp_path).prices == Prices(prompt=0.5, completion=2)
    assert preset_for("other", tmp_path).name == "any"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "is no mapping"),
        ("name: x\nright: {mean: 1.5, strength: 6}", "line 2: right.mean"),
        ("name: x\nright: {mean: 0.5, strength: 0}", "line 2: right.strength"),
        ("name: x\ncolour: red", "line 2: colour: no such field"),
        ("name: x\nprices: {prompt: -1, completion: 0}", "line 2: prices.prompt"),
        ("name: x\nprices: {prompt: 1}", "prices.completion"),
        ("name: [", "line"),
    ],
)
def test_faults_are_told_with_their_lines(text: str, told: str) -> None:
    """One line says what is wrong, and where."""
    with pytest.raises(BadInput, match=told) as refusal:
        read_model_preset(text.encode(), "mine.yaml")
    assert str(refusal.value).startswith("mine.yaml")


def test_what_is_no_text_or_too_long_is_refused() -> None:
    """A file of another kind is told as such."""
    for content in (b"\xff\xfe", b" " * 100_000):
        with pytest.raises(BadInput, match=r"mine\.yaml"):
            read_model_preset(content, "mine.yaml")


def test_a_file_that_is_named_counts_whatever_the_model_is_called(tmp_path: Path) -> None:
    """The setting outweighs the folder; a missing file is told with the setting's name."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine")
    assert model_preset(mine, "millwright-demo").name == "mine"
    assert model_preset(None, "millwright-demo").name == "the demo's scripted model"
    with pytest.raises(BadInput, match=r"MILLWRIGHT_MODEL_PRESET.*gone"):
        model_preset(tmp_path / "gone", "x")
