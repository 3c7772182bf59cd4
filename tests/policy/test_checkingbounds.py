"""
Whatever a stranger writes, L{smtpx.policy.checking} comes to an end, and to a result.
"""

from __future__ import annotations

import time
from typing import cast

from hypothesis import given, settings, strategies as some
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.reply import OK, Reply
from smtpx.core.trace import ABOVE
from smtpx.mailauth.resultsclaims import OurNames
from smtpx.mailauth.resultsreading import parseResults
from smtpx.policy.checking import CheckingReceiver
from smtpx.policy.seen import FIELDS_MOST
from tests.net.made import RememberingReceiver

from .authmade import BODY, HEADER, Told, authentication, signed, zone
from .doubles import sessionFrom

#: As much as a header may have, nearly.
_MUCH = 1_000_000

#: How long any of them may take here, in seconds: far more than it does.
_PATIENCE = 60.0

_MARK = signed().partition(b"From:")[0]

_PARTS = some.sampled_from(
    [
        b"From: ann@example.org\r\n",
        b"From: a@b, c@d\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from; bh=; b=\r\n",
        b"DKIM-Signature: ;;==\r\n",
        _MARK,
        b"ARC-Seal: i=1; cv=none; a=rsa-sha256; d=example.org; s=s1; b=AA==\r\n",
        b"ARC-Message-Signature: i=1; a=rsa-sha256; d=x; s=y; h=from; bh=; b=AA==\r\n",
        b"ARC-Authentication-Results: i=1; x; none\r\n",
        b"ARC-Seal: i=99999999999999999999\r\n",
        b"Authentication-Results: mx.example.net; spf=pass\r\n",
        b"Authentication-Results: \xff\x00\r\n\t\r\n",
        b"no field\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\xff\xfe: x\r\n",
        b":\r\n",
    ]
)


class BoundsTests(SynchronousTestCase):
    """Nothing a stranger writes does harm."""

    def written(self, message: bytes, sender: bytes = b"ann@example.org") -> bytes:
        """What is written above a message."""
        told = Told()
        found = authentication(zone(), told, Clock())
        behind = RememberingReceiver()
        receiver = CheckingReceiver(behind, found, OurNames.of([b"mx.example.net"]))
        session = sessionFrom()
        session.helo = b"[192.0.2.1]"
        envelope = Envelope(sender, 0.0)
        began = time.process_time()
        arrival = receiver.begin(session, envelope)
        assert not isinstance(arrival, Reply)
        for start in range(0, len(message), 65536):
            arrival.write(message[start : start + 65536])
        answer = arrival.finish(session, envelope)
        waiting: Deferred[object] = cast("Deferred[object]", answer)
        self.assertEqual(OK, self.successResultOf(waiting))
        self.assertLess(time.process_time() - began, _PATIENCE)
        self.assertEqual([], told.troubles)
        above = envelope.stamps[ABOVE]
        name, _, value = above[above.index(b"Authentication-") :].partition(b":")
        parseResults(value.removesuffix(b"\r\n"))
        self.assertLess(max(map(len, above.split(b"\r\n"))), 998)
        return above

    def test_muchOfEverything(self) -> None:
        """A header as large as may be ends in a result, whatever is in it."""
        for part in (
            b"a:\r\n",
            b"From: ann@example.org\r\n",
            b"Authentication-Results: x; none\r\n",
            b"Authentication-Results: (((((((\r\n",
            _MARK,
            b"DKIM-Signature: v=1;" + b"a=;" * 1000 + b"\r\n",
            b"DKIM-Signature: h=" + b"from:" * 10_000 + b"\r\n",
            b"ARC-Seal: i=1; cv=none\r\n",
            b"x\r\n",
        ):
            many = min(_MUCH // len(part), FIELDS_MOST - 100)
            self.written(part * many + b"\r\n" + BODY)

    def test_oneOfMuch(self) -> None:
        """So does a field of a megabyte."""
        for name in (
            b"From",
            b"DKIM-Signature",
            b"ARC-Seal",
            b"Authentication-Results",
        ):
            for part in (b"(", b"a@b,", b"a=b;", b'"', b" \r\n ", b"\\", b"\xc3\xa4"):
                field = name + b": " + part * (_MUCH // len(part) // 4) + b"\r\n"
                self.written(field + b"\r\n" + BODY)

    def test_aChainOfMany(self) -> None:
        """A chain of sixty is too long, and has failed."""
        sets = b"".join(
            b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=x.example; s=y; b=AA==\r\n"
            b"ARC-Message-Signature: i=%d; a=rsa-sha256; d=x.example; s=y; h=from;"
            b" bh=AA==; b=AA==\r\n"
            b"ARC-Authentication-Results: i=%d; x.example; none\r\n" % ((each,) * 3)
            for each in range(60, 0, -1)
        )
        self.assertIn(b"arc=fail", self.written(sets + HEADER + b"\r\n" + BODY))

    def test_senders(self) -> None:
        """What stands in the envelope does no harm, either."""
        for sender in (
            b"",
            b"a",
            b"a@",
            b'"a\\"b;c(d"@example.org',
            b"\xff@\xff.example",
            "ä@ä.example".encode(),
            b"a@[192.0.2.1]",
            b"a@" + b"x" * 250,
            b"a@x" + b".x" * 120,
        ):
            self.written(HEADER + b"\r\n" + BODY, sender)

    @settings(max_examples=100, deadline=None)
    @given(some.lists(_PARTS, max_size=12), some.binary(max_size=60))
    def test_anything(self, parts: list[bytes], body: bytes) -> None:
        """Whatever is put together comes to a result."""
        self.written(b"".join(parts) + body)
