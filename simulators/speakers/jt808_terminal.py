"""One JT/T 808 terminal: its session on one connection, and what the platform has not answered yet."""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from simulators.message import Message
from simulators.speakers.jt808_frames import (
    Ear,
    Fitting,
    Heard,
    authentication,
    batches,
    framed,
    general_answer,
    position,
    registration,
)
from simulators.speakers.lines import Line, Peer
from simulators.speakers.speaker import Parcel, Tally

_REGISTER, _AUTHENTICATE, _HEARTBEAT, _ANSWER, _POSITION, _BATCH = 0x0100, 0x0102, 0x0002, 0x0001, 0x0200, 0x0704
_GENERAL_REPLY, _REGISTER_REPLY, _TEXT = 0x8001, 0x8100, 0x8300
TEXTS_KEPT = 20


class Habits(msgspec.Struct, frozen=True):
    """How a terminal behaves; the standard leaves the figures to its parameters (2013, table 12, ids 0x0001 to 0x0003).

    An answer is awaited for ``answer_s``, then for twice as long, and so on (T(n+1) = T(n) x (n+1)); after ``resends``
    the connection is given up. At most ``unanswered`` messages await their answer.
    """

    answer_s: float = 10.0
    resends: int = 3
    heartbeat_s: float = 60.0
    unanswered: int = 16


class _Sent:
    """A message on its way: always the same bytes under the same serial."""

    __slots__ = ("data", "due", "parcel", "tries")

    def __init__(self, data: bytes, parcel: Parcel) -> None:
        self.data, self.parcel = data, parcel
        self.tries = 0
        self.due = 0.0


class Terminal(Line):
    """A terminal: everything given to it is sent until it is answered.

    What was not confirmed stays, in order, over any number of connections. Only an answer of the platform settles a
    message in ``tally``.
    """

    def __init__(self, fitting: Fitting, habits: Habits, peer: Peer, tally: Tally) -> None:
        super().__init__(peer)
        self.fitting, self._habits, self._tally = fitting, habits, tally
        self.texts: deque[str] = deque(maxlen=TEXTS_KEPT)  #: what the platform wrote to the display
        self._session: Literal["registering", "authenticating", "online"] = "registering"
        self._ear = Ear()
        self._code: bytes | None = None
        self._serial = 0
        self._asked = 0  # serial of the registration, authentication or heartbeat that awaits its answer
        self._asked_due: float | None = None
        self._spoke = 0.0
        self._sent: dict[int, _Sent] = {}
        self._backlog: deque[tuple[int, bytes, Parcel | None]] = deque()

    @property
    def online(self) -> bool:
        """Whether the platform has authenticated this terminal."""
        return self.state == "connected" and self._session == "online"

    @property
    def busy(self) -> bool:
        """Whether something is unsent or unanswered."""
        return bool(self._sent or self._backlog)

    def give(self, message: Message) -> None:
        """Take a message on (one that the tally has taken on); a terminal that was off comes back for it."""
        self._queue(message)
        self.switch_on()
        self.pump()

    def tick(self, now: float) -> None:
        """Send again what waits too long, keep the connection alive, give up a dead one."""
        if self._asked_due is not None and now >= self._asked_due:
            self.give_up()
        elif self.online:
            self._send_again(now)
            if now - self._spoke >= self._habits.heartbeat_s and self._asked_due is None:
                self._ask(_HEARTBEAT, b"")

    def connected(self) -> None:
        """Register, or authenticate with the code from before."""
        self._ear = Ear()
        self._enter()

    def heard(self, data: bytes) -> None:
        """Hear the platform."""
        for message in self._ear.feed(data):
            self._hear(message)

    def pump(self) -> None:
        """Send what waits, as far as the platform's answers keep up."""
        while self.online and self._backlog and not self.choked:
            message_id, body, parcel = self._backlog[0]
            if parcel is not None and len(self._sent) >= self._habits.unanswered:
                return
            self._backlog.popleft()
            if parcel is None:  # senseless bytes: nobody answers them
                self._say(body)
                self._tally.pass_on()
                continue
            serial = self._next_serial()
            sent = self._sent[serial] = _Sent(framed(message_id, body, serial, self.fitting), parcel)
            sent.due = self._loop.time() + self._habits.answer_s
            self._say(sent.data)

    def _enter(self) -> None:
        if self._code is None:
            self._session = "registering"
            self._ask(_REGISTER, registration(self.fitting))
        else:
            self._session = "authenticating"
            self._ask(_AUTHENTICATE, authentication(self._code, self.fitting))

    def _ask(self, message_id: int, body: bytes) -> None:
        """Send something whose missing answer means that the connection is dead."""
        self._asked = self._next_serial()
        self._asked_due = self._loop.time() + self._habits.answer_s * (1 + self._habits.resends)
        self._say(framed(message_id, body, self._asked, self.fitting))

    def _hear(self, heard: Heard) -> None:
        if heard.message_id == _REGISTER_REPLY:
            self._registered(heard)
        elif heard.message_id == _GENERAL_REPLY and len(heard.body) >= 5:
            serial, answered = int.from_bytes(heard.body[:2], "big"), int.from_bytes(heard.body[2:4], "big")
            self._answered(serial, answered, heard.body[4])
        elif heard.message_id == _TEXT:
            # 2019 has a byte of kinds before the text (table 40); 2013 only the flags.
            self.texts.append(heard.body[2 if self.fitting.edition == 2019 else 1 :].decode("gbk", "replace"))
            self._answer(heard, 0)
        else:
            self._answer(heard, 3)

    def _registered(self, heard: Heard) -> None:
        if self._session != "registering" or heard.body[:2] != self._asked.to_bytes(2, "big"):
            return
        if len(heard.body) < 4 or heard.body[2] != 0:
            self.give_up()  # refused: perhaps later
            return
        self._code = heard.body[3:]
        self._enter()

    def _answered(self, serial: int, answered: int, result: int) -> None:
        if answered == _AUTHENTICATE and serial == self._asked and self._session == "authenticating":
            self._asked_due = None
            if result == 0:
                self._go_online()
            else:
                self._code = None
                self._enter()
        elif answered == _HEARTBEAT and serial == self._asked:
            self._asked_due = None
        elif answered in (_POSITION, _BATCH) and serial in self._sent:
            if result == 1:  # not heard, for we are not known any more
                self._code = None
                self.give_up()
                return
            self._sent.pop(serial).parcel.settle(refused=result not in (0, 4))
            self.pump()

    def _answer(self, heard: Heard, result: int) -> None:
        body = general_answer(heard.serial, heard.message_id, result)
        self._say(framed(_ANSWER, body, self._next_serial(), self.fitting))

    def _go_online(self) -> None:
        self._session = "online"
        self.settled()
        now = self._loop.time()
        for sent in self._sent.values():
            sent.tries, sent.due = 0, now + self._habits.answer_s
            self._say(sent.data)
        self.pump()

    def _send_again(self, now: float) -> None:
        for sent in self._sent.values():
            if now < sent.due:
                continue
            sent.tries += 1
            if sent.tries > self._habits.resends:
                self.give_up()
                return
            sent.due = now + self._habits.answer_s * (sent.tries + 1)
            self._say(sent.data)

    def _queue(self, message: Message) -> None:
        if message.raw is not None:
            self._backlog.append((0, message.raw, None))
            return
        bodies = [position(observation, self.fitting) for observation in message.observations]
        if len(bodies) == 1:
            self._backlog.append((_POSITION, bodies[0], Parcel(self._tally, 1)))
            return
        parts = list(batches(bodies))
        parcel = Parcel(self._tally, len(parts))
        self._backlog.extend((_BATCH, part, parcel) for part in parts)

    def _next_serial(self) -> int:
        while True:
            serial, self._serial = self._serial, (self._serial + 1) & 0xFFFF
            if serial not in self._sent:
                return serial

    def _say(self, data: bytes) -> None:
        self._spoke = self._loop.time()
        self.write(data)
