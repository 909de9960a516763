"""Signatures of webhooks, after the Standard Webhooks specification (standardwebhooks.com), version 1.

The signed content is ``<id>.<timestamp>.<body>``; the signature is HMAC-SHA256 in base64 behind ``v1,``. While a secret
is replaced by another, both sign, and their signatures stand side by side.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key of a secret: base64 behind ``whsec_``, any other text as it is. Raises ValueError."""
    if not secret.startswith(PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ValueError("what follows whsec_ is no base64") from None
    if len(key) < 24:
        raise ValueError("a secret has at least 24 bytes; make one with: openssl rand -base64 32")
    return key


def headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove where a body comes from, and when (``timestamp`` in seconds since 1970)."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
