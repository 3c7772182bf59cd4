"""
A ClientHello that fits where there is room for little.

With TCP Fast Open (RFC 7413) the hello rides on the SYN, if all of it fits into that
one segment; if not, the handshake begins a round trip later.  There is room for 1420
octets, or 1400 with IPv6, and OpenSSL's own hello has some 1510, for it brings key
shares for two groups, and one of them, the hybrid X25519MLKEM768, has 1216 octets.

So a hello is cut down, step by step, until it fits:

  1. One key share, for the best group; the others are still named.  A server that has
     not that one group asks for another hello (RFC 8446 section 4.1.4), which costs
     the round trip that was won; the next time the share is of the group that it
     asked for, and then there is room for all else.
  2. Only groups and signature algorithms that servers have, and no extensions that
     the suites make pointless.
  3. TLS 1.3 only.

What the operator has given is kept: nothing weaker is ever offered, and the hybrid is
not given up.  A hello that would not fit after all three steps is left as it is.

How long a hello is depends on the name in it.  It is not guessed: one is made and
measured, for each step and each length of names.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import evolve, frozen
from OpenSSL import SSL

from ..core.tlsterms import TLSTerms
from .standing import StapleWatch
from .terms import giveGroups, problemOf

#: What OpenSSL 3.5 has by itself, but for the second key share and the finite fields
#: (L{smtpx.tls.terms.GROUPS}).
GROUPS = "*X25519MLKEM768:X25519:P-256:X448:P-384:P-521"

#: Those of step 2: a server that has none of these is not met.
FEW_GROUPS = "*X25519MLKEM768:X25519:P-256:P-384"

#: Those of step 2: what public authorities sign with, and what signs handshakes.
FEW_SIGNATURES = (
    "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519"
    ":rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512"
    ":rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512"
)

#: What a ticket of OpenSSL's adds, in octets, with what belongs to it.
TICKET_OCTETS = 400

#: C{SSL_OP_NO_ENCRYPT_THEN_MAC}, which pyOpenSSL has no name for: it is about suites
#: that are not offered.
_NO_ENCRYPT_THEN_MAC = 1 << 19

#: What groups are called besides (RFC 8422 section 5.1.1).
_OTHERWISE = {"secp256r1": "p-256", "secp384r1": "p-384", "secp521r1": "p-521"}

_plain = re.compile(r"[A-Za-z0-9_.-]+\Z").match


@frozen
class Shape:
    """
    How a hello is made.

    @ivar terms: of the handshake.
    @ivar share: the one group with a key share; L{None}: as OpenSSL has it.
    @ivar lean: are extensions left out that make no difference?
    """

    terms: TLSTerms
    share: str | None = None
    lean: bool = False

    def prepare(self, context: SSL.Context) -> None:
        """Leave out of a context's hellos what is to be left out."""
        if self.lean:
            context.set_options(SSL.OP_NO_TICKET | _NO_ENCRYPT_THEN_MAC)


class Greeter(SSL.Connection):
    """
    A client's side of a handshake that knows how its hello was made.

    @ivar shape: how.
    @ivar watch: waits for what is stapled to the certificate; L{None}: nobody asks.
    @ivar roomless: was there no room for a session from before?
    """

    watch: StapleWatch | None = None

    def __init__(
        self, context: SSL.Context, shape: Shape, roomless: bool = False
    ) -> None:
        SSL.Connection.__init__(self, context, None)
        self.shape = shape
        self.roomless = roomless

    @property
    def shortened(self) -> bool:
        """Was the hello cut down?"""
        return self.shape.share is not None

    def repeated(self, version: str, group: str) -> bool:
        """
        Did it take two hellos?

        @param version: what the handshake came to, as for C{group}.
        """
        share = self.shape.share
        if share is None or version != "TLSv1.3" or not group:
            return False
        return _named(group) != _named(share)


def _named(group: str) -> str:
    """A group's name, in one of its spellings."""
    folded = group.casefold()
    return _OTHERWISE.get(folded, folded)


def shapes(terms: TLSTerms, wanted: str | None = None) -> tuple[Shape, ...]:
    """
    How hellos can be made, the whole one first, each shorter than the one before.

    @param wanted: the group that the one key share is to be of, if the terms have it;
        L{None}: the best.
    """
    whole = Shape(terms)
    groups = oneShare(GROUPS if terms.groups is None else terms.groups, wanted)
    if groups is None or problemOf(giveGroups, groups) is not None:
        # An OpenSSL without the hybrid has short hellos anyway.
        return (whole,)
    share = groups.split(":")[0].removeprefix("*")
    one = evolve(whole, terms=evolve(terms, groups=groups), share=share)
    lists = TLSTerms(
        minimum=terms.minimum,
        groups=oneShare(FEW_GROUPS, wanted) if terms.groups is None else groups,
        ciphers=terms.ciphers,
        suites=terms.suites,
        signatures=terms.signatures or FEW_SIGNATURES,
    )
    few = Shape(lists, share, lean=True)
    newest = evolve(few, terms=evolve(lists, minimum="TLSv1.3"))
    return whole, one, few, newest


def oneShare(groups: str, wanted: str | None = None) -> str | None:
    """
    The same groups, with a key share for the first alone.

    @param groups: as OpenSSL has them, where C{:} and C{/} separate, C{*} marks key
        shares, and C{?} groups that need not be known.
    @param wanted: which is to be the first, where it is among them.
    @return: L{None}: it says more than that.
    """
    names = [each.lstrip("?*") for each in re.split("[:/]", groups)]
    if not all(_plain(each) for each in names):
        return None
    if any(each.startswith("-") or each.upper() == "DEFAULT" for each in names):
        return None
    if wanted is not None:
        names.sort(key=lambda each: _named(each) != _named(wanted))
    return "*" + ":".join(dict.fromkeys(names))


def fitting(
    steps: tuple[Shape, ...], room: int, length: Callable[[Shape], int]
) -> Shape:
    """
    The first that fits.

    @param room: in octets.
    @param length: measures a hello, in octets.
    @return: the whole one, where none does.
    """
    for shape in steps:
        if length(shape) <= room:
            return shape
    return steps[0]


__all__ = [
    "FEW_GROUPS",
    "FEW_SIGNATURES",
    "GROUPS",
    "TICKET_OCTETS",
    "Greeter",
    "Shape",
    "fitting",
    "oneShare",
    "shapes",
]
