"""
Aliases, with a server that runs, real clients, and files that change meanwhile.
"""

from __future__ import annotations

import smtplib
import time
from pathlib import Path

from smtpx.policy.aliasfile import parseAliases

from .cases import InteropTestCase, findPeer
from .running import RunningServer, waitFor

ALIASES = """\
sales: ann, bob
former: :fail: 551 5.1.6 Left us
null: :blackhole:
sales-*@example.org: ann+$1
@old.example: @example.org
"""

CONFIGURATION = """
[local]
domains = ["example.org", "old.example"]
addresses = ["ann@example.org", "bob@example.org"]
unknown = "refuse"

[aliases]
files = [{file!r}]

[[route]]
match = ["example.org", "old.example", "mx.example.org"]
"""


class AliasesTests(InteropTestCase):
    """Mail by way of aliases."""

    def begin(self, text: str = ALIASES) -> RunningServer:
        """A server with an aliases file."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.file = folder / "aliases"
        self.file.write_text(text)
        return self.serve(CONFIGURATION.format(file=str(self.file)))

    def answer(self, client: smtplib.SMTP, *recipients: str) -> list[int]:
        """Give recipients, and take the message back; gives the reply codes."""
        client.ehlo("client.example")
        client.mail("joe@client.example")
        codes = [client.rcpt(each)[0] for each in recipients]
        client.rset()
        return codes

    def client(self, server: RunningServer) -> smtplib.SMTP:
        """A client of Python's."""
        client = smtplib.SMTP("127.0.0.1", server.port, timeout=30)
        self.closing(client.close)
        return client

    def awaitAlias(self, server: RunningServer, path: str) -> None:
        """Wait until an address is known, and do not look like one who guesses."""

        def known() -> bool:
            time.sleep(0.3)
            with self.client(server) as client:
                return self.answer(client, path) == [250]

        waitFor(known, f"mail for {path}")

    def test_swaks(self) -> None:
        """One message for an alias of two is two messages, and the log says why."""
        server = self.begin()
        swaks = findPeer("swaks", "swaks")
        options = ["--server", f"127.0.0.1:{server.port}", "--helo", "client.example"]
        options += ["--from", "joe@client.example", "--body", "hello"]
        self.run_([swaks, *options, "--to", "sales+fair@example.org,ann@example.org"])
        messages = server.delivered(2)
        self.assertEqual(
            [(each.recipient, each.original) for each in messages],
            [
                (b"ann@example.org", None),
                (b"bob@example.org", b"sales+fair@example.org"),
            ],
        )
        self.assertEqual({each.sender for each in messages}, {b"joe@client.example"})
        self.assertEqual(len(server.accepted()), 1)

    def test_smtplib(self) -> None:
        """Whoever an alias refuses is refused at RCPT; others get their mail."""
        server = self.begin()
        with self.client(server) as client:
            refused = client.sendmail(
                "joe@client.example",
                ["sales@example.org", "former@example.org", "eve@old.example",
                 "Sales-West@example.org", "null@example.org"],
                "Subject: hello\r\n\r\nhello\r\n",
            )  # fmt: skip
        self.assertEqual(
            refused,
            {
                "former@example.org": (551, b"5.1.6 Left us"),
                "eve@old.example": (550, b"5.1.1 No such recipient here"),
            },
        )
        messages = server.delivered(3)
        self.assertEqual(
            [(each.recipient, each.original) for each in messages],
            [
                (b"ann+West@example.org", b"Sales-West@example.org"),
                (b"ann@example.org", b"sales@example.org"),
                (b"bob@example.org", b"sales@example.org"),
            ],
        )
        server.stop()
        log = server.mainLog()
        for end in (
            " => bob@example.org <sales@example.org> R=example.org T=maildir",
            " => null <null@example.org> R=:blackhole: T=discard",
        ):
            self.assertEqual(len([line for line in log if line.endswith(end)]), 1, end)

    def test_changed(self) -> None:
        """A file that is replaced is taken up by itself; a bad one changes nothing."""
        server = self.begin()
        client = self.client(server)
        self.assertEqual(self.answer(client, "info@example.org"), [550])
        client.close()
        fresh = self.file.with_suffix(".new")
        fresh.write_text(ALIASES + "info: bob\n")
        fresh.rename(self.file)
        self.awaitAlias(server, "info@example.org")
        self.file.write_text("info: bob\nloop: pool\npool: loop\n")
        waitFor(lambda: "it leads to itself" in server.said(), "the error")
        self.assertIn(
            f"{self.file}:2: loop: it leads to itself: loop@example.org:"
            " pool@example.org: loop@example.org",
            server.said(),
        )
        client = self.client(server)
        codes = self.answer(client, "info@example.org", "sales@example.org")
        self.assertEqual(codes, [250, 250])
        self.file.unlink()
        waitFor(lambda: "No such file" in server.said(), "the error")
        codes = self.answer(client, "info@example.org", "sales@example.org")
        self.assertEqual(codes, [250, 250])

    def test_manyAliases(self) -> None:
        """A hundred thousand aliases are no reason to wait for a reply."""
        lines = "".join(f"user{n}: ann, bob\n" for n in range(100_000))
        server = self.begin(lines)
        with self.client(server) as client:
            self.assertEqual(
                self.answer(client, "user99999@example.org", "user100000@example.org"),
                [250, 550],
            )
            self.file.write_text(lines + "user100000: ann\n")
        self.awaitAlias(server, "user100000@example.org")

    def test_postaliasReadsTheSame(self) -> None:
        """Postfix takes the ordinary part of such a file, and finds the same."""
        postalias = findPeer("postalias", "postfix")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        file = folder / "aliases"
        file.write_text(
            '# a comment\npostmaster: ann\n"Big Team":  ann,\n  bob,\n# more\n'
            "  carol@example.net\nann : \\ann, ann@example.net\n"
        )
        environment = {"MAIL_CONFIG": str(folder)}
        (folder / "main.cf").write_text("compatibility_level = 3.6\n")
        self.run_([postalias, f"hash:{file}"], environment=environment)
        entries, problems = parseAliases(file.read_bytes(), "aliases")
        self.assertEqual((len(entries), problems), (3, []))
        for entry in entries:
            assert entry.left.local is not None
            key = entry.left.local.decode()
            said = self.run_(
                [postalias, "-q", key, f"hash:{file}"], environment=environment
            )
            # It does not know what a backslash is for, and drops it.
            ours = entry.right.replace("\\", "")
            self.assertEqual("".join(said.split()), "".join(ours.split()))
