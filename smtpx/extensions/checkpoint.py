"""
CHECKPOINT (RFC 1845): a client names its transactions, so that a repeat is known.

The name stands in the parameter C{TRANSID} of MAIL.  A message that came with one is
taken once, however often it comes: who repeats it is told what was said the first
time.  One that was cut short goes on where it was.

The words of the wire are in L{smtpx.extensions.checkpointnames}, and what an operator
may set of both sides in L{smtpx.extensions.checkpointsettings}.

Server.  What is told of a transaction that was there before is in
L{smtpx.extensions.checkpointserver}.  What is remembered is behind a port,
L{ITransactionMemory}, and asked for by a question.  Without the port nothing is
offered.

Client.  It names what comes from a queue, and makes the best of what a host says that
knows it (L{smtpx.extensions.checkpointclient}).
"""

from __future__ import annotations

from functools import partial

from zope.interface import implementer

from ..core.dialogue import Verdict
from ..core.envelope import Bearer, Recipient, Stamp
from ..core.hooks import Parameter, Stage, Where
from ..core.hostlist import clientNames
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.occasion import when
from ..core.reply import UNKNOWN_PARAMETER, Reply
from .checkpointclient import NAME, NamingClient, TransactionNames
from .checkpointnames import CAPABILITY, TRANSID
from .checkpointserver import ITransactionMemory, Receiving
from .checkpointsettings import CheckpointSettings

#: The name of the transaction, on the envelope; it says nothing to the next host.
_NAME = Stamp[bytes]("checkpoint-name", None, str.encode)

_DEFAULTS = CheckpointSettings()


class ICheckpoint(IServerExtension, IClientExtension):
    """CHECKPOINT (RFC 1845)."""


@implementer(ICheckpoint)
class Checkpoint:
    """
    The CHECKPOINT extension.

    @ivar options: the settings.
    @ivar memory: where transactions are remembered; L{None}: nowhere, and nothing
        is offered.
    @ivar names: what our own are called; L{None}: they have no names.
    @ivar submission: is it for a listener where messages are submitted?
    """

    name = "CHECKPOINT"
    requires: tuple[str, ...] = ()
    settings = CheckpointSettings

    def __init__(
        self,
        settings: CheckpointSettings = _DEFAULTS,
        *,
        memory: ITransactionMemory | None = None,
        names: TransactionNames | None = None,
        submission: bool = False,
    ) -> None:
        self.options = settings
        self.memory = memory
        self.submission = submission
        self.names = names
        self._client = NamingClient(settings.hostsTryCheckpoint, names)
        self._parameter = Parameter[bytes](
            b"TRANSID",
            Where.MAIL,
            TRANSID,
            self._receive,
            self._client.send,
            of=(NAME,),
        )

    def configured(self, settings: CheckpointSettings) -> Checkpoint:
        """See L{smtpx.core.interfaces.IExtension}."""
        return Checkpoint(
            settings,
            memory=self.memory,
            names=self.names,
            submission=self.submission,
        )

    def forSubmission(self) -> Checkpoint:
        """
        The same for a listener where messages are submitted.  They are kept otherwise
        than they came, so none goes on where it was cut short.
        """
        return Checkpoint(
            self.options, memory=self.memory, names=self.names, submission=True
        )

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        if self.memory is not None:
            receiving = Receiving(self.memory, not self.submission, self._prompt)
            server.capability(CAPABILITY, self._advertise)
            server.parameter(self._parameter)
            # Only a transaction with a name is ever known again.
            named = (_NAME,)
            server.review(Stage.MAIL, partial(_recall, receiving), of=named)
            server.review(Stage.DATA, receiving.opens, of=named)
            server.wrap(b"RCPT", receiving.rcpt, of=named)
            server.wrap(b"RSET", receiving.ends, of=named)
            server.wrap(b"QUIT", receiving.ends, of=named)
            server.turnedDown(receiving.turnedDown)

    def _welcome(self, session: IServerSession) -> bool:
        hosts = self.options.checkpointAdvertiseHosts
        return hosts.matches(session.peer, clientNames(session))

    def _prompt(self, session: IServerSession) -> bool:
        hosts = self.options.unprovenHosts
        return hosts.matches(session.peer, clientNames(session))

    def _advertise(self, session: IServerSession) -> bool | None:
        assert self.memory is not None
        welcome = self._welcome(session) and self.memory.admits(session)
        return True if welcome else None

    def _receive(
        self, session: IServerSession, bearer: Bearer, name: bytes
    ) -> Reply | None:
        if not self._welcome(session):
            return UNKNOWN_PARAMETER
        bearer.stamps[_NAME] = name
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self._parameter, under=CAPABILITY)
        client.recognise(when(self._client.recognise, offers=CAPABILITY))
        client.record(when(self._client.record, offers=CAPABILITY))


def _recall(
    receiving: Receiving, session: IServerSession, recipient: Recipient | None
) -> Verdict | None:
    envelope = session.envelope
    name = None if envelope is None else envelope.stamp(_NAME)
    return None if name is None else receiving.recall(session, name)


__all__ = ["CAPABILITY", "TRANSID", "Checkpoint", "CheckpointSettings"]
