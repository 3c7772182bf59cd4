"""
Tests for L{smtpx.commands.sendcontent}: what options say with the message.
"""

from __future__ import annotations

import getpass
from typing import Any

from smtpx.testing.scripted import KEYWORDS

from .sendcases import HERE, SendTestCase

DSN = (*KEYWORDS, b"DSN", b"MT-PRIORITY", b"SMTPUTF8")


class ExtensionTests(SendTestCase):
    """What options say with the message."""

    def said(self, *arguments: str, keywords: Any = DSN) -> list[bytes]:
        """The commands of a message."""
        server = self.stage.host(keywords=keywords)
        self.ran = self.send(*HERE, "-q", *arguments)
        return server.sessions[0].commands if server.sessions else []

    def test_dsn(self) -> None:
        """The parameters of DSN, in xtext where that is due."""
        commands = self.said(
            *("--notify", "success,delay", "--ret", "hdrs"),
            *("--envid", "a b", "--orcpt", "bob+x@old.example"),
        )
        self.assertIn(
            b"MAIL FROM:<ann@client.example> RET=HDRS ENVID=a+20b", commands[1]
        )
        self.assertIn(
            b"RCPT TO:<bob@x.example> NOTIFY=SUCCESS,DELAY"
            b" ORCPT=rfc822;bob+2Bx@old.example",
            commands[2],
        )

    def test_originals(self) -> None:
        """An original recipient may be of another type."""
        for given, told in (
            ("x400;a", b"ORCPT=x400;a"),
            ("utf-8;b\u00f6b@x.example", b"ORCPT=utf-8;b\\x{F6}b@x.example"),
            ("b\u00f6b@x.example", b"ORCPT=utf-8;b\\x{F6}b@x.example"),
        ):
            commands = self.said("--orcpt", given, keywords=(*KEYWORDS, b"DSN"))
            self.assertIn(told, commands[2])

    def test_notOffered(self) -> None:
        """What the server does not offer is not said, which is told."""
        commands = self.said("--notify", "never", "--priority", "0", keywords=KEYWORDS)
        self.assertEqual(commands[2], b"RCPT TO:<bob@x.example>")
        self.assertIn(
            "note: NOTIFY was not said, for the server does not offer DSN\n"
            "note: MT-PRIORITY was not said, for the server does not offer MT-PRIORITY",
            self.ran.out,
        )

    def test_others(self) -> None:
        """MT-PRIORITY, SMTPUTF8 and BODY."""
        commands = self.said("--priority", "-3", "--smtputf8", "--body", "8bit")
        for each in (b" MT-PRIORITY=-3", b" SMTPUTF8", b" BODY=8BITMIME"):
            self.assertIn(each, commands[1])
        name = self.file("Subject: x\n\nb\u00f6b\n")
        commands = self.said("--data", name, "--body", "7bit")
        self.assertNotIn(b"BODY", commands[1])

    def test_binary(self) -> None:
        """BINARYMIME goes to who has it, and is converted for others."""
        keywords = (*KEYWORDS, b"CHUNKING", b"BINARYMIME")
        commands = self.said("--body", "binary", keywords=keywords)
        self.assertIn(b" BODY=BINARYMIME", commands[1])

    def test_times(self) -> None:
        """By when it is to be there, until when it is held, whose mailbox it is."""
        keywords = (*KEYWORDS, b"DELIVERBY", b"RRVS")
        release = b"FUTURERELEASE 86400 2027-01-01T00:00:00Z"
        commands = self.said(
            *("--by", "600;nt", "--rrvs", "2026-01-31T12:00:00Z;C"), keywords=keywords
        )
        self.assertIn(b" BY=600;NT", commands[1])
        self.assertIn(b" RRVS=2026-01-31T12:00:00Z;C", commands[2])
        commands = self.said("--hold-for", "60", keywords=(*KEYWORDS, release))
        self.assertIn(b" HOLDFOR=60", commands[1])
        until = "2026-11-22T12:00:00Z"
        commands = self.said("--hold-until", until, keywords=(*KEYWORDS, release))
        self.assertIn(b" HOLDUNTIL=" + until.encode(), commands[1])

    def test_raw(self) -> None:
        """Any other parameter, offered or not."""
        commands = self.said(
            *("--mail-parameter", "SIZE=999999999", "--mail-parameter", "odd"),
            *("--rcpt-parameter", "RRVS=2014-04-03T23:01:00Z"),
            keywords=KEYWORDS,
        )
        self.assertEqual(
            commands[1], b"MAIL FROM:<ann@client.example> SIZE=999999999 ODD"
        )
        self.assertEqual(
            commands[2], b"RCPT TO:<bob@x.example> RRVS=2014-04-03T23:01:00Z"
        )

    def test_requireTLS(self) -> None:
        """REQUIRETLS is refused here where there is no verified TLS."""
        self.said("--requiretls")
        self.assertIn(
            "550 5.7.10 REQUIRETLS wants a verified TLS session", self.ran.out
        )

    def test_wrongValues(self) -> None:
        """They are told with their option."""
        for arguments, told in (
            (("--ret", "all"), "--ret wants FULL or HDRS"),
            (("--notify", "ever"), "--notify wants NEVER or SUCCESS"),
            (("--envid", "x" * 101), "--envid wants at most 100 characters"),
            (("--orcpt", ";x"), "--orcpt wants addr-type;xtext"),
            (("--by", "600"), "--by wants seconds, a semicolon, and R or N"),
            (("--hold-for", "x"), "--hold-for wants a number of seconds"),
            (("--to", "nobody"), "'nobody' is no address"),
            (("--from", "nobody"), "'nobody' is no address"),
            (("--header", "To: a@b", "--header", "To: c@d"), "cannot be made"),
        ):
            ran = self.send(*HERE, *arguments)
            self.assertEqual(ran.status, 1)
            self.assertIn(told, ran.err)

    def test_nobodyInParticular(self) -> None:
        """Somebody whom the system does not know sends, too."""

        def nobody() -> str:
            raise KeyError("uid not found")

        self.patch(getpass, "getuser", nobody)
        server = self.stage.host()
        self.send("-s", "mx.example", "-t", "bob@x.example", "-q")
        self.assertTrue(server.messages[0].sender.startswith(b"smtpx@"))

    def test_aFolder(self) -> None:
        """A file that cannot be read is told."""
        ran = self.send(*HERE, "--data", ".")
        self.assertEqual((ran.status, ran.err), (1, "smtpx: .: Is a directory\n"))
