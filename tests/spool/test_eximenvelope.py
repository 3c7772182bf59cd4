"""Tests for L{smtpx.spool.eximenvelope}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.extensions.auth import SUBMITTER
from smtpx.extensions.dsn import ENVID, NOTIFY, ORCPT, RET
from smtpx.extensions.eightbitmimeconversion import BINARY, EIGHTBIT
from smtpx.extensions.requiretls import OPTIONAL, REQUIRED
from smtpx.extensions.smtputf8 import UTF8
from smtpx.spool.eximenvelope import Owner, declareEight, exported, imported, unsaid
from smtpx.spool.eximspool import (
    BadSpoolFile,
    EximField,
    EximMessage,
    EximRecipient,
    Setting,
)
from smtpx.spool.format import SpooledMessage
from smtpx.testing.spool import memoryID

from .eximsamples import FULL_MESSAGE, ID

OWNER = Owner(b"smtpx", 107, 113)
PREFIX = (
    b"Received: from c.example (host.c.example [192.0.2.1])\r\n"
    b"\tby s.example with esmtps\r\n\tid x;\r\n\tdate\r\n"
)


def messageTo(*recipients: Recipient, prefix: bytes = PREFIX) -> SpooledMessage:
    """A message of ours."""
    envelope = Envelope(b"ann@c.example", 1000.25, [*recipients])
    return SpooledMessage(
        memoryID(1), 1000.25, envelope, prefix, tuple(range(len(recipients)))
    )


class ExportTests(SynchronousTestCase):
    """Ours as Exim has them."""

    def test_plain(self) -> None:
        """Who it is from and for, when it came, and from whom."""
        message = messageTo(Recipient(b"a@s.example"), Recipient(b"b@s.example"))
        measures = (Setting(b"body_linecount", b"3"),)
        self.assertEqual(
            exported(message, (1,), OWNER, measures),
            EximMessage(
                id=message.id,
                login=b"smtpx",
                uid=107,
                gid=113,
                sender=b"ann@c.example",
                received=1000,
                settings=(
                    Setting(b"received_time_usec", b".250000"),
                    Setting(b"helo_name", b"c.example", tainted=True),
                    Setting(b"host_address", b"[192.0.2.1]:0", tainted=True),
                    Setting(b"host_name", b"host.c.example", tainted=True),
                    Setting(b"received_protocol", b"esmtps"),
                    Setting(b"body_linecount", b"3"),
                    Setting(b"deliver_firsttime"),
                ),
                recipients=(EximRecipient(b"b@s.example"),),
            ),
        )

    def test_notes(self) -> None:
        """What clients said of it goes along."""
        recipient = Recipient(b"a@s.example")
        recipient.stamps[NOTIFY] = b"Success,FAILURE,DELAY"
        recipient.stamps[ORCPT] = b"rfc822;x"
        never = Recipient(b"b@s.example")
        never.stamps[NOTIFY] = b"NEVER"
        message = messageTo(recipient, never, prefix=b"")
        stamps = message.envelope.stamps
        stamps[SUBMITTER] = b"ann@c.example"
        stamps[RET] = b"hdrs"
        stamps[ENVID] = b"QQ+2B"
        stamps[UTF8] = True
        found = exported(message, (0, 1), OWNER)
        self.assertEqual(
            found.settings[1:],
            (
                Setting(b"received_protocol", b"local"),
                Setting(b"auth_sender", b"ann@c.example", tainted=True),
                Setting(b"deliver_firsttime"),
                Setting(b"smtputf8"),
                Setting(b"dsn_envid", b"QQ+2B"),
                Setting(b"dsn_ret", b"2"),
            ),
        )
        self.assertEqual(
            found.recipients,
            (
                EximRecipient(b"a@s.example", b"rfc822;x", 0x1C),
                EximRecipient(b"b@s.example", flags=0x02),
            ),
        )

    def test_clientWithoutAddress(self) -> None:
        """Of a client on a UNIX socket there is a name at most."""
        prefix = PREFIX.replace(b"host.c.example [192.0.2.1]", b"unknown")
        message = messageTo(Recipient(b"a@s.example"), prefix=prefix)
        names = [each.name for each in exported(message, (0,), OWNER).settings]
        self.assertIn(b"helo_name", names)
        self.assertNotIn(b"host_address", names)

    def test_clientWithoutName(self) -> None:
        """The name of a client that was not looked up is not made up."""
        prefix = PREFIX.replace(b"host.c.example ", b"")
        found = exported(messageTo(Recipient(b"a@s"), prefix=prefix), (0,), OWNER)
        self.assertEqual(found.value(b"host_address"), b"[192.0.2.1]:0")
        self.assertFalse(found.has(b"host_name"))

    def test_beyondASCII(self) -> None:
        """An address that needs SMTPUTF8 gets it, whoever has forgotten to ask."""
        message = messageTo(Recipient("é@s.example".encode()))
        self.assertTrue(exported(message, (0,), OWNER).has(b"smtputf8"))

    def test_unsaid(self) -> None:
        """Of what has to be heeded, Exim's format has words for SMTPUTF8 alone."""
        recipient, other = Recipient(b"a@s.example"), Recipient(b"b@s.example")
        message = messageTo(recipient, other)
        stamps = message.envelope.stamps
        stamps[UTF8] = True
        stamps[OPTIONAL] = True
        stamps[EIGHTBIT] = True
        self.assertEqual(unsaid(message, (0, 1)), ())
        stamps[REQUIRED] = True
        stamps[BINARY] = True
        other.stamps.unknown["!new"] = "1"
        self.assertEqual(unsaid(message, (0,)), ("!requiretls", "!binarymime"))
        self.assertEqual(unsaid(message, (1,))[-1], "!new")


class ImportTests(SynchronousTestCase):
    """Exim's as ours."""

    def test_everything(self) -> None:
        """
        Those who have it are left out, each sender has a message, and what was
        deleted from the header stays away.
        """
        first, second = imported(FULL_MESSAGE, frozenset())
        envelope = first.envelope
        self.assertEqual(envelope.sender, b"ann@client.example")
        self.assertEqual(envelope.arrived, 1732270000.123456)
        self.assertEqual(
            [each.path for each in envelope.recipients],
            [b"carol@server.example", b'"two words"@server.example'],
        )
        carol = envelope.recipients[0]
        self.assertEqual(carol.stamp(NOTIFY), b"SUCCESS,FAILURE")
        self.assertEqual(carol.stamp(ORCPT), b"rfc822;Carol+40server.example")
        self.assertEqual(envelope.stamp(ENVID), b"QQ314159")
        self.assertEqual(envelope.stamp(RET), b"FULL")
        self.assertEqual(envelope.stamp(UTF8), True)
        self.assertEqual(envelope.stamp(SUBMITTER), b"ann@client.example")
        self.assertEqual(first.hold, "frozen in Exim's queue")
        self.assertTrue(first.header.startswith(b"Received: from client.example\r\n\t"))
        self.assertTrue(
            first.header.endswith(
                b"\r\nSubject: not old\r\nFrom: ann@client.example\r\n"
            )
        )
        self.assertNotIn(b"as it was before", first.header)
        self.assertEqual(second.envelope.sender, b"owner@client.example")
        self.assertEqual(
            [each.path for each in second.envelope.recipients], [b"dave@server.example"]
        )
        self.assertEqual(second.header, first.header)

    def test_journal(self) -> None:
        """Who had it when Exim died does not get it again."""
        recipients = (EximRecipient(b"A@B.Example"), EximRecipient(b"c@d.example"))
        found = evolve(FULL_MESSAGE, done=frozenset(), recipients=recipients)
        [letter] = imported(found, frozenset([b"A@b.example"]))
        self.assertEqual(
            [each.path for each in letter.envelope.recipients], [b"c@d.example"]
        )
        self.assertEqual(
            imported(found, frozenset([b"A@B.Example", b"c@d.example"])), ()
        )

    def test_least(self) -> None:
        """Of a message of which nothing is noted, nothing is made up."""
        found = EximMessage(
            ID, b"x", 1, 2, b"", 1000, recipients=(EximRecipient(b"a@b.example"),)
        )
        [letter] = imported(found, frozenset())
        self.assertEqual(letter.envelope.arrived, 1000.0)
        self.assertEqual(letter.envelope.dumpedStamps(), {})
        self.assertEqual((letter.header, letter.hold), (b"", ""))

    def test_neverDelivering(self) -> None:
        """What Exim was not to deliver is on hold."""
        found = evolve(FULL_MESSAGE, settings=(Setting(b"N"),))
        self.assertIn("-N", imported(found, frozenset())[0].hold)

    def test_noAddress(self) -> None:
        """An address that is none stops the message."""
        for bad in (
            evolve(FULL_MESSAGE, recipients=(EximRecipient(b"a b@c"),)),
            evolve(FULL_MESSAGE, sender=b"nowhere@"),
        ):
            self.assertRaises(BadSpoolFile, imported, bad, frozenset())

    def test_brokenDSN(self) -> None:
        """A parameter of DSN that is not in the grammar is not passed on."""
        found = evolve(
            FULL_MESSAGE,
            settings=(Setting(b"dsn_envid", b"a+b"), Setting(b"dsn_ret", b"7")),
            recipients=(EximRecipient(b"a@b.example", b"no type", 4),),
        )
        [letter] = imported(found, frozenset())
        self.assertEqual(letter.envelope.dumpedStamps(), {})
        self.assertEqual(
            letter.envelope.recipients[0].dumpedStamps(), {"dsn-notify": "SUCCESS"}
        )

    def test_declareEight(self) -> None:
        """Octets above 127 are declared by whoever has seen the body."""
        envelope = Envelope(b"", 0.0)
        declareEight(envelope)
        self.assertTrue(envelope.stamp(EIGHTBIT))

    def test_thereAndBack(self) -> None:
        """What Exim gets of ours is ours again when it comes back."""
        recipient = Recipient(b"a@s.example")
        recipient.stamps[NOTIFY] = b"SUCCESS,DELAY"
        recipient.stamps[ORCPT] = b"rfc822;x+2By"
        message = messageTo(recipient)
        for stamp, value in (
            (RET, b"FULL"),
            (ENVID, b"1"),
            (SUBMITTER, b"b@c.example"),
        ):
            message.envelope.stamps[stamp] = value
        sent = exported(message, (0,), OWNER)
        field = EximField(b" ", b"A: 1\n\t2\n")
        [letter] = imported(evolve(sent, fields=(field,)), frozenset())
        self.assertEqual(letter.header, b"A: 1\r\n\t2\r\n")
        self.assertEqual(letter.envelope.arrived, message.arrived)
        self.assertEqual(
            letter.envelope.dumpedStamps(), message.envelope.dumpedStamps()
        )
        self.assertEqual(
            letter.envelope.recipients[0].dumpedStamps(), recipient.dumpedStamps()
        )
