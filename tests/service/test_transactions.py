"""
Tests for L{smtpx.service.transactions}: what a server says of transactions that have
ended before, or that somebody else is sending.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from smtpx.core.bounds import Bounds
from smtpx.core.hooks import Dialect
from smtpx.core.hostlist import HostList
from smtpx.core.reply import Reply, reply
from smtpx.extensions.prdr import PRDR, PRDRSettings
from smtpx.service.transactions import SILENT_SECONDS, WAIT_SECONDS

from .named import (
    AT_END,
    BDAT,
    LONG,
    MAIL,
    OTHER,
    RCPT,
    SHORT,
    NamedTestCase,
    Policy,
    Server,
    codes,
    data,
)

NOT_NOW = reply(451, "4.7.1", b"Not now")
NOBODY = reply(550, "5.1.1", b"Nobody")

PRDR_FOR_ALL = PRDR(PRDRSettings(prdrEnable=HostList.parse(["*"])))


class CommittedTests(NamedTestCase):
    """A transaction that has ended."""

    def taken(self, server: Server, *more: bytes) -> list[str]:
        """Have it come, with other recipients perhaps; what the client is told."""
        return server.client().talk(MAIL, RCPT, *more, BDAT)

    def test_new(self) -> None:
        """An unknown name is 250, and all goes as ever."""
        server = self.server()
        self.assertEqual(codes(self.taken(server)), ["250", "250", "250"])
        self.assertEqual(
            server.messages(), [(b"a@client.example", [b"b@server.example"], SHORT)]
        )
        self.assertEqual(server.told, [])

    def test_flightAgain(self) -> None:
        """The same flight is answered as the first time, and nothing is stored."""
        server = self.server()
        first = self.taken(server)
        again = self.taken(server)
        self.assertEqual(again, [AT_END, *first[1:]])
        self.assertEqual(len(server.messages()), 1)
        self.assertEqual(server.told, [(len(SHORT), False)])

    def test_flightAgainByDATA(self) -> None:
        """So it is by DATA."""
        server = self.server()
        client = server.client()
        first = client.talk(MAIL, RCPT) + data(client)
        client = server.client()
        again = client.talk(MAIL, RCPT) + data(client)
        self.assertEqual(again, [AT_END, *first[1:]])
        self.assertEqual(len(server.messages()), 1)

    def test_restarted(self) -> None:
        """Who has read the 355 sends nothing, and gets the final reply."""
        server = self.server()
        first = self.taken(server)
        client = server.client()
        self.assertEqual(client.talk(MAIL), [AT_END])
        self.assertEqual(client.talk(b"BDAT 0 LAST"), first[2:])
        self.assertEqual(client.talk(MAIL), [AT_END])
        self.assertEqual(data(client, b"")[1:], first[2:])
        self.assertEqual(len(server.messages()), 1)

    def test_restartedWithContent(self) -> None:
        """Who has not read it well, and sends all without RCPT, gets it too."""
        server = self.server()
        first = self.taken(server)
        client = server.client()
        self.assertEqual(client.talk(MAIL, BDAT)[1:], first[2:])

    def test_otherContent(self) -> None:
        """Another message is not answered for: it is put off, then taken as new."""
        server = self.server()
        self.taken(server)
        said = server.client().talk(MAIL, RCPT, OTHER)
        self.assertEqual(codes(said), ["355", "250", "451"])
        said = server.client().talk(MAIL, RCPT, OTHER)
        self.assertEqual(codes(said), ["250", "250", "250"])
        self.assertEqual(len(server.messages()), 2)

    def test_nothingBehindRCPT(self) -> None:
        """An empty message behind RCPT is another one."""
        server = self.server()
        self.taken(server)
        said = server.client().talk(MAIL, RCPT, b"BDAT 0 LAST")
        self.assertEqual(codes(said), ["355", "250", "451"])

    def test_otherRecipient(self) -> None:
        """A recipient whom it was not for is put off, and the name forgotten."""
        server = self.server()
        first = self.taken(server)
        c = b"RCPT TO:<c@server.example>"
        said = server.client().talk(MAIL, RCPT, c, BDAT)
        self.assertEqual(codes(said), ["355", "250", "451", "250"])
        self.assertEqual(said[3:], first[2:])
        said = server.client().talk(MAIL, c, BDAT)
        self.assertEqual(codes(said), ["250", "250", "250"])
        self.assertEqual(len(server.messages()), 2)

    def test_onlyOtherRecipients(self) -> None:
        """Where nobody is left, there is nobody to send to."""
        server = self.server()
        self.taken(server)
        c = b"RCPT TO:<c@server.example>"
        said = server.client().talk(MAIL, c, BDAT)
        self.assertEqual(codes(said), ["355", "451", "554"])

    def test_fewerRecipients(self) -> None:
        """Some of its recipients are answered for; with other parameters, none is."""
        server = self.server()
        first = self.taken(server, b"RCPT TO:<c@server.example>")
        said = server.client().talk(MAIL, RCPT, BDAT)
        self.assertEqual(said[1:], [first[1], first[3]])

    def test_firstReplies(self) -> None:
        """
        Each recipient gets its first reply, and the policy is not asked, whatever it
        says by now; nor does it matter when it answers.
        """
        later: Deferred[Reply | None] = Deferred()
        answers: dict[bytes, Reply | Deferred[Reply | None]] = {
            b"no@server.example": NOBODY,
            b"later@server.example": NOT_NOW,
            b"slow@server.example": later,
        }
        server = self.server(policy=Policy(answers=answers))
        rcpts = [b"RCPT TO:<%b>" % each for each in answers]
        client = server.client()
        client.send(MAIL, RCPT, *rcpts, BDAT)
        server.settle()
        later.callback(None)
        server.settle()
        first = client.said
        self.assertEqual(codes(first), ["250", "250", "550", "451", "250", "250"])
        server.policy.answers = {b"b@server.example": NOBODY}
        server.policy.sending = NOBODY
        server.policy.late = {b"b@server.example": NOBODY}
        server.policy.asked.clear()
        again = server.client().talk(MAIL, RCPT, *rcpts, BDAT)
        self.assertEqual(again[1:], first[1:])
        self.assertEqual(server.policy.asked, [])
        self.assertEqual(server.client().talk(MAIL, b"BDAT 0 LAST")[1:], first[5:])

    def test_keptWhateverComes(self) -> None:
        """A name stays behind RSET, QUIT, and a restart of the server."""
        server = self.server()
        first = self.taken(server)
        server.client().talk(MAIL, b"RSET", MAIL, b"QUIT")
        self.assertEqual(self.taken(server)[1:], first[1:])
        server.rig.close()
        server = self.server()
        self.assertEqual(server.memory.names.count(None), 1)  # type: ignore[union-attr]  # it is open
        self.assertEqual(self.taken(server)[1:], first[1:])
        self.assertEqual(len(server.messages()), 1)

    def test_whoseItIs(self) -> None:
        """The same name from elsewhere, as somebody else, or of another, is new."""
        server = self.server()
        self.taken(server)
        self.assertEqual(codes(server.client("192.0.2.2").talk(MAIL)), ["250"])
        other = server.client(greet=False)
        said = other.talk(b"EHLO other.example", MAIL)
        self.assertEqual(codes(said), ["220", "250", "250"])
        mail = MAIL.replace(b"<a@", b"<A@")
        self.assertEqual(codes(server.client().talk(mail)), ["250"])
        lower = server.client(greet=False)
        said = lower.talk(b"EHLO Client.Example", MAIL)
        self.assertEqual(codes(said), ["220", "250", "355"])
        name = MAIL.replace(b"4f2a", b"4F2A")
        self.assertEqual(codes(server.client().talk(name)), ["250"])

    def test_expires(self) -> None:
        """A name is forgotten when its time is over, not before, and the row goes."""
        server = self.server()
        self.taken(server)
        tidying = Deferred.fromCoroutine(server.memory.keepTidy())
        server.rig.now += 5 * 86400 - 60
        self.assertEqual(codes(server.client().talk(MAIL)), ["355"])
        server.rig.now += 120
        client = server.client()
        self.assertEqual(codes(client.talk(MAIL)), ["250"])
        client.talk(RCPT, BDAT)
        self.assertEqual(server.memory.names.count(None), 1)  # type: ignore[union-attr]  # it is open
        server.rig.now += 6 * 86400
        server.rig.reactor.advance(600)
        server.settle()
        self.assertEqual(server.memory.names.count(None), 0)  # type: ignore[union-attr]  # it is open
        tidying.addErrback(lambda _: None)
        tidying.cancel()

    def test_damaged(self) -> None:
        """What cannot be read of a name is as if it was not there."""
        for note in (
            "{",
            '{"said": [], "finals": []}',
            '{"said": [], "finals": ["x"]}',
        ):
            server = self.server()
            self.taken(server)
            store = server.rig.spool._desk._writer._store
            assert store is not None
            store.commit((), (), [("UPDATE name SET note = ?", (note,))])
            self.assertEqual(codes(server.client().talk(MAIL)), ["250"])
            self.flushLoggedErrors()
            server.rig.close()


class RefusedTests(NamedTestCase):
    """A transaction that was refused."""

    def test_forGood(self) -> None:
        """A refusal for good is an end as well."""
        policy = Policy(late={b"b@server.example": NOBODY})
        server = self.server(policy=policy)
        first = server.client().talk(MAIL, RCPT, BDAT)
        self.assertEqual(codes(first), ["250", "250", "550"])
        policy.late = {}
        self.assertEqual(server.client().talk(MAIL, RCPT, BDAT), [AT_END, *first[1:]])
        self.assertEqual(server.client().talk(MAIL, b"BDAT 0 LAST")[1:], first[2:])
        self.assertEqual(server.messages(), [])

    def test_spoiled(self) -> None:
        """Of what was not read to its end only the length is known."""
        server = self.server(bounds=Bounds(messageOctets=20))
        client = server.client()
        first = client.talk(MAIL, RCPT) + data(client)
        self.assertEqual(codes(first), ["250", "250", "354", "552"])
        said = server.client().talk(MAIL, b"BDAT 0 LAST")
        self.assertEqual(said, [AT_END, first[3]])
        client = server.client()
        again = client.talk(MAIL, RCPT) + data(client)
        self.assertEqual(codes(again)[:3], ["355", "250", "354"])
        self.assertEqual(codes(again)[3][0] in "45", True)

    def test_forNow(self) -> None:
        """One for now is none: it may come again."""
        policy = Policy(late={b"b@server.example": NOT_NOW})
        server = self.server(policy=policy)
        client = server.client()
        self.assertEqual(codes(client.talk(MAIL, RCPT, BDAT))[2], "451")
        policy.late = {}
        self.assertEqual(codes(client.talk(MAIL, RCPT, BDAT)), ["250"] * 3)
        self.assertEqual(len(server.messages()), 1)

    def test_each(self) -> None:
        """PRDR: each recipient gets its own reply again."""
        policy = Policy(late={b"c@server.example": NOBODY})
        server = self.server(policy=policy, extensions=[PRDR_FOR_ALL])
        mail = MAIL + b" PRDR"
        c = b"RCPT TO:<c@server.example>"
        first = server.client().talk(mail, RCPT, c, BDAT)
        self.assertEqual(codes(first)[3:], ["353", "250", "550", "250"])
        policy.late = {}
        self.assertEqual(server.client().talk(mail, RCPT, c, BDAT)[1:], first[1:])
        again = server.client().talk(mail, b"BDAT 0 LAST")
        self.assertEqual(again[1:], first[3:])
        self.assertEqual(
            [paths for _, paths, _ in server.messages()], [[b"b@server.example"]]
        )
        # Without the parameter there is one reply for all.
        said = server.client().talk(MAIL, RCPT, BDAT)
        self.assertEqual(codes(said), ["355", "250", "250"])

    def test_eachThenOneForAll(self) -> None:
        """
        Who got a reply for each recipient, and repeats it so that there is one for all,
        is not told that all have got it, nor that nobody has.
        """
        policy = Policy(late={b"c@server.example": NOBODY})
        c = b"RCPT TO:<c@server.example>"
        for rcpts in ([RCPT, c], [c, RCPT]):
            for repeat in ([MAIL, *rcpts, BDAT], [MAIL, b"BDAT 0 LAST"]):
                server = self.server(policy=policy, extensions=[PRDR_FOR_ALL])
                server.client().talk(MAIL + b" PRDR", *rcpts, BDAT)
                said = server.client().talk(*repeat)
                self.assertEqual(codes(said)[:: len(said) - 1], ["355", "451"])
                # From then on it is a transaction like any.
                self.assertEqual(codes(server.client().talk(MAIL)), ["250"])
                self.folder = self.mktemp()

    def test_nobodyOfEach(self) -> None:
        """A refusal of all of them is told of each in LMTP."""
        policy = Policy()
        server = self.server(
            policy=policy, dialect=Dialect.LMTP, bounds=Bounds(messageOctets=20)
        )
        c = b"RCPT TO:<c@server.example>"
        client = server.client(greet=False)
        client.talk(b"LHLO client.example")
        first = client.talk(MAIL, RCPT, c) + data(client)
        self.assertEqual(codes(first)[4:], ["552", "552"])
        again = client.talk(MAIL) + data(client, b"")
        self.assertEqual(again[2:], first[4:])


class AtATimeTests(NamedTestCase):
    """Several that send the same at a time."""

    def test_inProgress(self) -> None:
        """
        While somebody sends it, others are put off, and what they send is dropped; who
        sends it is not disturbed.
        """
        server = self.server()
        one, two = server.client(), server.client()
        one.talk(MAIL, RCPT)
        said = two.talk(MAIL, RCPT, BDAT)
        self.assertEqual(codes(said), ["451", "503", "503"])
        self.assertEqual(codes(one.talk(BDAT)), ["250"])
        self.assertEqual(len(server.messages()), 1)

    def test_silent(self) -> None:
        """
        One that was silent for some seconds is taken over: it gets 421, and what came
        of it is there.
        """
        server = self.server()
        one, two = server.client(), server.client()
        one.talk(MAIL, RCPT)
        one.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), LONG[:100_000]))
        server.wait(SILENT_SECONDS - 1)
        self.assertEqual(codes(two.talk(MAIL)), ["451"])
        server.wait(2)
        two.send(MAIL)
        server.wait(1)
        self.assertEqual(one.codes, ["421"])
        [said] = two.said
        there = int(said.split()[1])
        self.assertEqual(said[:3], "355")
        left = LONG[there:]
        final = two.talk(b"BDAT %d LAST\r\n%b" % (len(left), left[:-2]))
        self.assertEqual(codes(final), ["250"])
        self.assertEqual([body for _, _, body in server.messages()], [LONG])

    def test_fourAtOnce(self) -> None:
        """Four flights at once are one message, and all are answered alike."""
        server = self.server()
        clients = [server.client() for _ in range(4)]
        for client in clients:
            client.send(MAIL, RCPT, BDAT)
        server.wait(1)
        said = [client.said for client in clients]
        self.assertEqual(len({tuple(each[1:]) for each in said}), 1, said)
        self.assertEqual([codes(each)[1:] for each in said], [["250", "250"]] * 4)
        self.assertEqual(len(server.messages()), 1)

    def test_whileItIsTaken(self) -> None:
        """Who comes while it is being taken waits for what comes of it."""
        server = self.server()
        one, two = server.client(), server.client()
        one.send(MAIL, RCPT)
        server.settle()
        one.send(BDAT)
        two.send(MAIL)
        server.rig.reactor.advance(0.1)
        self.assertEqual((one.said[2:], two.said), ([], []))
        server.wait(1)
        self.assertEqual((codes(one.said), two.said), (["250"], [AT_END]))

    def test_lostWhileItIsTaken(self) -> None:
        """Its client may be gone by then (RFC 1047): the next one is told."""
        server = self.server()
        one, two = server.client(), server.client()
        one.talk(MAIL, RCPT)
        one.send(BDAT)
        one.protocol.connectionLost(Failure(ConnectionLost()))
        two.send(MAIL, b"BDAT 0 LAST")
        server.wait(1)
        self.assertEqual(codes(two.said), ["355", "250"])
        self.assertEqual(len(server.messages()), 1)

    def test_slowPolicy(self) -> None:
        """One that waits for an answer of ours is waited for, but not for long."""
        slow: Deferred[Reply | None] = Deferred()
        server = self.server(policy=Policy(answers={b"b@server.example": slow}))
        one, two = server.client(), server.client()
        one.talk(MAIL)
        one.send(RCPT)
        two.send(MAIL)
        server.wait(WAIT_SECONDS - 1)
        self.assertEqual(two.said, [])
        server.wait(2)
        self.assertEqual(two.codes, ["451"])
        slow.callback(None)

    def test_overByRSET(self) -> None:
        """Who gives it up leaves it to others."""
        server = self.server()
        one, two = server.client(), server.client()
        one.talk(MAIL, b"RSET")
        self.assertEqual(codes(two.talk(MAIL)), ["250"])


class TroubleTests(NamedTestCase):
    """A spool that fails."""

    def test_notOpen(self) -> None:
        """Without a place to remember anything, nothing has a name."""
        server = self.server()
        server.memory.names = None
        client = server.client(greet=False)
        self.assertNotIn("250 CHECKPOINT", client.talk(b"EHLO client.example"))
        for _ in range(2):
            self.assertEqual(codes(client.talk(MAIL, RCPT, BDAT)), ["250"] * 3)

    def break_(self, server: Server) -> None:
        """Have the spool fail from now on."""
        server.rig.spool._desk.distrust(OSError(5, "broken"))
        server.rig.threads.run(lambda: server.rig.spool._desk._queue.qsize() > 0)
        self.flushLoggedErrors()

    def test_notNow(self) -> None:
        """What cannot be looked up is put off, not taken without its name."""
        server = self.server()
        client = server.client()
        self.break_(server)
        self.assertEqual(codes(client.talk(MAIL)), ["451"])

    def test_commitFails(self) -> None:
        """
        A message that was not put down has no name either, not even if its commit turns
        out to be there when the file is opened again.
        """
        server = self.server()
        client = server.client()
        client.talk(MAIL, RCPT)
        store = server.rig.spool._desk._writer._store
        assert store is not None
        commit = store.commit

        def late(*args: object) -> list[int]:
            commit(*args)  # type: ignore[arg-type]  # whatever it was
            raise OSError(5, "broken")

        self.patch(store, "commit", late)
        self.assertEqual(codes(client.talk(BDAT)), ["451"])
        server.wait(70)
        self.flushLoggedErrors()
        client = server.client()
        self.assertEqual(codes(client.talk(MAIL, RCPT, BDAT)), ["250"] * 3)
        self.assertEqual(len(server.messages()), 1)
        self.assertEqual(server.memory.names.count(None), 1)  # type: ignore[union-attr]  # it is open

    def test_brokenMeanwhile(self) -> None:
        """What is forgotten while the spool fails is nobody's trouble."""
        server = self.server()
        client = server.client()
        client.talk(MAIL, RCPT)
        client.raw(b"BDAT %d LAST\r\n%b" % (len(LONG), LONG[:100_000]))
        self.break_(server)
        client.lose()
        tidying = Deferred.fromCoroutine(server.memory.keepTidy())
        server.settle()
        self.assertNoResult(tidying)
        tidying.addErrback(lambda _: None)
        tidying.cancel()
