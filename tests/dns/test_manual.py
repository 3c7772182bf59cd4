"""
Tests for C{doc/howto/dns.rst}.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.interfaces import IResolver, LookupFailed, NoSuchDomain
from smtpx.dns.mailhosts import Unroutable
from smtpx.dns.system import systemResolver, systemRouter
from smtpx.testing.dns import StaticResolver

ZONE = """
    example.org     TXT "v=spf1 mx -all"
    example.org     MX  10 mx.example.org
    mx.example.org  A   192.0.2.1
    quiet.test      TXT "nothing here"
    quiet.test      MX  0 .
"""


# begin asking
async def explain(reactor: Any, domain: bytes) -> str:
    """What there is to know of a domain."""
    resolver = systemResolver(reactor, "127.0.0.1")
    router = systemRouter(reactor, resolver)
    try:
        texts = await resolver.lookUp(domain, "TXT")
        found = await router.byMX(domain)
    except NoSuchDomain:
        return "there is no such domain"
    except LookupFailed as error:
        return f"nobody knows: {error}"
    except Unroutable as error:
        return f"no mail: {error}"
    hosts = [host.name.decode() for host in found.hosts]
    return f"{len(texts.records)} texts, mail to {', '.join(hosts)}"
    # end asking


class ManualTests(SynchronousTestCase):
    """The program on that page."""

    def test_program(self) -> None:
        """It tells what is there, and what is not."""
        zone = StaticResolver(ZONE)
        zone.fail(b"broken.test", "TXT", "127.0.0.1: no answer")

        def resolver(reactor: Any, server: str) -> IResolver:
            self.assertEqual(server, "127.0.0.1")
            return zone

        self.patch(sys.modules[__name__], "systemResolver", resolver)
        for domain, expected in (
            (b"example.org", "1 texts, mail to mx.example.org"),
            (b"nowhere.test", "there is no such domain"),
            (b"quiet.test", "no mail: quiet.test has a null MX"),
            (b"broken.test", "nobody knows: 127.0.0.1: no answer"),
        ):
            told = Deferred.fromCoroutine(explain(MemoryReactorClock(), domain))
            self.assertEqual(self.successResultOf(told), expected)
