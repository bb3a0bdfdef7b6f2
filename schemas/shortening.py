"""Cuts a text where it is too long to be shown whole.

It puts nothing on one line: whoever shows it knows its lines.
"""


def shortened(text: str, longest: int) -> str:
    """Return a text of at most ``longest`` characters; one that was cut ends with an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
