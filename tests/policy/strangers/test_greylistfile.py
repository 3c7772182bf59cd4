"""
Tests for L{smtpx.policy.strangers.greylistfile}.
"""

from __future__ import annotations

from attrs import evolve

from smtpx.policy.strangers.greylistfile import (
    COUNT_SECONDS,
    GreylistFile,
    GreylistTerms,
    KnownClient,
    KnownTriple,
)
from smtpx.policy.strangers.interfaces import Standing, Triples
from smtpx.policy.strangers.networks import Prefixes

from .made import NOW, FolderCase

_TERMS = GreylistTerms(clients=2)
_DAY = 86400.0

_NEW = Standing(False, "it was not here before", 300.0)
_KNOWN = Standing(True, "it was here before")
_CLIENT = Standing(True, "its client is known")
_FULL = Standing(True, "there is no room for it in the greylist")


def triples(
    client: bytes = b"192.0.2.1",
    sender: bytes = b"ann@example.net",
    *recipients: bytes,
) -> Triples:
    """Somebody wants to send."""
    return Triples(client, sender, recipients or (b"bob@example.org",))


class GreylistCase(FolderCase):
    """A greylist."""

    def opened(self, terms: GreylistTerms = _TERMS) -> GreylistFile:
        """A process opens the file."""
        file = GreylistFile(self.path, terms)
        self.addCleanup(file.close)
        return file

    def ask(self, file: GreylistFile, after: float, *several: Triples) -> Standing:
        """What is said, so many seconds later; where several ask, of the last."""
        return file.ask(several or [triples()], NOW + after)[-1]


class WaitingTests(GreylistCase):
    """Who has to wait."""

    def test_comesAgain(self) -> None:
        """
        A client that is new waits; if it comes too early it waits for the rest; then it
        may send, and is known.
        """
        file = self.opened()
        self.assertEqual(self.ask(file, 0), _NEW)
        early = Standing(False, "it came again too early", 299.0)
        self.assertEqual(self.ask(file, 1), early)
        self.assertEqual(self.ask(file, 299.5), evolve(early, waitSeconds=0.5))
        again = Standing(True, "it has come again", 0.0, 300.0)
        self.assertEqual(self.ask(file, 300), again)
        self.assertEqual(self.ask(file, 301), _KNOWN)
        self.assertEqual(
            file.triples(),
            [
                KnownTriple(
                    "192.0.2.0/24",
                    "ann@example.net",
                    "bob@example.org",
                    NOW,
                    NOW + 300,
                    4,
                    NOW + 300,
                    NOW + 300 + 36 * _DAY,
                )
            ],
        )

    def test_fromItsNetwork(self) -> None:
        """It may come again from another address of its network."""
        file = self.opened()
        self.ask(file, 0)
        self.assertTrue(self.ask(file, 400, triples(b"192.0.2.99")).passes)
        self.assertEqual(self.ask(file, 400, triples(b"198.51.100.1")), _NEW)

    def test_otherPeople(self) -> None:
        """Another sender, or another recipient, is something else."""
        file = self.opened()
        self.ask(file, 0)
        for other in (
            triples(b"192.0.2.1", b"eve@example.net"),
            triples(b"192.0.2.1", b""),
            triples(b"192.0.2.1", b"ann@example.net", b"carol@example.org"),
        ):
            self.assertEqual(self.ask(file, 400, other), _NEW)

    def test_tooLate(self) -> None:
        """Who comes again when hosts have given up long ago waits anew."""
        file = self.opened()
        self.ask(file, 0)
        self.assertEqual(self.ask(file, 2 * _DAY), _NEW)
        self.assertTrue(self.ask(file, 2 * _DAY + 300).passes)

    def test_lifetime(self) -> None:
        """What is known is forgotten so long after it was last seen."""
        file = self.opened(evolve(_TERMS, clients=0))
        self.ask(file, 0)
        self.ask(file, 300)
        self.assertEqual(self.ask(file, 30 * _DAY), _KNOWN)
        self.assertEqual(self.ask(file, 65 * _DAY), _KNOWN)
        self.assertEqual(self.ask(file, 102 * _DAY), _NEW)

    def test_clockWasWrong(self) -> None:
        """What was written by a clock that was far ahead does not count."""
        file = self.opened()
        self.ask(file, 10 * _DAY)
        self.assertEqual(self.ask(file, 0), _NEW)

    def test_severalRecipients(self) -> None:
        """Of a whole message one recipient that was here before is enough."""
        file = self.opened()
        carol = triples(b"192.0.2.1", b"ann@example.net", b"carol@example.org")
        self.ask(file, 0, carol)
        both = triples(
            b"192.0.2.1", b"ann@example.net", b"bob@example.org", b"carol@example.org"
        )
        self.assertEqual(
            self.ask(file, 100, both),
            Standing(False, "it came again too early", 200.0),
        )
        self.assertTrue(self.ask(file, 300, both).passes)
        # The other has waited since it was first named.
        self.assertTrue(self.ask(file, 400).passes)

    def test_severalClientsAtOnce(self) -> None:
        """Those who ask together have each their own answer, in their order."""
        file = self.opened()
        self.ask(file, 0)
        self.ask(file, 300)
        other = triples(b"198.51.100.1")
        self.assertEqual(
            file.ask([other, triples(), other], NOW + 310),
            [_NEW, _KNOWN, Standing(False, "it came again too early", 300.0)],
        )

    def test_processes(self) -> None:
        """It comes to the same in another process, and after a restart."""
        one, other = self.opened(), self.opened()
        self.ask(one, 0)
        self.assertEqual(self.ask(other, 10).waitSeconds, 290)
        self.assertTrue(self.ask(other, 300).passes)
        self.assertEqual(self.ask(one, 301), _KNOWN)
        one.close()
        self.assertEqual(self.ask(self.opened(), 302), _KNOWN)

    def test_look(self) -> None:
        """Who only looks is told the same, and leaves nothing behind."""
        file = self.opened()
        self.assertEqual(file.look([triples()], NOW), [_NEW])
        self.assertEqual(file.triples(), [])
        self.ask(file, 0)
        before = file.triples()
        (early,) = file.look([triples()], NOW + 100)
        self.assertEqual(early.waitSeconds, 200)
        (again,) = file.look([triples()], NOW + 300)
        self.assertEqual((again.passes, again.delayedSeconds), (True, 300))
        self.assertEqual((file.triples(), file.clients()), (before, []))


class ClientsTests(GreylistCase):
    """Clients that are known as a whole."""

    def again(self, file: GreylistFile, after: float, sender: bytes) -> None:
        """A client comes from a new sender, and again."""
        self.ask(file, after, triples(b"192.0.2.1", sender))
        self.ask(file, after + 300, triples(b"192.0.2.1", sender))

    def test_known(self) -> None:
        """A client that has come again often enough need not wait any more."""
        file = self.opened()
        self.again(file, 0, b"a@example.net")
        self.assertEqual(
            self.ask(file, 1000, triples(b"192.0.2.1", b"x@a.example")), _NEW
        )
        self.again(file, 4000, b"b@example.net")
        other = triples(b"192.0.2.7", b"y@a.example")
        self.assertEqual(self.ask(file, 5000, other), _CLIENT)
        # Long after, as it was seen in between.
        self.assertEqual(self.ask(file, 30 * _DAY, other), _CLIENT)
        self.assertEqual(self.ask(file, 60 * _DAY, other), _CLIENT)
        self.assertEqual(self.ask(file, 100 * _DAY, other), _NEW)

    def test_oneMessageIsOneProof(self) -> None:
        """Mail to many, sent again, counts once."""
        file = self.opened()
        for sender in (b"a@example.net", b"b@example.net", b"c@example.net"):
            self.again(file, 0, sender)
        (client,) = file.clients()
        self.assertEqual(
            client,
            KnownClient("192.0.2.0/24", 1, NOW + 300, False, NOW + 300 + 36 * _DAY),
        )
        self.again(file, COUNT_SECONDS + 300, b"d@example.net")
        self.assertEqual(file.clients()[0].passed, 2)

    def test_countedAnew(self) -> None:
        """What a client did long ago does not count any more."""
        file = self.opened()
        self.again(file, 0, b"a@example.net")
        self.again(file, 40 * _DAY, b"b@example.net")
        self.assertEqual(file.clients()[0].passed, 1)

    def test_never(self) -> None:
        """An operator may want each to wait."""
        file = self.opened(evolve(_TERMS, clients=0))
        for number in range(5):
            self.again(file, number * 4000, b"%c@example.net" % (97 + number))
        self.assertEqual(file.clients(), [])

    def test_allowed(self) -> None:
        """A client that an operator allows need not wait, for as long as is said."""
        file = self.opened()
        file.allow("192.0.2.0/24", NOW, None)
        file.allow("198.51.100.0/24", NOW, NOW + 100)
        allowed = Standing(True, "it is allowed")
        other = triples(b"198.51.100.1")
        self.assertEqual(self.ask(file, 99, other), allowed)
        self.assertEqual(self.ask(file, 100, other), _NEW)
        self.assertEqual(self.ask(file, 900 * _DAY), allowed)

    def test_allowedStaysSo(self) -> None:
        """What an operator has said does not change by what the client does."""
        file = self.opened()
        file.allow("192.0.2.0/24", NOW, NOW + 5 * _DAY)
        for day in range(5):
            self.ask(file, day * _DAY)
        self.assertEqual(file.clients()[0].expires, NOW + 5 * _DAY)

    def test_forget(self) -> None:
        """A client that is forgotten is new."""
        file = self.opened()
        self.again(file, 0, b"a@example.net")
        self.assertEqual(file.forget("192.0.2.0/24"), 2)
        self.assertEqual(file.forget("192.0.2.0/24"), 0)
        self.assertEqual((file.triples(), file.clients()), ([], []))

    def test_forgetAddress(self) -> None:
        """So are senders and recipients that are forgotten."""
        file = self.opened()
        self.ask(file, 0)
        self.ask(file, 0, triples(b"192.0.2.1", b"bounces-17@lists.example"))
        self.assertEqual(file.forgetAddress(b"bounces-18@lists.example"), 1)
        self.assertEqual(file.forgetAddress(b"Bob@Example.org"), 1)
        self.assertEqual(file.triples(), [])


class BoundsTests(GreylistCase):
    """There is so much room and no more."""

    def flood(
        self, file: GreylistFile, after: float, number: int, tag: str, clients: int = 1
    ) -> None:
        """Many come, each of another sender, and from so many networks."""
        several = [
            triples(
                b"192.0.%d.1" % (2 + each % clients),
                f"{tag}{''.join(map(chr, _letters(each)))}@a.example".encode(),
            )
            for each in range(number)
        ]
        file.ask(several, NOW + after)

    def test_oldestGoes(self) -> None:
        """Of those that wait the oldest go; what is known stays."""
        file = self.opened(evolve(_TERMS, records=20))
        self.ask(file, 0)
        self.ask(file, 300)
        self.flood(file, 400, 15, "old")
        self.flood(file, 1000, 8, "new")
        self.assertEqual(file.tidy(NOW + 1100), 13)
        kinds = [each.sender[:3] for each in file.triples()]
        self.assertEqual(kinds, ["new"] * 8 + ["old"] * 2 + ["ann"])

    def test_floodLetsIn(self) -> None:
        """
        Where all that wait are newer than the delay, nobody could ever come again: so
        who comes is let in, until there is room.
        """
        file = self.opened(evolve(_TERMS, records=20))
        self.flood(file, 0, 15, "a")
        file.tidy(NOW + 10)
        self.assertTrue(file.isFull)
        self.assertEqual(self.ask(file, 11), _FULL)
        self.assertEqual(len(file.triples()), 15)
        # It looks again, by itself, once some of them could have come again.
        self.assertEqual(self.ask(file, 310), _NEW)
        self.assertEqual(len(file.triples()), 11)

    def test_oneClientFillsItNot(self) -> None:
        """
        One client alone does not fill it, so that all others would be let in: what it
        brings beyond its share has to wait, and is not remembered.
        """
        file = self.opened(evolve(_TERMS, records=300))
        self.flood(file, 0, 200, "a")
        self.assertEqual(len(file.triples()), 100)
        file.tidy(NOW + 1)
        self.assertFalse(file.isFull)
        over = triples(b"192.0.2.2", b"more@a.example")
        waits = Standing(False, "its client has too many that wait", 300.0)
        self.assertEqual(file.look([over], NOW + 2), [waits])
        self.assertEqual(self.ask(file, 2, over), waits)
        self.assertEqual(self.ask(file, 2, triples(b"198.51.100.1")), _NEW)
        # Those that it does not bring again make room for others, later on.
        self.assertEqual(self.ask(file, 3601, over), _NEW)
        self.assertEqual(len(file.triples()), 101)

    def test_knownAreBounded(self) -> None:
        """What is known has as much room, and what was not seen for long goes."""
        file = self.opened(evolve(_TERMS, records=20, clients=0))
        self.flood(file, 0, 15, "a")
        self.flood(file, 300, 15, "a")
        self.assertEqual(file.tidy(NOW + 400), 5)
        self.assertFalse(file.isFull)

    def test_clientsAreBounded(self) -> None:
        """So are clients, but for those that an operator allows."""
        file = self.opened(evolve(_TERMS, records=4))
        file.allow("203.0.113.0/24", NOW - _DAY, None)
        for number in range(5):
            client = triples(b"198.51.%d.1" % number)
            self.ask(file, number, client)
            self.ask(file, 300 + number, client)
        file.tidy(NOW + 400)
        self.assertEqual(
            [each.client for each in file.clients()],
            ["198.51.4.0/24", "198.51.3.0/24", "203.0.113.0/24"],
        )

    def test_tidiesByItself(self) -> None:
        """What expired goes once an hour, and whenever much was added."""
        file = self.opened()
        self.ask(file, 0)
        self.ask(file, 3 * _DAY, triples(b"198.51.100.1"))
        self.assertEqual([each.client for each in file.triples()], ["198.51.100.0/24"])
        small = self.opened(evolve(_TERMS, records=100))
        self.flood(small, 4 * _DAY, 101, "a", 2)
        self.flood(small, 4 * _DAY, 1, "b")
        self.assertTrue(small.isFull)


def _letters(number: int) -> list[int]:
    """Numbers of senders do not tell them apart, letters do."""
    return [97 + int(digit) for digit in str(number)]


class PrefixesTests(GreylistCase):
    """What is one client."""

    def test_prefixes(self) -> None:
        """What a network is, an operator says."""
        single = self.opened(GreylistTerms(prefixes=Prefixes(32, 128)))
        self.ask(single, 0)
        self.assertEqual(self.ask(single, 300, triples(b"192.0.2.2")), _NEW)
