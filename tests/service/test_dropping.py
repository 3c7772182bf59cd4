"""
Mail that users of this machine have dropped, from the folder to the Maildir; tests for
L{smtpx.service.droptaking}, L{smtpx.service.dropreceiving} and
L{smtpx.service.wiring.dropping}.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred

from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.service.droptaking import userName
from smtpx.spool.dropfolder import DropFolder, Dropping
from smtpx.spool.interfaces import SpoolBroken

from .made import HouseTestCase

ANN = b"FROM:<ann@mx.example.org>"
BOB = b"TO:<bob@mx.example.org>"
TEXT = b"From: ann@mx.example.org\r\nSubject: x\r\n\r\n.hello\r\n"
USER = userName(os.getuid())
LATER = reply(451, "4.7.1", b"Later")


class Moody:
    """A policy that is of some mind about recipients."""

    answer: Reply | None | Deferred[Reply | None] = None

    def mayReceive(self, session: IServerSession, *rest: object) -> object:
        """Say so."""
        return self.answer


class DropCase(HouseTestCase):
    """A test with a server that takes what is dropped."""

    options: dict[str, object] = {}

    def setUp(self) -> None:
        """Where things are dropped."""
        HouseTestCase.setUp(self)
        self.path = self.site.folder / "state/drop"
        self.folder = DropFolder(self.path)

    def serve(self, **values: object) -> None:
        """Start a server."""
        self.start(local={"domains": ["mx.example.org"]}, **(self.options | values))
        self.spool = self.site.spools[-1]

    def drop(self, *recipients: bytes, sender: bytes = ANN, text: bytes = TEXT) -> str:
        """Drop a message; gives its name."""
        dropping = Dropping(self.path)
        dropping.write(text)
        return dropping.commit(sender, list(recipients or (BOB,)))

    def look(self, seconds: float = 10.0) -> None:
        """Some time goes by."""
        self.site.reactor.advance(seconds)
        self.site.reactor.advance(0)

    def left(self) -> dict[str, list[str]]:
        """What is in the folder, by where; nothing where there is nothing."""
        found = {
            each: os.listdir(self.path / each) for each in ("new", "taking", "bad")
        }
        return {name: files for name, files in found.items() if files}

    def log(self) -> str:
        """The main log."""
        self.look(1)
        return (self.site.folder / "state/main.log").read_text()


class TakingTests(DropCase):
    """What is dropped is taken."""

    def test_fromTheFolderToTheMaildir(self) -> None:
        """It is made whole, says whose it is, and is delivered once."""
        self.serve()
        self.drop()
        self.assertEqual(self.site.inboxes(), [])
        self.look()
        (message,) = self.site.inboxes()
        head, _, rest = message.partition(b"Received: ")
        self.assertIn(b"Return-Path: <ann@mx.example.org>\r\n", head)
        start = f"from {USER} (local user)\r\n\tby mx.example.org with local\r\n\tid "
        self.assertTrue(rest.startswith(start.encode()), rest)
        self.assertIn(b"\r\nDate: ", rest)
        self.assertIn(b"\r\nMessage-ID: <", rest)
        self.assertTrue(rest.endswith(TEXT))
        self.assertEqual(self.left(), {})
        self.look()
        self.assertEqual(len(self.site.inboxes()), 1)
        self.assertIn(f" <= ann@mx.example.org U={USER} P=local S=", self.log())

    def test_whileItWasDown(self) -> None:
        """It is taken at the start."""
        self.serve()
        self.stop()
        self.drop()
        self.serve()
        self.look(0)
        self.assertEqual(len(self.site.inboxes()), 1)

    def test_manyAtOnce(self) -> None:
        """All of them, in one look."""
        self.serve()
        for _ in range(25):
            self.drop()
        self.look()
        self.assertEqual((len(self.site.inboxes()), self.left()), (25, {}))

    def test_elsewhere(self) -> None:
        """Users of this machine may send to everywhere, with what they wish for."""
        self.serve(route=[{"match": ["*"], "transport": "hold"}])
        self.drop(b"TO:<x@elsewhere.example> NOTIFY=NEVER", sender=ANN + b" RET=HDRS")
        self.look()
        (message,) = self.successResultOf(self.spool.messages("", 9))
        (recipient,) = message.envelope.recipients
        self.assertEqual(recipient.dumpedStamps(), {"dsn-notify": "NEVER"})
        self.assertEqual(message.envelope.dumpedStamps()["dsn-ret"], "HDRS")
        # As its route has it.
        self.assertTrue(message.held)
        self.assertEqual(self.left(), {})

    def test_aRouteThatHolds(self) -> None:
        """It does for those whom it is for, and the others get it."""
        routes = [
            {"match": ["held.example"], "transport": "hold"},
            {"match": ["*"], "transport": "maildir"},
        ]
        self.serve(route=routes)
        self.drop(b"TO:<x@held.example>", BOB)
        self.look()
        (message,) = self.successResultOf(self.spool.messages("", 9))
        self.assertEqual((message.held, message.waiting), (True, (0,)))
        self.assertEqual(len(self.site.inboxes()), 1)

    def test_aliases(self) -> None:
        """They hold here, too."""
        self.serve(aliases={"entries": {"team": ["bob", "joe"]}})
        self.drop(b"TO:<team@mx.example.org>")
        self.look()
        self.assertEqual(len(self.site.inboxes()), 2)

    def test_aLongMessage(self) -> None:
        """Others have a turn in between."""
        self.serve()
        text = TEXT + b"0123456789abcde\r\n" * 80_000
        self.drop(text=text)
        self.look()
        self.look(0)
        (message,) = self.site.inboxes()
        self.assertTrue(message.endswith(text))

    def test_switchedOff(self) -> None:
        """Then there is no folder."""
        self.serve(sendmail={"enabled": False})
        self.assertFalse(self.path.exists())

    def test_elsewhereOnTheDisk(self) -> None:
        """The folder may be anywhere, and tells submitters what they have to know."""
        self.path = self.site.folder / "dropped"
        self.serve(sendmail={"folder": str(self.path)}, limits={"message_octets": 5000})
        self.assertEqual(
            (self.path / "settings").read_text(),
            '{"name": "mx.example.org", "messageOctets": 5000}',
        )


class RefusedTests(DropCase):
    """What is not taken, or not by everybody."""

    options = {
        "local": {
            "domains": ["mx.example.org"],
            "addresses": ["ann@mx.example.org", "bob@mx.example.org"],
            "unknown": "refuse",
        }
    }

    def serve(self, **values: object) -> None:
        """Start a server."""
        self.start(**(self.options | values))
        self.spool = self.site.spools[-1]

    def report(self) -> bytes:
        """The one message that is a report."""
        (found,) = [each for each in self.site.inboxes() if b"MAILER-DAEMON" in each]
        return found

    def test_oneOfThem(self) -> None:
        """The others get it; the sender learns who does not."""
        self.serve()
        self.drop(BOB, b"TO:<nobody@mx.example.org>")
        self.look()
        self.assertEqual(len(self.site.inboxes()), 2)
        self.assertIn(b"Delivered-To: ann@mx.example.org\r\n", self.report())
        self.assertIn(b"550 5.1.1 No such recipient here", self.report())
        self.assertIn(f"U={USER} F=<ann@mx.example.org> rejected RCPT", self.log())
        self.assertEqual(self.left(), {})

    def test_allOfThem(self) -> None:
        """Then there is only the report."""
        self.serve()
        self.drop(b"TO:<x@mx.example.org>", b"TO:<y@mx.example.org> NOTIFY=NEVER")
        self.look()
        (report,) = self.site.inboxes()
        self.assertIn(b"Final-Recipient: rfc822;x@mx.example.org\r\n", report)
        self.assertNotIn(b"rfc822;y@mx.example.org", report)
        self.assertIn(b"Subject: x\r\n", report)
        self.assertEqual(self.left(), {})

    def test_theMessage(self) -> None:
        """A message that is refused as a whole is told of as well."""
        self.serve()
        header = b"".join(b"A%d: b\r\n" % number for number in range(40_000))
        self.drop(BOB, text=header + b"\r\ntext\r\n")
        self.look()
        (report,) = self.site.inboxes()
        self.assertIn(b"554 5.6.0 Header is too long", report)
        self.assertIn(b"rfc822;bob@mx.example.org", report)
        self.assertEqual(self.left(), {})

    def test_theSender(self) -> None:
        """What is wrong with MAIL is, too."""
        self.serve()
        self.drop(BOB, sender=ANN + b" WHAT=EVER")
        self.look()
        self.assertIn(b"555 5.5.4 Parameter not recognised", self.report())
        self.assertEqual(self.left(), {})

    def test_noRoom(self) -> None:
        """What the spool cannot take stays where it is."""
        self.serve()
        self.spool.full = True
        name = self.drop()
        # However long that takes: there is no room for a report, either.
        long = self.site.machine.now() - 5 * 3600
        os.utime(self.path / "new" / name, (long, long))
        self.look()
        self.assertEqual(self.left(), {"new": [name]})
        self.spool.full = False
        self.look(61)
        self.assertEqual((len(self.site.inboxes()), self.left()), (1, {}))

    def breakAfterBegin(self, failure: str) -> None:
        """The spool breaks once a message has begun."""
        begin = self.begin

        def failing() -> object:
            incoming = begin()
            setattr(self.spool, failure, True)
            return incoming

        self.patch(self.spool, "begin", failing)

    def test_noRoomAtTheEnd(self) -> None:
        """The same where that is found out late; of all recipients refused as well."""
        self.serve()
        self.begin = self.spool.begin
        for failure in ("full", "broken"):
            for recipient in (BOB, b"TO:<nobody@mx.example.org>"):
                name = self.drop(recipient)
                self.breakAfterBegin(failure)
                self.look()
                self.assertEqual(self.left(), {"new": [name]})
                self.patch(self.spool, "begin", self.begin)
                setattr(self.spool, failure, False)
                self.look(61)
                self.assertEqual(self.left(), {})
        self.assertEqual(len(self.site.inboxes()), 4)

    def test_rubbish(self) -> None:
        """What is no mail is put aside, and the log says so."""
        self.serve()
        names = sorted(letter * 40 for letter in "abcd")
        new = self.path / "new"
        (new / names[0]).write_text("hello")
        (new / names[1]).symlink_to("/dev/null")
        os.mkfifo(new / names[2])
        good = self.drop()
        octets = (new / good).read_bytes()
        (new / names[3]).write_bytes(octets.replace(b"TO:<bob@", b"TO:<b@@"))
        self.look()
        left = self.left()
        self.assertEqual(sorted(left.pop("bad")), names)
        self.assertEqual((left, len(self.site.inboxes())), ({}, 1))

    def test_damaged(self) -> None:
        """A message of which a part is lost is nobody's."""
        self.serve()
        name = self.drop()
        path = self.path / "new" / name
        path.write_bytes(path.read_bytes().replace(b"hello", b"\0" * 5))
        self.look()
        self.assertEqual((self.left(), self.site.inboxes()), ({"bad": [name]}, []))

    def test_whatCannotBePutAside(self) -> None:
        """It is left alone for hours."""
        self.serve()

        def cannot(folder: DropFolder, name: str) -> Path:
            tried.append(name)
            raise PermissionError(13, "Permission denied")

        tried: list[str] = []
        self.patch(DropFolder, "condemn", cannot)
        (self.path / "new" / ("a" * 40)).mkdir()
        self.look()
        self.look(3600)
        self.assertEqual(len(tried), 1)

    def test_takenBack(self) -> None:
        """Whoever dropped it may remove it again."""
        self.serve()
        name = self.drop()
        opened = DropFolder.open

        def gone(folder: DropFolder, name: str) -> int:
            os.unlink(self.path / "new" / name)
            return opened(folder, name)

        self.patch(DropFolder, "open", gone)
        self.look()
        self.assertEqual(self.left(), {})
        self.assertNotIn(name, self.log())

    def test_aPolicyThatBreaks(self) -> None:
        """Its mistakes are temporary, as for any client."""
        self.serve(policy={"python": [Moody()]})
        self.patch(Moody, "answer", "what?")
        name = self.drop()
        os.utime(self.path / "new" / name, (self.site.machine.now(),) * 2)
        self.look()
        self.assertEqual(self.left(), {"new": [name]})

    def test_aPolicyThatTakesItsTime(self) -> None:
        """The message waits for it; a server that stops does not lose it."""
        self.serve(policy={"python": [Moody()]})
        answer: Deferred[Reply | None] = Deferred()
        self.patch(Moody, "answer", answer)
        self.drop()
        self.look()
        self.assertEqual(len(self.left()["new"]), 1)
        answer.callback(None)
        self.look(0)
        self.assertEqual((len(self.site.inboxes()), self.left()), (1, {}))


class SenderTests(DropCase):
    """Who may send as whom."""

    def sent(self, sender: bytes, header: bytes = b"From: bob@b.example\r\n") -> bytes:
        """What is delivered of a message."""
        self.drop(sender=sender, text=header + b"\r\n")
        before = self.site.inboxes()
        self.look()
        (found,) = [each for each in self.site.inboxes() if each not in before]
        return found

    def test_everybodyAsAnybody(self) -> None:
        """Usually; Received says who it was."""
        self.serve()
        message = self.sent(b"FROM:<boss@b.example>")
        self.assertIn(b"Return-Path: <boss@b.example>\r\n", message)
        self.assertNotIn(b"Sender:", message)

    def test_asOneself(self) -> None:
        """Where it is forced; the null sender is everybody's."""
        self.serve(sendmail={"force_sender": True, "trusted": []})
        own = USER.encode() + b"@mx.example.org"
        message = self.sent(b"FROM:<boss@b.example>")
        self.assertIn(b"Return-Path: <%b>\r\n" % own, message)
        self.assertIn(b"\r\nSender: %b\r\n" % own, message)
        message = self.sent(b"FROM:<>", b"From: %b\r\n" % own)
        self.assertIn(b"Return-Path: <>\r\n", message)
        self.assertNotIn(b"Sender:", message)

    def test_trusted(self) -> None:
        """Some may all the same."""
        self.serve(sendmail={"force_sender": True, "trusted": [USER]})
        message = self.sent(b"FROM:<boss@b.example>")
        self.assertIn(b"Return-Path: <boss@b.example>\r\n", message)

    def test_names(self) -> None:
        """A name that could be taken for something else is a number."""

        def named(name: str) -> pwd.struct_passwd:
            return pwd.struct_passwd((name, "", 7, 7, "", "/", ""))

        for name, shown in (("www-data", "www-data"), ("a b", "uid7"), ("x;y", "uid7")):
            self.patch(pwd, "getpwuid", lambda uid, name=name: named(name))
            self.assertEqual(userName(7), shown)

        def nobody(uid: int) -> pwd.struct_passwd:
            raise KeyError(uid)

        self.patch(pwd, "getpwuid", nobody)
        self.assertEqual(userName(7), "uid7")


class KilledTests(DropCase):
    """Whenever a server ends, a message is delivered once."""

    def test_betweenAnyTwoSteps(self) -> None:
        """
        The server is gone before a step is done, or behind it; the next one goes on
        from there.
        """
        for step in ("claim", "done", "remove"):
            for behind in (False, True):
                self.killedAt(step, behind)
        self.assertEqual((len(self.site.inboxes()), self.left()), (6, {}))

    def killedAt(self, step: str, behind: bool) -> None:
        """Drop a message, kill the server that takes it, and start another."""
        self.serve()
        real = getattr(DropFolder, step)

        def killed(folder: DropFolder, *rest: str) -> object:
            if behind:
                real(folder, *rest)
            raise SpoolBroken("killed")

        self.drop()
        self.patch(DropFolder, step, killed)
        self.look()
        self.patch(DropFolder, step, real)
        # What it kept of the message is what the next one finds.
        kept = self.spool
        self.stop()
        self.site.machine = evolve(self.site.machine, spool=lambda *rest, **more: kept)
        self.serve()
        self.look(61)
        self.look(61)

    def test_afterAnOperator(self) -> None:
        """A message that is on its way already is not touched."""
        self.serve()
        name = self.drop()
        id = self.spool.begin().id
        self.folder.done(self.folder.claim(name, id))
        self.look()
        self.assertEqual((self.left(), self.site.inboxes()), ({}, []))
