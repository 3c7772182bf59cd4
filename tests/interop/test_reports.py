"""
Delivery reports beside those of others: what a sender asks for by DSN goes to Exim and
Postfix and comes from them, and the reports that come of it are read by programs.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Mapping
from email.message import EmailMessage, Message
from pathlib import Path

from .cases import findPeer
from .exim import EximClient
from .eximserver import EximServer
from .postfix import PostfixClient
from .postfixserver import DOMAIN, PostfixServer
from .running import RunningServer, freePort, waitFor
from .test_exim_lines import PASSWORD
from .test_relay import RelayTestCase
from .wire import Wire

#: A sender's mailbox is here, other mail goes to one host, or to a dead one.
_SITE = """\
[local]
domains = ["example.org", "client.example"]

[relay]
hosts = ["127.0.0.1"]

[aliases.entries]
team = ["carol@example.org", "dan@example.org"]

[reports]
delay_after = ["1 s"]

[[retry]]
pauses = ["2 s"]

[[route]]
match = ["example.org", "client.example"]

[[route]]
match = ["dead.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{dead}"]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
"""

#: A mailbox as programs of Unix read it.
_FOR_UNIX = """
[[route]]
match = ["ann@example.org"]
line_ends = "lf"
"""

#: Everything that can be asked for.
ALL = b"NOTIFY=SUCCESS,DELAY,FAILURE"

MESSAGE = b"Subject: Hello\r\nMessage-ID: <1@client.example>\r\n\r\nHow are you?\r\n"

#: What DSN's parameters become in a report.
ENVID = "Original-Envelope-Id: order 4711"
ORCPT = "Original-Recipient: rfc822;Bob+x@old.example"


def ask(
    server: RunningServer, sender: bytes, recipients: Mapping[bytes, bytes]
) -> None:
    """
    Send a message.

    @param recipients: with their parameters.
    """
    with Wire(server.port) as wire:
        wire.hello()
        mail = b"MAIL FROM:<%b> RET=FULL ENVID=order+204711" % sender
        for line in (
            mail,
            *(b"RCPT TO:<%b> %b" % pair for pair in recipients.items()),
        ):
            assert wire.say(line).code == 250, line
        assert wire.say(b"DATA").code == 354
        wire.send(MESSAGE + b".\r\n")
        assert wire.hear().code == 250


def groups(report: EmailMessage) -> tuple[str, dict[str, Message]]:
    """
    What a report says, for programs.

    @return: the fields of the message; and those of each recipient, by address.
    """
    assert report.get_content_type() == "multipart/report"
    _, status, _ = report.iter_parts()
    payload = status.get_payload()
    assert isinstance(payload, list)
    whole, *each = payload
    found = {}
    for group in each:
        assert isinstance(group, Message)
        found[str(group["Final-Recipient"]).partition(";")[2].strip()] = group
    return str(whole), found


class ReportCase(RelayTestCase):
    """A server of ours whose senders are told."""

    def site(self, port: int, more: str = "") -> RunningServer:
        """
        Start it.

        @param port: of the next host.
        """
        return self.serve(_SITE.format(port=port, dead=freePort()) + more)

    def exim(self, *options: str) -> EximServer:
        """An Exim that takes mail."""
        other = self.serve()
        tls = other.folder / "state" / "tls"
        exim = EximServer(tls, "+all", PASSWORD, options=options)
        self.addCleanup(exim.close)
        return exim

    def inbox(self, server: RunningServer) -> list[Path]:
        """The files of our mailbox."""
        folder = server.folder / "state" / "Maildir" / "new"
        return list(folder.iterdir()) if folder.is_dir() else []

    def reports(self, server: RunningServer) -> list[EmailMessage]:
        """The reports in it."""
        found = []
        for path in self.inbox(server):
            message = email.message_from_bytes(
                path.read_bytes(), policy=email.policy.default
            )
            assert isinstance(message, EmailMessage)
            if message.get_content_type() == "multipart/report":
                found.append(message)
        return found

    def told(self, server: RunningServer, count: int) -> dict[str, Message]:
        """
        Wait until so many recipients are told of.

        @return: what is said of each, by address and action.
        """

        def look() -> dict[str, Message]:
            return {
                f"{address} {group['Action']}": group
                for report in self.reports(server)
                for address, group in groups(report)[1].items()
            }

        waitFor(lambda: len(look()) >= count, f"{count} told of")
        return look()


class NewUserTests(ReportCase):
    """As somebody who tries it first."""

    def test_everything(self) -> None:
        """
        All kinds of news arrive, are read by Python, and have the fields of Exim's
        extra information wherever a host said something.
        """
        exim = self.exim()
        server = self.site(exim.port)
        ask(
            server,
            b"ann@example.org",
            {
                b"bob@example.org": ALL + b" ORCPT=rfc822;Bob+2Bx@old.example",
                b"team@example.org": ALL,
                b"fred@box.example": ALL,
                b"eve@box.example": ALL,
                b"gil@dead.example": ALL,
                b"quiet@box.example": b"NOTIFY=NEVER",
            },
        )
        told = self.told(server, 5)
        self.assertEqual(
            set(told),
            {
                "bob@example.org delivered",
                "team@example.org expanded",
                "fred@box.example relayed",
                "eve@box.example failed",
                "gil@dead.example delayed",
            },
        )
        for address in ("fred@box.example relayed", "eve@box.example failed"):
            group = told[address]
            self.assertIn(
                f"X-ip; [127.0.0.1]:{exim.port}", group.get_all("Remote-MTA", [])
            )
            greeting = group["X-Remote-MTA-smtp-greeting"]
            self.assertRegex(greeting, r"^X-str; 220 \S+ ESMTP Exim ")
            hello = group["X-Remote-MTA-helo-response"]
            self.assertRegex(hello, r"^X-str; 250-\S+ Hello ")
        refused = told["eve@box.example failed"]
        self.assertEqual(
            " ".join(str(refused["X-Smtpx-Diagnostic"]).split()),
            "X-str; SMTP error from remote mail server after RCPT"
            " TO:<eve@box.example>: 550 No such user",
        )
        delayed = told["gil@dead.example delayed"]
        self.assertIn("Will-Retry-Until", delayed)
        self.assertNotIn("X-Remote-MTA-smtp-greeting", delayed)
        bob = told["bob@example.org delivered"]
        self.assertEqual(bob["Original-Recipient"], "rfc822;Bob+x@old.example")
        for report in self.reports(server):
            self.assertIn(ENVID, groups(report)[0])
            self.assertEqual(report.defects, [])
            # RET=FULL is for reports of failure (RFC 3461 section 4.3).
            *_, returned = report.iter_parts()
            actions = {group["Action"] for group in groups(report)[1].values()}
            whole = returned.get_content_type() == "message/rfc822"
            self.assertEqual(whole, "failed" in actions)

    def test_mailProgram(self) -> None:
        """A mail program shows a report: who, what, and what the other host said."""
        exim = self.exim()
        server = self.site(exim.port, _FOR_UNIX)
        ask(server, b"ann@example.org", {b"eve@box.example": ALL})
        self.told(server, 1)
        [path] = self.inbox(server)
        words = [findPeer("s-nail", "s-nail"), "-n", "-R", "-f", str(path.parents[1])]
        home = {"HOME": self.mktemp(), "TERM": "dumb"}
        shown = self.run_(words, b"type 1\nexit\n", home)
        self.assertIn("Subject: Mail could not be delivered\n", shown)
        self.assertIn("From: Mail Delivery System <MAILER-DAEMON@", shown)
        self.assertIn(
            "\n<eve@box.example>\n    The mail server [127.0.0.1] said:\n", shown
        )
        self.assertIn("        550 No such user\n", shown)
        self.assertIn("Content-Type: message/delivery-status", shown)
        self.assertIn("How are you?", shown)


class HandedOnTests(ReportCase):
    """A host that knows DSN is told what the sender wants, and tells him."""

    def others(
        self, messages: Callable[[], dict[bytes, bytes]], sender: bytes
    ) -> tuple[str, dict[str, Message]]:
        """Wait for the report of another server to a sender whose mail it has."""
        waitFor(lambda: sender in messages(), "a report")
        report = email.message_from_bytes(
            messages()[sender], policy=email.policy.default
        )
        assert isinstance(report, EmailMessage)
        return groups(report)

    def check(self, server: RunningServer, fields: str, group: Message) -> None:
        """Does it say all that we were told, and do we say nothing?"""
        # Exim gives xtext back as it came, which is what it got from us.
        self.assertIn(ENVID.lower(), fields.replace("+20", " ").lower())
        self.assertEqual(group["Action"], "delivered")
        orcpt = str(group["Original-Recipient"]).replace("+2B", "+")
        self.assertEqual(orcpt.replace("; ", ";"), "rfc822;Bob+x@old.example")
        self.completed(server, 1)
        self.assertEqual(self.reports(server), [])

    def test_toExim(self) -> None:
        """Exim reports the delivery, with all that our client had said."""
        exim = self.exim("dsn_advertise_hosts = *")
        server = self.site(exim.port)
        orcpt = b" ORCPT=rfc822;Bob+2Bx@old.example"
        ask(server, b"ann@box.example", {b"bob@box.example": ALL + orcpt})
        fields, found = self.others(exim.messages, b"ann@box.example")
        self.check(server, fields, found["bob@box.example"])

    def test_toPostfix(self) -> None:
        """So does Postfix."""
        postfix = PostfixServer()
        self.addCleanup(postfix.close)
        server = self.site(postfix.port)
        sender, bob = f"ann@{DOMAIN}".encode(), f"bob@{DOMAIN}"
        orcpt = b" ORCPT=rfc822;Bob+2Bx@old.example"
        ask(server, sender, {bob.encode(): ALL + orcpt})
        fields, found = self.others(postfix.messages, sender)
        self.check(server, fields, found[bob])

    def test_toPostfixWithoutDSN(self) -> None:
        """Where Postfix does not offer it, we report that it was relayed."""
        postfix = PostfixServer({"smtpd_discard_ehlo_keywords": "dsn, silent-discard"})
        self.addCleanup(postfix.close)
        server = self.site(postfix.port)
        ask(server, b"ann@example.org", {f"bob@{DOMAIN}".encode(): ALL})
        told = self.told(server, 1)
        group = told[f"bob@{DOMAIN} relayed"]
        self.assertRegex(
            group["X-Remote-MTA-smtp-greeting"], r"^X-str; 220 \S+ ESMTP Postfix"
        )


class TakenOverTests(ReportCase):
    """What others hand on to us, we report."""

    def check(self, server: RunningServer, envid: str, orcpt: str) -> None:
        """Is their sender told of the delivery?"""
        told = self.told(server, 1)
        group = told["bob@example.org delivered"]
        self.assertEqual(group["Original-Recipient"], orcpt)
        [report] = self.reports(server)
        self.assertIn(f"Original-Envelope-Id: {envid}\n", groups(report)[0])
        self.assertEqual(report["To"], "ann@client.example")

    def test_fromExim(self) -> None:
        """Exim hands on what its client wanted."""
        server = self.site(freePort())
        exim = EximClient(
            server.port,
            main=["dsn_advertise_hosts = *", "acl_smtp_rcpt = accept"],
        )
        self.addCleanup(exim.remove)
        exim.talk(
            "EHLO client.example",
            "MAIL FROM:<ann@client.example> ENVID=order+204711 RET=HDRS",
            "RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE"
            " ORCPT=rfc822;Bob+2Bx@old.example",
            "DATA",
            "Subject: x",
            "",
            "Hello",
            ".",
        )
        self.assertEqual(exim.queued(), "", exim.log())
        self.check(server, "order 4711", "rfc822;Bob+x@old.example")

    def test_fromPostfix(self) -> None:
        """So does Postfix, which adds the recipient as it had it."""
        server = self.site(freePort())
        postfix = PostfixClient(server.port, {"smtp_tls_security_level": "may"})
        self.addCleanup(postfix.remove)
        options = ["-N", "success,delay", "-V", "order4711", "-R", "hdrs"]
        postfix.send("bob@example.org", b"Subject: x\n\nHello\n", options)
        self.check(server, "order4711", "rfc822;bob@example.org")
        self.assertTrue(re.search(r"status=sent .*250", postfix.log()))
