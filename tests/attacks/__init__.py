"""Attacks on the verifier: each shown to work on a naive one, and held by every engine."""
