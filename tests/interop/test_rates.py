"""
Rates: real clients are put off that send too much, and the operator hears of it once.
"""

from __future__ import annotations

import email
import time
from email import policy

from .cases import InteropTestCase, findPeer
from .running import RunningServer, waitFor

USER, PASSWORD = "joe@example.org", "correct horse"

RULES = """
[rates]
alert_to = ["ops@localhost"]

[[policy.rcpt]]
authenticated = true
action = "defer"
message = "You have written to $sender_rate people in $sender_rate_period"

[policy.rcpt.rate]
per = "user"
recipients = 4
seconds = "1 d"
mode = "strict"
alert = true

[[policy.connect]]
action = "reject"
message = "Too many unknown recipients from $sender_host_address"

[policy.connect.rate]
per = "client"
refusals = 3
seconds = "1 h"
mode = "fixed"
"""

#: What swaks ends with when all recipients are refused, and when there is no greeting.
_NOBODY, _NO_GREETING = 24, 21


def alerts(server: RunningServer) -> list[bytes]:
    """What the operator got."""
    found = [each.read_bytes() for each in server.folder.glob("state/**/new/*")]
    return [each for each in found if b"\nSubject: Too much mail" in each]


class RatesTests(InteropTestCase):
    """Real clients that do too much."""

    def swaks(self, server: RunningServer, *options: str, status: int = 0) -> str:
        """Send a message; what was said."""
        words = [findPeer("swaks", "swaks"), "--helo", "client.example"]
        words += ["--from", "joe@client.example"]
        words += ["--server", f"127.0.0.1:{server.port}"]
        return self.run_([*words, *options], status=status)

    def exchange(self) -> None:
        """
        Wait until two servers have told each other what they have counted: they do once
        a second, which the file does not tell, and a machine may have other work.
        """
        time.sleep(6)

    def test_user(self) -> None:
        """
        A user is put off from the limit on, also from a second server with the same
        file; the operator gets one message.
        """
        one = self.serve(RULES)
        file = one.folder / "state" / "rates.sqlite"
        other = self.serve(RULES.replace("[rates]", f"[rates]\nfile = '{file}'"))
        for server in (one, other):
            server.addUser(USER, PASSWORD)
        login = ("--tls", "--auth", "PLAIN", "-au", USER, "-ap", PASSWORD)
        self.swaks(one, *login, "--to", "a@localhost,b@localhost")
        self.exchange()
        said = self.swaks(other, *login, "--to", "c@localhost,d@localhost,e@localhost")
        # It has faded by a hair since: so the fourth is not too many, and the fifth is.
        self.assertIn("451 4.7.1 You have written to 5.0 people in 1d", said)
        self.exchange()
        self.swaks(one, *login, "--to", "f@localhost", status=_NOBODY)
        waitFor(lambda: bool(alerts(other)), "a message to the operator")
        (octets,) = alerts(other)
        mail = email.message_from_bytes(octets, policy=policy.default)
        self.assertEqual(mail["Subject"], f"Too much mail: user {USER}")
        self.assertEqual(mail["Return-Path"], "<>")
        self.assertIn("127.0.0.1: ", mail.get_content())
        self.assertEqual(alerts(one), [])
        self.assertEqual(len(one.delivered(2)), 2)

        def told() -> list[str]:
            lines = [*one.mainLog(), *other.mainLog()]
            return [line for line in lines if "Alert: " in line]

        waitFor(lambda: bool(told()), "a line in the log")
        self.assertEqual(len(told()), 1)

    def test_refusals(self) -> None:
        """A client that tries names is not let in any more."""
        server = self.serve(RULES)
        names = ("--to", "a@no.example,b@no.example,c@no.example")
        self.swaks(server, *names, status=_NOBODY)
        said = self.swaks(server, *names, status=_NO_GREETING)
        self.assertIn("554 Too many unknown recipients from 127.0.0.1", said)
