"""The files of the tiny model: the same each time, and of the form that their header says."""

import json
import struct
from pathlib import Path

from tests.vllm.tiny_model import write_model


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    """Two models of one seed are equal in every file; another seed changes the weights and nothing else."""
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        write_model(tmp_path / name, seed)
    files = {path.name for path in (tmp_path / "one").iterdir()}
    assert "model.safetensors" in files
    for name in files:
        first, again, other = ((tmp_path / folder / name).read_bytes() for folder in ("one", "again", "other"))
        assert first == again
        assert (first == other) == (name != "model.safetensors")


def test_the_tensors_fill_the_file(tmp_path: Path) -> None:
    """Each tensor begins where the one before ends, is as large as its shape, and the last ends with the file."""
    write_model(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    del header["__metadata__"]
    end = 0
    for tensor in header.values():
        size = 4
        for extent in tensor["shape"]:
            size *= extent
        assert tensor["data_offsets"] == [end, end + size]
        end += size
    assert len(content) == 8 + length + end
