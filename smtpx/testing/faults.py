"""
What a scripted server does wrong, as values.

A fault is bound to a moment: the I{nth} time a verb comes in a session.  Each of
the functions here makes one, and L{smtpx.testing.scripted.ScriptedServer} takes any
number of them::

    ScriptedServer(
        answered(b"RCPT", b"451 4.2.0 Later", nth=2),
        delayed(b"DATA", seconds=30),
        cut(BODY, octets=3),
        reset(b"QUIT"),
    )

Besides the verbs of commands there are three moments that have none: L{GREETING}
is the connection, L{BODY} is the end of a message (the dot behind DATA, and the
last chunk of BDAT; in LMTP that of each recipient), and L{ANY} is any command at all.

Whatever happens is the same each time: there is no chance in it, and time is that
of the clock that the server is given.
"""

from __future__ import annotations

from enum import Enum, auto

from attrs import evolve, field, frozen

#: The moment of the connection, for faults.
GREETING = b"(greeting)"

#: The moment at which a message is whole, for faults.
BODY = b"(body)"

#: Any command, for faults; the greeting and bodies are none.
ANY = b"(any)"


class End(Enum):
    """
    What becomes of the connection after a reply.

    @cvar STAY: it goes on.
    @cvar CLOSE: it is closed when all is sent.
    @cvar RESET: it is reset, and what was not sent yet is lost.
    @cvar SILENCE: nothing is said any more, and the connection stays.
    """

    STAY = auto()
    CLOSE = auto()
    RESET = auto()
    SILENCE = auto()


def _upper(verb: bytes) -> bytes:
    return verb.upper() if verb not in (GREETING, BODY, ANY) else verb


@frozen
class Fault:
    """
    One thing that goes wrong.

    @ivar verb: the command at which it does, in any case; or a moment.
    @ivar nth: at which of them in a session, from 1; L{None}: at each.
    @ivar session: in which session of the server, from 1; L{None}: in each.
    @ivar reply: what is said instead of the usual reply, octet for octet; L{None}:
        the usual one.
    @ivar seconds: how long it takes to answer, in seconds.
    @ivar octets: how many octets of the reply are said; L{None}: all.
    @ivar pieceOctets: how many octets of the reply go out at a time; L{None}: all
        at once.
    @ivar end: what comes after it.
    @ivar breaksTLS: after the reply, is everything that comes from the client
        answered by something that is not TLS?
    """

    verb: bytes = field(converter=_upper)
    nth: int | None = 1
    session: int | None = None
    reply: bytes | None = None
    seconds: float = 0.0
    octets: int | None = None
    pieceOctets: int | None = None
    end: End = End.STAY
    breaksTLS: bool = False

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: a number that cannot be.
        """
        for name, least in (("nth", 1), ("session", 1), ("pieceOctets", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} begins at {least}")
        if self.seconds < 0 or (self.octets is not None and self.octets < 0):
            raise ValueError("nothing takes less than no time or no octets")

    def inSession(self, session: int) -> Fault:
        """
        The same fault, in one session of the server only.

        @param session: which one, from 1.
        """
        return evolve(self, session=session)

    def meets(self, moment: bytes, count: int, session: int) -> bool:
        """
        Is this its moment?

        @param moment: the verb, in upper case, or a moment without one.
        @param count: how many there were in the session, this one among them.
        @param session: which session it is, from 1.
        """
        return (
            self.verb == moment
            and self.nth in (None, count)
            and self.session in (None, session)
        )


def answered(verb: bytes, reply: bytes, nth: int | None = 1) -> Fault:
    """
    A command is answered otherwise than it should be, and has no effect.

    @param reply: what is said, octet for octet; where it does not end in CRLF, one
        is put behind it.  To say something that ends otherwise, use L{cut} with it.
    """
    whole = reply if reply.endswith(b"\r\n") else reply + b"\r\n"
    return Fault(verb, nth, reply=whole)


def delayed(verb: bytes, seconds: float, nth: int | None = 1) -> Fault:
    """A command is answered late."""
    return Fault(verb, nth, seconds=seconds)


def inPieces(verb: bytes, pieceOctets: int = 1, nth: int | None = 1) -> Fault:
    """The reply comes in pieces, each in a turn of the clock of its own."""
    return Fault(verb, nth, pieceOctets=pieceOctets)


def cut(
    verb: bytes, octets: int = 0, nth: int | None = 1, reply: bytes | None = None
) -> Fault:
    """
    The connection ends inside of a reply.

    @param octets: how many octets of it are said before that.
    @param reply: the reply; L{None}: the usual one.
    """
    return Fault(verb, nth, reply=reply, octets=octets, end=End.CLOSE)


def closed(verb: bytes, nth: int | None = 1) -> Fault:
    """The command is answered as it should be, and the connection is closed."""
    return Fault(verb, nth, end=End.CLOSE)


def reset(verb: bytes, octets: int = 0, nth: int | None = 1) -> Fault:
    """
    The connection is reset (RST).

    @param octets: how many octets of the reply are said before that; what the
        client has not read by then, it may never see.
    """
    return Fault(verb, nth, octets=octets, end=End.RESET)


def silent(verb: bytes, nth: int | None = 1) -> Fault:
    """Nothing is answered, to this command and to what comes behind it."""
    return Fault(verb, nth, octets=0, end=End.SILENCE)


def brokenTLS(verb: bytes, nth: int | None = 1) -> Fault:
    """
    The command, which should be the one that begins TLS, is answered with 220; but
    what comes then is not TLS.
    """
    return Fault(verb, nth, reply=b"220 Go ahead\r\n", breaksTLS=True)
