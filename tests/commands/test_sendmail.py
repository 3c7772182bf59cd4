"""
Tests for L{smtpx.commands.sendmail}.
"""

from __future__ import annotations

import errno
import io
import json
import os
import pwd
import signal

from smtpx.commands import sendmail
from smtpx.commands.sendmail import main
from smtpx.spool import dropfolder
from smtpx.spool.dropfile import RECIPIENTS_MAX
from smtpx.spool.dropfolder import Dropping

from .dropped import ANN, SendmailTestCase
from .terminals import Terminal

FROM = b"From: Ann Example <ann@mx.example.org>\r\n"


class SubmittingTests(SendmailTestCase):
    """A message on the standard input."""

    def test_asCronDoes(self) -> None:
        """Names are those of the machine, in the envelope and in the header."""
        drop, message = self.sent(
            "-i",
            "-FCronDaemon",
            "-oem",
            "root",
            said=b"From: root (Cron Daemon)\nTo: root\nSubject: x\n\nhello\n.\nend\n",
        )
        self.assertEqual(drop.sender, b"FROM:<ann@mx.example.org>")
        self.assertEqual(drop.recipients, (b"TO:<root@mx.example.org>",))
        self.assertEqual(
            message,
            b"From: root@mx.example.org (Cron Daemon)\r\nTo: root@mx.example.org\r\n"
            b"Subject: x\r\n\r\nhello\r\n.\r\nend\r\n",
        )

    def test_asPHPDoes(self) -> None:
        """Recipients from the header; Bcc is for nobody to see."""
        drop, message = self.sent(
            "-t",
            "-i",
            "-fwebmaster@shop.example",
            said=b"To: A <a@a.example>,\r\n b@b.example\r\nCc: team: c@c.example;\n"
            b"Bcc: d@d.example\r\nFrom: shop@shop.example\r\n\r\nhello\n",
        )
        self.assertEqual(drop.sender, b"FROM:<webmaster@shop.example>")
        names = [b"a@a.example", b"b@b.example", b"c@c.example", b"d@d.example"]
        self.assertEqual(drop.recipients, tuple(b"TO:<%b>" % each for each in names))
        self.assertNotIn(b"d@d.example", message)
        self.assertIn(b"To: A <a@a.example>,\r\n b@b.example\r\n", message)

    def test_addressesBesideTheHeader(self) -> None:
        """They are added, as Sendmail does; nobody gets it twice."""
        drop, _ = self.sent(
            "-t", "x@x.example,a@a.example", said=b"To: a@a.example\n\nhello\n"
        )
        self.assertEqual(drop.recipients, (b"TO:<x@x.example>", b"TO:<a@a.example>"))

    def test_sentAgain(self) -> None:
        """What is sent again goes to those of Resent alone."""
        drop, message = self.sent(
            "-t", said=b"To: a@a.example\nResent-To: b\nResent-Bcc: c@c.example\n\nx\n"
        )
        self.assertEqual(
            drop.recipients, (b"TO:<b@mx.example.org>", b"TO:<c@c.example>")
        )
        self.assertNotIn(b"c.example", message)
        self.assertIn(b"Resent-To: b@mx.example.org\r\n", message)

    def test_withoutAHeader(self) -> None:
        """Text alone gets one."""
        _, message = self.sent("bob", said=b"hello world\n")
        self.assertEqual(message, FROM + b"\r\nhello world\r\n")

    def test_nothingAtAll(self) -> None:
        """It is a message all the same."""
        _, message = self.sent("bob")
        self.assertEqual(message, FROM + b"\r\n")

    def test_fullName(self) -> None:
        """From the command line, the environment, or the system."""
        text = b"Subject: x\n\n"
        _, message = self.sent("-F", "J\u00f6rg X", "bob", said=text)
        self.assertIn(
            b"From: =?utf-8?q?J=C3=B6rg_X?= <ann@mx.example.org>\r\n", message
        )
        environment = {"SMTPX_CONFIG": str(self.config), "NAME": "N. N."}
        self.run_("bob", said=text, environment=environment)
        self.assertIn(b'From: "N. N." <ann@mx', self.taken()[0][1])
        system = pwd.struct_passwd(("joe", "", 1, 1, "& of Example", "/", ""))
        self.run_("bob", said=text, user=system)
        self.assertIn(b"From: Joe of Example <joe@mx", self.taken()[0][1])

    def test_theSender(self) -> None:
        """As it is given; C{<>} is nobody, and From names the user then."""
        for given, sender in (
            ("bob@b.example", b"bob@b.example"),
            ("bob", b"bob@mx.example.org"),
            ("Bob <bob@b.example>", b"bob@b.example"),
            ("<>", b""),
            ("", b""),
        ):
            drop, message = self.sent("-f", given, "x@y.example", said=b"A: b\n\n")
            self.assertEqual(drop.sender, b"FROM:<%b>" % sender)
            author = b"<" + (sender or b"ann@mx.example.org") + b">\r\n"
            self.assertTrue(message.startswith(b"From: Ann Example " + author))

    def test_wishes(self) -> None:
        """Reports as the sender wants them (RFC 3461)."""
        words = ("-N", "success,failure", "-R", "hdrs", "-V", "QQ314159")
        drop, _ = self.sent(*words, "a@a.example", said=b"x\n")
        self.assertEqual(
            (drop.sender, drop.recipients),
            (
                b"FROM:<ann@mx.example.org> RET=HDRS ENVID=QQ314159",
                (b"TO:<a@a.example> NOTIFY=SUCCESS,FAILURE",),
            ),
        )

    def test_addressesBeyondASCII(self) -> None:
        """They want SMTPUTF8, which is said."""
        drop, _ = self.sent("j\u00f6rg@b\u00fccher.example", said=b"x\n")
        self.assertEqual(drop.sender, b"FROM:<ann@mx.example.org> SMTPUTF8")
        self.assertEqual(
            drop.recipients, ("TO:<j\u00f6rg@b\u00fccher.example>".encode(),)
        )

    def test_everyOctet(self) -> None:
        """All stay as they are, in whatever pieces they come; line ends are CRLF."""
        text = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"")
        said = b"Subject: x\n\n" + text + b"\n..\nno end"
        for pieces in (1, 2, 7, 1000):
            _, message = self.sent("bob", said=said, pieces=pieces)
            self.assertEqual(
                message, FROM + b"Subject: x\r\n\r\n" + text + b"\r\n..\r\nno end"
            )

    def test_theDot(self) -> None:
        """It ends a message, unless it is told not to."""
        said = b"A: b\n\none\n.\ntwo\n"
        self.assertTrue(self.sent("bob", said=said)[1].endswith(b"\r\n\r\none\r\n"))
        for flag in ("-i", "-oi", "-oitrue", "-OIgnoreDots=True"):
            _, message = self.sent(flag, "bob", said=said)
            self.assertTrue(message.endswith(b"one\r\n.\r\ntwo\r\n"), flag)

    def test_aMailbox(self) -> None:
        """The line with which a message in a mailbox begins is none of it."""
        _, message = self.sent(
            "bob", said=b"From ann Mon Nov 22\nFrom: x@y.example\n\nz\n"
        )
        self.assertEqual(message, b"From: x@y.example\r\n\r\nz\r\n")


class RefusingTests(SendmailTestCase):
    """What cannot be done leaves nothing behind, and says why."""

    def test_noRecipients(self) -> None:
        """Neither here nor there."""
        self.assertEqual(self.failed(), (64, "there are no recipients"))
        self.assertEqual(
            self.failed("-t", said=b"Subject: x\n\nTo: y\n"),
            (64, "there are no recipients in the header"),
        )

    def test_noAddresses(self) -> None:
        """On the command line it is a wrong use, in the header a bad message."""
        status, why = self.failed("a@b@c")
        self.assertEqual((status, why[:21]), (64, '"a@b@c" is no address'))
        status, why = self.failed("-t", said=b"To: good@a.example, a b@c..d\n\n")
        self.assertEqual((status, why[:8]), (65, '"ab@c..d'))
        self.assertEqual(self.failed("-f", "a, b", "c")[0], 64)

    def test_tooMany(self) -> None:
        """A message has only so many recipients."""
        many = b"To: " + b",\n ".join(b"u%d@a" % n for n in range(RECIPIENTS_MAX + 1))
        self.assertEqual(self.failed("-t", said=many + b"\n\n")[0], 65)

    def test_tooLong(self) -> None:
        """More than the server takes is not put down."""
        self.assertEqual(
            self.failed("bob", said=b"x\n\n" + b"y" * 100_000),
            (65, "the message is longer than 100000 octets"),
        )
        header = b"A: b\n" * 60_000
        self.assertIn("header is longer", self.failed("bob", said=header)[1])

    def test_badWishes(self) -> None:
        """Values that are none."""
        for words in (("-N", "now"), ("-R", "all"), ("-V", "a b")):
            status, why = self.failed(*words, "bob")
            self.assertEqual((status, why.split(":")[0]), (64, " ".join(words)))

    def test_noFolder(self) -> None:
        """The server has never been there, or nobody may go there."""
        self.config.write_text('state = "elsewhere"\n')
        status, why = self.failed("bob")
        self.assertEqual(status, 75)
        self.assertIn("elsewhere/drop: there is no drop folder", why)

        def closed(*what: object) -> None:
            raise PermissionError(errno.EACCES, "no")

        self.config.write_text('state = "."\n')
        self.patch(sendmail, "Dropping", closed)
        self.assertEqual(self.failed("bob")[0], 77)
        self.patch(dropfolder, "SETTINGS", "settings/in/a/file")
        self.assertEqual(self.failed("bob")[0], 75)
        self.patch(json, "loads", closed)
        self.patch(dropfolder, "SETTINGS", "settings")
        status, why = self.failed("bob")
        self.assertEqual(status, 77)
        self.assertIn("you may not enter this folder", why)

    def test_noRoom(self) -> None:
        """A full disk is for later."""

        def full(*what: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        for what in ("write", "commit"):
            self.patch(Dropping, what, full)
            status, why = self.failed("bob", said=b"x\n")
            self.assertEqual(status, 75)
            self.assertTrue(why.endswith("/drop: No space left on device"), why)
        self.patch(sendmail, "Dropping", full)
        self.assertEqual(self.failed("bob")[0], 75)

    def test_badInput(self) -> None:
        """What cannot be read is no message."""

        def broken(most: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        streams = sendmail.Streams(
            broken,
            print,
            io.StringIO(),
            {"SMTPX_CONFIG": str(self.config)},
            ANN,
            self.operate,
        )
        self.assertEqual(main(["sendmail", "bob"], streams), 74)

    def test_interrupted(self) -> None:
        """Nothing is left of what was begun."""
        said = [b"A: b\n\nbegun\n"]

        def interrupted(most: int) -> bytes:
            if not said:
                sendmail._interrupted(signal.SIGTERM, None)
            return said.pop()

        streams = sendmail.Streams(
            interrupted,
            print,
            io.StringIO(),
            {"SMTPX_CONFIG": str(self.config)},
            ANN,
            self.operate,
        )
        self.assertEqual(main(["sendmail", "bob"], streams), 130)
        self.assertEqual(os.listdir(self.folder / "drop/new"), [])

    def test_noConfiguration(self) -> None:
        """It says which, and how to name another."""
        status, why = self.failed("-C", str(self.folder / "none"), "bob")
        self.assertEqual(status, 78)
        self.assertTrue(why.endswith("none: No such file or directory"), why)

    def test_switchedOff(self) -> None:
        """The operator wants none of it."""
        self.config.write_text("[sendmail]\nenabled = false\n")
        self.assertEqual(
            self.failed("bob"),
            (69, "the server takes no mail so: sendmail.enabled is false"),
        )


class DoorTests(SendmailTestCase):
    """By which names it is called."""

    def test_help(self) -> None:
        """It says what there is."""
        told = self.run_("--help")
        self.assertTrue(
            told.out.startswith(b"Usage: sendmail [options] [ADDRESS ...]\n")
        )
        self.assertIn(b"\n  -f ADDRESS\n", told.out)
        self.assertTrue(self.run_("--version").out.startswith(b"smtpx "))

    def test_newaliases(self) -> None:
        """There is nothing to be done."""
        for words, name in ((("-bi",), "sendmail"), ((), "/usr/bin/newaliases")):
            told = self.run_(*words, name=name)
            self.assertEqual((told.status, told.out, told.err), (0, b"", ""))

    def test_theQueue(self) -> None:
        """It is C{smtpx queue}'s, under the same configuration."""
        config = f"--config={self.config}"
        for words, name, wanted in (
            (("-bp",), "sendmail", ["list", config]),
            ((), "/usr/bin/mailq", ["list", config]),
            (("-q",), "sendmail", ["retry", "--all", config]),
            (("-qI1a",), "sendmail", ["retry", config, "--", "1a"]),
            (
                ("-qRx.example",),
                "sendmail",
                ["retry", "--recipient=*x.example*", config],
            ),
            (("-qSann",), "sendmail", ["retry", "--sender=*ann*", config]),
        ):
            told = self.run_(*words, name=name)
            self.assertEqual((told.status, told.err), (0, ""))
            self.assertEqual(self.operated.pop(), ["queue", *wanted])
        self.answer = 1
        self.assertEqual(
            self.failed("-q"), (69, "'smtpx queue retry' could not do that")
        )

    def test_asACommandOfOurs(self) -> None:
        """C{smtpx sendmail} is the same, with the same statuses."""
        ran = Terminal().run("sendmail", "--config", str(self.config), "-t", "--bad")
        self.assertEqual(ran.status, 64)
        self.assertEqual(ran.err, "smtpx: there is no option --bad; see --help\n")
