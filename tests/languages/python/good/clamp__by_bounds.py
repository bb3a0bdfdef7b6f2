"""Keeps numbers in their range."""

from __future__ import annotations


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
