"""
What comes back to senders that we rewrote (L{smtpx.mailauth.srs}).

A recipient with a tag of SRS, at a domain that we rewrite senders to, is an address
that we made or none at all.  Where its signature and its day are good, the message is
for whom it leads back to, wherever that is: the signature is what makes it more than
an open relay.  As what comes back are reports, only mail from the null sender is
taken, and for one such recipient in a message, unless the operator wants otherwise.

The secrets are lines of a file that nobody but its owner may read, the same that
postsrsd has: the first signs, all verify.  It is read again when it changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from ..core.address import domainOf
from ..core.addresstable import domainKey
from ..core.envelope import Envelope, Stamp
from ..core.reply import Reply, reply
from ..mailauth.srs import SRS, BadSRS, Fault, Style, isSRS
from ..observe.forwarding import SECRETS_KEPT, SECRETS_READ
from .aliases import Publish, unheard
from .watchedfile import BadList, WatchedFile, Work

#: The longest file with secrets, in octets, and the longest secret.
_FILE_OCTETS = 64 * 1024
_SECRET_OCTETS = 1024

#: How often an address may lead back to another one of ours: we may be the first
#: forwarder and a later one.
_ROUNDS = 3

NOT_OURS = reply(550, "5.7.1", b"That address was not made here")
TOO_OLD = reply(550, "5.7.1", b"That address was good for some weeks only")
NO_ADDRESS = reply(550, "5.1.1", b"That address leads back to nobody")
REPORTS_ONLY = reply(550, "5.7.1", b"That address takes delivery reports only")
ONE_ONLY = reply(452, "4.5.3", b"One such recipient a message; send to the rest later")

_ANSWERS = {Fault.FORM: NO_ADDRESS, Fault.HASH: NOT_OURS, Fault.AGE: TOO_OLD}

#: Is there such a recipient in this message?  Not for the spool.
RETURNED = Stamp[bool]("srs.returned", None, bool)


def readSecrets(path: Path) -> tuple[bytes, ...]:
    """
    The secrets of a file: a line each, the first signs.

    @raise BadList: it cannot be read, others may read it, or there is none in it.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_FILE_OCTETS + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise BadList(path, [(None, why)]) from error
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        why = f'others may read it; "chmod 600 {path}" keeps it to its owner'
        raise BadList(path, [(None, why)])
    if len(text) > _FILE_OCTETS:
        raise BadList(path, [(None, f"longer than {_FILE_OCTETS} octets")])
    # Blanks are part of a secret, as postsrsd has it.
    lines = [line.rstrip(b"\r") for line in text.split(b"\n")]
    for number, line in enumerate(lines, 1):
        if len(line) > _SECRET_OCTETS:
            why = f"a secret longer than {_SECRET_OCTETS} octets"
            raise BadList(path, [(number, why)])
    secrets = tuple(line for line in lines if line)
    if not secrets:
        raise BadList(path, [(None, "there is no secret in it")])
    return secrets


class SecretsFile:
    """
    Secrets, with how they are used.

    @ivar path: the file.
    """

    def __init__(self, path: Path, style: Style, publish: Publish = unheard) -> None:
        """
        Read them.

        @param publish: told of what goes wrong later.
        @raise BadList: with what is wrong.
        """

        def told(why: str | None) -> None:
            if why is None:
                publish(SECRETS_READ, {"file": str(path)})
            else:
                publish(SECRETS_KEPT, {"why": why})

        self.path = path
        self._file = WatchedFile(path, lambda: SRS(readSecrets(path), style), told)

    def srs(self) -> SRS:
        """What rewrites senders, with the secrets that there are now."""
        return self._file.content

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the file from now on.

        @param work: where that is done.
        """
        self._file.start(clock, work)

    def stop(self) -> None:
        """Look no more."""
        self._file.stop()


@frozen
class Returns:
    """
    Knows whom mail leads back to.

    @ivar srs: how senders are rewritten, with the secrets that there are now.
    @ivar domains: where they are then, and were before, as L{domainKey} has them.
    @ivar now: seconds since the epoch.
    @ivar anySender: may mail that has a sender come back, too, and to any number?
    """

    srs: Callable[[], SRS]
    domains: frozenset[bytes]
    now: Callable[[], float]
    anySender: bool = False

    def claims(self, path: bytes) -> bool:
        """
        Is it an address that we made, or that is nobody's?

        @param path: a recipient's mailbox, as the envelope has it.
        """
        return isSRS(path) and domainKey(domainOf(path)) in self.domains

    def sender(self, envelope: Envelope, path: bytes) -> bytes | Reply:
        """
        Whom a recipient leads back to, or what is against it.

        @param path: as L{claims} has found it.
        """
        if not self.anySender:
            if envelope.sender:
                return REPORTS_ONLY
            if envelope.stamp(RETURNED):
                return ONE_ONLY
        srs, now = self.srs(), self.now()
        try:
            for _ in range(_ROUNDS):
                path = srs.reversed(path, now)
                if not self.claims(path):
                    return path
        except BadSRS as error:
            return _ANSWERS[error.fault]
        return NO_ADDRESS


def keysOf(domains: Iterable[str]) -> frozenset[bytes]:
    """Domains, as L{domainKey} has them."""
    return frozenset(domainKey(each.lower().encode("utf-8")) for each in domains)


__all__ = [
    "NOT_OURS",
    "NO_ADDRESS",
    "ONE_ONLY",
    "REPORTS_ONLY",
    "RETURNED",
    "Returns",
    "SecretsFile",
    "TOO_OLD",
    "keysOf",
    "readSecrets",
]
