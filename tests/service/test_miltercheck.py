"""
Tests for L{smtpx.service.miltercheck}, and for the table C{[[milter]]}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.milter.negotiation import Agreed
from smtpx.policy.milter.stages import MacroStage
from smtpx.policy.milter.terms import WhenAway
from smtpx.service import miltercheck
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.problems import ConfigurationError
from smtpx.service.tables import MilterEntry, Role
from smtpx.service.wiring.milters import termsOf

from .made import FOUND, site

_SOCKET = "/run/opendkim/opendkim.sock"


class TableTests(SynchronousTestCase):
    """What operators write."""

    def read(self, **options: object) -> MilterEntry:
        """The table, read."""
        entry = {"name": "opendkim", "address": _SOCKET} | options
        return readConfiguration({"milter": [entry]}, FOUND).milters[0]

    def refused(self, **options: object) -> str:
        """What is wrong with it."""
        with self.assertRaises(ConfigurationError) as raised:
            self.read(**options)
        return str(raised.exception)

    def test_usual(self) -> None:
        """A name and an address will do."""
        entry = self.read()
        self.assertEqual(entry.place, _SOCKET)
        self.assertIs(entry.whenAway, WhenAway.DEFER)
        self.assertEqual(entry.roles, (Role.MX, Role.SUBMISSION))

    def test_ports(self) -> None:
        """A host and a port."""
        for address, place in (
            ("127.0.0.1:8891", ("127.0.0.1", 8891)),
            ("[::1]:8891", ("::1", 8891)),
            ("milter.example.org:1", ("milter.example.org", 1)),
        ):
            self.assertEqual(self.read(address=address).place, place)

    def test_noAddress(self) -> None:
        """What leads nowhere."""
        for address in ("opendkim", "127.0.0.1", "a:0", "a:65536", "::1:1", ""):
            self.assertIn("expected a path", self.refused(address=address))
        self.assertIn("107", self.refused(address="/" + "x" * 107))

    def test_bad(self) -> None:
        """Each says what is wanted."""
        self.assertIn('such as "opendkim"', self.refused(name="a b"))
        self.assertIn("when_away", self.refused(when_away="ignore"))
        self.assertIn("of no use", self.refused(roles=[]))
        self.assertIn("such as", self.refused(macros={"daemon_name": "x"}))
        self.assertIn("printed", self.refused(macros={"{daemon_name}": "x\n"}))

    def test_terms(self) -> None:
        """Macros that no list has are told when a client connects."""
        macros = {"{daemon_name}": "ORIGINATING", "{site}": "b"}
        terms = termsOf(self.read(macros=macros, when_away="accept"))
        self.assertIs(terms.whenAway, WhenAway.ACCEPT)
        self.assertEqual(
            terms.fixed, {b"{daemon_name}": b"ORIGINATING", b"{site}": b"b"}
        )
        self.assertEqual(terms.macros[MacroStage.CONNECT][-1], b"{site}")
        self.assertEqual(terms.macros[MacroStage.CONNECT].count(b"{daemon_name}"), 1)


class CheckTests(SynchronousTestCase):
    """What is told before a start."""

    def setUp(self) -> None:
        """No milter is there."""
        self.site = site(self.mktemp())

        def nobody(place: object, seconds: float) -> Agreed:
            raise FileNotFoundError(2, "No such file or directory")

        self.patch(miltercheck, "tryMilter", nobody)

    def wrong(self, *entries: dict[str, object]) -> list[str]:
        """What a start would stumble over."""
        read = readConfiguration({"milter": list(entries)}, FOUND)
        return [each.text for each in check(self.site.machine, read, FOUND)]

    def told(self, **options: object) -> list[str]:
        """What there is to know of one."""
        entry = {"name": "a", "address": _SOCKET} | options
        read = readConfiguration({"milter": [entry]}, FOUND)
        return [each.text for each in cautions(self.site.machine, read)]

    def test_twoOfOneName(self) -> None:
        """The log could not tell them apart."""
        entry: dict[str, object] = {"name": "a", "address": _SOCKET}
        self.assertEqual(self.wrong(entry, entry), ["there is another milter a above"])

    def test_patience(self) -> None:
        """Nobody waits that long."""
        entry: dict[str, object] = {"name": "a", "address": _SOCKET}
        long = {"limits": {"answer_seconds": 40}, "milter": [entry]}
        read = readConfiguration(long, FOUND)
        [problem] = check(self.site.machine, read, FOUND)
        self.assertEqual(
            problem.text,
            "to connect and to answer could take 50 s, and clients get an answer within"
            " 40 s",
        )

    def test_impatientUsers(self) -> None:
        """Mail programs do not wait as long as servers."""
        entry: dict[str, object] = {"name": "a", "address": _SOCKET}
        entry["command_seconds"] = 90
        [text] = self.wrong(entry)
        self.assertIn("could take 110 s, and clients get an answer within 100 s", text)
        self.assertEqual(self.wrong(entry | {"roles": ["mx"]}), [])

    def test_away(self) -> None:
        """It may come by and by."""
        self.assertIn(
            f"a does not answer at {_SOCKET}: No such file or directory", self.told()
        )

        def away(*rest: object) -> None:
            raise OSError(111, "Connection refused")

        self.patch(miltercheck, "tryMilter", away)
        there = self.told(address="127.0.0.1:8891")
        self.assertIn(
            "a does not answer at 127.0.0.1, port 8891: Connection refused", there
        )

    def test_forNobody(self) -> None:
        """There is no such listener."""
        self.assertIn(
            "no listener has the role submission, so it is never asked",
            self.told(roles=["submission"]),
        )
