"""
Tests for L{smtpx.service.wiring.editing}: a server that changes messages, whatever way
they come.
"""

from __future__ import annotations

from pathlib import Path

from smtpx.mailauth.signingkey import strings
from smtpx.service.toml import parseDocument
from smtpx.service.wiring.editing import mayBeChanged
from smtpx.testing.spool import MemorySpool
from tests.net.made import Call
from tests.policy.authmade import BODY as SIGNED_BODY, HEADER, signed, signingKey

from .made import HouseTestCase

#: On hold, so that what is kept can be looked at.
RULES = """
[[policy.message]]
remove_header = ["X-Old"]
add_header = [":at_end: X-New: $message_size"]
action = "hold"
"""

BEFORE = b"Subject: x\r\nX-Old: 1\r\n folded\r\nTo: y\r\n"
AFTER = b"Subject: x\r\nTo: y\r\nX-New: %d\r\n"
BINARY = b"\r\n\x00\n\r.\r\n.\r\n\xff no end"

NAME = b"TRANSID=<4f2a.17@client.example>"


class EditingTests(HouseTestCase):
    """Messages that are changed."""

    def rules(self, **more: object) -> None:
        """Start a server that changes them."""
        values = dict(parseDocument(RULES, "rules.toml", Path()).values)
        self.start(**{"listener": [{"port": 0, "tls": "none"}], **values, **more})

    @property
    def spool(self) -> MemorySpool:
        """The server's."""
        (spool,) = self.site.spools
        return spool

    def call(self, hello: bytes = b"EHLO c.example\r\n") -> Call:
        """A client that has said who it is."""
        call = self.site.call()
        call.say(hello)
        return call

    def kept(self) -> bytes:
        """The only message that there is."""
        (id,) = self.spool.kept
        return self.spool.whole(id)

    def test_withoutReasonNothingIsThere(self) -> None:
        """A rule that adds a field above the header needs nobody to hold that."""
        text = '[[policy.message]]\nadd_header = [":at_start: X: y", "X: z"]\n'
        self.assertFalse(mayBeChanged(self.site.read(self.values(text))))
        for text in (RULES, "[policy]\npython_edits = true\n"):
            self.assertTrue(mayBeChanged(self.site.read(self.values(text))))

    def values(self, text: str) -> dict[str, object]:
        """A configuration."""
        return dict(parseDocument(text, "rules.toml", Path()).values)

    def test_DATA(self) -> None:
        """Dots are dots, and the text stays as it is."""
        self.rules()
        call = self.call()
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        call.say(b"RCPT TO:<ann@localhost>\r\n")
        call.say(b"DATA\r\n")
        said = call.say(BEFORE + b"\r\n..dot\r\n\r\nX-Old: text\r\n.\r\n")
        self.assertEqual(said[:4], b"250 ")
        body = b"\r\n.dot\r\n\r\nX-Old: text\r\n"
        after = AFTER % len(BEFORE + body)
        self.assertTrue(self.kept().endswith(b"\r\n" + after + body), self.kept())

    def test_BDAT(self) -> None:
        """Binary, octet by octet, wherever it is cut into chunks."""
        self.rules()
        message = BEFORE + BINARY
        after = AFTER % len(message)
        for cut in range(0, len(message), 5):
            call = self.call()
            call.say(b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n")
            call.say(b"RCPT TO:<ann@localhost>\r\n")
            first, last = message[:cut], message[cut:]
            call.say(b"BDAT %d\r\n%b" % (len(first), first))
            said = call.say(b"BDAT %d LAST\r\n%b" % (len(last), last))
            self.assertEqual(said[:4], b"250 ", said)
            whole = self.spool.whole([*self.spool.kept][-1])
            self.assertTrue(whole.endswith(b"\r\n" + after + BINARY), whole)

    def test_EightBits(self) -> None:
        """Of a header in UTF-8 nothing is lost either (RFC 6531)."""
        self.rules()
        call = self.call()
        call.say("MAIL FROM:<gr\u00fc\u00df@b.example> SMTPUTF8\r\n".encode())
        call.say(b"RCPT TO:<ann@localhost>\r\n")
        call.say(b"DATA\r\n")
        field = "Comments: gr\u00fc\u00df\r\n".encode()
        said = call.say(field + BEFORE + b"\r\n\xe9\r\n.\r\n")
        self.assertEqual(said[:4], b"250 ")
        after = field + AFTER % len(field + BEFORE + b"\r\n\xe9\r\n")
        self.assertTrue(self.kept().endswith(b"\r\n" + after + b"\r\n\xe9\r\n"))

    def test_LMTP(self) -> None:
        """Each recipient is answered for."""
        self.rules(listener=[{"port": 0, "tls": "none", "protocol": "lmtp"}])
        call = self.call(b"LHLO c.example\r\n")
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        for name in (b"ann", b"bob"):
            call.say(b"RCPT TO:<%b@localhost>\r\n" % name)
        call.say(b"DATA\r\n")
        said = call.say(BEFORE + b"\r\nhello\r\n.\r\n")
        self.assertEqual([each[:4] for each in said.splitlines()], [b"250 "] * 2)
        self.assertIn(b"\r\nX-New: ", self.kept())

    def test_PRDR(self) -> None:
        """Likewise; whom the message is discarded for is told nothing else."""
        self.rules(extensions={"PRDR": {"prdr_enable": ["*"]}})
        call = self.call()
        call.say(b"MAIL FROM:<a@b.example> PRDR\r\n")
        for name in (b"ann", b"bob"):
            call.say(b"RCPT TO:<%b@localhost>\r\n" % name)
        call.say(b"DATA\r\n")
        said = call.say(BEFORE + b"\r\nhello\r\n.\r\n")
        # Where all have the same answer, one is enough.
        self.assertEqual([each[:4] for each in said.splitlines()], [b"250 "])
        self.assertIn(b"\r\nX-New: ", self.kept())

    def test_cutShort(self) -> None:
        """With a name, it comes again from its start (RFC 1845)."""
        self.rules()
        call = self.call()
        hello = [
            b"MAIL FROM:<a@b.example> %b\r\n" % NAME,
            b"RCPT TO:<ann@localhost>\r\n",
        ]
        for line in (*hello, b"DATA\r\n", BEFORE + b"\r\nhalf of the"):
            call.say(line)
        self.site.hangUp()
        self.site.reactor.advance(1)
        again = self.call()
        self.assertEqual(again.say(hello[0])[:4], b"250 ")
        again.say(hello[1])
        again.say(b"DATA\r\n")
        said = again.say(BEFORE + b"\r\nhalf of the text\r\n.\r\n")
        self.assertEqual(said[:4], b"250 ")
        self.assertTrue(self.kept().endswith(b"\r\n\r\nhalf of the text\r\n"))

    def test_signaturesAreOfWhatCame(self) -> None:
        """A field that was signed is taken out, and the signature was good."""
        record = " ".join(f'"{each.decode()}"' for each in strings(signingKey().record))
        self.site.resolver.add(f"s1._domainkey.example.org TXT {record}")
        self.rules(authentication={"checks": ["dkim"]})
        message = signed(b"X-Old: 1\r\n" + HEADER, SIGNED_BODY, self.site.machine.now())
        call = self.call()
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        call.say(b"RCPT TO:<ann@localhost>\r\n")
        call.say(b"DATA\r\n")
        said = call.say(message + b".\r\n") or call.wire.said()
        self.assertEqual(said[:4], b"250 ")
        whole = self.kept()
        self.assertIn(b"dkim=pass", whole)
        self.assertNotIn(b"X-Old:", whole)
        self.assertTrue(whole.startswith(b"Authentication-Results: "), whole)
