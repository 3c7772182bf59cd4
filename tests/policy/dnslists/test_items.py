"""Tests for L{smtpx.policy.dnslists.items}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.dnslists.items import BadItem, DNSList, ListItem, Unknown


class ListItemTests(SynchronousTestCase):
    """How one list is written."""

    def test_zone(self) -> None:
        """The domain of the list, in any case."""
        item = ListItem.parse(" Zen.Example.ORG. ")
        self.assertEqual(item, ListItem(b"zen.example.org", b"zen.example.org"))
        self.assertEqual(item.render(), "zen.example.org")

    def test_everything(self) -> None:
        """All that can stand there, which is written as it was read."""
        text = "!a.example,b.example=127.0.0.2,127.0.0.3/$sender_address_domain,$x"
        item = ListItem.parse(text)
        self.assertTrue(item.negated)
        self.assertEqual((item.zone, item.checked), (b"a.example", b"b.example"))
        self.assertEqual(item.keys, ("$sender_address_domain", "$x"))
        for each in (
            text,
            "a.example!=&0.0.0.4",
            "a.example==127.0.0.2/192.0.2.1",
            "a_key.a.example/[2001:db8::1]",
        ):
            self.assertEqual(ListItem.parse(each).render(), each)

    def test_whatIsNone(self) -> None:
        """Each error says what it is about."""
        for text, why in (
            ("", '"" is no DNS list, such as zen.spamhaus.org'),
            ("!", '"!" is no DNS list, such as zen.spamhaus.org'),
            ("a b", '"a b": "a b" is no domain of a list'),
            ("[192.0.2.1]", '"[192.0.2.1]" is no domain of a list'),
            ("a.example,", '"" is no domain of a list'),
            ("a.b,c.d,e.f", '"a.b,c.d,e.f" has more than two zones'),
            ("a.example/", 'there is nothing to be looked up behind "/"'),
            ("a.example/x,", 'there is nothing to be looked up behind "/"'),
            ("a.example=", '"" is no value of a list'),
            ("bücher.example", "is no domain of a list"),
        ):
            error = self.assertRaises(Malformed, ListItem.parse, text)
            self.assertIn(why, str(error))


class DNSListTests(SynchronousTestCase):
    """How several stand in a rule."""

    def test_words(self) -> None:
        """They are for the lists behind them."""
        lists = DNSList.parse(
            ["a.b", "+include_unknown", "c.d", "+defer_unknown", "e.f", "g.h"]
        )
        self.assertEqual(
            [(each.zone, each.unknown) for each in lists.items],
            [
                (b"a.b", Unknown.EXCLUDE),
                (b"c.d", Unknown.INCLUDE),
                (b"e.f", Unknown.DEFER),
                (b"g.h", Unknown.DEFER),
            ],
        )
        self.assertEqual(lists.places, (0, 2, 4, 5))

    def test_otherwise(self) -> None:
        """As in all lists of rules, a last C{!} turns the rest round."""
        self.assertFalse(DNSList.parse([]).otherwise)
        self.assertFalse(DNSList.parse(["!a.b", "c.d"]).otherwise)
        self.assertTrue(DNSList.parse(["a.b", "!c.d"]).otherwise)

    def test_errors(self) -> None:
        """They have the item, and what is known where a word is wrong."""
        error = self.assertRaises(BadItem, DNSList.parse, ["a.b", "c d"])
        self.assertEqual((error.index, error.word), (1, ""))
        error = self.assertRaises(BadItem, DNSList.parse, ["+inclde_unknown"])
        self.assertEqual((error.index, error.word), (0, "+inclde_unknown"))
        self.assertIn("+include_unknown", error.known)
