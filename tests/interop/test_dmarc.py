"""
Incoming mail, judged by DMARC with a real resolver, by a whole server: refused by
rules, told to the history file, and to the owner of the domain.
"""

from __future__ import annotations

import smtplib
from email import message_from_bytes
from pathlib import Path

from .cases import InteropTestCase
from .running import RunningServer, waitFor
from .unbound import RunningUnbound

#: A domain of somebody with a policy, and below it one that is its own; and a domain
#: that takes reports.
ZONE = """@ 60 TXT "v=spf1 -all"
_dmarc 60 TXT "v=DMARC1; p=reject; sp=none; np=reject; " "ruf=mailto:r@to.dmarc.example"
there 60 A 192.0.2.1
_dmarc.own 60 TXT "v=DMARC1; psd=n; p=quarantine; ruf=mailto:ann@other.dmarc.example"
mail.own 60 TXT "v=spf1 ip4:127.0.0.1 -all"
far.own 60 A 192.0.2.2
own._report._dmarc.other 60 TXT "v=spf1 -all"
_dmarc.other 60 TXT "v=DMARC1; psd=n"
_dmarc.two 60 TXT "v=DMARC1; p=reject"
_dmarc.two 60 TXT "v=DMARC1; p=none"
two 60 A 192.0.2.3
"""

CONFIGURATION = """
[dns]
servers = ["127.0.0.1:{port}"]
hosts_file = "none"
[authentication]
checks = ["spf", "dkim", "dmarc"]
hosts = ["*"]
[dmarc]
dmarc_history_file = "{history}"
dmarc_forensic_sender = "DMARC <dmarc@localhost>"
[[policy.rcpt]]
recipients = ["lenient@localhost"]
control = ["dmarc_disable_verify"]
[[policy.rcpt]]
control = ["dmarc_enable_forensic"]
[[policy.message]]
dmarc_status = ["reject"]
action = "reject"
message = "$dmarc_used_domain wants $dmarc_domain_policy"
[local]
domains = ["localhost", "to.dmarc.example", "other.dmarc.example"]
"""


class DMARCTests(InteropTestCase):
    """
    A whole server.
    """

    def setUp(self) -> None:
        """
        Start the resolver, and the server that asks it.
        """
        super().setUp()
        self.history = Path(self.mktemp()).absolute()
        unbound = RunningUnbound(plain={"dmarc.example": ZONE})
        self.addCleanup(unbound.remove)
        self.running(unbound)
        self.server: RunningServer = self.serve(
            CONFIGURATION.format(port=unbound.port, history=self.history)
        )

    def said(
        self,
        author: str,
        sender: str = "ann@nowhere.example",
        recipient: str = "bob@localhost",
    ) -> str:
        """
        What a client is told that brings a message.
        """
        text = f"From: ann@{author}\r\nSubject: {author}\r\n\r\nHello\r\n"
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.example") as client:
            client.ehlo()
            client.mail(sender)
            client.rcpt(recipient)
            code, words = client.data(text)
        return f"{code} {words.decode('ascii')}"

    def verdicts(self) -> dict[str, str]:
        """
        What is written above each message that came through, by its subject.
        """
        found = {}
        for octets in self.messages():
            message = message_from_bytes(octets)
            if message["Authentication-Results"]:
                found[message["Subject"]] = message["Authentication-Results"]
        return found

    def messages(self) -> list[bytes]:
        """
        All that came through, and our own reports.
        """
        new = self.server.folder / "state" / "Maildir" / "new"
        return [each.read_bytes() for each in new.glob("*")]

    def test_policies(self) -> None:
        """
        The policy is that of the very domain, of its owner, or for what does not exist;
        who is aligned passes; two records are none.
        """
        for author, sender, words in (
            ("dmarc.example", "ann@nowhere.example", "dmarc.example wants reject"),
            (
                "nothing.dmarc.example",
                "ann@nowhere.example",
                "dmarc.example wants reject",
            ),
            ("there.dmarc.example", "ann@nowhere.example", "250"),
            ("far.own.dmarc.example", "ann@nowhere.example", "250"),
            ("a.own.dmarc.example", "ann@mail.own.dmarc.example", "250"),
            ("two.dmarc.example", "ann@nowhere.example", "250"),
        ):
            self.assertIn(words, self.said(author, sender), author)
        waitFor(lambda: len(self.verdicts()) >= 4, "four messages")
        verdicts = self.verdicts()
        for author, words in (
            ("there.dmarc.example", "dmarc=fail"),
            ("far.own.dmarc.example", "policy.dmarc=quarantine"),
            ("a.own.dmarc.example", "dmarc=pass"),
        ):
            self.assertIn(words, verdicts[author])

    def test_controls(self) -> None:
        """
        DMARC can be left out for a recipient.
        """
        self.assertIn("250", self.said("dmarc.example", recipient="lenient@localhost"))

    def test_history(self) -> None:
        """
        Each message with a record is a block, whether it was refused or taken.
        """
        self.said("dmarc.example")
        self.said("there.dmarc.example")
        waitFor(
            lambda: (
                self.history.exists() and self.history.read_text().count("job ") == 2
            ),
            "two blocks",
        )
        first, second = self.history.read_text().split("job ")[1:]
        self.assertIn("\nfrom dmarc.example\n", first)
        self.assertIn("\naction 0\n", first)
        self.assertIn("\npdomain dmarc.example\n", second)
        self.assertIn("\npolicy 18\n", second)

    def test_reports(self) -> None:
        """
        The owner is told of a message that was refused; who has not agreed gets
        nothing.
        """
        self.said("far.own.dmarc.example")
        self.said("dmarc.example")

        def reports() -> list[bytes]:
            return [each for each in self.messages() if b"feedback-report" in each]

        waitFor(lambda: len(reports()) >= 1, "a report")
        [report] = reports()
        self.assertIn(b"\r\nTo: <r@to.dmarc.example>\r\n", report)
        self.assertIn(b"\r\nReported-Domain: dmarc.example\r\n", report)
        self.assertIn(b"\r\nIdentity-Alignment: dkim, spf\r\n", report)
        self.assertIn(b"\r\nDelivery-Result: reject\r\n", report)
