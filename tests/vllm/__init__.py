"""Tests against a real vLLM on a tiny model; a run of their own (`make test-vllm`)."""
