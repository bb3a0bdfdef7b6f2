"""Fixtures that several unit tests share."""

from tests.unit.commandline_fakes import composition, requirements, tasks

__all__ = ["composition", "requirements", "tasks"]
