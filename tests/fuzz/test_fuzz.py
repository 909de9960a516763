"""A short run of the fuzzer over every protocol; the long one is ``python -m tests.fuzz.fuzz``."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz import PROTOCOLS, fuzz
from tests.fuzz.shapes import CORPUS, SHAPES, seeds

INPUTS = 4_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_decoders_raise_nothing_but_decode_error(protocol: str) -> None:
    fates = fuzz(protocol, INPUTS, seed=20_261_123)
    if protocol in SHAPES or (CORPUS / protocol).exists():
        assert fates["decoded"] + fates["told"] > INPUTS // 10, "most inputs never get past the first check"
        assert fates["refused"] + fates["told as a fault"] > INPUTS // 10


@pytest.mark.parametrize("protocol", sorted(SHAPES))
def test_shapes_have_a_corpus(protocol: str) -> None:
    assert len(seeds(protocol)) > 20
