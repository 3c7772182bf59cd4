"""
The catalogue of events, and the page of the manual that prints it.
"""

from __future__ import annotations

from pathlib import Path
from string import Formatter

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.observe.alerting import ALERTED
from smtpx.observe.event import Event
from smtpx.observe.events import (
    ALIAS_BROKEN,
    ALIASES_KEPT,
    ALIASES_READ,
    CATALOGUE,
    IMPORT_REFUSED,
    OWNERS_KEPT,
    OWNERS_READ,
    PROXY_REFUSED,
    RECIPIENT_UNSURE,
    RECIPIENTS_KEPT,
    RECIPIENTS_READ,
    TURNED_AWAY,
)
from smtpx.observe.forwarding import SECRETS_KEPT, SECRETS_READ
from smtpx.observe.lookingup import LOOKUP_BROKEN, LOOKUP_WORKS

PAGE = Path(smtpx.__file__).parent.parent / "doc" / "reference" / "logs.rst"


def entry(event: Event) -> str:
    """How the manual prints one event."""
    lines = [f"``{event.name}`` ({event.level.name})"]
    lines += [f"   * ``{name}``: {means}" for name, means in event.fields.items()]
    return "\n".join(lines)


class EventTests(SynchronousTestCase):
    """What is declared holds together."""

    def test_namesAreUnique(self) -> None:
        """Each name is one kind of event."""
        names = [event.name for event in CATALOGUE]
        self.assertEqual(len(names), len(set(names)))

    def test_formatsUseDeclaredFields(self) -> None:
        """The text of an event needs only fields that the event has."""
        for event in CATALOGUE:
            used = {name for _, name, _, _ in Formatter().parse(event.format) if name}
            self.assertEqual(used - set(event.fields), set(), event.name)

    def test_peersWordsAreQuoted(self) -> None:
        """What a peer said is shown by its C{repr}, so it cannot forge a line."""
        said = {"address", "command", "text", "sender", "recipients", "recipient"}
        for event in CATALOGUE:
            for _, name, _, conversion in Formatter().parse(event.format):
                if name in said | {"identity", "helo"}:
                    self.assertEqual(conversion, "r", (event.name, name))

    def test_storiesCanBeFollowed(self) -> None:
        """
        Each event has the id of its session or of its message, but for that of a
        connection which never became a session, and those of the server as a whole.
        """
        others = [TURNED_AWAY, PROXY_REFUSED, ALIASES_READ, ALIASES_KEPT, ALIAS_BROKEN]
        others += [RECIPIENTS_READ, RECIPIENTS_KEPT, RECIPIENT_UNSURE]
        others += [OWNERS_READ, OWNERS_KEPT, IMPORT_REFUSED]
        others += [SECRETS_READ, SECRETS_KEPT, LOOKUP_BROKEN, LOOKUP_WORKS, ALERTED]
        for event in CATALOGUE:
            if event in others:
                continue
            self.assertTrue({"session", "message"} & set(event.fields), event.name)

    def test_theManualPrintsTheCatalogue(self) -> None:
        """The page on logs has each event with its fields, word for word."""
        page = PAGE.read_text("utf-8").replace("\n\n   *", "\n   *")
        missing = [entry(event) for event in CATALOGUE if entry(event) not in page]
        self.assertEqual(missing, [])
