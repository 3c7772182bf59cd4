"""
Tests for L{smtpx.core.clientusual}: that it does what the long way does.  When it is
taken is in L{tests.core.test_clientusual_when}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import define, frozen
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import BareLines
from smtpx.core.client import ClientConnection
from smtpx.core.effects import ClientEffect, Trouble
from smtpx.core.envelope import Envelope, Recipient, Stamp
from smtpx.core.errors import UsageError
from smtpx.core.grammar import FLAG
from smtpx.core.hooks import (
    Capability,
    RoutePolicy,
)
from smtpx.core.interfaces import (
    IBody,
)
from smtpx.core.profile import ClientProfile
from smtpx.core.rawparameters import RAW, RawParameter
from smtpx.extensions.deliverby import DEADLINE, Deadline, Mode
from smtpx.extensions.dsn import NOTIFY
from smtpx.extensions.eightbitmime import EIGHTBIT
from smtpx.extensions.smtputf8 import UTF8
from smtpx.extensions.standard import standard
from smtpx.testing.client import NAME, TARGET, OctetsBody, ehlo

from .peers import GO, OK, TAKEN, envelope, three

_NOTE = Stamp[bool]("note", None, bool)
_WORD = Capability(b"WORD", FLAG)


class _LongWay(ClientConnection):
    """A connection that sends no message the usual way."""

    straight = False


@implementer(IBody)
@frozen
class _Odd:
    """
    A body that is not what it says.

    @ivar octets: how long it should be.
    @ivar content: what there is; L{None}: it cannot be read.
    """

    octets: int
    content: bytes | None

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        if self.content is None:
            raise OSError("gone")
        yield self.content


def _stamped(*given: bytes, **stamps: object) -> Callable[[], Envelope]:
    """Makes an envelope with stamps on it, or on its last recipient."""

    def make() -> Envelope:
        made = envelope(*given)
        if "sent" in stamps:
            made.stamps[EIGHTBIT] = True
        if "utf8" in stamps:
            made.stamps[UTF8] = True
        if "by" in stamps:
            made.stamps[DEADLINE] = Deadline(1500.0, Mode.NOTIFY)
        if "raw" in stamps:
            made.stamps[RAW] = (RawParameter(b"ODD"),)
        if "note" in stamps:
            made.stamps[_NOTE] = made.recipients[-1].stamps[_NOTE] = True
        if "notify" in stamps:
            made.recipients[-1].stamps[NOTIFY] = b"NEVER"
        made.octets = 5
        return made

    return make


_TWO = b"b@mx.example", b"c@other.example"

KINDS: list[Callable[[], Envelope]] = [
    envelope,
    envelope,
    three,
    _stamped(),
    _stamped(*_TWO, note=True),
    _stamped(*_TWO, notify=True),
    _stamped(sent=True),
    _stamped(utf8=True),
    _stamped(by=True),
    _stamped(raw=True),
    _stamped(b"postmaster"),
    _stamped(b'"b c"@mx.example', b"b@mx.example"),
    _stamped(b"b c@mx.example", b"b@mx.example"),
    _stamped(b"b>\r\nRSET@mx.example"),
    _stamped("ü@mx.example".encode(), b"b@mx.example"),
    lambda: envelope(sender=b""),
    lambda: envelope(sender=b"a>@client.example"),
    lambda: envelope(sender="ä@client.example".encode()),
    lambda: Envelope(b"a@client.example", 0.0, []),
    lambda: Envelope(b"a@client.example", 0.0, [Recipient(b"b@x")] * 2),
    lambda: envelope(*[b"b%d@mx.example" % each for each in range(12)]),
]

#: One that is usual.
BODY = OctetsBody(b"Subject: x\r\n\r\n.y\r\n")

CONTENTS: list[IBody | None] = [
    BODY,
    OctetsBody(b"x\r\n"),
    OctetsBody(b""),
    OctetsBody(b".\r\n"),
    OctetsBody(b"a\r\n.b"),
    OctetsBody(b"bare\n.\nlines\r"),
    OctetsBody(b"in pieces\r\n", 4),
    OctetsBody(b"eight bits: \xfc\r\n"),
    OctetsBody(b"x" * 999 + b"\r\n"),
    OctetsBody(b"y" * 99_999),
    _Odd(10, b"short"),
    _Odd(10, None),
    None,
]

ENVELOPES = st.sampled_from(KINDS)

BODIES = st.sampled_from(CONTENTS)

#: What a peer says, mostly what is hoped for.
REPLIES = [
    OK,
    OK,
    OK + OK + GO,
    OK + OK + GO,
    OK + OK + GO,
    OK * 4 + GO,
    OK * 13 + GO,
    OK + OK,
    OK + OK + TAKEN,
    OK * 4 + TAKEN,
    OK + b"550 5.1.1 Unknown\r\n" + TAKEN,
    OK + OK + b"554 5.6.0 Rubbish\r\n",
    GO,
    TAKEN,
    TAKEN,
    TAKEN,
    b"250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 Go ahead\r\n",
    OK + b"550 5.1.1 Unknown\r\n" + GO,
    OK + b"452 4.5.3 Too many\r\n",
    b"550 5.7.1 No\r\n",
    b"451 4.3.0 Later\r\n",
    b"421 4.3.2 Bye\r\n",
    b"250-ok\r\n250 ok\r\n",
    b"25",
    b"0 ok\r\n",
    b"353 5.0.0 Each\r\n",
    b"rubbish\r\n",
    GO + TAKEN,
    TAKEN + TAKEN,
    OK + OK + GO + TAKEN,
]

SAID = st.sampled_from(REPLIES)

#: What a peer offers.
HELLOS = st.sampled_from(
    [
        (b"PIPELINING", b"8BITMIME", b"DSN"),
        (b"PIPELINING", b"8BITMIME", b"DSN"),
        (b"PIPELINING",),
        (b"PIPELINING", b"SIZE 50000", b"8BITMIME", b"SMTPUTF8", b"DSN"),
        (b"PIPELINING", b"8BITMIME", b"LIMITS RCPTMAX=2 MAILMAX=2"),
        (b"PIPELINING", b"8BITMIME", b"LIMITS RCPTDOMAINMAX=1"),
        (b"PIPELINING", b"SIZE", b"8BITMIME", b"CHUNKING", b"DSN"),
        (b"PIPELINING", b"SIZE 50000", b"CHUNKING"),
        (b"PIPELINING", b"8BITMIME", b"CHUNKING", b"PRDR"),
        (b"PIPELINING", b"8BITMIME", b"PRDR"),
        (b"8BITMIME",),
    ]
)

ACTIONS = st.one_of(
    st.tuples(st.just("deliver"), ENVELOPES, BODIES),
    st.tuples(st.just("say"), SAID, st.sampled_from([None, None, None, 1, 7])),
    st.tuples(st.sampled_from(["resume", "resume", "quit", "lost"])),
)


@define
class _Twins:
    """
    Two connections to which the same happens, one of which goes the long way only.
    """

    case: SynchronousTestCase
    usual: ClientConnection
    long: ClientConnection

    @classmethod
    def made(cls, case: SynchronousTestCase, bareLines: BareLines) -> _Twins:
        """Make both."""
        profile = ClientProfile(name=NAME, clock=lambda: 1000.0).load(standard())
        usual, long = (
            make(profile, TARGET, RoutePolicy(), bareLines=bareLines)
            for make in (ClientConnection, _LongWay)
        )
        return cls(case, usual, long)

    def do(self, what: str, *details: object) -> None:
        """
        Let the same happen to both, and see that it comes to the same.

        @param what: the method that is called, with C{details}.
        """
        found = [self._did(each, what, details) for each in (self.usual, self.long)]
        self.case.assertEqual(*found)

    def _did(
        self, connection: ClientConnection, what: str, details: tuple[object, ...]
    ) -> list[object]:
        try:
            effects = getattr(connection, what)(*details)
        except UsageError as error:
            return [str(error)]
        out: list[object] = [self._seen(each) for each in effects]
        for name in (
            "ready",
            "over",
            "awaited",
            "replies",
            "transactions",
            "spent",
            "fits",
            "guessed",
            "presumed",
            "forecastWrong",
            "saidAll",
            "stamps",
        ):
            out.append((name, getattr(connection, name)))
        return [*out, connection.logFields()]

    def _seen(self, effect: ClientEffect) -> object:
        if isinstance(effect, Trouble):
            return effect.owner, type(effect.error)
        return effect


class SameAsTheLongWayTests(SynchronousTestCase):
    """Whatever happens, it makes no difference by which way a message goes."""

    def open(
        self,
        hello: tuple[bytes, ...],
        bareLines: BareLines = BareLines.NORMALISE,
    ) -> _Twins:
        """Twins that are ready."""
        twins = _Twins.made(self, bareLines)
        twins.do("start")
        twins.do("feed", b"220 mx.example.org ESMTP\r\n")
        twins.do("feed", ehlo(*hello))
        return twins

    @settings(max_examples=300, deadline=None)
    @given(HELLOS, st.lists(ACTIONS, max_size=12), st.booleans(), st.booleans())
    def test_anything(
        self,
        hello: tuple[bytes, ...],
        actions: list[tuple[Any, ...]],
        hurried: bool,
        strict: bool,
    ) -> None:
        """
        Any messages to any peer that says anything, cut anywhere.
        """
        lines = BareLines.REFUSE if strict else BareLines.NORMALISE
        twins = self.open(hello, lines)
        for action in actions:
            self._happen(twins, *action)
        if hurried:
            twins.do("lost")

    @settings(max_examples=300, deadline=None)
    @given(HELLOS, ENVELOPES, BODIES, SAID, SAID, ACTIONS)
    def test_oneMessage(
        self,
        hello: tuple[bytes, ...],
        make: Callable[[], Envelope],
        body: IBody | None,
        first: bytes,
        second: bytes,
        last: tuple[Any, ...],
    ) -> None:
        """
        A message, what the peer says to it, whatever comes then, and another one.
        """
        twins = self.open(hello)
        for _ in range(2):
            self._happen(twins, "deliver", make, body)
            self._happen(twins, "say", first, None)
            self._happen(twins, "say", second, None)
            self._happen(twins, *last)

    def test_eachMessage(self) -> None:
        """Any message to a peer that takes all."""
        for make in KINDS:
            self._play(make, BODY, b"8BITMIME", b"SIZE")
            self._play(make, BODY, b"SMTPUTF8", b"DSN")
            self._play(make, BODY, b"SIZE", b"CHUNKING", said=[OK, TAKEN])
        for body in CONTENTS:
            self._play(envelope, body, b"8BITMIME")
            self._play(_stamped(), body, b"SMTPUTF8")
            self._play(_stamped(), body, b"CHUNKING", said=[OK, TAKEN])

    def test_eachReply(self) -> None:
        """Anything that a peer may say in the place of what is hoped for."""
        for hello, hoped in (
            (b"8BITMIME", [OK, OK, GO, TAKEN]),
            (
                b"CHUNKING",
                [OK, OK, TAKEN],
            ),
        ):
            for place in range(len(hoped)):
                for said in REPLIES:
                    twins = self.open((b"PIPELINING", hello))
                    self._happen(twins, "deliver", _stamped(), BODY)
                    for each in (*hoped[:place], said, *hoped[place:]):
                        self._happen(twins, "say", each, None)

    def test_whatWasBefore(self) -> None:
        """What a peer has begun to say, and how much it takes, is not forgotten."""
        twins = self.open((b"PIPELINING", b"8BITMIME", b"LIMITS MAILMAX=3"))
        for early in b"", b"2", b"", b"":
            self._happen(twins, "feed", early)
            self._happen(twins, "deliver", envelope, BODY)
            for said in (OK[len(early) :] + OK + GO, TAKEN):
                self._happen(twins, "feed", said)

    def _play(
        self,
        make: Callable[[], Envelope],
        body: IBody | None,
        *hello: bytes,
        said: Sequence[bytes] = (OK, GO, TAKEN),
    ) -> None:
        twins = self.open((b"PIPELINING", *hello))
        first, *rest = said
        for _ in range(2):
            self._happen(twins, "deliver", make, body)
            for each in (first, OK * len(make().recipients), *rest):
                self._happen(twins, "say", each, None)

    def _happen(self, twins: _Twins, what: str, *details: Any) -> None:
        if what == "deliver":
            make, body = details
            twins.do("deliver", make(), body)
        elif what == "say":
            said, cut = details
            size = cut or len(said) or 1
            for start in range(0, len(said), size):
                twins.do("feed", said[start : start + size])
        else:
            twins.do(what, *details)
