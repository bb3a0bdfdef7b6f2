"""Candidates per target language, and the ladder held against them."""
