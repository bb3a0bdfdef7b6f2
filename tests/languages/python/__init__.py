"""Candidates in Python."""
