"""
Talking to a host without sending it anything: as far as is wanted, and then QUIT.

It is the client that sends messages which does it.  What ends the session before the
first MAIL is an extension (L{Probe}), since steps of extensions are what stands there;
behind it, an envelope without a body is all that it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import cast

from attrs import frozen
from zope.interface import implementer

from ..core.clientsession import ClientSession
from ..core.dialogue import ClientDialogue, send
from ..core.effects import Settled
from ..core.envelope import Envelope
from ..core.hooks import Phase
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IExtension,
)
from ..core.reply import reply
from ..dns.mailhosts import MailHost
from ..spool.via import Cause, Via
from .dialling import Unanswered
from .pool import ClientPool
from .sending import Unreached, Way


class Stop(Enum):
    """Behind what a probe ends; the value is how that is called."""

    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"


#: Why a session ends that is only a probe.
_STOPPED = reply(451, "4.3.0", b"As far as it was to go")
NOT_BEGUN = reply(451, "4.7.0", b"TLS was not begun")

#: At the beginning of which phase a session ends, where that is one.
_PHASES = {
    Stop.EHLO: Phase.SECURE,
    Stop.TLS: Phase.IDENTIFY,
    Stop.MAIL: Phase.AUTHENTICATE,
}


@implementer(IClientExtension)
class Probe:
    """
    Ends sessions before anything is sent.

    @ivar stop: behind what.
    @ivar envelope: whose mail it would be.
    """

    name = "probe"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(self, stop: Stop, envelope: Envelope) -> None:
        self.stop = stop
        self.envelope = envelope

    def configured(self, settings: object) -> Probe:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    def among(self, extensions: Sequence[IExtension]) -> tuple[IExtension, ...]:
        """
        The extensions of a client that probes: it comes behind those that log in, and
        before those that begin TLS.
        """
        if self.stop is Stop.MAIL:
            return (*extensions, self)
        return (self, *extensions)

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        phase = _PHASES.get(self.stop)
        if phase is not None:
            client.step(phase, self._step)

    def _step(self, session: IClientSession) -> ClientDialogue:
        if self.stop is Stop.MAIL:
            command = cast(ClientSession, session).mail(self.envelope)
            got = yield from send(command.removesuffix(b"\r\n"))
            return got if got.refuses else _STOPPED
        if self.stop is Stop.TLS and session.secured is None:
            return NOT_BEGUN
        return _STOPPED


@frozen
class Probed:
    """
    What came of a probe that got as far as it was to go.

    @ivar via: the host.
    @ivar settled: who would get a message; L{None}: it did not get that far.
    """

    via: Via
    settled: Settled | None = None


async def probe(
    pool: ClientPool, host: MailHost, way: Way, stop: Stop, envelope: Envelope
) -> Probed:
    """
    Talk to a host, by the first of its addresses that answers.

    @param pool: its connections have a L{Probe} among their extensions, for the same.
    @return: fires before the goodbye is over, which closing the pool waits for.
    @raise Unreached: it did not get as far as that.
    """
    try:
        line = await pool.dial(host, way, list(host.addresses), None)
    except Unanswered as error:
        via = Via(host.name, error.address or host.addresses[0], host.port)
        raise Unreached(str(error), Cause.CONNECT, via, None) from error
    try:
        await line.whenReady()
    except Unreached as error:
        if error.reply is not _STOPPED:
            raise
        return Probed(line.via())
    settled: Settled | None = None
    if stop is Stop.RCPT:
        settled = await line.deliver(envelope, None)
    via = line.via()
    line.quit()
    return Probed(via, settled)


__all__ = ["NOT_BEGUN", "Probe", "Probed", "Stop", "probe"]
