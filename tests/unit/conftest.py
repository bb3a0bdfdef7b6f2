"""Fixtures that several unit tests share."""

from tests.unit.commandline_fakes import composition, lines, requirements, tasks

__all__ = ["composition", "lines", "requirements", "tasks"]
