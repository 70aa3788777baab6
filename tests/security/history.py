"""What Temporal keeps of a workflow, and which of it is readable."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client

ENCODED = "Encoded failure"


async def events(client: Client, workflow_id: str) -> list[Message]:
    """All events of all runs, the first run first, as Temporal keeps them."""
    listed = [each async for each in client.list_workflows(f"WorkflowId = '{workflow_id}'")]
    runs = [each.run_id for each in sorted(listed, key=lambda each: each.start_time)]
    return [
        event
        for run_id in runs
        async for event in client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events()
    ]


def payloads(message: Message) -> Iterator[Payload]:
    """Every payload within, but for search attributes, which the server has to read."""
    if isinstance(message, Payload):
        yield message
    elif not isinstance(message, SearchAttributes):
        for child in _children(message):
            yield from payloads(child)


def failures(message: Message) -> Iterator[Failure]:
    """Every failure within."""
    if isinstance(message, Failure):
        yield message
    for child in _children(message):
        yield from failures(child)


def _children(message: Message) -> Iterator[Message]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        yield from _messages(value)


def _messages(value: Any) -> Iterator[Message]:
    if isinstance(value, Message):
        yield value
    elif hasattr(value, "values"):
        yield from (each for each in value.values() if isinstance(each, Message))
    else:
        yield from value
