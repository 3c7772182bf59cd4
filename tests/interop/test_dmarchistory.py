"""
C{opendmarc-import} of OpenDMARC reads what we write to the history file.

It is Debian's own program.  It knows no database but MySQL; here a stand-in of its
driver (C{perl/DBD/mysql.pm}) gives it an SQLite file with the same tables.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

from attrs import evolve

from smtpx.mailauth.dmarchistory import block
from smtpx.mailauth.dmarcseen import Outcome, Sealed, Signature
from smtpx.policy.historyfile import append

from ..mailauth.test_dmarchistory import seen
from .cases import CLIENT_SECONDS, InteropTestCase, findPeer

#: Those of OpenDMARC: what it wants to be there has to be.
TABLES = """
CREATE TABLE domains(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE reporters(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE ipaddr(id INTEGER PRIMARY KEY, addr TEXT NOT NULL UNIQUE);
CREATE TABLE selectors(id INTEGER PRIMARY KEY, domain INT NOT NULL, name TEXT NOT NULL,
    UNIQUE(name, domain));
CREATE TABLE requests(id INTEGER PRIMARY KEY, domain INT NOT NULL UNIQUE,
    repuri TEXT NOT NULL DEFAULT '', adkim INT NOT NULL DEFAULT 0,
    aspf INT NOT NULL DEFAULT 0, policy INT NOT NULL DEFAULT 0,
    spolicy INT NOT NULL DEFAULT 0, pct INT NOT NULL DEFAULT 0,
    locked INT NOT NULL DEFAULT 0);
CREATE TABLE messages(id INTEGER PRIMARY KEY, date INT NOT NULL, jobid TEXT NOT NULL,
    reporter INT NOT NULL, policy INT NOT NULL, disp INT NOT NULL, ip INT NOT NULL,
    env_domain INT NOT NULL, from_domain INT NOT NULL, policy_domain INT NOT NULL,
    spf INT NOT NULL, align_dkim INT NOT NULL, align_spf INT NOT NULL,
    sigcount INT NOT NULL, arc INT NOT NULL, arc_policy INT NOT NULL,
    UNIQUE(reporter, date, jobid));
CREATE TABLE signatures(id INTEGER PRIMARY KEY, message INT NOT NULL,
    domain INT NOT NULL, selector INT NOT NULL, pass INT NOT NULL, error INT NOT NULL);
CREATE TABLE arcauthresults(id INTEGER PRIMARY KEY, message INT NOT NULL,
    instance INT NOT NULL, arc_client_addr TEXT NOT NULL);
CREATE TABLE arcseals(id INTEGER PRIMARY KEY, message INT NOT NULL, domain INT NOT NULL,
    selector INT NOT NULL, instance INT NOT NULL);
"""

DRIVER = Path(__file__).with_name("perl")


def twoBlocks() -> list[bytes]:
    """
    A message that fails, with signatures and a chain; and a report that passes.
    """
    failed = evolve(
        seen(),
        outcome=Outcome.REFUSED,
        arc="pass",
        sets=(
            Sealed(1, b"a.example", b"s", b"192.0.2.9"),
            Sealed(2, b"b.example", b"t"),
        ),
    )
    passed = evolve(
        seen("p=none; sp=reject; aspf=s; pct=20", b"example.com"),
        id="2",
        spf="pass",
        sender=b"",
        signatures=(),
    )
    return [block(each, "mx.example.org") for each in (failed, passed)]


class ImportTests(InteropTestCase):
    """
    The history file, as the importer understands it.
    """

    def setUp(self) -> None:
        """
        Make an empty database.
        """
        super().setUp()
        self.program = findPeer("opendmarc-import", "opendmarc")
        self.database = self.mktemp()
        database = sqlite3.connect(self.database)
        database.executescript(TABLES)
        database.close()

    def imported(self, *blocks: bytes) -> str:
        """
        Import blocks.

        @return: what the importer complains of.
        """
        history = self.mktemp()
        for each in blocks:
            append(history, each)
        environment = dict(
            os.environ, PERL5LIB=str(DRIVER), HISTORY_DATABASE=self.database
        )
        done = subprocess.run(
            [self.program, "--input", history],
            env=environment,
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stderr

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """
        What is in the database then.
        """
        database = sqlite3.connect(self.database)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def test_messagesAreImported(self) -> None:
        """
        Each with its policy, results, signatures and chain.
        """
        complaints = self.imported(*twoBlocks())
        self.assertEqual("", complaints)
        self.assertEqual(
            [
                (
                    *("1abc-2", 1700000000, "mx.example.org", "192.0.2.1"),
                    *("mail.example.com", "example.com", "example.com"),
                    *(16, 0, 2, 5, 5, 2, 0, 1),
                ),
                (
                    *("2", 1700000000, "mx.example.org", "192.0.2.1"),
                    *("", "example.com", "example.com"),
                    *(15, 2, 0, 4, 5, 0, 6, 1),
                ),
            ],
            self.rows(
                "SELECT jobid, date, reporters.name, addr, e.name, f.name, p.name,"
                " policy, disp, spf, align_spf, align_dkim, sigcount, arc, arc_policy"
                " FROM messages JOIN reporters ON reporters.id = reporter"
                " JOIN ipaddr ON ipaddr.id = ip JOIN domains e ON e.id = env_domain"
                " JOIN domains f ON f.id = from_domain"
                " JOIN domains p ON p.id = policy_domain ORDER BY messages.id"
            ),
        )
        self.assertEqual(
            [("example.com", "s1", 7), ("example.net", "s2", 0)],
            self.rows(
                "SELECT d.name, s.name, pass FROM signatures"
                " JOIN domains d ON d.id = signatures.domain"
                " JOIN selectors s ON s.id = selector ORDER BY signatures.id"
            ),
        )
        self.assertEqual(
            [(1, "a.example", "s", "192.0.2.9"), (2, "b.example", "t", "")],
            self.rows(
                "SELECT a.instance, d.name, s.name, r.arc_client_addr FROM arcseals a"
                " JOIN domains d ON d.id = a.domain JOIN selectors s ON s.id = selector"
                " JOIN arcauthresults r ON r.message = a.message"
                " AND r.instance = a.instance ORDER BY a.instance"
            ),
        )
        self.assertEqual(
            [("", 114, 115, 110, 114, 20)],
            self.rows("SELECT repuri, adkim, aspf, policy, spolicy, pct FROM requests"),
        )

    def test_placesForReportsAreImported(self) -> None:
        """
        All of them.
        """
        self.imported(block(seen(), "mx"))
        self.assertEqual(
            [("mailto:a@example.com,mailto:b@example.net",)],
            self.rows("SELECT repuri FROM requests"),
        )

    def test_valuesFromTheWireAddNothing(self) -> None:
        """
        A sender who writes line ends into everything is one message, and no other.
        """
        bad = b"x.example\njob 2\nfrom evil.example"
        told = evolve(
            seen(),
            sender=b"a@" + bad,
            signatures=(Signature(bad, bad, "pass"),),
            sets=(Sealed(1, bad, bad, bad),),
        )
        self.assertEqual("", self.imported(block(told, "mx")))
        self.assertEqual([("1abc-2",)], self.rows("SELECT jobid FROM messages"))
        self.assertEqual(
            [], self.rows("SELECT name FROM domains WHERE name = 'evil.example'")
        )
