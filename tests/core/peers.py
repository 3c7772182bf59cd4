"""
A scripted peer in the states that tests of the client begin from.
"""

from __future__ import annotations

from collections.abc import Callable

from smtpx.core.bounds import BareLines
from smtpx.core.dialogue import ClientDialogue
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Phase, SyncPoint
from smtpx.core.interfaces import IClientExtension, IClientSession
from smtpx.core.occasion import when
from smtpx.core.reply import Reply, reply
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient

LOST = reply(451, "4.4.2", b"Connection lost")
UNSURE = reply(
    451, "4.4.2", b"Connection lost behind the message, which the host may have taken"
)
BROKEN = reply(451, "4.5.0", b"Peer broke the protocol")
NO_TLS = reply(451, "4.7.10", b"Peer cannot protect this as it has to be")
DONE = reply(250, "2.0.0", b"Taken")

GREETING = b"220 mx.example.org ESMTP\r\n"
HELLO = b"EHLO client.example.org\r\n"
MAIL = b"MAIL FROM:<a@client.example>\r\n"
RCPT = b"RCPT TO:<b@mx.example>\r\n"
OK = b"250 ok\r\n"
GO = b"354 go\r\n"
TAKEN = b"250 2.0.0 Taken\r\n"


def stepping(
    step: Callable[[IClientSession], ClientDialogue | None],
) -> list[IClientExtension]:
    """An extension with one step."""
    return [MadeClient(lambda builder: builder.step(Phase.SECURE, step))]


def envelope(*paths: bytes, sender: bytes = b"a@client.example") -> Envelope:
    """An envelope, for one if not said otherwise."""
    recipients = [Recipient(path) for path in paths or (b"b@mx.example",)]
    return Envelope(sender, 0.0, recipients)


def three() -> Envelope:
    """An envelope for three."""
    return envelope(b"b@mx.example", b"c@mx.example", b"d@mx.example")


def grouping() -> IClientExtension:
    """What lets commands go in groups, whatever the peer says."""
    relax = when(lambda s: SyncPoint.TRANSACTION, lasting=True)
    return MadeClient(lambda builder: builder.relax(relax))


def opened(
    *extensions: IClientExtension,
    keywords: tuple[bytes, ...] = (),
    bareLines: BareLines = BareLines.NORMALISE,
) -> ScriptedPeer:
    """A peer that is ready for envelopes."""
    peer = ScriptedPeer(client(extensions, bareLines=bareLines))
    peer.open(*keywords)
    peer.events.clear()
    return peer


def outcomes(peer: ScriptedPeer) -> list[Reply]:
    """What became of the last envelope, one a recipient."""
    return [outcome for _, outcome in peer.settled[-1].outcomes]
