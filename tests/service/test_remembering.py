"""
Tests for L{smtpx.service.remembering}: messages that are cut short, and how much is
kept.
"""

from __future__ import annotations

import errno

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from smtpx.core.bounds import Bounds
from smtpx.extensions.checkpoint import CheckpointSettings
from smtpx.spool.names import Names

from .named import (
    AT_END,
    BDAT,
    HEADER,
    LONG,
    MAIL,
    RCPT,
    Client,
    NamedTestCase,
    Server,
    codes,
    data,
)


class CutShortTests(NamedTestCase):
    """A transaction whose message was cut short."""

    half = LONG[:100_000]
    there = half.rfind(b"\r\n") + 2
    offset = f"355 {there} is the transaction offset for 1 recipient"

    def cut(self, server: Server, octets: bytes = half, dots: bool = False) -> None:
        """Have a message cut short."""
        client = server.client()
        client.talk(MAIL, RCPT)
        if dots:
            client.talk(b"DATA")
            client.raw(octets)
        else:
            client.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), octets))
        server.settle()
        client.lose()

    def rest(self, client: Client, start: int = there) -> list[str]:
        """Send what is left."""
        left = LONG[start:]
        return client.talk(b"BDAT %d LAST\r\n%b" % (len(left), left[:-2]))

    def whole(self, server: Server) -> None:
        """The message is there, once, as it was sent."""
        self.assertEqual(
            server.messages(), [(b"a@client.example", [b"b@server.example"], LONG)]
        )

    def test_goesOn(self) -> None:
        """It goes on where a line begins; and it is known again then."""
        for dots in (False, True):
            server = self.server()
            self.cut(server, dots=dots)
            client = server.client()
            self.assertEqual(client.talk(MAIL), [self.offset])
            final = self.rest(client)
            self.assertEqual(codes(final), ["250"])
            self.whole(server)
            self.assertEqual(server.told, [(self.there, True)])
            again = server.client().talk(MAIL, b"BDAT 0 LAST")
            self.assertEqual(
                again,
                [f"355 {len(LONG)} is the transaction offset for 1 recipient", *final],
            )
            client = server.client()
            client.talk(MAIL, RCPT)
            self.assertEqual(self.rest(client, 0), final)
            self.folder = self.mktemp()

    def test_goesOnByDATA(self) -> None:
        """Section 3: DATA goes on at the beginning of a line."""
        server = self.server()
        self.cut(server)
        client = server.client()
        client.talk(MAIL)
        self.assertEqual(codes(data(client, LONG[self.there :])), ["354", "250"])
        self.whole(server)

    def test_allAgain(self) -> None:
        """A RCPT shows that all of it is sent again: what was there is dropped."""
        server = self.server()
        self.cut(server)
        client = server.client()
        said = client.talk(MAIL, RCPT)
        self.assertEqual(codes(said), ["355", "250"])
        self.assertEqual(codes(self.rest(client, 0)), ["250"])
        self.whole(server)
        self.assertEqual(server.told, [])

    def test_again(self) -> None:
        """Cut short again, it goes on behind all that came; after a restart too."""
        server = self.server()
        self.cut(server)
        client = server.client()
        client.talk(MAIL)
        client.raw(b"BDAT %d LAST\r\n" % (len(LONG) - self.there))
        client.raw(LONG[self.there : 150_000])
        client.lose()
        server.rig.close()
        server = self.server()
        there = LONG[:150_000].rfind(b"\r\n") + 2
        client = server.client()
        self.assertEqual(client.talk(MAIL)[0].split()[1], str(there))
        self.assertEqual(codes(self.rest(client, there)), ["250"])
        self.whole(server)

    def test_tooShort(self) -> None:
        """What is short is sent again; and so is what has no whole header."""
        for octets in (LONG[:60_000], b"Subject: " + b"x" * 99_000):
            server = self.server()
            self.cut(server, octets)
            self.assertEqual(codes(server.client().talk(MAIL)), ["250"])
            self.folder = self.mktemp()

    def test_noHeader(self) -> None:
        """A message may begin with the empty line; line ends may come in halves."""
        server = self.server()
        body = b"\r\n" + b"x" * 80_000 + b"\r\n"
        client = server.client()
        client.talk(MAIL, RCPT)
        client.raw(b"BDAT 100000 LAST\r\n" + body[:-1])
        client.raw(b"\n")
        client.raw(b"more")
        client.lose()
        said = server.client().talk(MAIL)
        self.assertEqual(said[0].split()[1], str(len(body)))

    def test_givenUp(self) -> None:
        """RSET, QUIT and what breaks the transaction drop it (section 3)."""
        for words in ((b"RSET",), (b"QUIT",), (b"BDAT 5\r\n12345", b"RSET")):
            server = self.server()
            self.cut(server)
            client = server.client()
            self.assertEqual(client.talk(MAIL)[0], self.offset)
            client.raw(b"\r\n".join((*words, b"")).replace(b"12345\r\n", b"12345"))
            server.settle()
            self.assertEqual(codes(server.client().talk(MAIL)), ["250"])
            bodies = server.rig.spool._bodies
            self.assertEqual(list(bodies.keys(9)), [])
            self.folder = self.mktemp()

    def test_fileGone(self) -> None:
        """Where its file is gone, it begins anew."""
        server = self.server()
        self.cut(server)
        [[key]] = list(server.rig.spool._bodies.keys(9))
        server.rig.spool._bodies.delete([key])
        self.assertEqual(codes(server.client().talk(MAIL)), ["250"])

    def test_fileGoneMeanwhile(self) -> None:
        """Where it goes behind the 355, it is put off."""
        server = self.server()
        self.cut(server)
        client = server.client()
        client.talk(MAIL)
        [[key]] = list(server.rig.spool._bodies.keys(9))
        server.rig.spool._bodies.delete([key])
        self.assertEqual(codes(self.rest(client)), ["451"])
        self.assertEqual(codes(server.client().talk(MAIL)), ["250"])

    def test_sweptAtStart(self) -> None:
        """A start deletes bodies of nobody, and not these."""
        server = self.server()
        self.cut(server)
        server.rig.close()
        server = self.server()
        self.assertEqual(server.client().talk(MAIL), [self.offset])

    def test_adopted(self) -> None:
        """What another process had that is dead goes on here, and names are known."""
        server = self.server()
        self.cut(server)
        name = MAIL.replace(b"4f2a", b"4f2b")
        server.client().talk(name, RCPT, BDAT)
        server.rig.close()
        server = Server(self.rig(number=2))
        client = server.client()
        self.assertEqual(client.talk(MAIL), [self.offset])
        self.assertEqual(codes(self.rest(client)), ["250"])
        self.assertEqual(server.client().talk(name), [AT_END])
        self.assertEqual(server.memory.names.count(None), 2)  # type: ignore[union-attr]  # it is open

    def test_submission(self) -> None:
        """Where messages are kept otherwise than they come, nothing is kept of them."""
        server = self.server(submission=True)
        self.cut(server)
        self.assertEqual(codes(server.client().talk(MAIL)), ["250"])

    def test_submissionElsewhere(self) -> None:
        """Nor does it go on there with what came by another listener."""
        server = self.server()
        self.cut(server)
        other = Server(server.rig, submission=True)
        self.assertEqual(codes(other.client().talk(MAIL)), ["250"])

    def test_shutDown(self) -> None:
        """A server that stops keeps what has come."""
        server = self.server()
        client = server.client()
        client.talk(MAIL, RCPT)
        client.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), self.half))
        server.factory.shutDown()
        server.settle()
        self.assertEqual(client.codes, ["421"])
        server.rig.close()
        server = self.server()
        self.assertEqual(server.client().talk(MAIL), [self.offset])

    def test_expires(self) -> None:
        """It is dropped when its time is over."""
        server = self.server()
        self.cut(server)
        server.rig.now += 6 * 86400
        tidying = Deferred.fromCoroutine(server.memory.keepTidy())
        server.settle()
        self.assertEqual(list(server.rig.spool._bodies.keys(9)), [])
        self.assertEqual(codes(server.client().talk(MAIL)), ["250"])
        tidying.addErrback(lambda _: None)
        tidying.cancel()

    def test_damaged(self) -> None:
        """What cannot be read of it is as if it was not there."""
        server = self.server()
        self.cut(server)
        store = server.rig.spool._desk._writer._store
        assert store is not None
        store.commit((), (), [("UPDATE remnant SET envelope = 'x'", ())])
        self.assertEqual(codes(server.client().talk(MAIL)), ["250"])
        self.flushLoggedErrors()


class LimitTests(NamedTestCase):
    """How much is kept."""

    def cut(self, server: Server, name: bytes, host: str = "192.0.2.1") -> None:
        """Have a message cut short."""
        client = server.client(host)
        client.talk(MAIL.replace(b"4f2a", name), RCPT)
        client.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), LONG[:100_000]))
        server.rig.now += 1
        client.lose()

    def known(self, server: Server, name: bytes, host: str = "192.0.2.1") -> bool:
        """Does it go on?"""
        client = server.client(host)
        said = client.talk(MAIL.replace(b"4f2a", name))
        client.lose()
        return codes(said) == ["355"]

    def test_oldestOfAClient(self) -> None:
        """The oldest of a client is dropped where it has too many."""
        for options in (
            CheckpointSettings(clientCutShortMax=2),
            CheckpointSettings(clientCutShortOctets=250_000),
        ):
            server = self.server(options=options)
            self.cut(server, b"other", "192.0.2.2")
            for name in (b"one", b"two", b"three"):
                self.cut(server, name)
            self.assertFalse(self.known(server, b"one"))
            self.assertTrue(self.known(server, b"two"))
            self.assertTrue(self.known(server, b"three"))
            self.assertTrue(self.known(server, b"other", "192.0.2.2"))
            self.assertEqual(len(next(iter(server.rig.spool._bodies.keys(9)))), 3)
            self.folder = self.mktemp()

    def test_oldestOfAll(self) -> None:
        """The oldest of all where there are too many; not one that goes on."""
        for options in (
            CheckpointSettings(cutShortMax=2),
            CheckpointSettings(cutShortOctets=250_000),
        ):
            server = self.server(options=options)
            self.cut(server, b"one", "192.0.2.2")
            self.cut(server, b"two", "192.0.2.3")
            on = server.client("192.0.2.2")
            on.talk(MAIL.replace(b"4f2a", b"one"))
            self.cut(server, b"three")
            self.assertFalse(self.known(server, b"two", "192.0.2.3"))
            self.assertTrue(self.known(server, b"three"))
            on.lose()
            self.assertTrue(self.known(server, b"one", "192.0.2.2"))
            self.folder = self.mktemp()

    def test_atOnce(self) -> None:
        """As many as there may be, also where they are cut short at one time."""
        for options in (
            CheckpointSettings(clientCutShortMax=2),
            CheckpointSettings(cutShortMax=2),
            CheckpointSettings(cutShortOctets=250_000),
        ):
            server = self.server(options=options)
            clients = []
            for number in range(5):
                client = server.client()
                client.talk(MAIL.replace(b"4f2a", b"%d" % number), RCPT)
                client.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), LONG[:100_000]))
                clients.append(client)
            for client in clients:
                client.protocol.connectionLost(Failure(ConnectionLost()))
            server.settle()
            known = [self.known(server, b"%d" % number) for number in range(5)]
            self.assertEqual(known.count(True), 2)
            self.assertEqual(len(next(iter(server.rig.spool._bodies.keys(9)))), 2)
            self.folder = self.mktemp()

    def test_notNoted(self) -> None:
        """What could not be noted takes nobody's room."""
        server = self.server()
        bodies, names = server.rig.spool._bodies, server.rig.spool.names

        def full(*args: object) -> None:
            raise OSError(errno.ENOSPC, "full")

        self.patch(bodies, "shorten", full)
        self.cut(server, b"one")
        assert isinstance(names, Names)
        self.assertEqual(names.cutShort(), [])
        self.assertEqual(list(bodies.keys(9)), [])
        self.assertFalse(self.known(server, b"one"))

    def test_onlyWhatCountsTakesRoom(self) -> None:
        """
        What came behind the last whole line does not count, and is not kept: else a
        client could fill the disk with one long line, and be within all limits.
        """
        server = self.server()
        client = server.client()
        client.talk(MAIL, RCPT)
        client.raw(b"BDAT 999999\r\n" + HEADER + b"x" * 900_000)
        client.lose()
        bodies = server.rig.spool._bodies
        ((key,),) = bodies.keys(9)
        self.assertEqual(bodies.octetsOf(key), len(HEADER))

    def test_none(self) -> None:
        """Nothing is kept where the operator wants nothing kept."""
        for options in (
            CheckpointSettings(clientCutShortMax=0),
            CheckpointSettings(cutShortOctets=0),
        ):
            server = self.server(options=options)
            self.cut(server, b"one")
            self.assertFalse(self.known(server, b"one"))
            self.assertEqual(list(server.rig.spool._bodies.keys(9)), [])
            self.folder = self.mktemp()

    def test_namesFull(self) -> None:
        """
        With as many names as there may be, it is not offered, and what comes with a new
        one has none; those that are there are known.
        """
        for options in (
            CheckpointSettings(namesMax=1),
            CheckpointSettings(clientNamesMax=1),
        ):
            server = self.server(options=options)
            server.client().talk(MAIL, RCPT, BDAT)
            client = server.client(greet=False)
            said = client.talk(b"EHLO client.example")
            self.assertFalse([line for line in said if "CHECKPOINT" in line])
            other = MAIL.replace(b"4f2a", b"4f2b")
            for _ in range(2):
                self.assertEqual(codes(client.talk(other, RCPT, BDAT)), ["250"] * 3)
            self.assertEqual(len(server.messages()), 3)
            self.assertEqual(codes(client.talk(MAIL)), ["355"])
            self.folder = self.mktemp()

    def test_lowWater(self) -> None:
        """
        Below the low-water mark nothing goes on either; what is there stays, and goes
        on when there is room.
        """
        server = self.server()
        self.cut(server, b"one")
        headroom = server.rig.spool._headroom
        room, headroom.lowWater = headroom.lowWater, 1 << 60
        headroom._lookedAt = -9.0
        client = server.client()
        client.talk(MAIL.replace(b"4f2a", b"one"))
        rest = LONG[LONG[:100_000].rfind(b"\r\n") + 2 :]
        bdat = b"BDAT %d LAST\r\n%b" % (len(rest), rest.removesuffix(b"\r\n"))
        self.assertEqual(codes(client.talk(bdat)), ["452"])
        client.lose()
        headroom.lowWater, headroom._lookedAt = room, -9.0
        client = server.client()
        client.talk(MAIL.replace(b"4f2a", b"one"))
        self.assertEqual(codes(client.talk(bdat)), ["250"])
        self.assertEqual([body for _, _, body in server.messages()], [LONG])

    def test_makesRoomForMail(self) -> None:
        """
        Where there is no room for mail, there is none for what was cut short: else a
        stranger could have all mail put off for days.
        """
        server = self.server()
        self.cut(server, b"one")
        spool = server.rig.spool
        going = server.client()
        going.talk(MAIL.replace(b"4f2a", b"two"), RCPT)
        going.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), LONG[:100_000]))
        spool._headroom.lowWater, spool._headroom._lookedAt = 1 << 60, -9.0
        going.lose()
        self.assertEqual(len(next(iter(spool._bodies.keys(9)))), 1)
        server.rig.wait(spool.names.expire(server.now(), lambda key: True))
        self.assertEqual(len(next(iter(spool._bodies.keys(9)))), 1)
        server.rig.wait(spool.names.expire(server.now(), lambda key: False))
        server.settle()
        self.assertEqual(list(spool._bodies.keys(9)), [])
        self.assertFalse(self.known(server, b"one"))
        self.assertFalse(self.known(server, b"two"))

    def test_heavyNames(self) -> None:
        """
        A name for which much is to be remembered counts as several, however it comes
        and goes: else there would be room for a hundred thousand octets a name.
        """
        server = self.server(bounds=Bounds(recipientsMax=1000))
        rcpts = [b"RCPT TO:<%b%d@server.example>" % (b"x" * 60, n) for n in range(200)]

        def count() -> int:
            return server.memory.names.count(None)  # type: ignore[union-attr]  # it is open

        other = MAIL.replace(b"4f2a", b"4f2b")
        for mail in (MAIL, other):
            server.client().talk(mail, *rcpts, BDAT)
        both = count()
        self.assertGreater(both, 30)
        server.rig.close()
        server = self.server()
        self.assertEqual(count(), both)
        server.client().talk(MAIL, RCPT, BDAT)
        self.assertEqual(count(), both // 2)
        server.wait(1)
        server.rig.now += 6 * 86400
        server.rig.wait(server.memory.names.expire(server.now(), lambda key: False))  # type: ignore[union-attr]  # it is open
        self.assertEqual(count(), 0)
        self.assertEqual(server.memory.names._heavy, {})  # type: ignore[union-attr]  # it is open

    def test_tooLongToRemember(self) -> None:
        """A transaction with very many recipients is taken, and not remembered."""
        server = self.server(bounds=Bounds(recipientsMax=3000))
        many = [b"RCPT TO:<%b%d@server.example>" % (b"x" * 60, n) for n in range(2000)]
        for _ in range(2):
            said = server.client().talk(MAIL, *many, BDAT)
            self.assertEqual(set(codes(said)), {"250"})
        self.assertEqual(len(server.messages()), 2)

    def test_manyAtATime(self) -> None:
        """What is over is forgotten although nobody tells of it."""
        server = self.server()
        for count in range(300):
            client = server.client()
            client.talk(MAIL.replace(b"4f2a", b"%d" % count))
            client.lose()
        self.assertLess(len(server.memory._running), 150)
