"""What tests of routers have in common."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.dns.mailhosts import MailHosts, Unroutable
from smtpx.dns.ourselves import IOurselves
from smtpx.dns.router import MailRouter
from smtpx.testing.dns import StaticResolver

ZONE = """
    example.org        MX     20 mx2.example.org
    example.org        MX     10 mx1.example.org
    mx1.example.org    A      192.0.2.1
    mx1.example.org    AAAA   2001:db8::1
    mx2.example.org    A      192.0.2.2
    alone.test         A      192.0.2.3
    nothing.test       TXT    "here is no mail"
    null.test          MX     0 .
    alias.test         CNAME  example.org
    lonely.test        CNAME  alone.test
"""


@implementer(IOurselves)
class Us:
    """What a test says that this server is."""

    def __init__(self, *ours: tuple[bytes, int]) -> None:
        self.ours = ours

    def hasName(self, name: bytes, port: int) -> bool:
        """Is it among them?"""
        return (name, port) in self.ours

    def hasAddress(self, address: bytes, port: int) -> bool:
        """Is it among them?"""
        return (address, port) in self.ours


class RouterTests(SynchronousTestCase):
    """Common to the tests of a router."""

    def setUp(self) -> None:
        """A router with a DNS of its own; the server is 192.0.2.99."""
        self.resolver = StaticResolver(ZONE)
        self.us = Us((b"192.0.2.99", 25), (b"us.example.org", 25))
        self.router = self.makeRouter()

    def makeRouter(self, ignored: Collection[bytes] = ()) -> MailRouter:
        """A router that passes over some addresses."""
        return MailRouter(self.resolver, self.us, ignored.__contains__)

    def add(self, *lines: str) -> None:
        """Write down more of the DNS."""
        for line in lines:
            self.resolver.add(line)

    def found(
        self, looking: Deferred[MailHosts]
    ) -> list[tuple[bytes, int, set[bytes]]]:
        """The hosts that were found: name, port, addresses."""
        hosts = self.successResultOf(looking).hosts
        return [(each.name, each.port, set(each.addresses)) for each in hosts]

    def names(self, looking: Deferred[MailHosts]) -> list[bytes]:
        """The names of the hosts that were found."""
        return [each.name for each in self.successResultOf(looking).hosts]

    def refused(self, looking: Deferred[MailHosts]) -> str:
        """Code and status of why there is no way."""
        error = self.failureResultOf(looking, Unroutable).value
        code, status = error.reply.code, error.reply.status
        self.assertNotEqual(str(error), "")
        return f"{code} {'.'.join(map(str, status))}"
