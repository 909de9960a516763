"""A short run of the fuzzer over every protocol; the long one is ``python -m tests.fuzz.fuzz``."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz import PROTOCOLS, fuzz
from tests.fuzz.shapes import SHAPES, seeds

INPUTS = 4_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_decoders_raise_nothing_but_decode_error(protocol: str) -> None:
    fates = fuzz(protocol, INPUTS, seed=20_261_123)
    for sound, faulty in (("decoded", "refused"), ("told", "told as a fault")):
        if taken := fates[sound] + fates[faulty]:
            assert fates[sound] > taken // 10, "most inputs never get past the first check"
            assert fates[faulty] > taken // 10


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_a_corpus(protocol: str) -> None:
    assert len(seeds(protocol)) >= (21 if protocol in SHAPES else 12)
