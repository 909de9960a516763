from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame, Identity
from ingest.adapters.http_json import HttpJson, another, channel
from ingest.filing import payload_digest

DECODER = HttpJson(Catalogue())
READ = {"ts": 1_763_600_000, "readings": {"fill_pct": 5}}


def frame(payload: Any, through: str = "telemetry") -> Frame:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Frame("http-json", "key", through, content, 1_795_392_000_000_000)


def decode(payload: Any, through: str = "telemetry") -> Decoded:
    return DECODER(frame(payload, through))


def test_each_message_names_its_device() -> None:
    decoded = decode([READ | {"device": "bin-1"}, READ | {"device": "bin-2"}])
    assert [uplink.identity for uplink in decoded.uplinks] == [Identity("id", "bin-1"), Identity("id", "bin-2")]
    assert decoded.problems == []
    assert decode(READ | {"device": "bin-1"}).identity == Identity("id", "bin-1")


def test_the_channel_names_it_where_the_key_is_its_own() -> None:
    for through in ("telemetry/bin-1", channel("bin-1", "key:a", "again")):
        assert [u.identity.value for u in decode([READ, READ | {"device": "bin-1"}], through).uplinks] == ["bin-1"] * 2
    decoded = decode([READ, READ | {"device": "bin-2"}], "telemetry/bin-1")
    assert len(decoded.uplinks) == 1
    assert decoded.problems == ["[1].device: expected bin-1, got bin-2"]


@pytest.mark.parametrize("device", ["", "bin 1", "-bin", "x" * 65, 7, 1.5, True, [], {}, "\ud800", "bin\0"])
def test_names_that_are_none(device: Any) -> None:
    decoded = decode([READ | {"device": "bin-1"}, READ | {"device": device}])
    assert len(decoded.uplinks) == 1
    assert len(decoded.problems) == 1
    assert decoded.problems[0].startswith("[1].device: expected an id of 1 to 64")


def test_a_fault_elsewhere_leaves_the_device_as_it_is() -> None:
    decoded = decode([{"device": "bin-1", "readings": {"fill_pct": 5}, "seq": "x"}, {"readings": {"fill_pct": 5}}])
    assert [uplink.identity.value for uplink in decoded.uplinks] == ["bin-1"]
    assert [problem.partition(":")[0] for problem in decoded.problems] == ["[0].seq", "[1].device"]


@pytest.mark.parametrize("through", ["", "telemetry/", "telemetry/a/b", "telemetry/~x/y", "uplinks/x", "telemetry/é"])
def test_channels_that_are_none(through: str) -> None:
    with pytest.raises(DecodeError, match="channel"):
        decode(READ, through)


def test_a_name_for_the_request_is_part_of_its_fingerprint() -> None:
    names = [None, "a", "b"]
    channels = [channel(device, poster, name) for device in (None, "bin-1") for poster in "xy" for name in names]
    digests = {payload_digest(frame(READ, through)) for through in channels}
    assert len(digests) == 2 + 8  # without a name it does not matter who posted


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "device": st.sampled_from(["bin-1", "bin-2", "bin-1 ", "", None, 7, [], "\ud800"]),
                "readings": st.sampled_from([{"fill_pct": 5}, {"fill_pct": "x"}, 7, None]),
                "ts": st.sampled_from([1_763_600_000, "never", None]),
            },
        )
        | st.sampled_from([None, 7, "bin-2", []]),
        max_size=4,
    )
)
def test_another_device_is_found_wherever_it_is_named(messages: list[Any]) -> None:
    payload = json.dumps(messages).encode()
    named = [message.get("device") for message in messages if isinstance(message, dict)]
    foreign = [device for device in named if device not in (None, "bin-1")]
    assert (another(payload, "bin-1") is not None) == bool(foreign)
    if not foreign and messages:
        decoded = decode(payload, "telemetry/bin-1")
        assert {uplink.identity.value for uplink in decoded.uplinks} <= {"bin-1"}


@given(st.binary(max_size=200))
def test_of_any_bytes(payload: bytes) -> None:
    assert another(payload, "bin-1") is None or b"device" in payload
