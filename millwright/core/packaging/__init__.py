"""How a finished project looks as a package of its language: one file per language, one line in PACKAGERS."""

from millwright.core.packaging.package import Packager, Part
from millwright.core.packaging.python import PythonPackager
from millwright.errors import BadInput

PACKAGERS: tuple[Packager, ...] = (PythonPackager(),)


def packager_for(language: str) -> Packager:
    """Return the packager of a language.

    Raises:
        BadInput: there is none.
    """
    for packager in PACKAGERS:
        if packager.language == language:
            return packager
    known = ", ".join(packager.language for packager in PACKAGERS)
    raise BadInput(f"no packages can be made in {language!r}; known are: {known}")


__all__ = ["PACKAGERS", "Packager", "Part", "packager_for"]
