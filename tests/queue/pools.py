"""Hosts that answer as a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Scope
from smtpx.core.interfaces import IBody
from smtpx.core.reply import Reply, reply
from smtpx.dns.mailhosts import MailHost
from smtpx.net.sending import Heard, IClientPool, Sent, Unreached, Way
from smtpx.spool.via import Cause, Via

OK = reply(250, "2.0.0", b"Taken")
GREY = reply(450, "4.7.1", b"Come again")
NO = reply(550, "5.1.1", b"Not here")
FULL = reply(552, "5.3.4", b"Too big")

ONE = MailHost(b"mx1.example", (b"192.0.2.1", b"2001:db8::1"), preference=10)
TWO = MailHost(b"mx2.example", (b"192.0.2.2",), preference=20)
THREE = MailHost(b"mx3.example", (b"192.0.2.3",), preference=30)

Answer = Callable[[MailHost, Envelope], Sent]


def via(host: MailHost) -> Via:
    """A session with a host, at its first address."""
    return Via(host.name, host.addresses[0], host.port)


def sent(
    host: MailHost,
    envelope: Envelope,
    got: Reply = OK,
    cause: Cause = Cause.RECIPIENT,
    scope: Scope = Scope.MESSAGE,
    unsure: bool = False,
) -> Sent:
    """The same for everybody."""
    recipients = envelope.recipients
    return Sent(
        tuple((each, got) for each in recipients),
        (cause,) * len(recipients),
        scope,
        via(host),
        unsure,
    )


@implementer(IClientPool)
class ScriptedPool:
    """
    Hosts that answer as a test says.

    @ivar said: by name of the host: a reply for everybody, what makes the answer, or
        why the host cannot be reached; hosts that are not in it take everything.
    @ivar tried: which hosts were sent which recipients.
    @ivar senders: as from whom.
    @ivar retired: to which hosts connections were to be closed, and how many.
    """

    def __init__(self) -> None:
        self.said: dict[bytes, Reply | Unreached | Answer] = {}
        self.tried: list[tuple[bytes, list[bytes]]] = []
        self.bodies: list[tuple[bytes, int]] = []
        self.ways: list[Way] = []
        self.senders: list[bytes] = []
        self.retired: list[tuple[Sequence[MailHost], int]] = []

    def send(
        self,
        host: MailHost,
        way: Way,
        envelope: Envelope,
        body: IBody,
        heard: Heard | None = None,
    ) -> Deferred[Sent]:
        """Answer at once."""
        self.tried.append((host.name, [each.path for each in envelope.recipients]))
        self.bodies.append((b"".join(body.pieces()), envelope.octets))
        self.ways.append(way)
        self.senders.append(envelope.sender)
        said = self.said.get(host.name, OK)
        if isinstance(said, Unreached):
            return fail(said)
        if isinstance(said, Reply):
            return succeed(sent(host, envelope, said))
        return succeed(said(host, envelope))

    def cold(self, host: MailHost, way: Way) -> int:
        """None."""
        return 0

    def retire(self, hosts: Sequence[MailHost], most: int) -> Deferred[None]:
        """Nothing is idle."""
        self.retired.append((hosts, most))
        return succeed(None)

    def close(self) -> Deferred[None]:
        """There is nothing to close."""
        return succeed(None)
