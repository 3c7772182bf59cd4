"""Tests for L{smtpx.policy.rules.conditions}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hooks import TLSInfo
from smtpx.extensions.standard import standard
from smtpx.policy.rules import (
    Authenticated,
    BadRule,
    Domains,
    Encrypted,
    Headers,
    Helo,
    Hosts,
    ICondition,
    Means,
    OfExtension,
    Recipients,
    RuleStage,
    SenderDomains,
    Senders,
    SizeOver,
)
from smtpx.policy.rules.fields import watcher

from .asking import holds, served, subject

TLS = TLSInfo(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", bits=256)


class ConditionTests(SynchronousTestCase):
    """What a client and its transaction are."""

    def test_eachIsACondition(self) -> None:
        """With everything that one has."""
        for each in (
            Hosts.make(["*"]),
            Helo.make(["*"]),
            Encrypted.make(True),
            Authenticated.make(True),
            Senders.make(["*"]),
            SenderDomains.make(["*"]),
            Recipients.make(["*"]),
            Domains.make(["*"]),
            SizeOver.make(1),
            Headers.make({"Subject": ["*"]}),
            OfExtension("requiretls"),
        ):
            verifyObject(ICondition, each)

    def test_hosts(self) -> None:
        """Addresses of clients, asked for the first time and again."""
        condition = Hosts.make(["!192.0.2.7", "192.0.2.0/24"])
        test = condition.test(Means())
        for _ in range(2):
            self.assertIs(test(subject(peer=b"192.0.2.1")), True)
            self.assertIs(test(subject(peer=b"192.0.2.7")), False)
        self.assertEqual(condition.shown(subject()), "192.0.2.1")

    def test_ofManyClientsNotAllAreRemembered(self) -> None:
        """A client with a /64 does not fill our memory."""
        test = Hosts.make(["192.0.2.1"]).test(Means())
        asked = subject()
        for number in range(2100):
            asked.session.peer = b"198.51.%d.%d" % divmod(number, 256)
            self.assertIs(test(asked), False)
        asked.session.peer = b"192.0.2.1"
        self.assertIs(test(asked), True)

    def test_hostWhoseNameCannotBeLookedUpIsInDoubt(self) -> None:
        """Whether it is in the list is not known now."""
        condition = Hosts.make(["*.example.net"])
        asked = subject()
        self.assertIs(holds(condition, asked), False)
        asked.session.peerName = b"a.example.net"
        self.assertIs(holds(condition, asked), True)
        self.assertEqual(condition.shown(asked), "192.0.2.1 a.example.net")
        asked.session.peerName = None
        asked.session.peerNameKnown = False
        self.assertIsNone(holds(condition, asked))

    def test_badHostIsToldWithItsPlace(self) -> None:
        """The others are right."""
        error = self.assertRaises(BadRule, Hosts.make, ["*", "192.0.2.1/24"])
        self.assertEqual([each.place for each in error.faults], [(1,)])

    def test_helo(self) -> None:
        """What the client calls itself, if it has said so."""
        condition = Helo.make(["*.example.net"])
        self.assertIs(holds(condition, subject()), True)
        self.assertIs(holds(condition, subject(helo=b"x.example")), False)
        self.assertIs(holds(condition, subject(helo=None)), False)
        self.assertEqual(condition.shown(subject()), "client.example.net")
        self.assertEqual(condition.shown(subject(helo=None)), "")

    def test_encrypted(self) -> None:
        """Under TLS, or just not."""
        asked = subject()
        self.assertIs(holds(Encrypted.make(True), asked), False)
        self.assertIs(holds(Encrypted.make(False), asked), True)
        self.assertEqual(Encrypted.make(True).shown(asked), "in the clear")
        asked.session.secured = evolve(TLS)
        self.assertIs(holds(Encrypted.make(True), asked), True)
        self.assertEqual(Encrypted.make(True).shown(asked), "TLSv1.3")

    def test_authenticated(self) -> None:
        """Logged in, or just not."""
        asked = subject()
        condition = Authenticated.make(False)
        self.assertIs(holds(condition, asked), True)
        self.assertEqual(condition.shown(asked), "nobody has logged in")
        asked.session.identity = b"ann"
        self.assertIs(holds(condition, asked), False)
        self.assertEqual(condition.shown(asked), "ann")

    def test_senders(self) -> None:
        """By address, and by domain."""
        self.assertIs(holds(Senders.make(["ann@example.net"]), subject()), True)
        self.assertIs(holds(SenderDomains.make(["example.net"]), subject()), True)
        null = subject(sender=b"")
        self.assertIs(holds(Senders.make(["<>"]), null), True)
        self.assertEqual(Senders.make(["<>"]).shown(null), "<>")
        self.assertEqual(SenderDomains.make(["*"]).shown(null), "there is none")
        self.assertEqual(SenderDomains.make(["*"]).shown(subject()), "example.net")

    def test_recipients(self) -> None:
        """By address, and by domain."""
        asked = subject()
        self.assertIs(holds(Recipients.make(["bob@example.org"]), asked), True)
        self.assertIs(holds(Domains.make(["example.net"]), asked), False)
        self.assertEqual(Recipients.make(["*"]).shown(asked), "<bob@example.org>")
        self.assertEqual(Domains.make(["*"]).shown(asked), "example.org")

    def test_sizeOver(self) -> None:
        """A message of just that size is not larger."""
        asked = subject(RuleStage.MESSAGE)
        asked.envelope.octets = 100
        self.assertIs(holds(SizeOver.make(100), asked), False)
        self.assertIs(holds(SizeOver.make(99), asked), True)
        self.assertEqual(SizeOver.make(99).shown(asked), "100 octets")

    def test_headers(self) -> None:
        """Of each field that is named, one has to fit."""
        asked = subject(RuleStage.MESSAGE)
        condition = Headers.make({"Subject": ["*pills*"], "X-Spam": ["yes"]})
        self.assertIs(holds(condition, asked), False)
        self.assertEqual(condition.shown(asked), "there is no such field")
        watcher(b"subject")(asked.session, b" Cheap\r\n pills\r\n")
        self.assertIs(holds(condition, asked), False)
        watcher(b"x-spam")(asked.session, b" no")
        watcher(b"x-spam")(asked.session, b" YES ")
        self.assertIs(holds(condition, asked), True)
        self.assertEqual(
            condition.shown(asked), "subject: Cheap pills; x-spam: no; x-spam: YES"
        )

    def test_ofManyFieldsTheFirstHundredCount(self) -> None:
        """Whoever sends more of them does not make us remember all."""
        asked = subject(RuleStage.MESSAGE)
        note = watcher(b"subject")
        for number in range(101):
            note(asked.session, b"%d" % number)
        self.assertIs(holds(Headers.make({"Subject": ["99"]}), asked), True)
        self.assertIs(holds(Headers.make({"Subject": ["100"]}), asked), False)

    def test_fieldNeedsAName(self) -> None:
        """It is told which is none."""
        error = self.assertRaises(BadRule, Headers.make, {"Sub ject": ["*"]})
        self.assertEqual([each.place for each in error.faults], [("Sub ject",)])

    def test_ofExtension(self) -> None:
        """What an extension says of the session."""
        server = served([], extensions=standard())
        asked = subject()
        asked.session.profile = server.server.factory.profile  # type: ignore[attr-defined]  # a real one
        condition = OfExtension("requiretls", False)
        self.assertIs(holds(condition, asked), True)
        self.assertIs(holds(OfExtension("requiretls"), asked), False)
        self.assertEqual(condition.shown(asked), "no")
        asked.session.control("requiretls")
        self.assertEqual(condition.shown(asked), "yes")
