"""The target languages: one file per language, one line in LANGUAGES."""

from millwright.core.verification.file_formats import FILES
from millwright.core.verification.language import Language
from millwright.core.verification.languages.python import Python
from millwright.errors import BadInput

LANGUAGES: tuple[Language, ...] = (Python(),)
"""Every language that Millwright writes, in the order in which they are listed to people."""


def language_named(name: str) -> Language:
    """Return the language of this name, or the format of files.

    Raises:
        BadInput: it is not one of LANGUAGES; the message lists them.
    """
    for language in (*LANGUAGES, *FILES):
        if language.name == name:
            return language
    known = ", ".join(language.name for language in LANGUAGES)
    raise BadInput(f"{name!r} is not a target language that Millwright writes; known are: {known}")
