"""
The Sender Rewriting Scheme: senders that a forwarder may answer for.

Who forwards mail sends it from a host that the sender's domain does not name, so SPF
fails at the next host.  With SRS he sends it with an address of his own, in which the
sender's is written; what comes back to that address is sent on to the sender.  Nobody
ever standardised it; this is what libsrs2, postsrsd and Mail::SRS do::

    SRS0=HHHH=TT=domain=local@ours            the first forwarder
    SRS1=HHHH=first==HHHH=TT=domain=local@ours    each one behind him

C{HHHH} is the beginning of a signature, so that nobody but us makes addresses that we
send mail on from; C{TT} the day on which it was made, after which it is good for some
weeks only.  A second forwarder keeps the first one's part as it is, so that addresses
do not grow with each: what comes back to him goes to the first one at once.  The
separator behind the tag may be C{=}, C{-} or C{+}; all others are C{=}.

The signature is HMAC-SHA1 (RFC 2104) in base64 of day, domain and local part, or of
the first forwarder and the rest, each in lower case, as relays on the way may change
the case; for the same reason its own case does not count when it is checked, nor
whether C{+/} or C{-_} stands for the last two of 64.  With four characters of it one
guess in a million is right.

Nothing here knows which senders are to be rewritten: see L{smtpx.queue.srs} and
L{smtpx.policy.srs} for the two ways.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from enum import Enum

from attrs import frozen

from ..core.address import (
    LOCAL_PART_OCTETS,
    PATH_OCTETS,
    Mailbox,
    domainOf,
    localPartOf,
)
from ..core.domain import lowerDomain
from ..core.errors import Malformed, UsageError
from .idn import asciiDomain

#: The characters behind the tag that there are; the first is usual.
SEPARATORS = b"=-+"

#: How long a signature may be: SHA-1 has so many characters in base64.
HASH_CHARACTERS = 27

#: The most days that an address can be good: the stamp begins again after 1024, and
#: a day more than half of that would make the past look like the future.
AGE_DAYS = 500

_DAY_SECONDS = 86400
_DAYS = 1024
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

#: What C{+/} and capitals become, where their case and kind do not count.
_folded = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ+/", b"abcdefghijklmnopqrstuvwxyz-_"
)

_first = re.compile(rb"(?i:SRS0)([=+-])([^=]*)=([^=]*)=([^=]*)=(.*)\Z", re.S).match
_second = re.compile(rb"(?i:SRS1)[=+-]([^=]*)=([^=]+)=([=+-].+)\Z", re.S).match
_zero = re.compile(rb"(?i:SRS0)[=+-].", re.S).match
_tag = re.compile(rb"(?i:SRS[01])[=+-]").match


class Fault(Enum):
    """Why an address does not lead back to a sender."""

    FORM = "it is not an address as SRS makes them"
    HASH = "its signature is not ours"
    AGE = "it is too old"


class BadSRS(Malformed):
    """
    An address that does not lead back to a sender.

    @ivar fault: why not.
    """

    def __init__(self, fault: Fault) -> None:
        Malformed.__init__(self, fault.value)
        self.fault = fault


class Unfit(Malformed):
    """
    A sender of whom no address can be made that leads back to him: it would be longer
    than addresses may be (RFC 5321 section 4.5.3.1), as a rule.
    """


@frozen
class Style:
    """
    How addresses are made and checked.

    @ivar hashLength: how many characters of the signature are written.
    @ivar hashMin: how many there have to be at least, when it is checked.
    @ivar maxAgeDays: how many days an address is good.
    @ivar separator: what stands behind the tag.
    @ivar exim: are addresses good as well that Exim's C{srs_encode} made with one of
        our secrets?  Four hexadecimal digits, and the day is not signed.
    """

    hashLength: int = 4
    hashMin: int = 4
    maxAgeDays: int = 21
    separator: bytes = SEPARATORS[:1]
    exim: bool = False

    def __attrs_post_init__(self) -> None:
        """
        See that it can work.

        @raise UsageError: it cannot.
        """
        if not 1 <= self.hashMin <= self.hashLength <= HASH_CHARACTERS:
            raise UsageError(
                f"a signature of {self.hashLength} characters, {self.hashMin} at"
                f" least, is not within 1 to {HASH_CHARACTERS}"
            )
        if not 0 <= self.maxAgeDays <= AGE_DAYS:
            raise UsageError(f"an age of {self.maxAgeDays} days is not 0 to {AGE_DAYS}")
        if len(self.separator) != 1 or self.separator not in SEPARATORS:
            raise UsageError("the separator behind the tag is one of = - +")


@frozen
class SRS:
    """
    Rewrites senders, and finds them again.

    @ivar secrets: the first signs, all verify.
    @ivar style: how it is done.
    """

    secrets: tuple[bytes, ...]
    style: Style = Style()

    def __attrs_post_init__(self) -> None:
        """
        See that there is a secret.

        @raise UsageError: there is none.
        """
        if not self.secrets or not all(self.secrets):
            raise UsageError("SRS wants a secret")

    def __repr__(self) -> str:
        """Secrets are not for logs."""
        return f"<SRS with {len(self.secrets)} secrets, {self.style}>"

    def rewritten(self, sender: bytes, domain: bytes, seconds: float) -> bytes:
        """
        The address to forward with.

        @param sender: a mailbox, as the envelope has it.
        @param domain: our own, in ASCII.
        @param seconds: now, since the epoch.
        @return: C{sender} itself, where it is the null sender's, or at that domain.
        @raise Unfit: no such address can be made.
        """
        host = domainOf(sender)
        if not host or host == lowerDomain(domain):
            return sender
        local = localPartOf(sender)
        if host.isascii():
            # In the case that it came in, as others do.
            host = sender[-len(host) :]
        else:
            # With a local part in ASCII it is an address that needs no SMTPUTF8.
            host = _asciiHost(host)
        first, rest = _forwarded(host, local)
        if first:
            signed = self._signed(first, rest)
            tag, parts = b"SRS1", [signed, first, rest]
        elif b"=" in host:
            raise Unfit("an address literal with = in it")
        else:
            stamp = dayStamp(seconds)
            signed = self._signed(stamp, host, local)
            tag, parts = b"SRS0", [signed, stamp, host, local]
        text = tag + self.style.separator + b"=".join(parts)
        if len(text) > LOCAL_PART_OCTETS:
            raise Unfit(f"local part longer than {LOCAL_PART_OCTETS} octets")
        found = Mailbox(text, domain).render()
        if len(found) + 2 > PATH_OCTETS:
            raise Unfit(f"path longer than {PATH_OCTETS} octets")
        return found

    def reversed(self, path: bytes, seconds: float) -> bytes:
        """
        The sender, or the first forwarder's address for him, that we made an address
        of.

        @param path: a mailbox, as the envelope has it; its domain is the caller's to
            look at.
        @param seconds: now, since the epoch.
        @raise BadSRS: it was not us, or too long ago.
        """
        local = localPartOf(path)
        if (second := _second(local)) is not None:
            self._check(second[1], second[2], second[3])
            return _mailbox(b"SRS0" + second[3], second[2])
        first = _first(local)
        if first is None:
            raise BadSRS(Fault.FORM)
        signed, stamp, host, user = first.group(2, 3, 4, 5)
        found = _mailbox(user, host)
        if not (self.style.exim and self._isExims(signed, found)):
            self._check(signed, stamp, host, user)
        age = ageDays(stamp, seconds)
        # Clocks of machines that share a secret differ: one may be a day ahead.
        if age > self.style.maxAgeDays and age != _DAYS - 1:
            raise BadSRS(Fault.AGE)
        return found

    def _check(self, signed: bytes, *parts: bytes) -> None:
        """
        See whether it was us who signed.

        @raise BadSRS: it was not.
        """
        length = len(signed)
        if not self.style.hashMin <= length <= HASH_CHARACTERS:
            raise BadSRS(Fault.HASH)
        wanted = signed.translate(_folded)
        good = False
        for secret in self.secrets:
            # Each is computed, whichever is right, and compared in constant time.
            ours = _digest(secret, parts)[:length].translate(_folded)
            good |= hmac.compare_digest(ours, wanted)
        if not good:
            raise BadSRS(Fault.HASH)

    def _signed(self, *parts: bytes) -> bytes:
        return _digest(self.secrets[0], parts)[: self.style.hashLength]

    def _isExims(self, signed: bytes, sender: bytes) -> bool:
        """Did Exim sign with a secret of ours?"""
        wanted, text = signed.lower(), sender.lower()
        good = False
        for secret in self.secrets:
            ours = hmac.new(secret, text, "md5").hexdigest()[:4].encode("ascii")
            good |= hmac.compare_digest(ours, wanted)
        return good


def isSRS(path: bytes) -> bool:
    """
    Does a mailbox look as if SRS had made it?

    @param path: as the envelope has it.
    """
    return _tag(localPartOf(path)) is not None


def dayStamp(seconds: float) -> bytes:
    """
    The day, in two characters.

    @param seconds: since the epoch.
    """
    day = int(seconds // _DAY_SECONDS) % _DAYS
    return bytes((_BASE32[day >> 5], _BASE32[day & 31]))


def ageDays(stamp: bytes, seconds: float) -> int:
    """
    How many days ago a stamp was made: 0 to 1023, where what lies ahead looks as if it
    were long ago.

    @param stamp: see L{dayStamp}, in whatever case.
    @param seconds: now, since the epoch.
    @raise BadSRS: it is none.
    """
    high, low = (_BASE32.find(each) for each in (stamp.upper()[:1], stamp.upper()[1:]))
    if len(stamp) != 2 or high < 0 or low < 0:
        raise BadSRS(Fault.FORM)
    return (int(seconds // _DAY_SECONDS) - (high << 5 | low)) % _DAYS


def _forwarded(host: bytes, local: bytes) -> tuple[bytes, bytes]:
    """
    Who forwarded a message first, and what stands behind the tag of his address for
    the sender; both empty: nobody did, or nothing would lead back to him.
    """
    second = _second(local)
    if second is not None and _isMailbox(b"SRS0" + second[3], second[2]):
        return second[2], second[3]
    if _zero(local) is not None:
        return host, local[4:]
    return b"", b""


def _asciiHost(host: bytes) -> bytes:
    """
    A domain beyond ASCII, in ASCII.

    @raise Unfit: it has no such form.
    """
    try:
        return asciiDomain(host)
    except Malformed as error:
        raise Unfit(str(error)) from None


def _isMailbox(local: bytes, domain: bytes) -> bool:
    try:
        Mailbox(local, domain)
    except Malformed:
        return False
    # Postmaster may come without a domain, but not from here.
    return bool(domain)


def _digest(secret: bytes, parts: tuple[bytes, ...]) -> bytes:
    text = b"".join(part.lower() for part in parts)
    return b64encode(hmac.digest(secret, text, "sha1"))[:HASH_CHARACTERS]


def _mailbox(local: bytes, domain: bytes) -> bytes:
    """
    What an address leads back to.

    @raise BadSRS: it is no mailbox.
    """
    if not _isMailbox(local, domain):
        raise BadSRS(Fault.FORM)
    return Mailbox(local, domain).render()


__all__ = [
    "AGE_DAYS",
    "HASH_CHARACTERS",
    "SEPARATORS",
    "SRS",
    "BadSRS",
    "Fault",
    "Style",
    "Unfit",
    "ageDays",
    "dayStamp",
    "isSRS",
]
