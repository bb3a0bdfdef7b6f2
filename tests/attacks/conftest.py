"""What the suites of attacks share: a secret that must not leak."""

from collections.abc import Iterator

import pytest

from .canaries import secret_in_the_environment


@pytest.fixture(scope="module")
def secret() -> Iterator[str]:
    """Hold a secret in the environment of this process, from before an engine starts anything."""
    with secret_in_the_environment() as made:
        yield made
