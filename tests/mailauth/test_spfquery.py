"""
What an SPF check is asked.
"""

from __future__ import annotations

from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.spfquery import Query, isWithin, queryOf


class QueryTests(SynchronousTestCase):
    """
    From what SMTP has to what is checked.
    """

    def test_senderIsTakenApart(self) -> None:
        """
        The sender's domain is in lower case, the local part as it came.
        """
        self.assertEqual(
            Query(
                ip_address("192.0.2.1"),
                "Ann",
                "example.org",
                "Mx.example.org",
                "us.test",
            ),
            queryOf(b"192.0.2.1", b"Ann@Example.ORG", b"Mx.example.org", "us.test"),
        )

    def test_nullSenderIsPostmasterOfTheName(self) -> None:
        """
        Without a sender it is the postmaster of the host (RFC 7208 section 2.4).
        """
        query = queryOf(b"192.0.2.1", b"", b"Mx.example.org.")
        self.assertEqual("postmaster@mx.example.org", query.sender)
        self.assertFalse(query.mailFrom)

    def test_mappedAddressIsIPv4(self) -> None:
        """
        A client on a socket for both families has an IPv4 address (RFC 7208
        section 5).
        """
        query = queryOf(b"::ffff:192.0.2.1", b"", b"x")
        self.assertEqual(ip_address("192.0.2.1"), query.client)
        self.assertEqual(6, queryOf(b"2001:db8::1", b"", b"x").client.version)

    def test_zoneIsDropped(self) -> None:
        """
        The zone of a link-local address is ours alone (RFC 4007 section 11).
        """
        query = queryOf(b"fe80::1%eth0", b"", b"x")
        self.assertEqual(ip_address("fe80::1"), query.client)

    def test_badAddressIsAnError(self) -> None:
        """
        Who has no address cannot be checked.
        """
        self.assertRaises(ValueError, queryOf, b"unix", b"", b"x")

    def test_onlyWholeLabelsAreWithin(self) -> None:
        """
        A name is in a domain by whole labels.
        """
        self.assertTrue(isWithin("a.example.org", "example.org"))
        self.assertFalse(isWithin("bad-example.org", "example.org"))
