"""Tests for L{smtpx.service.wiring.rules}: a server with rules in its configuration."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.internet.defer import Deferred

from smtpx.policy.rules import MessageVerdict, SPFVerdict, Verdicts
from smtpx.service.config import readConfiguration
from smtpx.service.rulecheck import checkRules
from smtpx.service.toml import parseDocument
from smtpx.service.wiring.ruletest import Trial, tryRules
from tests.net.made import Call

from .made import FOUND, MESSAGE, HouseTestCase, send

HOWTO = Path(__file__).parent.parent.parent / "doc/howto/refuse-by-spf-and-dmarc.rst"

TRANSLATED = HOWTO.parent / "from-exim-acls.rst"

DOOR = {"port": 0, "tls": "none"}

ZONE = """
example.com TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.example.com TXT "v=DMARC1; p=reject"
example.net TXT "v=spf1 +all"
_dmarc.example.net TXT "v=DMARC1; p=quarantine"
"""


class RuledHouseTests(HouseTestCase):
    """Rules from the configuration, in a whole server."""

    def rules(self, text: str, **more: object) -> None:
        """Start a server with these rules."""
        values = dict(parseDocument(text, "rules.toml", Path()).values)
        values["log"] = {"main": str(self.site.folder / "main.log")}
        self.start(listener=[DOOR], **{**values, **more})

    def log(self) -> list[str]:
        """The main log, without the times."""
        self.site.reactor.advance(1)
        text = (self.site.folder / "main.log").read_text("ascii")
        return [line[20:] for line in text.splitlines()]

    def begun(self, sender: bytes = b"a@b.example", host: str = "192.0.2.1") -> Call:
        """A client that has said MAIL."""
        call = self.site.call(host=host)
        call.say(b"EHLO client.example\r\n")
        call.say(b"MAIL FROM:<%b>\r\n" % sender)
        return call

    def test_acceptMakesNoOpenRelay(self) -> None:
        """What the server's own policy refuses, no rule is asked of."""
        self.rules('[[policy.rcpt]]\naction = "accept"\nlog_message = "asked"\n')
        said = self.begun().say(b"RCPT TO:<x@elsewhere.example>\r\n")
        self.assertEqual(said, b"550 5.7.1 Relaying not permitted\r\n")

    def test_heldMessageWaitsWithItsReason(self) -> None:
        """Until an operator releases it."""
        self.rules(
            '[[policy.mail]]\naction = "hold"\nmessage = "from $sender_address"\n'
        )
        self.assertEqual(send(self.site.call(), b"ann@localhost")[:4], b"250 ")
        (spool,) = self.site.spools
        (message,) = spool.kept.values()
        self.assertTrue(message.held)
        self.assertEqual(message.note, "from a@b.example")
        self.assertEqual(self.site.inboxes(), [])

    def test_quarantinedMessageIsKeptApart(self) -> None:
        """The log says so, and the queue."""
        self.rules('[[policy.message]]\nname = "bad"\naction = "quarantine"\n')
        self.assertEqual(send(self.site.call(), b"ann@localhost")[:4], b"250 ")
        (spool,) = self.site.spools
        (message,) = spool.kept.values()
        self.assertEqual((message.held, message.note), (True, "by bad"))
        self.assertEqual(message.envelope.dumpedStamps(), {"quarantined": "yes"})
        self.assertTrue(any(" quarantined after DATA" in each for each in self.log()))
        self.assertEqual(self.site.inboxes(), [])

    def test_queueOnlyMessageWaits(self) -> None:
        """For the time that the configuration says."""
        self.rules(
            '[[policy.mail]]\ncontrol = ["queue_only"]\n',
            queue={"queue_only_for": "10 min"},
        )
        self.assertEqual(send(self.site.call(), b"ann@localhost")[:4], b"250 ")
        (spool,) = self.site.spools
        (message,) = spool.kept.values()
        self.assertEqual(message.due, self.site.machine.now() + 600)
        self.site.reactor.advance(500)
        self.assertEqual(self.site.inboxes(), [])
        self.site.reactor.advance(101)
        self.assertEqual(len(self.site.inboxes()), 1)

    def test_fieldsStandAroundOurOwn(self) -> None:
        """One above our Received field, and one below it."""
        self.rules(
            "[[policy.message]]\n"
            'add_header = [":at_start: X-Top: $message_size", "X-Below: yes"]\n'
        )
        send(self.site.call(), b"ann@localhost")
        self.site.reactor.advance(1)
        (spool,) = self.site.spools
        inboxes = self.site.inboxes() or [spool.whole(each) for each in spool.kept]
        (octets,) = inboxes
        names = re.findall(rb"^([A-Za-z-]+):", octets, re.MULTILINE)
        wanted = [b"X-Top", b"Received", b"X-Below", b"Subject"]
        self.assertEqual([each for each in names if each in wanted], wanted)
        self.assertIn(
            b"X-Top: %d\r\n" % len(MESSAGE),
            octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        )

    def test_fieldsStandWithinTheHeaderThatCame(self) -> None:
        """Below the traces, and at its end."""
        self.rules(
            "[[policy.message]]\n"
            'add_header = [":at_end: X-End: a", ":at_start_rfc: X-Begin: b"]\n'
        )
        send(self.site.call(), b"ann@localhost")
        self.site.reactor.advance(1)
        (octets,) = self.site.inboxes()
        header, _, body = octets.replace(b"\r\n", b"\n").partition(b"\n\n")
        came, _, text = MESSAGE.replace(b"\r\n", b"\n").partition(b"\n\n")
        self.assertTrue(
            header.endswith(b"\nX-Begin: b\n" + came + b"\nX-End: a"), header
        )
        self.assertEqual(body, text)

    def test_discardedMessageIsNobodys(self) -> None:
        """The client is told 250."""
        self.rules('[[policy.rcpt]]\naction = "discard"\n')
        self.assertEqual(send(self.site.call(), b"ann@localhost")[:4], b"250 ")
        self.site.reactor.advance(1)
        self.assertEqual(self.site.inboxes(), [])

    def test_usersOfThisMachineAreNotAsked(self) -> None:
        """Rules are of listeners."""
        self.rules('[[policy.mail]]\naction = "reject"\n')
        self.assertEqual(send(self.site.call(), b"ann@localhost")[:4], b"550 ")

    def test_rulesOfHostsKnowTheirNames(self) -> None:
        """A plain name is looked up when the server starts."""
        self.site.resolver.add("friend.example. A 192.0.2.9")
        self.rules('[[policy.mail]]\nhosts = ["!friend.example"]\naction = "reject"\n')
        for host, code in (("192.0.2.9", b"250 "), ("192.0.2.1", b"550 ")):
            call = self.site.call(host=host)
            call.say(b"EHLO c.example\r\n")
            self.assertEqual(call.say(b"MAIL FROM:<a@b.example>\r\n")[:4], code)

    def test_mainLogNamesRules(self) -> None:
        """What they refused, what they did, and what they had to say."""
        self.rules(
            """
[[policy.mail]]
name = "spammer"
senders = ["s@b.example"]
action = "defer"
log_message = "again $sender_address"
[[policy.mail]]
name = "watch"
log_message = "seen"
[[policy.rcpt]]
name = "hole"
recipients = ["hole@localhost"]
action = "discard"
[[policy.rcpt]]
name = "keep"
recipients = ["keep@localhost"]
action = "hold"
message = "for $local_part"
[[policy.rcpt]]
name = "no"
recipients = ["no@localhost"]
action = "reject"
[[policy.message]]
name = "all"
action = "hold"
"""
        )
        self.begun(b"s@b.example")
        call = self.begun()
        for local in (b"hole", b"keep", b"no"):
            call.say(b"RCPT TO:<%b@localhost>\r\n" % local)
        call.say(b"DATA\r\n")
        call.say(MESSAGE + b".\r\n")
        whence = "H=(client.example) [192.0.2.1]"
        by = f"{whence} F=<a@b.example>"
        self.assertEqual(
            [line for line in self.log() if "rule" in line],
            [
                f"{whence} temporarily rejected MAIL <s@b.example>: again s@b.example"
                " (rule spammer)",
                f"{by} Warning: seen (rule watch)",
                f"{by} discarded RCPT <hole@localhost> (rule hole)",
                f"{by} put on hold RCPT <keep@localhost>: for keep (rule keep)",
                f"{by} rejected RCPT <no@localhost>: Not accepted by the policy here"
                " (rule no)",
                f"{by} put on hold after DATA (rule all)",
            ],
        )


class ManualTests(HouseTestCase):
    """The page that shows how to refuse by SPF and DMARC."""

    def start(self, **values: object) -> None:
        """A server as the page has it in the end, and a DNS with forged domains."""
        for line in ZONE.split("\n"):
            if line:
                self.site.resolver.add(line)
        document = parseDocument("\n".join(_snippets()), "page", Path())
        ours = {"domains": ["example.org"]}
        HouseTestCase.start(
            self, listener=[DOOR], local=ours, **{**document.values, **values}
        )

    def said(self, sender: bytes, host: str, author: bytes) -> bytes:
        """The last reply to a message."""
        call = self.site.call(host=host)
        said = call.say(b"EHLO c.example\r\n")
        for line in (
            b"MAIL FROM:<%b>\r\n" % sender,
            b"RCPT TO:<bob@example.org>\r\n",
            b"DATA\r\n",
            b"From: <%b>\r\nSubject: x\r\n\r\nhello\r\n.\r\n" % author,
        ):
            said = call.say(line) or call.wire.said()
            if said[:1] not in b"23":
                break
        return said

    def test_examplesAreRight(self) -> None:
        """Nothing is found in them, and each has its line."""
        text = "\n".join(_snippets())
        values = parseDocument(text, "page", Path()).values
        configuration = readConfiguration(values, FOUND)
        self.assertEqual(list(checkRules(configuration, FOUND)), [])
        self.assertEqual(len(list(configuration.policy.entries())), 6)

    def test_examplesDecideAsThePageSays(self) -> None:
        """One who may, one who may not, and what DMARC wishes."""
        self.start()
        good = self.said(b"a@example.com", "192.0.2.1", b"a@example.com")
        self.assertEqual(good[:4], b"250 ")
        forged = self.said(b"a@example.com", "192.0.2.9", b"a@example.com")
        self.assertEqual(forged[:11], b"550 5.7.23 ")
        author = self.said(b"a@example.net", "192.0.2.9", b"a@example.com")
        failed = b"Message from example.com failed sender's DMARC policy"
        self.assertEqual(author, b"550 5.7.26 " + failed + b"\r\n")
        listed = self.said(b"a@example.net", "192.0.2.25", b"a@example.com")
        self.assertEqual(listed[:4], b"250 ")
        odd = self.said(b"a@other.example", "192.0.2.9", b"a@example.net")
        self.assertEqual(odd[:4], b"250 ")
        (spool,) = self.site.spools
        held = [each.note for each in spool.kept.values() if each.held]
        self.assertEqual(held, ["DMARC of example.net"])

    def test_messageThatIsNothingButAHeaderIsJudged(self) -> None:
        """It ends where its body would begin."""
        self.start()
        call = self.site.call(host="192.0.2.9")
        for line in (
            b"EHLO c.example\r\n",
            b"MAIL FROM:<a@example.net>\r\n",
            b"RCPT TO:<bob@example.org>\r\n",
            b"DATA\r\n",
        ):
            call.say(line)
        said = call.say(b"From: <a@example.com>\r\n.\r\n") or call.wire.said()
        self.assertEqual(said[:11], b"550 5.7.26 ")


class QuarantineManualTests(HouseTestCase):
    """The page that shows how to put mail into quarantine."""

    def test_examplesDecideAsThePageSays(self) -> None:
        """What fails DMARC, and an invoice in an archive; everything else goes on."""
        self.site.resolver.add('_dmarc.example.net TXT "v=DMARC1; p=quarantine"')
        page = HOWTO.parent / "quarantine.rst"
        document = parseDocument("\n".join(_snippets(page)), "page", Path())
        self.start(listener=[DOOR], **document.values)
        for fields in (
            b"From: <a@example.net>\r\n",
            b"From: <a@b.example>\r\nSubject: Your Invoice\r\n"
            b"Content-Type: application/zip\r\n",
            b"From: <a@b.example>\r\nSubject: Your Invoice\r\n",
        ):
            call = self.site.call()
            for line in (
                b"EHLO c.example\r\n",
                b"MAIL FROM:<a@b.example>\r\n",
                b"RCPT TO:<ann@localhost>\r\n",
                b"DATA\r\n",
            ):
                call.say(line)
            said = call.say(fields + b"\r\nhello\r\n.\r\n") or call.wire.said()
            self.assertEqual(said[:4], b"250 ")
        (spool,) = self.site.spools
        held = [each.note for each in spool.kept.values() if each.held]
        self.assertEqual(held, ["DMARC of example.net", "an invoice in an archive"])


class TranslatedTests(HouseTestCase):
    """The page that translates Exim's examples: they decide as Exim does."""

    def decided(
        self,
        stage: str,
        sender: bytes,
        host: bytes,
        user: bytes | None = None,
        **found: str,
    ) -> list[str]:
        """
        What the rules of a stage come to that are true.

        @param found: what SPF and DMARC have found out.
        """
        text = "\n".join(_snippets(TRANSLATED))
        document = parseDocument(text, "page", Path())
        checks = {"checks": ["spf", "dkim", "arc", "dmarc"]}
        configuration = self.site.read({**document.values, "authentication": checks})
        spf = SPFVerdict(found.get("spf", "none"))
        guess = SPFVerdict(found.get("guess", spf.result))
        message = MessageVerdict(
            dmarcStatus=found.get("dmarc", "off"),
            dmarcDomain="d.example",
            dmarcPolicy=found.get("policy", ""),
            arcState=found.get("arc", ""),
            arcOldestResults=found.get("results", ""),
        )
        trial = Trial(
            host,
            b"a.example",
            b"c.example",
            user,
            False,
            sender,
            [found.get("recipient", "bob@example.org").encode()],
            b"Subject: x\r\n\r\n",
            Verdicts(lambda *_: spf, lambda *_: guess, lambda *_: message),
        )
        work = tryRules(self.site.machine, configuration, FOUND, trial)
        tried = self.successResultOf(Deferred.fromCoroutine(work))
        return [
            rule.answer or rule.log or rule.action
            for each in tried
            if each.told.stage.value == stage
            for rule in each.told.rules
            if rule.held
        ]

    def test_spf(self) -> None:
        """A forged sender, a domain that is treated otherwise, and a guess."""
        said = self.decided("mail", b"a@x.example", b"192.0.2.1", spf="fail")
        self.assertEqual(said[:-1], ["continue"])
        why = "Why?scope=mfrom;identity=a@x.example;ip=192.0.2.1"
        self.assertTrue(said[-1].startswith("550-5.7.23 192.0.2.1 is not allowed"))
        self.assertTrue(said[-1].endswith(f"http://www.openspf.org/{why}"), said)
        null = self.decided("mail", b"", b"192.0.2.1", spf="fail")
        self.assertTrue(null[-1].endswith("helo;identity=c.example;ip=192.0.2.1"))
        aol = self.decided("mail", b"a@aol.com", b"192.0.2.1", spf="neutral")
        wanted = "550 5.7.23 AOL sender, but not from AOL-approved relay."
        self.assertEqual(aol, ["continue", wanted])
        self.assertEqual(
            self.decided("mail", b"a@x.example", b"192.0.2.1", spf="neutral"),
            ["continue"],
        )
        guessed = self.decided("mail", b"a@x.example", b"192.0.2.1", guess="fail")
        text = "550 5.7.1 192.0.2.1 doesn't look trustworthy to me"
        self.assertEqual(guessed, ["continue", text])

    def test_dmarc(self) -> None:
        """Each status, and whoever has logged in."""
        for status, wanted in (
            ("accept", ["DMARC DEBUG: accept d.example"]),
            (
                "none",
                ["DMARC DEBUG: none d.example", "DMARC DEBUG: 'none' for d.example"],
            ),
            (
                "quarantine",
                [
                    "DMARC DEBUG: 'quarantine' for d.example",
                    "DMARC of d.example asks for quarantine",
                ],
            ),
            (
                "reject",
                [
                    "DMARC DEBUG: 'reject' for d.example",
                    "550 5.7.26 Message from d.example failed sender's DMARC policy,"
                    " REJECT",
                ],
            ),
        ):
            said = self.decided("message", b"a@x.example", b"192.0.2.1", dmarc=status)
            self.assertEqual(said, wanted)
        login = self.decided(
            "message", b"a@x.example", b"192.0.2.1", b"ann", dmarc="reject"
        )
        self.assertEqual(login, [])

    def test_arc(self) -> None:
        """The log has the results of the oldest set that passes."""
        results = "i=1; a.example; spf=pass"
        for state in ("pass", "fail", "none"):
            said = self.decided(
                "message",
                b"a@x.example",
                b"192.0.2.1",
                b"u",
                arc=state,
                results=results,
            )
            self.assertEqual(said, [f"oldest-p-ams: <{results}>"])
        unsure = self.decided(
            "message", b"a@x.example", b"192.0.2.1", b"ann", arc="temperror"
        )
        self.assertEqual(unsure, [])

    def test_requireTLS(self) -> None:
        """Mail for one domain stays under TLS."""
        secret = self.decided(
            "rcpt", b"a@x.example", b"198.51.100.1", recipient="ann@secret.example"
        )
        self.assertEqual(secret, ["continue", "continue"])

    def test_mailingLists(self) -> None:
        """Only mail for one, of a domain that wants the rest refused, is refused."""
        for recipient, policy, wanted in (
            ("list@example.org", "reject", True),
            ("list@example.org", "none", False),
            ("bob@example.org", "reject", False),
        ):
            said = self.decided(
                "message",
                b"a@x.example",
                b"192.0.2.1",
                b"ann",
                policy=policy,
                recipient=recipient,
            )
            text = "550 5.7.1 Messages from d.example break mailing lists"
            self.assertEqual(said, [text] if wanted else [])

    def test_controls(self) -> None:
        """Our own hosts, and everybody."""
        ours = self.decided("rcpt", b"a@x.example", b"192.0.2.1")
        self.assertEqual(ours, ["continue", "continue"])
        others = self.decided("rcpt", b"a@x.example", b"198.51.100.1")
        self.assertEqual(others, ["continue"])


def _snippets(page: Path = HOWTO) -> list[str]:
    """What a page would have one write."""
    text = page.read_text("utf-8")
    found = re.findall(r"code-block:: toml\n\n((?:   .*\n|\n)+)", text)
    return [re.sub(r"^   ", "", each, flags=re.MULTILINE) for each in found]
