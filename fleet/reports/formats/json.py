"""JSON for machines: the document as it is hashed, its stamp, and nothing that depends on a language."""

from __future__ import annotations

import msgspec

from devices.instants import to_iso
from fleet.reports.canonical import settled
from fleet.reports.format import Edition, Format, always


def write(edition: Edition) -> bytes:
    """An object with ``report`` (revision, hash, zone, span as text) and ``document``; keys in order."""
    document, stamp = edition.document, edition.stamp
    content = {
        "report": {
            "kind": document.kind,
            "revision": stamp.number,
            "hash": f"sha256:{stamp.hash}",
            "made_at": to_iso(stamp.made_at),
            "made_by": stamp.made_by,
            "from": to_iso(document.start),
            "to": to_iso(document.end),
            "zone": document.zone,
        },
        "document": msgspec.to_builtins(settled(document)),
        "changes": msgspec.to_builtins(stamp.changes),
        "signatures": msgspec.to_builtins(stamp.signatures),
        "appeals": msgspec.to_builtins(stamp.appeals),
    }
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=1) + b"\n"


FORMAT = Format("json", always("application/json"), always("json"), write)
