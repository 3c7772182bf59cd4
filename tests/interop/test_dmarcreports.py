"""
Aggregate reports of DMARC between two whole servers: what came to the one is told to
the other, over the wire, the day after.
"""

from __future__ import annotations

import smtplib
import sqlite3
from collections import Counter
from pathlib import Path

from ..queue.test_dmarcreporting import reportIn
from .cases import InteropTestCase
from .ours import OurProgram
from .publishing import RunningNames
from .running import RunningServer, freePort

#: A domain whose owner wants reports elsewhere, where they are welcome; and one that
#: wants them where nobody has agreed.
RECORDS = {
    ("from.example", "TXT"): ['"v=spf1 -all"'],
    ("mail.from.example", "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"'],
    ("_dmarc.from.example", "TXT"): [
        '"v=DMARC1; p=reject; rua=mailto:reports@to.example"'
    ],
    ("from.example._report._dmarc.to.example", "TXT"): ['"v=DMARC1"'],
    ("other.example", "TXT"): ['"v=spf1 -all"'],
    ("_dmarc.other.example", "TXT"): [
        '"v=DMARC1; p=none; rua=mailto:victim@to.example"'
    ],
}

REPORTER = """
name = "mx.here.example"
state = "state"
[[listener]]
port = {port}
address = "127.0.0.1"
[dns]
servers = ["127.0.0.1:{names}"]
hosts_file = "none"
[authentication]
checks = ["spf", "dkim", "dmarc"]
hosts = ["*"]
[dmarc]
dmarc_aggregate_sender = "DMARC <dmarc@here.example>"
dmarc_aggregate_organization = "Here & There"
[[policy.message]]
dmarc_status = ["reject"]
action = "reject"
[local]
domains = ["here.example"]
unknown = "accept"
[[route]]
match = ["here.example", "mx.here.example"]
[[route]]
match = ["to.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{target}"]
"""

RECEIVER = """
[local]
domains = ["to.example"]
unknown = "accept"
"""


class DMARCReportsTests(InteropTestCase):
    """
    There and back.
    """

    def begin(self, folder: Path, text: str) -> OurProgram:
        """
        Start the server that reports.
        """
        program = OurProgram(folder, text)
        self.running(program)
        return program

    def send(self, port: int, author: str, sender: str) -> int:
        """
        Bring a message.

        @return: the code of the answer.
        """
        text = f"From: ann@{author}\r\nSubject: x\r\n\r\nHello\r\n"
        with smtplib.SMTP("127.0.0.1", port, "client.example") as client:
            client.ehlo()
            client.mail(sender)
            client.rcpt("bob@here.example")
            code, _ = client.data(text)
        return code

    def test_ownerIsTold(self) -> None:
        """
        In one report that the schema finds good, with the right numbers; a mailbox
        that has not agreed gets none.
        """
        names = RunningNames(RECORDS)
        self.addCleanup(names.close)
        target: RunningServer = self.serve(RECEIVER)
        folder, port = Path(self.mktemp()).absolute(), freePort()
        text = REPORTER.format(port=port, names=names.port, target=target.port)
        first = self.begin(folder, text)
        for author, sender, code in (
            ("from.example", "a@mail.from.example", 250),
            ("from.example", "a@mail.from.example", 250),
            ("from.example", "a@from.example", 550),
            ("other.example", "a@other.example", 250),
        ):
            self.assertEqual(code, self.send(port, author, sender))
        first.stop()
        # The day goes by.
        file = folder / "state" / "dmarc-reports.sqlite"
        database = sqlite3.connect(file)
        with database:
            database.execute("UPDATE count SET day = day - 2")
        database.close()
        second = self.begin(folder, text)
        [message] = target.delivered(1)
        second.stop()
        self.assertEqual(b"reports@to.example", message.recipient)
        found = reportIn(message.octets)
        self.assertEqual("Here & There", found["report_metadata"]["org_name"])
        self.assertEqual("from.example", found["policy_published"]["domain"])
        counts: Counter[tuple[str, str]] = Counter()
        for record in found["record"]:
            row = record["row"]
            self.assertEqual("127.0.0.1", row["source_ip"])
            evaluated = row["policy_evaluated"]
            counts[evaluated["disposition"], evaluated["spf"]] += row["count"]
        self.assertEqual({("pass", "pass"): 2, ("reject", "fail"): 1}, counts)
