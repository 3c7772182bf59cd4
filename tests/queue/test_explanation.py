"""Tests for L{smtpx.queue.explanation}."""

from __future__ import annotations

import email
import email.policy
import textwrap

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Action
from smtpx.queue.account import Account
from smtpx.queue.deliverystatus import date
from smtpx.queue.explanation import Explanation, Original, age
from smtpx.queue.wordings import ENGLISH
from smtpx.spool.via import Cause

from .reports import ARRIVED, NOW
from .test_deliverystatus import ACCOUNT, HEADING

HELLO = Original("Hello", "header")


def words(*accounts: Account, original: Original = HELLO) -> str:
    """The text."""
    part = Explanation(HEADING, original, ENGLISH).part(accounts)
    return part.content.decode().replace("\r", "")


class ExplanationTests(SynchronousTestCase):
    """The text for people."""

    def about(self, *accounts: Account) -> str:
        """What stands between the first paragraph and the last."""
        blocks = words(*accounts).split("\n\n")
        return "\n\n".join(blocks[1:-2])

    def test_whole(self) -> None:
        """Who speaks, what happened, why, to which message, and who can help."""
        self.assertEqual(
            words(ACCOUNT),
            textwrap.dedent(f"""\
                This is the mail server mail.example.org.

                Your message could not be delivered to the address below. It will not be
                tried again.

                <bob@example.net>
                    The mail server mx.example.net [192.0.2.1] said:
                        550 5.1.1 No

                It was this message:
                    Subject: Hello
                    Received here: {date(ARRIVED)}
                    Known here as: 1abc

                The header is attached. If you need help, send this report to
                <postmaster@mail.example.org>, or to the person you wrote to by another
                way.
                """),
        )

    def test_withoutSubject(self) -> None:
        """A message without subject has none; a whole one is attached whole."""
        text = words(ACCOUNT, original=Original("", "message"))
        self.assertNotIn("Subject", text)
        self.assertIn("The message is attached.", text)

    def test_several(self) -> None:
        """Of whom there is the same to say shares a paragraph."""
        other = evolve(ACCOUNT, address="carol@example.net")
        third = evolve(ACCOUNT, address="dan@example.net", said=("552 5.2.2 Full",))
        self.assertEqual(
            self.about(ACCOUNT, third, other),
            textwrap.dedent("""\
                Your message could not be delivered to the addresses below. It will not
                be tried again.

                <bob@example.net>
                <carol@example.net>
                    The mail server mx.example.net [192.0.2.1] said:
                        550 5.1.1 No

                <dan@example.net>
                    The mail server mx.example.net [192.0.2.1] said:
                        552 5.2.2 Full"""),
        )

    def test_givenUp(self) -> None:
        """For how long it was tried, and what was said last."""
        self.assertIn(
            textwrap.dedent("""\
                <bob@example.net>
                    It has been tried for 5 days without success. The last time:
                    The mail server mx.example.net [192.0.2.1] said:
                        450 Later"""),
            self.about(evolve(ACCOUNT, cause=Cause.EXPIRED, said=("450 Later",))),
        )
        self.assertIn(
            textwrap.dedent("""\
                <bob@example.net>
                    It has been tried for 5 days without success. The last time:
                    The mail server did not take it."""),
            self.about(evolve(ACCOUNT, cause=Cause.EXPIRED, said=(), remote=None)),
        )

    def test_ourOwnReply(self) -> None:
        """What we found out ourselves, we say ourselves."""
        self.assertIn(
            "    This server said:\n        556 5.1.10 No mail, please",
            self.about(
                evolve(ACCOUNT, remote=None, said=("556 5.1.10 No mail, please",))
            ),
        )

    def test_everyCause(self) -> None:
        """There is a sentence for whatever went wrong, host or no host."""
        for cause in Cause:
            for remote in (ACCOUNT.remote, None):
                mute = evolve(ACCOUNT, cause=cause, said=(), remote=remote)
                text = self.about(mute).partition("<bob@example.net>\n    ")[2]
                self.assertTrue(text[0].isupper(), text)
                self.assertTrue(text.endswith("."), text)
                self.assertNotIn("$", text)
                self.assertNotIn("  ", text.replace("\n    ", " "))

    def test_brokenConnection(self) -> None:
        """With the reason, where it may be shown."""
        mute = evolve(ACCOUNT, cause=Cause.CONNECT, said=(), why="Connection refused")
        self.assertIn(
            "    The mail server mx.example.net [192.0.2.1] could not be reached:\n"
            "    Connection refused.",
            self.about(mute),
        )

    def test_delayed(self) -> None:
        """It goes on, and until when; nobody need do anything."""
        late = evolve(
            ACCOUNT, action=Action.DELAYED, until=NOW + 60, said=("450 Later",)
        )
        self.assertEqual(
            self.about(late),
            textwrap.dedent(f"""\
                Your message has not reached the address below yet. This server goes on
                trying. You need not send it again.

                <bob@example.net>
                    It has been tried for 5 days without success. The last time:
                    The mail server mx.example.net [192.0.2.1] said:
                        450 Later
                    It is tried until {date(NOW + 60)}."""),
        )
        self.assertNotIn("until", self.about(evolve(late, until=None)))

    def test_goodNews(self) -> None:
        """Of what arrived there is nothing more to say."""
        for action in (Action.DELIVERED, Action.RELAYED, Action.EXPANDED):
            good = evolve(ACCOUNT, action=action)
            self.assertTrue(self.about(good).endswith("\n\n<bob@example.net>"))
            other = evolve(good, address="carol@example.net")
            found = self.about(good, other).endswith(
                "\n\n<bob@example.net>\n<carol@example.net>"
            )
            self.assertTrue(found)

    def test_waitsForItsTurn(self) -> None:
        """Who was not tried yet has no reason but that."""
        late = evolve(ACCOUNT, action=Action.DELAYED, said=(), cause=Cause.OTHER)
        self.assertIn("    It waits for its turn here.", self.about(late))

    def test_subjects(self) -> None:
        """In ASCII where it has to be, and short lines; in UTF-8 where it may."""
        report = evolve(ENGLISH.report, subject="\xc4 $subject " + "\xfc" * 100)
        wording = evolve(ENGLISH, report=report)
        explanation = Explanation(HEADING, HELLO, wording)
        both = [ACCOUNT, evolve(ACCOUNT, action=Action.DELAYED)]
        field = explanation.subject(both, False)
        self.assertTrue(field.isascii())
        self.assertLessEqual(max(map(len, field.split(b"\r\n"))), 78)
        read = email.message_from_bytes(field + b"\r\n\r\n", policy=email.policy.SMTP)
        self.assertEqual(read["Subject"], "\xc4 Hello " + "\xfc" * 100)
        wanted = "Subject: \xc4 Hello " + "\xfc" * 100
        self.assertEqual(explanation.subject(both, True).decode(), wanted)
        self.assertEqual(
            explanation.subject([ACCOUNT], False),
            b"Subject: Mail could not be delivered",
        )

    def test_allKindsOfNews(self) -> None:
        """Bad news first."""
        text = words(*[evolve(ACCOUNT, action=action) for action in reversed(Action)])
        at = [text.index(part) for part in ("could not", "has not", "handed", "stands")]
        self.assertEqual(at, sorted(at))

    def test_whatTheSenderWrote(self) -> None:
        """Where somebody sent it on, the sender reads the address that he knows."""
        moved = evolve(
            ACCOUNT, fields=(("Original-Recipient", "rfc822;rob@old.example"),)
        )
        self.assertIn(
            "<bob@example.net>\n"
            "    (to which your message to <rob@old.example> was sent on)\n",
            self.about(moved),
        )
        for value in ("rfc822;Bob@Example.NET", "nonsense"):
            same = evolve(ACCOUNT, fields=(("Original-Recipient", value),))
            self.assertEqual(self.about(same), self.about(ACCOUNT))
        other = evolve(ACCOUNT, fields=(("X-Other", "rfc822;rob@old.example"),))
        self.assertEqual(self.about(other), self.about(ACCOUNT))

    def test_whereAnAliasLeads(self) -> None:
        """If the sender may know."""
        self.assertIn(
            "<bob@example.net>\n"
            "    (from where it was sent on to <boss@home.example>)\n",
            self.about(evolve(ACCOUNT, target="boss@home.example")),
        )

    def test_beyondASCII(self) -> None:
        """Letters of all scripts are shown as they are."""
        part = Explanation(HEADING, HELLO, ENGLISH).part(
            [evolve(ACCOUNT, address="j\xf6rg@example.net")]
        )
        self.assertEqual(part.type, b"text/plain; charset=utf-8")
        self.assertIn(b"<j=C3=B6rg@example.net>", part.content)

    def test_ages(self) -> None:
        """As people say it."""
        for seconds, expected in (
            (0, "some moments"),
            (119, "some moments"),
            (120, "2 minutes"),
            (7199, "120 minutes"),
            (7200, "2 hours"),
            (47 * 3600, "47 hours"),
            (172800, "2 days"),
            (5 * 86400 + 100, "5 days"),
        ):
            self.assertEqual(age(seconds, ENGLISH), expected)
