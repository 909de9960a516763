"""Query parameters of the audit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.params.fields import PLAIN, Cursor, Name, Parameters


class AuditQuery(Parameters):
    """Filters of the audit."""

    actor: Annotated[Name | None, Field(default=None, description="Who did it.", examples=["key:k3xo2c7q5a"])]
    action: Annotated[Name | None, Field(default=None, description="What was done.", examples=["command.text"])]
    target: Annotated[
        str | None,
        Field(default=None, max_length=100, pattern=PLAIN, description="To whom.", examples=["device:vehicle-0007"]),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]
