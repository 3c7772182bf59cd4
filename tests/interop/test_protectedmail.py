"""
What stands on protected connections, from end to end between servers that are
processes of their own: REQUIRETLS that MTA-STS proves, by sessions that are resumed,
and reports of TLSRPT that go by mail.

No other server has REQUIRETLS, so both are ours.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import smtplib
import ssl
import time
from email import message_from_bytes, policy as policies
from email.message import EmailMessage
from pathlib import Path

from smtpx.queue.tlscounts import Applied, Count, Event, Failed, dayOf
from smtpx.queue.tlsreportfile import TLSReportFile
from smtpx.tls.tlsrpt import ResultType

from ..tls.identities import ROOT as AUTHORITY, made
from ..tls.joined import pem, pemKey
from .cases import InteropTestCase
from .publishing import RunningNames, RunningWeb
from .running import RunningServer, freePort, waitFor
from .test_resumption import stars

_SENDER = """
[dns]
servers = ["127.0.0.1:{names}"]
hosts_file = "none"
[relay]
hosts = ["127.0.0.1"]
[[route]]
match = ["*"]
transport = "smtp"
port = {port}
tls_resumption_hosts = ["*"]
[sending]
idle_seconds = 0
tls_verify_certificates = "{hosts}"
mta_sts_verify_certificates = "{web}"
mta_sts_allow_networks = ["127.0.0.0/8"]
[log]
selectors = ["+tls_certificate_verified", "+tls_resumption"]
[tls_reports]
contact = "tls-reports@client.example"
"""

_HOST = """
[[listener]]
port = {port}
address = "127.0.0.1"
tls_resumption_hosts = ["127.0.0.1"]
[local]
domains = ["sts.example", "reports.example"]
[log]
selectors = ["+tls_resumption"]
"""

_POLICY = b"version: STSv1\nmode: enforce\nmx: mx.sts.example\nmax_age: 86400\n"


class ProtectedMailTests(InteropTestCase):
    """Mail for a domain with a policy, whose host keeps to it."""

    def setUp(self) -> None:
        """A domain with a mail host, a web server and a name server."""
        super().setUp()
        self.port = freePort()
        self.host = self.serve(_HOST.format(port=self.port), "mx.sts.example")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.authority = folder / "web.pem"
        self.authority.write_bytes(pem(AUTHORITY.certificate))
        name = "mta-sts.sts.example"
        identity = made(AUTHORITY, name, names=[name])
        chain, key = folder / "chain.pem", folder / "key.pem"
        chain.write_bytes(pem(*identity.chain))
        key.write_bytes(pemKey(identity.key))
        # Others that run tests on this machine have other ones.
        process = os.getpid()
        address = f"127.{process >> 16 & 63 | 64}.{process >> 8 & 255}.{process & 255}"
        self.web = RunningWeb(address, chain, key)
        self.closing(self.web.close)
        self.web.body = _POLICY
        self.names = RunningNames(
            {
                ("sts.example", "MX"): ["10 mx.sts.example."],
                ("reports.example", "MX"): ["10 mx.sts.example."],
                ("mx.sts.example", "A"): ["127.0.0.1"],
                (name, "A"): [address],
                ("_mta-sts.sts.example", "TXT"): ['"v=STSv1; id=1;"'],
            }
        )
        self.closing(self.names.close)
        self.sender: RunningServer | None = None

    def sending(self) -> RunningServer:
        """The server that sends."""
        if self.sender is None:
            self.sender = self.serve(
                _SENDER.format(
                    names=self.names.port,
                    port=self.port,
                    hosts=self.host.authority,
                    web=self.authority,
                )
            )
        return self.sender

    def send(self, recipient: str) -> str:
        """
        Have a message sent that requires TLS.

        @return: the line of the main log that says what became of it.
        """
        sender = self.sending()
        with smtplib.SMTP("localhost", sender.port, timeout=20) as client:
            authority = str(sender.authority)
            client.starttls(context=ssl.create_default_context(cafile=authority))
            client.sendmail(
                "ann@client.example",
                [recipient],
                "Subject: x\r\n\r\nx\r\n",
                ["REQUIRETLS"],
            )
        found = re.compile(rf" (=>|==|\*\*) {recipient} ").search
        lines: list[str] = []

        def told() -> bool:
            lines[:] = [line for line in sender.mainLog() if found(line)]
            return bool(lines)

        waitFor(told, f"what became of {recipient}")
        return lines[0]

    def test_provenByMTASTS(self) -> None:
        """
        Without DNSSEC it is the policy that proves where a message goes that requires
        TLS; the second goes by a session that is resumed, and is as well verified.
        """
        for count, star in ((1, ""), (2, r"\*"), (3, r"\*")):
            line = self.send(f"bob{count}@sts.example")
            self.assertRegex(line, rf" => .* X=TLS1\.3:[^ *]*{star} CV=yes ")
        accepted = self.host.accepted()
        self.assertEqual(stars(accepted), [False, True, True])
        for each in accepted:
            # The great letter: it required TLS (RFC 8689), and still does here.
            self.assertIn(" P=esmtpS ", each)
        self.assertEqual(len(self.host.messages()), 3)
        self.assertEqual(len(self.web.asked), 1)

    def test_notProven(self) -> None:
        """Where there is no policy, it goes nowhere; nobody gets it weaker."""
        del self.names.records["_mta-sts.sts.example", "TXT"]
        line = self.send("bob@sts.example")
        self.assertRegex(line, r" \*\* .*it is not proven that the host is the domain")
        self.assertEqual(self.host.messages(), [])

    def test_notProvenYet(self) -> None:
        """Where there may be one that cannot be had for now, it waits."""
        self.web.status = 503
        line = self.send("bob@sts.example")
        self.assertRegex(
            line, r" == .*it is not proven .*mta-sts\.sts\.example answers"
        )
        self.assertEqual(self.host.messages(), [])

    def test_reportByMail(self) -> None:
        """A domain that wants reports by mail has one in its mailbox, by itself."""
        self.names.records["_smtp._tls.sts.example", "TXT"] = [
            '"v=TLSRPTv1; rua=mailto:tls@reports.example"'
        ]
        policy = Applied("sts", "sts.example", ("version: STSv1",), ("mx.sts.example",))
        day = dayOf(time.time()) - 2
        failed = Failed(ResultType.EXPIRED, host="mx.sts.example")
        sender = self.sending()
        # As if it had run the day before yesterday; two processes may share the file.
        file = TLSReportFile(str(sender.folder / "state" / "tls-reports.sqlite"))
        good = Event(day, "sts.example", policy)
        bad = Event(day, "sts.example", policy, failed)
        file.add([Count(good, 3), Count(bad, 2)])
        file.close()
        waitFor(lambda: bool(self.host.messages()), "the report")
        [delivered] = self.host.messages()
        message = message_from_bytes(delivered.octets, policy=policies.default)
        assert isinstance(message, EmailMessage)
        self.assertEqual(message["TLS-Report-Domain"], "sts.example")
        self.assertEqual(message["TLS-Report-Submitter"], "client.example")
        self.assertEqual(message["TLS-Required"], "No")
        self.assertEqual(message.get_content_type(), "multipart/report")
        _, attached = message.iter_parts()
        self.assertEqual(attached.get_content_type(), "application/tlsrpt+gzip")
        document = json.loads(gzip.decompress(attached.get_content()))
        [told] = document["policies"]
        self.assertEqual(
            told["summary"],
            {
                "total-successful-session-count": 3,
                "total-failure-session-count": 2,
            },
        )
        [detail] = told["failure-details"]
        self.assertEqual(detail["result-type"], "certificate-expired")
