"""Framers for pymodbus' clients that cut frames by our own wire code (:mod:`ingest.wire.modbus.frames`).

pymodbus' own give an answer up for one byte of noise before it, as RS-485 drivers make it, and the whole connection for
an answer that they cannot read.
"""

from __future__ import annotations

from collections.abc import Iterable

from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import ModbusPDU

from ingest.wire.modbus.frames import Adu, RtuCutter, TcpCutter


class CuttingRtu(FramerRTU):
    """RTU frames, cut by our own wire code."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        """What of ``data`` is done with, and the answer in it, if it is whole."""
        cutter = RtuCutter("response")
        answer = _answer(self, cutter.feed(data), exp_devid, exp_tid)
        return len(data) - cutter.pending, answer


class CuttingTcp(FramerSocket):
    """TCP frames, cut by our own wire code."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        """What of ``data`` is done with, and the answer in it, if it is whole."""
        cutter = TcpCutter()
        answer = _answer(self, cutter.feed(data), exp_devid, exp_tid)
        return len(data) - cutter.pending, answer


def _answer(framer: FramerBase, frames: Iterable[Adu], unit: int, transaction: int) -> ModbusPDU | None:
    """The answer of the unit that was asked. Others, late ones and unreadable ones are passed over."""
    for frame in frames:
        if frame.unit != unit or frame.transaction not in (None, transaction):
            continue
        answer = framer.decoder.decode(frame.pdu)
        if answer is not None:
            answer.dev_id, answer.transaction_id = frame.unit, frame.transaction or 0
            return answer
    return None
