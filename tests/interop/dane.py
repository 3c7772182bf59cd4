"""
A signed zone for DANE: hosts of this machine, each with other TLSA records.

Every host is at one address and port; what they show, the server there tells by the
name that it is asked for (SNI).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from smtpx.core.tlsa import TLSA
from smtpx.tls.dane import CERT, DANE_EE, DANE_TA, recordFor

from ..tls.chains import Made, make

#: The zone.
ZONE = "dane.example"


def host(case: str) -> str:
    """The mail host of a case."""
    return f"mx-{case}.{ZONE}"


@frozen
class Certificates:
    """
    What the hosts show.

    @ivar authority: who signs.
    @ivar good: for all of them.
    @ivar old: the same, but out of date.
    @ivar other: of somebody else.
    """

    authority: Made
    good: Made
    old: Made
    other: Made

    @classmethod
    def make(cls) -> Certificates:
        """Make them."""
        authority = make("authority", ca=True)
        names = tuple(host(case) for case in ("right", "authority", "wrong", "missing"))
        old = make("old", authority, names=(host("expired"),), expired=True)
        other = make("other", names=("other.example",))
        return cls(authority, make("mail", authority, names=names), old, other)

    def write(self, folder: Path) -> None:
        """Write those that are shown, and who signed them, as PEM."""
        for name, made in (("good", self.good), ("old", self.old)):
            chain, key = made.files
            (folder / f"{name}.pem").write_bytes(chain)
            (folder / f"{name}.key").write_bytes(key)
        chain, _ = self.authority.files
        (folder / "ca.pem").write_bytes(chain)

    def zone(self, port: int) -> str:
        """The records, as a zone file has them."""
        return "".join(self._lines(port))

    def _lines(self, port: int) -> Iterator[str]:
        good = recordFor(self.good.certificate)
        bad = recordFor(self.other.certificate)
        authority = recordFor(self.authority.certificate, DANE_TA, CERT)
        unusable = TLSA(1, 1, 1, good.association)
        cases: dict[str, tuple[TLSA, ...]] = {
            "right": (good,),
            "rollover": (bad, good),
            "wrong": (bad,),
            "authority": (authority,),
            # The certificate is not for this host.
            "elsewhere": (authority,),
            "expired": (recordFor(self.old.certificate, DANE_EE),),
            "unusable": (unusable,),
            "missing": (),
        }
        for case, records in cases.items():
            yield from _case(case)
            for each in records:
                kind = f"{each.usage} {each.selector} {each.matching}"
                told = f"TLSA {kind} {each.association.hex()}"
                yield f"_{port}._tcp.mx-{case} 60 {told}\n"
        yield from _case("bogus")
        yield f"_{port}._tcp.mx-bogus 60 CNAME tlsa.bogus.example.\n"
        yield "alias 60 MX 10 mx-alias\nmx-alias 60 CNAME mx-right\n"
        yield "second 60 MX 10 mx-wrong\nsecond 60 MX 20 mx-right\n"


def _case(case: str) -> Iterator[str]:
    yield f"{case} 60 MX 10 mx-{case}\n"
    yield f"mx-{case} 60 A 127.0.0.1\n"


__all__ = ["Certificates", "ZONE", "host"]
