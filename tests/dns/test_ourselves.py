"""Tests for L{smtpx.dns.ourselves}."""

from __future__ import annotations

from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.dns.ourselves import IOurselves, Ourselves, isNameOrAddress, machineHas

#: An address of the machine in these tests.
HERE = b"192.0.2.1"


def us(*listening: tuple[bytes, int], elsewhere: tuple[bytes, ...] = ()) -> Ourselves:
    """A server that listens somewhere, on a machine with two addresses."""
    machine = {ip_address(HERE.decode()), ip_address("2001:db8::1")}
    return Ourselves(
        [b"mx.Example.org"], lambda: listening, elsewhere, machine.__contains__
    )


class OurselvesTests(SynchronousTestCase):
    """By what a server knows itself."""

    def test_interface(self) -> None:
        """It can be asked by a router."""
        verifyObject(IOurselves, us())

    def test_ownName(self) -> None:
        """Its name counts at the ports where it listens, and no others."""
        ours = us((b"127.0.0.1", 2525))
        self.assertTrue(ours.hasName(b"mx.example.org", 2525))
        self.assertFalse(ours.hasName(b"mx.example.org", 25))
        self.assertFalse(ours.hasName(b"mx.example.net", 2525))

    def test_addressItListensAt(self) -> None:
        """So does an address; another server at another address is somebody else."""
        ours = us((HERE, 25))
        self.assertTrue(ours.hasAddress(HERE, 25))
        self.assertTrue(ours.hasAddress(b"::ffff:192.0.2.1", 25))
        self.assertFalse(ours.hasAddress(HERE, 26))
        self.assertFalse(ours.hasAddress(b"192.0.2.2", 25))

    def test_everywhere(self) -> None:
        """Who listens at all addresses has those of the machine, of that family."""
        ours = us((b"0.0.0.0", 25))
        self.assertTrue(ours.hasAddress(HERE, 25))
        self.assertFalse(ours.hasAddress(b"192.0.2.2", 25))
        self.assertFalse(ours.hasAddress(b"2001:db8::1", 25))
        self.assertTrue(us((b"::", 25)).hasAddress(b"2001:db8::1", 25))

    def test_noAddressIsThisMachine(self) -> None:
        """Who connects to no address at all reaches the machine itself."""
        self.assertTrue(us((b"127.0.0.1", 25)).hasAddress(b"0.0.0.0", 25))
        self.assertFalse(us((b"127.0.0.1", 25)).hasAddress(b"0.0.0.0", 26))

    def test_elsewhere(self) -> None:
        """Names and addresses before a router count at port 25 as well."""
        ours = us((HERE, 2525), elsewhere=(b"Mail.example.org", b"198.51.100.7"))
        for port, expected in ((25, True), (2525, True), (26, False)):
            self.assertIs(ours.hasName(b"mail.example.org", port), expected, port)
            self.assertIs(ours.hasAddress(b"198.51.100.7", port), expected, port)

    def test_noAddress(self) -> None:
        """What is no address is nobody's."""
        self.assertFalse(us((HERE, 25)).hasAddress(b"mx.example.org", 25))

    def test_namesAndAddresses(self) -> None:
        """Operators write names or addresses, and nothing else."""
        for text in ("mx.example.org", "my_host", "192.0.2.1", "2001:db8::1"):
            self.assertTrue(isNameOrAddress(text), text)
        for text in ("", "a b", "192.0.2.300", "[192.0.2.1]", "*.a.test", "\u2603"):
            self.assertFalse(isNameOrAddress(text), text)

    def test_thisMachine(self) -> None:
        """The system knows what addresses there are."""
        self.assertTrue(machineHas(ip_address("127.0.0.1")))
        # RFC 5737: on no machine.
        self.assertFalse(machineHas(ip_address("192.0.2.1")))
        self.assertFalse(machineHas(ip_address("2001:db8::1")))
