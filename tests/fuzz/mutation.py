"""
Inputs for a fuzz target, where no fuzzer is installed: dialogues that make sense,
made senseless.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from ..test_dialogues import FOLDER, octets, parse

#: Words that mean something somewhere.
WORDS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b".",
    b"\r\n.\r\n",
    b"\n.\r\n",
    b" ",
    b"<>",
    b"<",
    b">",
    b":",
    b"@",
    b"=",
    b"+",
    b"*\r\n",
    b"\xff",
    "ä".encode(),
    b"EHLO client.example\r\n",
    b"HELO client.example\r\n",
    b"MAIL FROM:<ann@example.org>\r\n",
    b"MAIL FROM:<> SIZE=100 BODY=8BITMIME\r\n",
    b"MAIL FROM:<ann@example.org> SMTPUTF8 BODY=BINARYMIME RET=HDRS ENVID=a+2Bb\r\n",
    b"MAIL FROM:<ann@example.org> REQUIRETLS AUTH=<>\r\n",
    b"RCPT TO:<bob@example.com>\r\n",
    b"RCPT TO:<postmaster> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@b.example\r\n",
    b"RCPT TO:<xerxes@example.com>\r\n",
    b"RCPT TO:<eve@example.com>\r\n",
    b"MAIL FROM:<xerxes@example.org>\r\n",
    b"DATA\r\n",
    b"Subject: x\r\n\r\nbody\r\n.\r\n",
    b"BDAT 0\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 5\r\nabcde",
    b"BDAT 5 LAST\r\nabcde",
    b"BDAT 99999\r\n",
    b"BDAT x\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"HELP\r\n",
    b"VRFY bob\r\n",
    b"EXPN list\r\n",
    b"STARTTLS\r\n",
    b"QUIT\r\n",
    b"AUTH PLAIN AHVzZXIAcGVuY2ls\r\n",
    b"AUTH PLAIN AHhlcnhlcwBwZW5jaWw=\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN\r\n",
    b"dXNlcg==\r\ncGVuY2ls\r\n",
    b"AUTH EXTERNAL =\r\n",
    b"AUTH OAUTHBEARER bixhPXVzZXIsAWF1dGg9QmVhcmVyIHVzZXIBAQ==\r\n",
    b"AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIGV2ZQEB\r\n",
    b"AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n",
    b"XCLIENT ADDR=192.0.2.9 NAME=[UNAVAILABLE] HELO=a+2Bb LOGIN=user\r\n",
    b"XCLIENT ADDR=IPV6:2001:db8::1 PROTO=ESMTP HELO=c.example PORT=9\r\n",
    b"XFORWARD NAME=a.example ADDR=192.0.2.9 IDENT=1 SOURCE=REMOTE\r\n",
    b"c" * 600,
    b"d" * 5000,
)


#: Dialogues that go well; they are begun with more often than the others.
_MAIL = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.com>\r\n"
_TEXT = b"Subject: x\r\nTo: bob@example.com\r\n\r\nbody\r\n..\r\n.\r\n"
GOOD = (
    b"EHLO client.example\r\n" + _MAIL + b"DATA\r\n" + _TEXT + b"QUIT\r\n",
    b"EHLO client.example\r\n" + _MAIL + b"BDAT 9\r\nSubject: BDAT 4 LAST\r\nx\r\n\n",
    b"HELO client.example\r\n" + (_MAIL + b"DATA\r\n" + _TEXT) * 2,
    b"EHLO client.example\r\nMAIL FROM:<ann@example.org> SIZE=20 BODY=BINARYMIME\r\n"
    b"RCPT TO:<bob@example.com> NOTIFY=NEVER\r\nRCPT TO:<eve@example.com>\r\n"
    b"BDAT 6 LAST\r\na\0\xff\r\nb" + _MAIL + b"BDAT 0 LAST\r\nQUIT\r\n",
    b"EHLO client.example\r\nSTARTTLS\r\nEHLO client.example\r\n"
    b"AUTH PLAIN AHVzZXIAcGVuY2ls\r\nMAIL FROM:<ann@example.org> REQUIRETLS\r\n"
    b"RCPT TO:<bob@example.com>\r\nDATA\r\n" + _TEXT,
)


def corpus() -> list[bytes]:
    """What the clients of all dialogues say, each as one input."""
    found = []
    for path in sorted(FOLDER.glob("*.dlg")):
        script = parse(path.name, path.read_text("utf-8"))
        said = [octets(step) for step in script.steps if step.kind in "Cc"]
        found.append(b"".join(said))
    return found


class Mutator:
    """Makes inputs, the same for the same seed."""

    def __init__(self, seed: int, seeds: Sequence[bytes]) -> None:
        """
        @param seeds: what they are made of.
        """
        self._random = random.Random(seed)
        self._seeds = [each for each in seeds if each]
        self._ways: Sequence[Callable[[bytes], bytes]] = (
            self._insert,
            self._insert,
            self._delete,
            self._repeat,
            self._replace,
            self._splice,
            self._cut,
        )

    def make(self) -> bytes:
        """The next input."""
        begun = GOOD if self._random.random() < 0.5 else self._seeds
        found = self._random.choice(begun)
        for _ in range(self._random.randrange(6)):
            found = self._random.choice(self._ways)(found)
        # The first octets say how it is to be treated.
        return self._random.randbytes(3) + found

    def _place(self, octets: bytes) -> int:
        """Somewhere, with luck at the end of a line."""
        at = self._random.randint(0, len(octets))
        end = octets.find(b"\r\n", at)
        return end + 2 if end >= 0 and self._random.random() < 0.7 else at

    def _range(self, octets: bytes) -> tuple[int, int]:
        first, second = self._place(octets), self._place(octets)
        return min(first, second), max(first, second)

    def _insert(self, octets: bytes) -> bytes:
        at = self._place(octets)
        return octets[:at] + self._random.choice(WORDS) + octets[at:]

    def _delete(self, octets: bytes) -> bytes:
        begin, end = self._range(octets)
        return octets[:begin] + octets[end:]

    def _repeat(self, octets: bytes) -> bytes:
        begin, end = self._range(octets)
        times = self._random.choice((2, 2, 3, 20))
        return octets[:begin] + octets[begin:end][:500] * times + octets[end:]

    def _replace(self, octets: bytes) -> bytes:
        at = self._random.randrange(len(octets) + 1)
        return octets[:at] + self._random.randbytes(1) + octets[at + 1 :]

    def _splice(self, octets: bytes) -> bytes:
        other = self._random.choice(self._seeds)
        return octets[: self._place(octets)] + other[self._place(other) :]

    def _cut(self, octets: bytes) -> bytes:
        return octets[: self._random.randrange(len(octets) + 1)]
