"""
The client's side of CHECKPOINT (RFC 1845): the names of transactions, and what a host
says of those that it knows.

A name is not kept anywhere: it is made anew of what it names (L{TransactionNames}),
so that whoever tries again says the same, also after a restart, and whoever sends
anything else does not.  That includes the content, as it is sent.  So it is read once
before it is sent, and the rest of a message can never be put behind the beginning of
another.

Without an errand (L{smtpx.core.repeatable.Errand}) there is no name: two messages that
are the same may well be two.  Nor is there one in LMTP.

What a host has is read before anything else is said to it where that may save
something: with a message that is not small, and which may have been sent before.

It is part of L{smtpx.extensions.checkpoint}.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b32encode
from hashlib import sha256

from attrs import field, frozen

from ..core.dialogue import Recognition, flow
from ..core.domain import checkDomain
from ..core.envelope import Bearer, Envelope, Stamp
from ..core.errors import Malformed
from ..core.hooks import Dialect, LogFields, Target
from ..core.hostlist import HostList
from ..core.interfaces import IBody, IClientSession
from ..core.repeatable import ERRAND, Errand, Progress, Repeatable
from ..core.reply import Reply
from .checkpointnames import TRANSID_OCTETS

#: Up to this size, in octets, it does not pay to ask before all is said.
SMALL_OCTETS = 65_536

#: What a host says that knows a transaction (RFC 1845 section 3).
_KNOWN = 355

#: The octet-offset of section 3, of which nothing has more digits; and somewhere
#: behind it, if it is a host like us, how many recipients it has.
_OFFSET = re.compile(rb"([0-9]{1,18})(?:[ \t]|\Z)")
_RECIPIENTS = re.compile(rb"[ \t]for ([0-9]{1,6}) recipients?\b")

#: The octets of the secret part of a name, 160 bits, and of the longest domain.
_LOCAL_OCTETS = 20
_DOMAIN_OCTETS = TRANSID_OCTETS - len(b"<@>") - _LOCAL_OCTETS * 8 // 5

#: The transid-domain of whoever has no name (RFC 6761 section 6.4).
_NOBODY = b"invalid"

#: By what a transaction goes, on its own envelope.
NAME = Stamp[bytes]("checkpoint-name", None, str.encode)

#: On a client's session: what the host had of the last message, in octets.
_HAD = Stamp[int | None]("checkpoint-had", None, int)


def _domain(name: bytes) -> bytes:
    """
    As much of a host's name as there is room for; the end of it tells most.
    """
    try:
        checkDomain(name)
    except Malformed:
        return _NOBODY
    labels = name.lower().split(b".")
    while labels and len(b".".join(labels)) > _DOMAIN_OCTETS:
        del labels[0]
    found = b".".join(labels)
    # Of an address literal, brackets and colons cannot stand there.
    return _NOBODY if not found or found.startswith(b"[") else found


@frozen
class TransactionNames:
    """
    What transactions are called.

    Nobody who does not know the secret can make out a name before it was said: whoever
    could might say it first, and have the message taken for one that has come already.

    @ivar secret: random octets, the same after a restart.
    @ivar name: what we call ourselves.
    """

    secret: bytes = field(repr=False)
    name: bytes

    def nameOf(
        self, target: Target, errand: Errand, envelope: Envelope, digest: str
    ) -> bytes:
        """
        Name a transaction.

        @param target: where it goes; at another host it is another one.
        @param envelope: with those recipients that it is for.
        @param digest: of the content.
        @return: a C{transid-spec}.
        """
        what = [
            errand.id,
            target.host.lower().decode("latin-1"),
            target.port,
            envelope.sender.decode("latin-1"),
            sorted(envelope.dumpedStamps().items()),
            sorted(
                (each.path.decode("latin-1"), sorted(each.dumpedStamps().items()))
                for each in envelope.recipients
            ),
            digest,
        ]
        text = json.dumps(what, ensure_ascii=True).encode("ascii")
        local = hmac.digest(self.secret, text, "sha256")[:_LOCAL_OCTETS]
        return b"%b@%b" % (b32encode(local).lower(), _domain(self.name))


@frozen
class NamingClient:
    """
    Names the transactions of a client.

    @ivar hosts: the hosts that they are named to.
    @ivar names: how; L{None}: nothing is named.
    """

    hosts: HostList
    names: TransactionNames | None

    def recognise(
        self, session: IClientSession, envelope: Envelope, body: IBody
    ) -> Recognition:
        """See L{smtpx.core.interfaces.IClientBuilder.recognise}."""
        session.stamps[_HAD] = None
        names, errand, target = self.names, envelope.stamp(ERRAND), session.target
        if names is None or errand is None or target.dialect is not Dialect.SMTP:
            return None
        if not self.hosts.matches(target.address, (target.host,)):
            return None
        content, begun = sha256(), False
        for piece in body.pieces():
            if begun:
                yield from flow()
            begun = True
            content.update(piece)
        name = names.nameOf(target, errand, envelope, content.hexdigest())
        again = errand.again or name in errand.names
        errand.names.add(name)
        envelope.stamps[NAME] = name

        def read(said: Reply) -> Progress:
            found = progressIn(said)
            session.stamps[_HAD] = found.octets
            return found

        return Repeatable(read, again and body.octets > SMALL_OCTETS)

    def send(self, session: IClientSession, bearer: Bearer) -> bytes | None:
        """The parameter's value; L{None}: it goes without a name."""
        return bearer.stamp(NAME)

    def record(self, session: IClientSession) -> LogFields:
        """What the host had of the message, for the log."""
        had = session.stamps.get(_HAD)
        return () if had is None else (("HAD", had),)


def progressIn(said: Reply) -> Progress:
    """
    What a host says that it has of a transaction::

        355 octet-offset is the transaction offset
        octet-offset ::= 1*DIGIT

    @raise Malformed: it does not say so.
    """
    match = _OFFSET.match(said.lines[0])
    if said.code != _KNOWN or match is None:
        raise Malformed("wants 355 and an offset")
    found = _RECIPIENTS.search(said.lines[0])
    return Progress(int(match[1]), None if found is None else int(found[1]))


__all__ = [
    "NAME",
    "SMALL_OCTETS",
    "NamingClient",
    "TransactionNames",
    "progressIn",
]
