"""Fixtures that the contract suites share; each suite keeps its own fakes beside its tests."""

from tests.contract.sandbox_fixtures import sandbox
from tests.contract.stores_fixtures import store
from tests.postgres_fixture import database_url, empty_database, postgres_server

__all__ = ["database_url", "empty_database", "postgres_server", "sandbox", "store"]
