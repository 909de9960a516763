from __future__ import annotations

from devices.registry import Registry
from devices.vocabulary import Decoded, Frame
from ingest.assembly import Assembler, IntakeRules
from tests.intake import dead_letters, frame, make_store


def broken(_frame: Frame) -> Decoded:
    raise ZeroDivisionError("a slip of ours")


async def test_a_decoder_that_fails_costs_its_frame_and_not_the_hub(postgres_dsn: str) -> None:
    store = make_store(postgres_dsn)
    assembler = Assembler(store, Registry(), {"mqtt-json": broken}, IntakeRules())
    await store.write(await assembler.assemble([assembler.decode(frame({"readings": {"fill_pct": 1}}))]))
    await store.close()
    assert dead_letters(postgres_dsn) == [("decoder", "the decoder failed: ZeroDivisionError: a slip of ours")]


async def test_a_frame_of_an_unknown_adapter_is_kept(postgres_dsn: str) -> None:
    store = make_store(postgres_dsn)
    assembler = Assembler(store, Registry(), {}, IntakeRules())
    await store.write(await assembler.assemble([assembler.decode(frame(b"x"))]))
    await store.close()
    assert dead_letters(postgres_dsn) == [("malformed", "adapter: no decoder is named 'mqtt-json'")]
