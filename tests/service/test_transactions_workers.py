"""
Tests for L{smtpx.service.transactions}: a transaction that comes to several workers of
a server.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from smtpx.service.transactions import SILENT_SECONDS, WAIT_SECONDS
from smtpx.service.yielding import Held, IElsewhere
from smtpx.spool.siblings import Siblings, Unsure

from .named import (
    AT_END,
    BDAT,
    LONG,
    MAIL,
    OTHER,
    RCPT,
    SHORT,
    Client,
    NamedTestCase,
    Server,
    codes,
)


@implementer(IElsewhere)
class Wire:
    """
    How workers reach each other.

    @ivar others: those at the other end.
    @ivar cut: is nobody reached?
    """

    def __init__(self) -> None:
        self.others: list[Server] = []
        self.cut = False

    def yields(self, key: bytes) -> Deferred[Held]:
        """See L{IElsewhere}."""
        there = [] if self.cut else self.others
        held = [each.memory.yields(key) for each in there]
        return succeed(
            next((each for each in held if each is not Held.FREE), Held.FREE)
        )

    def forget(self, key: bytes, client: bytes) -> Deferred[None]:
        """See L{IElsewhere}."""
        for each in [] if self.cut else self.others:
            names = each.memory.names
            assert names is not None
            names.forget(key, client)
        return succeed(None)


class WorkersTestCase(NamedTestCase):
    """A test with two workers."""

    def two(self, cut: bool = False, **options: Any) -> tuple[Server, Server]:
        """
        Two workers.

        @param cut: do they not reach each other?
        """
        wires = Wire(), Wire()
        one, two = [
            Server(self.rig(number=number, workers=2), elsewhere=wire, **options)
            for number, wire in enumerate(wires, 1)
        ]
        wires[0].others, wires[1].others = [two], [one]
        for wire in wires:
            wire.cut = cut
        self.addCleanup(one.memory.close)
        self.addCleanup(two.memory.close)
        return one, two

    def wait(self, seconds: float, *servers: Server) -> None:
        """Let time pass for all."""
        left = seconds
        while left > 0:
            for each in servers:
                each.wait(0.02)
            left -= 0.02

    def said(self, client: Client, other: Server, *lines: bytes) -> list[str]:
        """Say something at one worker while another lives on; what is answered."""
        client.send(*lines)
        self.wait(0.3, client.server, other)
        return client.said

    def count(self, *servers: Server) -> int:
        """How many messages there are."""
        return sum(len(each.messages()) for each in servers)


class AgainTests(WorkersTestCase):
    """What is repeated to another worker."""

    def test_flightAgain(self) -> None:
        """A flight that is repeated to another worker is answered as it was."""
        one, two = self.two()
        first = one.client().talk(MAIL, RCPT, BDAT)
        again = self.said(two.client(), one, MAIL, RCPT, BDAT)
        self.assertEqual(again, [AT_END, *first[1:]])
        self.assertEqual(two.told, [(len(SHORT), False)])
        self.assertEqual(self.count(one, two), 1)

    def test_atOnce(self) -> None:
        """
        Two flights at two workers at once are one message: the second waits for what
        comes of the first.
        """
        one, two = self.two()
        first, second = one.client(), two.client()
        first.send(MAIL, RCPT, BDAT)
        second.send(MAIL, RCPT, BDAT)
        self.wait(1, one, two)
        said = first.said
        self.assertEqual(second.said, [AT_END, *said[1:]])
        self.assertEqual(self.count(one, two), 1)

    def test_withoutEachOther(self) -> None:
        """So it is where workers do not reach each other."""
        one, two = self.two(cut=True)
        first = one.client().talk(MAIL, RCPT, BDAT)
        again = self.said(two.client(), one, MAIL, RCPT, BDAT)
        self.assertEqual(again, [AT_END, *first[1:]])

    def test_restarted(self) -> None:
        """
        So it is where the one that took it was started anew: it is waited for.  Where
        it does not come, it is put off.
        """
        one, two = self.two()
        first = one.client().talk(MAIL, RCPT, BDAT)
        one.rig.close()
        client = two.client()
        client.send(MAIL, RCPT, BDAT)
        two.wait(1)
        self.assertEqual(client.said, [])
        rig = self.rig(number=1, workers=2)
        two.wait(1)
        self.assertEqual(client.said, [AT_END, *first[1:]])
        rig.close()
        client.send(MAIL, RCPT, BDAT)
        two.wait(6)
        self.assertEqual(client.codes, ["451", "503", "503"])

    def test_otherContent(self) -> None:
        """What contradicts a name is put off, and forgotten by whoever has it."""
        one, two = self.two()
        one.client().talk(MAIL, RCPT, BDAT)
        said = self.said(two.client(), one, MAIL, RCPT, OTHER)
        self.assertEqual(codes(said), ["355", "250", "451"])
        said = self.said(two.client(), one, MAIL, RCPT, OTHER)
        self.assertEqual(codes(said), ["250", "250", "250"])
        self.assertEqual(self.count(one, two), 2)

    def test_otherContentUnreached(self) -> None:
        """Where nobody is told to forget it, it is put off again."""
        one, two = self.two(cut=True)
        one.client().talk(MAIL, RCPT, BDAT)
        for _ in range(2):
            said = self.said(two.client(), one, MAIL, RCPT, OTHER)
            self.assertEqual(codes(said), ["355", "250", "451"])
        self.assertEqual(self.count(one, two), 1)

    def test_unsure(self) -> None:
        """Where it cannot be found out whether it was taken, it is put off."""
        one, two = self.two()
        one.client().talk(MAIL, RCPT, BDAT)

        def unsure(*args: object) -> None:
            raise Unsure("not now")

        patched = self.patch(Siblings, "look", unsure)
        said = self.said(two.client(), one, MAIL, RCPT, BDAT)
        self.assertEqual(codes(said), ["451", "503", "503"])
        patched.restore()
        said = self.said(two.client(), one, MAIL, RCPT, BDAT)
        self.assertEqual(codes(said), ["355", "250", "250"])


class HeldTests(WorkersTestCase):
    """One that somebody has at another worker."""

    def test_sending(self) -> None:
        """While somebody sends it at one worker, it is put off at another, at once."""
        one, two = self.two()
        one.client().talk(MAIL, RCPT)
        self.assertEqual(codes(self.said(two.client(), one, MAIL)), ["451"])

    def test_unreached(self) -> None:
        """So it is, after a while, where that one cannot be asked."""
        one, two = self.two(cut=True)
        one.client().talk(MAIL, RCPT)
        client = two.client()
        client.send(MAIL)
        self.wait(WAIT_SECONDS - 0.5, one, two)
        self.assertEqual(client.said, [])
        self.wait(1, one, two)
        self.assertEqual(client.codes, ["451"])

    def test_over(self) -> None:
        """What is given up at one goes on at another, whether they are asked or not."""
        for cut in (False, True):
            one, two = self.two(cut)
            one.client().talk(MAIL, RCPT, b"RSET")
            said = self.said(two.client(), one, MAIL, RCPT, BDAT)
            self.assertEqual(codes(said), ["250", "250", "250"])
            self.assertEqual(self.count(one, two), 1)
            self.folder = self.mktemp()

    def test_silent(self) -> None:
        """
        One that is silent is sent away when its client comes to another worker; what
        comes late is not listened to.
        """
        one, two = self.two()
        zombie = one.client()
        zombie.talk(MAIL, RCPT)
        self.wait(SILENT_SECONDS + 1, one, two)
        client = two.client()
        said = self.said(client, one, MAIL, RCPT, BDAT)
        self.assertEqual(codes(said), ["250", "250", "250"])
        self.assertEqual(zombie.codes, ["421"])
        zombie.raw(BDAT + b"\r\n")
        self.wait(0.2, one, two)
        self.assertEqual(zombie.said, [])
        self.assertEqual(self.count(one, two), 1)

    def test_silentInTheBody(self) -> None:
        """What a silent one has brought goes on at the other worker."""
        one, two = self.two()
        zombie = one.client()
        zombie.talk(MAIL, RCPT)
        zombie.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), LONG[:150_000]))
        self.wait(SILENT_SECONDS + 1, one, two)
        client = two.client()
        [told] = self.said(client, one, MAIL)
        self.assertTrue(told.startswith("355 "))
        octets = int(told.split()[1])
        self.assertGreater(octets, 100_000)
        zombie.raw(LONG[150_000:])
        rest = LONG[octets:]
        client.raw(b"BDAT %d LAST\r\n%b" % (len(rest), rest))
        self.wait(0.2, one, two)
        self.assertEqual(client.codes, ["250"])
        self.assertEqual((len(one.messages()), two.messages()[0][2]), (0, LONG))
        self.assertEqual(two.told, [(octets, True)])


class CutShortTests(WorkersTestCase):
    """What is cut short at one worker."""

    def cut(self, server: Server) -> None:
        """Have a message cut short."""
        client = server.client()
        client.talk(MAIL, RCPT)
        client.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), LONG[:150_000]))
        client.lose()

    def test_goesOn(self) -> None:
        """It goes on at another where it was."""
        one, two = self.two()
        self.cut(one)
        self.wait(0.1, one, two)
        client = two.client()
        [told] = self.said(client, one, MAIL)
        octets = int(told.split()[1])
        rest = LONG[octets:]
        said = self.said(client, one, b"BDAT %d LAST" % len(rest) + b"\r\n" + rest[:-2])
        self.assertEqual(codes(said), ["250"])
        self.assertEqual(two.messages()[0][2], LONG)
        again = self.said(one.client(), two, MAIL, b"BDAT 0 LAST")
        self.assertEqual(codes(again), ["355", "250"])
        self.assertEqual(again[1], said[0])

    def test_givenUp(self) -> None:
        """Who gives it up there begins anew, at any of them."""
        one, two = self.two()
        self.cut(one)
        client = two.client()
        self.assertEqual(codes(self.said(client, one, MAIL, b"RSET")), ["355", "250"])
        for server, other in ((one, two), (two, one)):
            client = server.client()
            self.assertEqual(codes(self.said(client, other, MAIL)), ["250"])
            client.lose()
            self.wait(0.1, one, two)

    def test_allAgain(self) -> None:
        """Who sends all of it again has it taken once."""
        one, two = self.two()
        self.cut(one)
        bdat = b"BDAT %d LAST\r\n%b" % (len(LONG), LONG.removesuffix(b"\r\n"))
        said = self.said(two.client(), one, MAIL, RCPT, bdat)
        self.assertEqual(codes(said), ["355", "250", "250"])
        self.assertEqual(two.messages()[0][2], LONG)
        self.assertEqual(self.count(one, two), 1)
        said = self.said(one.client(), two, MAIL, RCPT, bdat)
        self.assertEqual(codes(said), ["355", "250", "250"])


class SweepTests(WorkersTestCase):
    """Letting go of what is over."""

    def test_nothingStays(self) -> None:
        """When all is over nothing is held, and nothing is looked for."""
        one, two = self.two()
        one.client().talk(MAIL, RCPT, BDAT)
        client = one.client()
        client.talk(MAIL.replace(b"4f2a", b"two"), b"RSET")
        client = one.client()
        client.talk(MAIL.replace(b"4f2a", b"three"), RCPT)
        client.lose()
        self.wait(0.2, one, two)
        self.assertEqual(one.memory._running, {})
        names: Any = one.rig.spool.names
        self.assertEqual((names._held, names._unwanted), (set(), set()))
        self.assertIsNone(one.memory._sweeping)

    def test_alone(self) -> None:
        """A server of one process looks for nothing."""
        server = self.server()
        server.client().talk(MAIL, RCPT)
        self.assertIsNone(server.memory._sweeping)
