"""Millwright builds software from natural-language requirements, durably and with evidence."""

__version__ = "0.1.0"
