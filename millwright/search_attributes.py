"""Registers the search attributes that workflows set, before any worker serves them.

It removes none, and changes none that is there.
"""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from millwright.errors import TemporalUnavailable
from workflows.identifiers import (
    NODE_ATTRIBUTE,
    PROJECT_ATTRIBUTE,
    SPEND_ATTRIBUTE,
    STATE_ATTRIBUTE,
    WAITS_FOR_ATTRIBUTE,
)


async def register_search_attributes(client: Client) -> None:
    """Register the search attributes that workflows set: an unregistered one would stall them for ever.

    Raises:
        TemporalUnavailable: they are missing and may not be added here; the message has the command that adds them.
    """
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    wanted = {
        key.name: keyword for key in (PROJECT_ATTRIBUTE, NODE_ATTRIBUTE, STATE_ATTRIBUTE, WAITS_FOR_ATTRIBUTE)
    } | {SPEND_ATTRIBUTE.name: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE}
    try:
        present = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        missing = {name: kind for name, kind in wanted.items() if name not in present.custom_attributes}
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
    except RPCError as error:
        commands = "; ".join(
            f"temporal operator search-attribute create --name {name} --type "
            + ("Keyword" if kind == keyword else "Double")
            for name, kind in wanted.items()
        )
        raise TemporalUnavailable(
            f"search attributes cannot be registered in {client.namespace} ({error.message}); run: {commands}"
        ) from error
