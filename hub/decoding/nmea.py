"""``sanihub decode nmea``: a sentence a line.

``fix``, ``observed_at`` and ``readings`` stand on the last line of their epoch. Which line that is shows only when the
next epoch begins or the input ends: the lines of an epoch are told together then, each in its place.
"""

from __future__ import annotations

from typing import Any

import msgspec

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Identity
from hub.decoding.decoding import Decoding
from hub.decoding.form import fault, form
from ingest.adapters.nmea.stream import NAME, passed_over, uplink_of
from ingest.wire.nmea.epoch import Epoch, EpochAssembler
from ingest.wire.nmea.identity import recognise
from ingest.wire.nmea.lines import LineSplitter
from ingest.wire.nmea.sentence import Sentence, parse

MAX_HELD = 1_000  #: lines that wait for the end of an epoch; an epoch itself is bounded, what stands between is not


class _Line(msgspec.Struct):
    """A line that is not told yet: what is to be printed, and the sentences that it brought."""

    told: dict[str, Any]
    sentences: list[Sentence] = []


class NmeaLines:
    """Says what stands in each line, in order. ``device`` names the sender where no line does."""

    def __init__(self, device: str | None = None) -> None:
        self._identity = None if device is None else Identity("id", device)
        self._catalogue = Catalogue()
        self._assembler = EpochAssembler()
        self._held: list[_Line] = []

    def feed(self, line: bytes) -> list[dict[str, Any]]:
        """What is to be printed now that this line has come."""
        entry, identity = self._read(line)
        if identity is not None and identity != self._identity:
            self._complete(self._assembler.flush())
            self._identity = identity
        if entry.told["ok"]:
            entry.told["device"] = self._device()
        self._held.append(entry)
        for sentence in entry.sentences:
            self._complete(self._assembler.feed(sentence))
        if len(self._held) > MAX_HELD:
            self._complete(self._assembler.flush())
        return self._settled()

    def told(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """Let an answer of somebody else's take its place among the lines."""
        self._held.append(_Line(answer))
        return self._settled()

    def end(self) -> list[dict[str, Any]]:
        """What is to be printed at the end of the input."""
        self._complete(self._assembler.flush())
        return self._settled()

    def _read(self, line: bytes) -> tuple[_Line, Identity | None]:
        """What a line holds by itself, and the identity if it tells one."""
        identity = recognise(line)
        if identity is not None:
            return _Line(self._answer({"identity": str(identity)})), identity
        splitter = LineSplitter()
        sentences, faults = [], []
        pieces = [piece for piece in splitter.feed(line) + splitter.close() if not passed_over(piece)]
        for piece in pieces:
            try:
                sentences.append(parse(piece))
            except DecodeError as error:
                faults.append(str(error))
        if faults and not sentences:
            return _Line(fault("; ".join(faults[:5]), line)), None
        answer = self._answer(_message(sentences))
        faults += [problem for sentence in sentences for problem in sentence.problems]
        if faults:
            answer["problems"] = faults
        return _Line(answer, sentences), None

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, **form(None), "message": message, "reply": None}

    def _device(self) -> dict[str, str]:
        return {} if self._identity is None else {self._identity.scheme: self._identity.value}

    def _complete(self, epochs: list[Epoch]) -> None:
        """Put each epoch on the line of its last sentence."""
        for epoch in epochs:
            last = epoch.sentences[-1]
            entry = next(entry for entry in reversed(self._held) if any(one is last for one in entry.sentences))
            identity = self._identity or Identity("id", "")
            uplink, _ = uplink_of(epoch, identity, self._catalogue)
            told = form(uplink)
            found = {name: told[name] for name in ("observed_at", "readings", "fix")}
            if entry.told["fix"] is not None:  # a line that holds several epochs
                entry.told.setdefault("uplinks", [{name: entry.told[name] for name in found}]).append(found)
                continue
            entry.told |= found
            in_view = epoch.claim().in_view
            entry.told["message"] |= {"satellites_in_view": in_view} if in_view else {}

    def _settled(self) -> list[dict[str, Any]]:
        """The lines before the first one whose epoch goes on."""
        waiting = {id(sentence) for sentence in self._assembler.waiting}
        count = 0
        for entry in self._held:
            if any(id(sentence) in waiting for sentence in entry.sentences):
                break
            count += 1
        settled, self._held = self._held[:count], self._held[count:]
        return [entry.told for entry in settled]


def _message(sentences: list[Sentence]) -> dict[str, Any]:
    """The protocol's own fields: of the sentence, or of each where a line holds several run together."""
    told = [{"talker": one.talker, "type": one.type, "checksum_ok": one.checked} for one in sentences]
    if not told:
        return {"passed_over": True}
    return told[0] if len(told) == 1 else {**told[0], "sentences": told}


DECODINGS = (Decoding(NAME, "NMEA 0183 sentences", lambda options: NmeaLines(options.device)),)
