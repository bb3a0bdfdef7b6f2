"""How Millwright speaks to Temporal: the converter, the connection by its own configuration, its errors as ours.

It registers no workflows and knows no adapters.
"""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from temporalio.service import RPCError, RPCStatusCode

from millwright.errors import BadInput, MillwrightError, NotFound, TemporalUnavailable
from schemas.identity import ProjectId


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


@asynccontextmanager
async def speaking_of(name: ProjectId) -> AsyncIterator[None]:
    """Turn Temporal's own errors of connection and lookup into ours.

    Raises:
        NotFound: no such workflow runs; BadInput: the server refuses the request.
        TemporalUnavailable: nothing answers.
    """
    try:
        yield
    except RPCError as error:
        raise _translated(name, error) from error
    except RuntimeError as error:  # the SDK's bridge reports a connection it could not make so
        raise TemporalUnavailable(f"the Temporal service does not answer: {error}; see `millwright doctor`") from error


def _translated(name: ProjectId, error: RPCError) -> MillwrightError:
    if error.status is RPCStatusCode.NOT_FOUND:
        return NotFound(f"project {name!r} does not run here: `millwright list` shows the projects")
    if error.status is RPCStatusCode.INVALID_ARGUMENT:
        return BadInput(f"Temporal refused project {name!r}: {error.message}")
    return TemporalUnavailable(f"the Temporal service does not answer: {error.message}; see `millwright doctor`")
