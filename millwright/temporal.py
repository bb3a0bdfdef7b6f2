"""How Millwright speaks to Temporal: the data converter, and the connection by Temporal's standard configuration.

It registers no workflows and knows no adapters.
"""

import dataclasses
from typing import Any

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    CompositePayloadConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
)
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from millwright.errors import TemporalUnavailable


class _StrictJSON(PydanticJSONPlainPayloadConverter):
    """Plain JSON into models; input that does not fit fails the workflow at once instead of its task for ever."""

    def from_payload(self, payload: Payload, type_hint: type[Any] | None = None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, problem['loc'])) or 'input'}: {problem['msg']}" for problem in error.errors()
            )
            raise ApplicationError(
                f"the input does not fit {error.title}: {problems}", type="PayloadValidationError", non_retryable=True
            ) from error


class _Converter(CompositePayloadConverter):
    def __init__(self) -> None:
        strict: EncodingPayloadConverter = _StrictJSON()
        super().__init__(
            *(
                strict if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


data_converter = dataclasses.replace(pydantic_data_converter, payload_converter_class=_Converter)
"""Plain JSON with Pydantic models; the same for client, worker, replayer and tests."""


async def connect(address: str | None = None) -> Client:
    """Connect to ``address``, or where Temporal's environment configuration points.

    Raises:
        TemporalUnavailable: nothing answers there.
    """
    options = ClientConfig.load_client_connect_config()
    if address:
        options["target_host"] = address
    options.setdefault("target_host", "localhost:7233")
    try:
        return await Client.connect(**options, data_converter=data_converter)
    except (RuntimeError, RPCError) as error:
        raise TemporalUnavailable(
            f"no Temporal service answers at {options['target_host']}: start one with `millwright up`, or set "
            "TEMPORAL_ADDRESS"
        ) from error
