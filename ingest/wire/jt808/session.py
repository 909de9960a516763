"""The platform's side of one JT/T 808 connection, as a state machine: a frame in, actions out.

What is kept of a message is acknowledged only after it was committed: its frames go out as a :class:`Parcel`, and the
replies to them are made by :meth:`Session.settled`. All else is answered at once.
"""

from __future__ import annotations

import hmac
from collections import Counter
from hashlib import sha256
from typing import Protocol

import msgspec

from devices.errors import DecodeError
from ingest.wire.jt808 import messages
from ingest.wire.jt808.bodies import AUTHENTICATE, BATCH, HEARTBEAT, LOGOUT, REGISTER, TERMINAL_REPLY, TIME_DEMAND
from ingest.wire.jt808.header import Header, Message, parse, require_plain
from ingest.wire.jt808.parts import PartBudget, PartLimits, Reassembler, Whole
from ingest.wire.jt808.replies import (
    Registration,
    Result,
    general_reply,
    register_reply,
    resend_request,
    text_message,
    time_reply,
)

ASKED_AGAIN = 255  #: parts that one 0x8003 can name; in 2013 their count is a byte
_CODE_PURPOSE = b"sanihub jt808 authentication\0"


class Claims(Protocol):
    """Remembers which terminal a phone belongs to."""

    def claim(self, phone: str, terminal: str) -> bool:
        """Whether the terminal with this id may have the phone's code."""
        ...


class Gate(msgspec.Struct, frozen=True):
    """Who may speak.

    A terminal's authentication code is derived from ``secret`` and its phone, so that it survives restarts without a
    table; a new secret makes every terminal register again. ``required`` off lets every terminal in with any code or
    none. One connection speaks for at most ``phones`` terminals. ``owners`` says which terminal may register a phone;
    None: any.
    """

    secret: bytes
    required: bool = True
    phones: int = 64
    owners: Claims | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Gate(required={self.required}, phones={self.phones})"

    def code(self, phone: str) -> str:
        """The authentication code of a terminal, 20 characters."""
        return hmac.new(self.secret, _CODE_PURPOSE + phone.encode(), sha256).hexdigest()[:20]

    def admits(self, phone: str, code: str) -> bool:
        """Whether this is the terminal's code."""
        return not self.required or hmac.compare_digest(self.code(phone).encode(), code.encode("utf-8", "replace"))


class Send(msgspec.Struct, frozen=True):
    """A frame to be sent now."""

    data: bytes


class Parcel(msgspec.Struct, frozen=True):
    """A payload to be filed; ``header`` None where the frame has none that can be answered.

    ``serials`` are those of all its parts; ``result`` is what its replies will say.
    """

    payload: bytes
    header: Header | None = None
    serials: tuple[int, ...] = ()
    result: Result = Result.OK

    @property
    def batch(self) -> bool:
        """Whether it is a batch of positions, which is much work at once."""
        return self.header is not None and self.header.message_id == BATCH


class Admitted(msgspec.Struct, frozen=True):
    """A terminal may speak from now on."""

    phone: str


class Left(msgspec.Struct, frozen=True):
    """A terminal has logged out."""

    phone: str


class Answered(msgspec.Struct, frozen=True):
    """A terminal's general reply to the platform's message ``serial``."""

    phone: str
    serial: int
    result: int


Action = Send | Parcel | Admitted | Left | Answered


class Session:
    """One connection. ``refused`` counts frames by reason.

    ``unauthenticated``, ``code``, ``another_terminal``, ``header``, ``crowded``.
    """

    def __init__(self, gate: Gate, limits: PartLimits | None = None, budget: PartBudget | None = None) -> None:
        self.refused: Counter[str] = Counter()
        self.parts = Reassembler(limits, budget)
        self._gate = gate
        self._terminals: dict[str, Header] = {}
        self._serial = -1

    @property
    def admitted(self) -> bool:
        """Whether any terminal may speak here."""
        return bool(self._terminals)

    def receive(self, frame: bytes, received_at: int) -> list[Action]:
        """Take one frame whose checksum was verified."""
        try:
            message = parse(frame)
        except DecodeError:
            self.refused["header"] += 1
            return [Parcel(frame)] if self._terminals else []
        number = message.header.message_id
        if number == REGISTER:
            return self._register(message)
        if number == AUTHENTICATE:
            return self._authenticate(message)
        actions: list[Action] = []
        known = message.header.phone in self._terminals
        if not known and (self._gate.required or not self._admit(message.header, actions)):
            self.refused["unauthenticated"] += 1
            return [self._reply(message.header, Result.FAILED)]
        return actions + self._speak(message, frame, received_at)

    def settled(self, parcel: Parcel) -> list[bytes]:
        """The replies to a parcel that was committed: one for each of its frames."""
        header = parcel.header
        if header is None:
            return []
        return [general_reply(header, self.next_serial(), parcel.result, serial) for serial in parcel.serials]

    def text(self, phone: str, text: str, *, urgent: bool = False, speak: bool = True) -> tuple[int, bytes]:
        """A text for a terminal that was admitted here: its serial, and the frame to send. Raises ValueError."""
        serial = self.next_serial()
        return serial, text_message(self._terminals[phone], serial, text, urgent=urgent, speak=speak)

    def next_serial(self) -> int:
        """The platform's own serial; 0 for the first message of a connection."""
        self._serial = (self._serial + 1) & 0xFFFF
        return self._serial

    def _reply(self, header: Header, result: Result) -> Send:
        return Send(general_reply(header, self.next_serial(), result))

    def _register(self, message: Message) -> list[Action]:
        """0x0100: the code that the terminal is to authenticate with (2013, clause 8.5)."""
        header = message.header
        try:
            require_plain(header)
            terminal = str(messages.fields(message)["terminal_id"])
        except DecodeError:
            return [self._reply(header, Result.BAD)]
        if self._gate.owners is not None and not self._gate.owners.claim(header.phone, terminal):
            self.refused["another_terminal"] += 1
            return [Send(register_reply(header, self.next_serial(), Registration.TERMINAL_TAKEN))]
        return [Send(register_reply(header, self.next_serial(), Registration.OK, self._gate.code(header.phone)))]

    def _authenticate(self, message: Message) -> list[Action]:
        """0x0102 (2013, clause 8.8)."""
        header = message.header
        try:
            require_plain(header)
            code = messages.fields(message)["auth_code"]
        except DecodeError:
            return [self._reply(header, Result.BAD)]
        if not self._gate.admits(header.phone, code):
            self.refused["code"] += 1
            return [self._reply(header, Result.FAILED)]
        actions: list[Action] = []
        admitted = header.phone in self._terminals or self._admit(header, actions)
        return [*actions, self._reply(header, Result.OK if admitted else Result.FAILED)]

    def _admit(self, header: Header, actions: list[Action]) -> bool:
        if len(self._terminals) >= self._gate.phones:
            self.refused["crowded"] += 1
            return False
        self._terminals[header.phone] = header
        actions.append(Admitted(header.phone))
        return True

    def _speak(self, message: Message, frame: bytes, received_at: int) -> list[Action]:
        header = message.header
        number = header.message_id
        if number in messages.FILED:
            whole = self.parts.add(message, frame, received_at)
            return self._ask_again(header) if whole is None else [self._parcel(whole)]
        if number == TERMINAL_REPLY:
            return self._answered(message)
        if number == LOGOUT:
            del self._terminals[header.phone]
            return [self._reply(header, Result.OK), Left(header.phone)]
        if number == HEARTBEAT:
            return [self._reply(header, Result.OK)]
        if number == TIME_DEMAND:
            return [Send(time_reply(header, self.next_serial(), received_at))]
        return [] if messages.is_answer(number) else [self._reply(header, Result.UNSUPPORTED)]

    def _ask_again(self, header: Header) -> list[Action]:
        """0x8003: after the last part of a message, ask for those that lack (2013, clause 8.4)."""
        if header.part < header.parts:
            return []
        missing = self.parts.missing(header)[:ASKED_AGAIN]
        first = (header.serial - header.part + 1) & 0xFFFF
        return [Send(resend_request(header, self.next_serial(), first, missing))] if missing else []

    def _parcel(self, whole: Whole) -> Parcel:
        """A whole message for the pipeline; one that cannot be decoded ends in dead letters and is answered as bad."""
        header = whole.message.header
        try:
            messages.check(whole.message)
            result = Result.OK
        except DecodeError:
            result = Result.BAD
        serials = tuple((header.serial + index) & 0xFFFF for index in range(len(whole.frames)))
        return Parcel(messages.payload_of(whole), header, serials, result)

    def _answered(self, message: Message) -> list[Action]:
        """0x0001. It is not answered in turn: two sides that answer answers would never end."""
        try:
            found = messages.fields(message)
        except DecodeError:
            return [self._reply(message.header, Result.BAD)]
        return [Answered(message.header.phone, found["serial_number"], found["result"])]
