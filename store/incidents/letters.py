"""Letters to other departments: claimed by one hub at a time, and what became of them."""

from __future__ import annotations

import msgspec

from store.writing import WriteSession

_CLAIM = """
UPDATE incident_letters SET attempts = attempts + 1, claimed_until = now() + %(lease)s * interval '1 s'
 WHERE id IN (SELECT id FROM incident_letters
               WHERE delivered_at IS NULL AND given_up_at IS NULL AND not_before <= now()
                 AND department = ANY (%(departments)s::text[])
                 AND (claimed_until IS NULL OR claimed_until <= now())
               ORDER BY not_before LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id::text, incident_id, department, content::text, attempts, extract(epoch FROM now() - entered_at)::float8
"""
_DELIVERED = """
UPDATE incident_letters SET delivered_at = now(), claimed_until = NULL, answer = %(answer)s
 WHERE id = %(id)s::uuid AND delivered_at IS NULL
"""
_FAILED = """
UPDATE incident_letters SET claimed_until = NULL, answer = %(answer)s, not_before = now() + %(wait)s * interval '1 s',
       given_up_at = CASE WHEN %(end)s THEN now() END
 WHERE id = %(id)s::uuid AND delivered_at IS NULL
"""


class ClaimedLetter(msgspec.Struct, frozen=True):
    """A letter that this hub is to send now: JSON text, how often it was tried (this time included), its age (s)."""

    id: str
    incident: int
    department: str
    content: str
    attempts: int
    age_s: float


class IncidentLetters:
    """Raises TransientError while the store is away."""

    def __init__(self, writes: WriteSession) -> None:
        self._writes = writes

    async def claim(self, departments: list[str], *, limit: int, lease_s: float) -> tuple[ClaimedLetter, ...]:
        """Letters that are due, for this hub alone for ``lease_s`` seconds."""
        params = {"departments": departments, "limit": limit, "lease": lease_s}
        async with self._writes.transaction() as connection:
            rows = await (await connection.execute(_CLAIM, params)).fetchall()
        return tuple(ClaimedLetter(*row) for row in rows)

    async def delivered(self, letter: str, answer: str) -> None:
        """The department has taken it."""
        async with self._writes.transaction() as connection:
            await connection.execute(_DELIVERED, {"id": letter, "answer": answer})

    async def failed(self, letter: str, answer: str, wait_s: float, *, give_up: bool) -> None:
        """It did not; try again in a while, or never."""
        async with self._writes.transaction() as connection:
            await connection.execute(_FAILED, {"id": letter, "answer": answer, "wait": wait_s, "end": give_up})
