"""
Events as JSON.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path

from hypothesis import given, settings, strategies
from twisted.internet.task import Clock
from twisted.logger import LogLevel
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.reply import OK
from smtpx.observe.files import LineFile
from smtpx.observe.journal import Journal
from smtpx.observe.jsonlines import JSONLines, _micro, render, timestamp

from .stories import MESSAGE, NOW, TLS, envelope, publishing, visit

PLAIN: dict[str, object] = {
    "log_time": NOW,
    "log_level": LogLevel.info,
    "log_format": "{x}",
}


class Colour(Enum):
    """Something that JSON has no form for."""

    RED = 1


class JSONTests(SynchronousTestCase):
    """What stands in a line."""

    def test_timesAreUTCWithMilliseconds(self) -> None:
        """RFC 3339, cut rather than rounded, so that it never runs ahead."""
        self.assertEqual(timestamp(0.0), "1970-01-01T00:00:00.000Z")
        self.assertEqual(timestamp(1795317588.9999), "2026-11-22T03:19:48.999Z")

    def test_anAcceptedMessage(self) -> None:
        """One object a message, with all that is known of it."""
        path = self.mktemp()
        file = LineFile(path, Clock())
        journal = Journal(publishing(JSONLines(file)))
        session = visit(("K", True), secured=TLS)
        journal.accepted(session, envelope(), MESSAGE, OK)
        file.close()
        (line,) = Path(path).read_text("ascii").splitlines()
        self.assertEqual(
            json.loads(line),
            {
                "time": "2026-11-22T03:19:48.123Z",
                "level": "info",
                "event": "message.accepted",
                "session": session.id,
                "message": MESSAGE,
                "address": "192.0.2.7",
                "port": 4567,
                "helo": "mail.example.org",
                "local": "192.0.2.25",
                "localPort": 25,
                "sender": "ann@example.org",
                "recipients": ["bob@example.com"],
                "octets": 1204,
                "protocol": "esmtps",
                "seconds": 0.0,
                "version": "TLSv1.3",
                "cipher": "TLS_AES_256_GCM_SHA384",
                "bits": 256,
                "resumed": True,
                "verified": False,
                "subject": 'CN=ann "the" boss',
                "serverName": "mx.example.org",
                "fields": {"K": True},
            },
        )

    def test_otherLibrariesEventsAreText(self) -> None:
        """What is not of our catalogue is formatted."""
        line = render(PLAIN | {"log_namespace": "twisted.web", "x": "hello"})
        self.assertEqual(
            json.loads(line),
            {
                "time": "2026-11-22T03:19:48.123Z",
                "level": "info",
                "event": "twisted.web",
                "text": "hello",
            },
        )

    def test_oddValuesAreShownSomehow(self) -> None:
        """Enums by name, octets as text, all else as Python shows it."""
        values: dict[str, object] = {
            "event": "x",
            "colour": Colour.RED,
            "list": [b"\xff", None],
            "other": 1j,
        }
        found = json.loads(render(PLAIN | values))
        self.assertEqual(found["colour"], "red")
        self.assertEqual(found["list"], ["\\xff", None])
        self.assertEqual(found["other"], "1j")

    @settings(max_examples=200)
    @given(strategies.floats(-2, 2) | strategies.floats(0, 1e9))
    def test_secondsAreSpelledAsEverywhere(self, seconds: float) -> None:
        """They stand there as Python, and so every event as a whole, has them."""
        self.assertEqual(_micro(seconds), repr(round(seconds * 1e6) / 1e6))

    @settings(max_examples=100)
    @given(strategies.binary() | strategies.text())
    def test_nobodyForgesALine(self, said: bytes | str) -> None:
        """Whatever a peer says, the line is visible ASCII and reads back."""
        line = render(PLAIN | {"event": "x", "said": said, "more": [said]})
        self.assertTrue(all(" " <= c <= "~" for c in line))
        found = json.loads(line)
        if isinstance(said, str):
            self.assertEqual(found["said"], said)
        else:
            expected = said.decode("utf-8", "backslashreplace")
            self.assertEqual((found["said"], found["more"]), (expected, [expected]))
