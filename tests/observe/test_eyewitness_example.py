"""
The example of C{howto/test-a-server}: a program looks at what it sends.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from ..net.worlds import world


class ExampleTests(SynchronousTestCase):
    """What is printed in the manual works."""

    def test_drawing(self) -> None:
        """A message is drawn."""
        there = world()
        there.host("192.0.2.25")
        reactor = there.network
        with redirect_stdout(StringIO()) as printed:
            # begin example
            import time

            from smtpx import sendMessage
            from smtpx.net.mailer import SMTPClientOptions
            from smtpx.observe.drawing import ASCII, drawing
            from smtpx.observe.eyewitness import Eyewitness

            witness = Eyewitness(reactor.seconds, time.time)
            sending = sendMessage(
                reactor,
                "me@example.org",
                "you@example.net",
                b"Subject: hello\n\nhi",
                host="mail.example",
                options=SMTPClientOptions(tracer=witness),
            )
            sending.addCallback(
                lambda receipt: print("\n".join(drawing(witness.journey(), ASCII)))
            )
            # end example
            there.network.run(5)
        self.assertIn("|--- connect to [192.0.2.25]:25 ---", printed.getvalue())
        self.assertIn("250 2.0.0 Taken", printed.getvalue())
