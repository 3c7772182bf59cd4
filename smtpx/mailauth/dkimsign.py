"""
Signing: a DKIM-Signature for a message (RFC 6376 section 5), and any other field that
holds a signature over fields and itself (L{signedField}; those of ARC are made by it).
"""

from __future__ import annotations

import binascii
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from attrs import frozen

from ..core.submitted import Field
from .bodyhash import BodyHash
from .canonical import Form, selected, signedOctets
from .dkimsignature import KeyName
from .signingkey import SigningKey
from .tagging import renderBase64, renderTags

#: Fields that are signed where they stand (RFC 6376 section 5.4.1, RFC 8058 section
#: 4).  None of those that change on the way, nor of those that say how it was.
SIGNED_FIELDS = (
    b"from",
    b"sender",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"to",
    b"cc",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"content-id",
    b"content-description",
    b"in-reply-to",
    b"references",
    b"resent-from",
    b"resent-sender",
    b"resent-to",
    b"resent-cc",
    b"resent-date",
    b"resent-message-id",
    b"list-id",
    b"list-help",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
)

#: Fields of which nobody may add one more: what is read first by people and programs
#: (RFC 6376 section 8.15).
OVERSIGNED_FIELDS = (
    b"from",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"to",
    b"cc",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)

_toQuote = re.compile(rb"[^!-:<>-~]|\|")


@frozen
class SignTerms:
    """
    How messages are signed with one key.

    @ivar key: where the key is published.
    @ivar signed: the fields that are signed where they stand, in lower case; C{from}
        is, in any case.
    @ivar oversigned: those of which nobody may add one more.
    @ivar headerForm: the form of the header that is signed.
    @ivar bodyForm: and of the body.
    @ivar identity: for whom it signs (C{i=}): an address, of which the local part may
        be empty; empty: the domain.
    @ivar lifeSeconds: how long signatures are good; L{None}: without end.
    """

    key: KeyName
    signed: tuple[bytes, ...] = SIGNED_FIELDS
    oversigned: tuple[bytes, ...] = OVERSIGNED_FIELDS
    headerForm: Form = Form.RELAXED
    bodyForm: Form = Form.RELAXED
    identity: bytes = b""
    lifeSeconds: int | None = None

    @property
    def wanted(self) -> BodyHash:
        """What has to be hashed of the body."""
        return BodyHash(self.bodyForm)


def sign(
    fields: Sequence[Field],
    digest: bytes,
    terms: SignTerms,
    key: SigningKey,
    now: float,
) -> bytes:
    """
    Sign a message.

    @param fields: its header.
    @param digest: the hash of its body, L{SignTerms.wanted}.
    @param now: in seconds since 1970.
    @return: the field to put before the header, with its CRLF.
    """
    names = signedNames(fields, terms)
    forms = (terms.headerForm.value, terms.bodyForm.value)
    tags = [
        (b"v", b"1"),
        (b"a", key.algorithm.value),
        (b"c", b"/".join(forms)),
        (b"d", terms.key.domain),
        (b"s", terms.key.selector),
        (b"t", b"%d" % now),
    ]
    if terms.lifeSeconds is not None:
        tags.append((b"x", b"%d" % (int(now) + terms.lifeSeconds)))
    if terms.identity:
        tags.append((b"i", quoted(terms.identity)))
    tags.append((b"h", b":".join(names)))
    tags.append((b"bh", binascii.b2a_base64(digest, newline=False)))
    chosen = selected(fields, names)
    return signedField(b"DKIM-Signature", tags, chosen, terms.headerForm, key)


def signedNames(fields: Sequence[Field], terms: SignTerms) -> list[bytes]:
    """
    The fields to be signed: each as often as it stands there, and once more where
    nobody may add one (RFC 6376 section 5.4.2).
    """
    counts = Counter(each.name for each in fields)
    names: list[bytes] = []
    for name in dict.fromkeys((b"from", *terms.signed, *terms.oversigned)):
        # What is signed must be in h=, and From must be signed: twice at the least,
        # where it is not there.
        names += [name] * (counts[name] + (name in terms.oversigned))
    return names if b"from" in names else [b"from", *names]


def signedField(
    name: bytes,
    tags: Iterable[tuple[bytes, bytes]],
    fields: Iterable[Field],
    form: Form,
    key: SigningKey,
) -> bytes:
    """
    Make a field of tags that ends in a signature (C{b=}) over other fields and itself.

    @param name: the field's.
    @param tags: all others, in order; no value has white space.
    @param fields: those that are signed, in their order.
    @param form: in which they are signed.
    @return: the field, with its CRLF.
    """
    unsigned = renderTags(name, tags, b"b")
    value = key.sign(signedOctets(fields, unsigned, form))
    column = len(unsigned) - (unsigned.rfind(b"\n") + 1)
    return unsigned + renderBase64(value, column) + b"\r\n"


def quoted(value: bytes) -> bytes:
    """A value as dkim-quoted-printable (RFC 6376 section 2.11)."""
    return _toQuote.sub(lambda match: b"=%02X" % match[0][0], value)


__all__ = [
    "OVERSIGNED_FIELDS",
    "SIGNED_FIELDS",
    "SignTerms",
    "quoted",
    "sign",
    "signedField",
    "signedNames",
]
