"""Writes a tiny language model of random weights, with its tokenizer and chat template, as vLLM reads them.

It trains nothing and downloads nothing, and what the model says makes no sense. It needs the standard library alone.
Run: ``python -m tests.vllm.tiny_model FOLDER``.
"""

import argparse
import json
import random
import struct
import sys
from array import array
from pathlib import Path

NAME = "tiny"
"""The name under which the tests serve it."""

CONTEXT = 8192
"""Tokens of prompt and answer together; a token is a byte."""

SEED = 20261130

_HIDDEN, _FEED_FORWARD, _LAYERS, _HEADS, _HEAD_SIZE = 256, 512, 4, 8, 32
_BYTES = 256
_END, _BEGIN = "<|end|>", "<|begin|>"
_VOCABULARY = _BYTES + 2

_CONSTANT = 16.0
"""Coordinate 0 of every hidden state. No layer writes to it, so that the head finds a bias there: a Llama has none."""

_FORBIDDEN = -4.0
"""What the head reads from coordinate 0 for a token that the model is never to say: some 40 less in the logits."""

_CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


_Tensor = tuple[tuple[int, ...], "array[float]"]
"""A shape, and the values in order of rows."""


def write_model(folder: Path, seed: int = SEED) -> None:
    """Write the model into a folder, which is made. The same seed writes the same bytes.

    It says printable ASCII only, in no sensible order, and never ends of its own accord: an answer ends by a stop text,
    by a schema, or by its limit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _documents().items():
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    _write_safetensors(folder / "model.safetensors", _weights(random.Random(seed)))


def _documents() -> dict[str, object]:
    """Return the model's JSON files by name."""
    end, begin = _BYTES, _BYTES + 1
    special = [
        {"id": number, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for number, text in ((end, _END), (begin, _BEGIN))
    ]  # fmt: skip
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    vocabulary = {character: number for number, character in enumerate(_byte_characters())}
    return {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": _HIDDEN,
            "intermediate_size": _FEED_FORWARD,
            "num_hidden_layers": _LAYERS,
            "num_attention_heads": _HEADS,
            "num_key_value_heads": _HEADS,
            "head_dim": _HEAD_SIZE,
            "hidden_act": "silu",
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-6,
            "rope_theta": 10000.0,
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": False,
            "vocab_size": _VOCABULARY,
            "bos_token_id": begin,
            "eos_token_id": end,
            "torch_dtype": "float32",
        },
        "generation_config.json": {"bos_token_id": begin, "eos_token_id": end},
        "tokenizer.json": {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": special,
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": _BEGIN,
            "eos_token": _END,
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "chat_template": _CHAT_TEMPLATE,
        },
    }


def _byte_characters() -> list[str]:
    """Return the character that stands for each byte in a byte-level vocabulary.

    A printable byte stands for itself, the others for the characters from U+0100 on, in order: GPT-2's table, which the
    tokenizers library's ByteLevel has built in.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(_BYTES)]


def _weights(source: random.Random) -> dict[str, _Tensor]:
    """Draw the tensors, by name."""
    heads = _HEADS * _HEAD_SIZE
    ones = ((_HIDDEN,), array("f", [1.0] * _HIDDEN))
    embedding = _drawn(source, _VOCABULARY, _HIDDEN, 1.0)
    head = _drawn(source, _VOCABULARY, _HIDDEN, 0.15)
    for token in range(_VOCABULARY):
        embedding[1][token * _HIDDEN] = _CONSTANT
        head[1][token * _HIDDEN] = 0.0 if 0x20 <= token < 0x7F else _FORBIDDEN
    tensors = {"model.embed_tokens.weight": embedding, "model.norm.weight": ones, "lm_head.weight": head}
    for number in range(_LAYERS):
        layer = f"model.layers.{number}"
        tensors[f"{layer}.input_layernorm.weight"] = ones
        tensors[f"{layer}.post_attention_layernorm.weight"] = ones
        for name in ("q_proj", "k_proj", "v_proj"):
            tensors[f"{layer}.self_attn.{name}.weight"] = _drawn(source, heads, _HIDDEN, 0.1)
        tensors[f"{layer}.self_attn.o_proj.weight"] = _silent_at_0(_drawn(source, _HIDDEN, heads, 0.1))
        tensors[f"{layer}.mlp.gate_proj.weight"] = _drawn(source, _FEED_FORWARD, _HIDDEN, 0.1)
        tensors[f"{layer}.mlp.up_proj.weight"] = _drawn(source, _FEED_FORWARD, _HIDDEN, 0.1)
        tensors[f"{layer}.mlp.down_proj.weight"] = _silent_at_0(_drawn(source, _HIDDEN, _FEED_FORWARD, 0.1))
    return tensors


def _drawn(source: random.Random, rows: int, columns: int, bound: float) -> _Tensor:
    """Draw a matrix, uniform within ±``bound``."""
    draw = source.random
    return (rows, columns), array("f", [(2 * draw() - 1) * bound for _ in range(rows * columns)])


def _silent_at_0(matrix: _Tensor) -> _Tensor:
    """Keep a matrix from writing to coordinate 0."""
    shape, values = matrix
    values[: shape[1]] = array("f", bytes(4 * shape[1]))
    return matrix


def _write_safetensors(path: Path, tensors: dict[str, _Tensor]) -> None:
    """Write float32 tensors: the header's length in eight bytes, the header in JSON, then the values, little-endian."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (shape, values) in tensors.items():
        size = len(values) * values.itemsize
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    written = json.dumps(header).encode("ascii")
    written += b" " * (-len(written) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(written)) + written)
        for _, values in tensors.values():
            if sys.byteorder == "big":
                values = array("f", values)
                values.byteswap()
            values.tofile(file)


def main() -> None:
    """Write the model into the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_model(parser.parse_args().folder)


if __name__ == "__main__":
    main()
