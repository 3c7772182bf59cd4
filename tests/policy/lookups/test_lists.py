"""Tests for L{smtpx.policy.lookups.lists} and L{smtpx.policy.rules.listed}."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.errors import UsageError
from smtpx.policy.lookups import Answer, ILookup, LookupDeferred
from smtpx.policy.lookups.lists import asksOf
from smtpx.policy.rules import (
    BadRule,
    Dkim,
    Domains,
    Helo,
    Hosts,
    Means,
    MessageVerdict,
    Recipients,
    Reject,
    Rule,
    RuleStage,
    SenderDomains,
    Senders,
    Vocabulary,
)
from smtpx.policy.rules.interfaces import ICondition, ILooksUp
from smtpx.policy.rules.rule import made
from smtpx.policy.rules.subject import Subject
from tests.policy.doubles import deferred
from tests.policy.rules.asking import saying, subject


@implementer(ILookup)
@define(eq=False)
class Keys:
    """
    A look-up with some keys.

    @ivar known: its keys; L{None}: it cannot tell.
    @ivar prompt: does it answer at once?
    @ivar waiting: those that wait for an answer, if it does not.
    @ivar asked: what it was asked for.
    """

    known: Mapping[bytes, bytes] | None
    prompt: bool = True
    name: str = "keys"
    waiting: list[Deferred[bytes | None]] = field(factory=list)
    asked: list[bytes] = field(factory=list)

    def find(self, key: bytes) -> Answer:
        """See L{ILookup}."""
        self.asked.append(key)
        if not self.prompt:
            later: Deferred[bytes | None] = Deferred()
            later.addCallback(lambda _: self._find(key))
            self.waiting.append(later)
            return later
        return self._find(key)

    def _find(self, key: bytes) -> bytes | None:
        if self.known is None:
            raise LookupDeferred("the file is gone")
        return self.known.get(key)

    def answer(self) -> None:
        """Answer those who wait, also those who come then."""
        while self.waiting:
            self.waiting.pop(0).callback(None)


def having(*keys: bytes, prompt: bool = True) -> Keys:
    """A look-up with these keys."""
    return Keys(dict.fromkeys(keys, b""), prompt)


class ConditionTests(SynchronousTestCase):
    """Lists of rules."""

    def told(self, condition: ICondition, about: Subject, lookup: Keys) -> bool | None:
        """What a condition comes to, and alike if the look-up takes its time."""
        at = condition.test(Means(lookups={"x": lookup}))(about)
        self.assertNotIsInstance(at, Deferred)
        slow = Keys(lookup.known, prompt=False)
        test = condition.test(Means(lookups={"x": slow}))
        # Where another item has decided, there is nothing to wait for.
        later = maybeDeferred(test, about)
        slow.answer()
        self.assertEqual(self.successResultOf(later), at)
        self.assertEqual(list(ILooksUp(condition).lookups)[-1][1], "x")
        assert not isinstance(at, Deferred)
        return at

    def test_senders(self) -> None:
        """An address is looked up as such, and then its domain."""
        about = subject(sender=b"Ann@Example.net")
        for key, held in (
            (b"ann@example.net", True),
            (b"example.net", True),
            (b"example.org", False),
        ):
            condition = Senders.make(["lookup:x"])
            self.assertIs(self.told(condition, about, having(key)), held, key)
        null = subject(sender=b"")
        self.assertIs(self.told(Senders.make(["lookup:x"]), null, having()), False)

    def test_order(self) -> None:
        """The first item that matches decides, whatever it is."""
        about = subject(sender=b"ann@example.net")
        known = having(b"example.net")
        for items, held in (
            (["ann@example.net", "!lookup:x"], True),
            (["!ann@example.net", "lookup:x"], False),
            (["!lookup:x", "example.net"], False),
            (["bob@example.net", "!lookup:x", "*"], False),
            (["!lookup:x"], False),
        ):
            self.assertIs(self.told(Senders.make(items), about, known), held, items)
        self.assertIs(self.told(Senders.make(["!lookup:x"]), about, having()), True)

    def test_domains(self) -> None:
        """Domains of senders and recipients, and what a client calls itself."""
        about = subject(sender=b"ann@example.net", recipient=b"bob@Example.org")
        for condition, key in (
            (SenderDomains.make(["a.b", "lookup:x"]), b"example.net"),
            (Domains.make(["a.b", "lookup:x"]), b"example.org"),
            (Recipients.make(["a.b", "lookup:x"]), b"bob@example.org"),
            (Helo.make(["a.b", "lookup:x"]), b"client.example.net"),
        ):
            self.assertIs(self.told(condition, about, having(key)), True, key)
            self.assertIs(self.told(condition, about, having(b"q")), False, key)
        nobody = subject(sender=b"")
        condition = SenderDomains.make(["lookup:x"])
        self.assertIs(self.told(condition, nobody, having(b"")), False)
        local = subject(recipient=b"postmaster")
        self.assertIs(
            self.told(Recipients.make(["lookup:x"]), local, having(b"postmaster")), True
        )

    def test_dkim(self) -> None:
        """Any of the domains that have signed."""
        found = MessageVerdict(dkimDomains=("a.example", "b.example"))
        about = subject(RuleStage.MESSAGE, verdicts=saying(message=found))
        condition = Dkim.make(["lookup:x"])
        self.assertIs(self.told(condition, about, having(b"b.example")), True)
        self.assertIs(self.told(condition, about, having(b"c.example")), False)
        none = MessageVerdict(dkimDomains=())
        about = subject(RuleStage.MESSAGE, verdicts=saying(message=none))
        self.assertIs(self.told(Dkim.make(["!lookup:x"]), about, having()), True)

    def test_hosts(self) -> None:
        """A client by its address, afresh each time."""
        about = subject(peer=b"192.0.2.1")
        condition = Hosts.make(["!192.0.2.9", "lookup:x"])
        self.assertIs(self.told(condition, about, having(b"192.0.2.1")), True)
        self.assertIs(self.told(condition, about, having(b"192.0.2.2")), False)
        known: dict[bytes, bytes] = {}
        test = condition.test(Means(lookups={"x": Keys(known)}))
        self.assertIs(test(about), False)
        known[b"192.0.2.1"] = b""
        self.assertIs(test(about), True)

    def test_whatCannotBeTold(self) -> None:
        """The client is to come again, unless another item has decided before."""
        about = subject(sender=b"ann@example.net", peer=b"192.0.2.1")
        for condition, held in (
            (Senders.make(["lookup:x"]), None),
            (Senders.make(["ann@example.net", "lookup:x"]), True),
            (Hosts.make(["lookup:x"]), None),
            (Hosts.make(["192.0.2.1", "lookup:x"]), True),
        ):
            self.assertIs(self.told(condition, about, Keys(None)), held)

    def test_slowOnesAmongOthers(self) -> None:
        """What is asked behind one that takes a while is asked all the same."""
        slow, quick = having(b"q", prompt=False), having(b"example.net")
        means = Means(lookups={"slow": slow, "quick": quick})
        condition = Senders.make(["lookup:slow", "lookup:quick"])
        said = deferred(condition.test(means)(subject(sender=b"ann@example.net")))
        self.assertNoResult(said)
        slow.answer()
        self.assertIs(self.successResultOf(said), True)
        broken = Means(lookups={"slow": having(prompt=False), "quick": Keys(None)})
        said = deferred(condition.test(broken)(subject()))
        lookup = broken.lookups["slow"]
        assert isinstance(lookup, Keys)
        lookup.answer()
        self.assertIsNone(self.successResultOf(said))

    def test_nothingIsLent(self) -> None:
        """Where rules are only looked at, nothing can be told."""
        for condition in (Senders.make(["lookup:x"]), Hosts.make(["lookup:x"])):
            self.assertIsNone(condition.test(Means())(subject()))
            other = Means(lookups={"y": having()})
            self.assertRaises(UsageError, condition.test, other)

    def test_errorsHaveTheirPlace(self) -> None:
        """A look-up that there is not is found at start."""
        words = Vocabulary(lookups=frozenset({"mine"}))
        for condition in (
            Senders.make(["a.b", "lookup:mien"]),
            Hosts.make(["192.0.2.1", "!lookup:mien"]),
        ):
            rule = Rule(RuleStage.MAIL, [condition], Reject())
            error = self.assertRaises(BadRule, made, rule, words)
            (fault,) = error.faults
            self.assertEqual(fault.place, (condition.name, 1))
            self.assertEqual(fault.known, ("mine",))
        self.assertRaises(BadRule, Senders.make, ["lookup:"])

    def test_rulesThatWait(self) -> None:
        """They are asked behind what is known, for they may have to wait."""
        rule = Rule(RuleStage.MAIL, [Senders.make(["lookup:x"]), Helo.make(["a.b"])])
        ready = made(rule, Vocabulary())
        self.assertEqual([each.name for each in ready.conditions], ["helo", "senders"])
        self.assertTrue(ready.waits)


class AsksTests(SynchronousTestCase):
    """Lists that are asked at once."""

    def test_onlyThoseThatAnswerAtOnce(self) -> None:
        """A value is not looked at, only whether there is one."""
        quick, slow = having(b"a"), having(b"a", prompt=False)
        asks = asksOf({"quick": quick, "slow": slow})
        self.assertEqual(list(asks), ["quick"])
        self.assertTrue(asks["quick"](b"a"))
        self.assertFalse(asks["quick"](b"b"))
