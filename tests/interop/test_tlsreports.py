"""
Reports of TLSRPT with real sockets: where they are wanted is asked of a name server,
and a web server takes them.
"""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from smtpx.core.envelope import Envelope
from smtpx.core.hostlist import HostList
from smtpx.dns.exchange import Network
from smtpx.dns.resolver import Resolver
from smtpx.dns.servers import Asking, NamedServers, Server
from smtpx.net.https import SecureWeb
from smtpx.queue.author import Author
from smtpx.queue.submitter import Submitter
from smtpx.queue.tlscounts import Applied, Event, dayOf
from smtpx.queue.tlsreportfile import TLSReportFile
from smtpx.queue.tlsreporting import TLSReporting
from smtpx.tls.client import ClientTLS

from ..tls.identities import ROOT as AUTHORITY, made
from ..tls.joined import pem, pemKey
from .publishing import RunningNames, RunningWeb

_NAME = "reports.sts.example"
_SUBMITTER = Submitter(
    "Example", Author("", "tls-reports@client.example"), "mail.client.example"
)


class TLSReportsTests(TestCase):
    """
    A report over the wire.

    @ivar slow: these take longer than a quarter of a second.
    """

    slow = True
    timeout = 300

    def setUp(self) -> None:
        """A domain that wants reports, and a web server that takes them."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        identity = made(AUTHORITY, _NAME, names=[_NAME])
        chain, key = self.folder / "chain.pem", self.folder / "key.pem"
        chain.write_bytes(pem(*identity.chain))
        key.write_bytes(pemKey(identity.key))
        self.web = RunningWeb("127.0.0.1", chain, key, 0)
        self.addCleanup(self.web.close)
        place = f"https://{_NAME}:{self.web.port}/v1"
        self.names = RunningNames(
            {
                (_NAME, "A"): ["127.0.0.1"],
                ("_smtp._tls.sts.example", "TXT"): [f'"v=TLSRPTv1; rua={place}"'],
            }
        )
        self.addCleanup(self.names.close)
        asking = Asking((Server("127.0.0.1", self.names.port),))
        self.resolver = Resolver(Network(reactor), NamedServers(asking), reactor)
        self.addCleanup(self.resolver.close)
        self.now = time.time()

    def reporting(self) -> TLSReporting:
        """A server that reports."""
        trust = load_pem_x509_certificates(pem(AUTHORITY.certificate))
        allowed = HostList.parse(["127.0.0.0/8"])
        return TLSReporting(
            reactor,
            lambda: self.now,
            _SUBMITTER,
            lambda: TLSReportFile(str(self.folder / "reports")),
            deferToThread,
            self.resolver,
            SecureWeb(reactor, self.resolver, ClientTLS(trust), allowed),
            self.mail,
        )

    def mail(self, envelope: Envelope, message: bytes) -> Deferred[str]:
        """Nobody wants reports by mail."""
        raise AssertionError("this is not asked for")

    async def test_posted(self) -> None:
        """It arrives as it was made, once, also where it failed first."""
        first = self.reporting()
        day = dayOf(self.now)
        policy = Applied("no-policy-found", "sts.example")
        first.count(Event(day, "sts.example", policy))
        await first.write()
        self.now += 86400 + 5 * 3600
        self.web.status = 503
        await first.look()
        self.assertEqual(len(self.web.given), 1)
        await first.look()
        self.assertEqual(len(self.web.given), 1)
        await first.stop()
        self.web.status = 201
        self.now += 3600
        second = self.reporting()
        for _ in range(3):
            await second.look()
            self.now += 7200
        await second.stop()
        failed, (path, kind, body) = self.web.given
        self.assertEqual(failed, (path, kind, body))
        self.assertEqual((path, kind), ("/v1", "application/tlsrpt+gzip"))
        document = json.loads(gzip.decompress(body))
        self.assertEqual(document["organization-name"], "Example")
        self.assertEqual(
            document["policies"],
            [
                {
                    "policy": {
                        "policy-type": "no-policy-found",
                        "policy-domain": "sts.example",
                    },
                    "summary": {
                        "total-successful-session-count": 1,
                        "total-failure-session-count": 0,
                    },
                }
            ],
        )
