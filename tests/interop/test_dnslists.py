"""
DNS lists of a real unbound, and beside a real Exim that asks the same.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from twisted.trial.unittest import SkipTest

from smtpx.dns.asknow import addressesNow
from smtpx.dns.servers import Server

from .cases import CLIENT_SECONDS, InteropTestCase, findPeer
from .exim import findExim
from .running import RunningServer, waitFor
from .unbound import RunningUnbound

_SIX = "1." + "0." * 23 + "8.b.d.0.1.0.0.2"

#: Lists, by name; each has the test points of RFC 5782 section 5, but the dead one.
LISTS: Mapping[str, str] = {
    "bad.example": f"""\
2.0.0.127 60 A 127.0.0.2
1.2.0.192 60 A 127.0.0.2
1.2.0.192 60 TXT "see https://bad.example/192.0.2.1"
3.2.0.192 60 A 127.0.0.2
3.2.0.192 60 A 127.0.0.6
{_SIX} 60 A 127.0.0.4
{_SIX} 60 TXT "a host of IPv6"
7.0.0.127 60 A 127.0.0.2
8.0.0.127 60 A 127.0.0.2
""",
    "merged.example": """\
2.0.0.127 60 A 127.0.0.2
1.2.0.192 60 A 127.0.0.2
1.2.0.192 60 A 127.0.0.9
1.2.0.192 60 TXT "merged"
4.2.0.192 60 A 127.0.0.9
""",
    "names.example": """\
test 60 A 127.0.1.2
spam.example 60 A 127.0.1.2
spam.example 60 TXT "a domain"
""",
    "good.example": """\
2.0.0.127 60 A 127.0.0.2
8.0.0.127 60 A 127.0.9.3
""",
    "odd.example": """\
2.0.0.127 60 A 127.255.255.254
4.2.0.192 60 A 192.0.2.80
5.2.0.192 60 A 192.0.2.80
5.2.0.192 60 A 127.0.0.3
""",
}

#: Who is asked about, and what each is told of senders.
CLIENTS = ("192.0.2.1", "192.0.2.3", "192.0.2.4", "192.0.2.5", "2001:db8::1")

#: Items as they stand in a rule; an item with several keys is another one in Exim.
ITEMS: tuple[tuple[str, ...], ...] = (
    ("bad.example",),
    ("none.bad.example", "bad.example"),
    ("bad.example=127.0.0.2",),
    ("bad.example=127.0.0.4,127.0.0.6",),
    ("bad.example==127.0.0.2",),
    ("bad.example==127.0.0.2,127.0.0.6",),
    ("bad.example!=127.0.0.2",),
    ("bad.example!==127.0.0.2",),
    ("bad.example&0.0.0.4",),
    ("bad.example=&0.0.0.4",),
    ("bad.example!&0.0.0.4",),
    ("bad.example!=&0.0.0.4",),
    ("bad.example&0.0.0.1,0.0.0.2",),
    ("bad.example&0.0.0.6",),
    ("bad.example=127.0.0.2", "merged.example"),
    ("bad.example,merged.example",),
    ("bad.example,merged.example=127.0.0.2",),
    ("bad.example,merged.example=127.0.0.9", "names.example/spam.example"),
    ("names.example/$sender_address_domain",),
    ("names.example/$sender_helo_name,$sender_address_domain",),
    ("bad.example/192.0.2.1",),
    ("bad.example/2001:db8::1",),
    ("odd.example",),
    ("odd.example=127.0.0.3",),
    ("bogus.example/mx",),
    ("+exclude_unknown", "bogus.example/mx", "bad.example"),
    ("+include_unknown", "bogus.example/mx"),
    ("+defer_unknown", "bogus.example/mx", "bad.example"),
    ("+defer_unknown", "bad.example", "bogus.example/mx"),
)

_TOLD = "$dnslist_domain|$dnslist_matched|$dnslist_value|$dnslist_text"

#: A server with lists for hosts and for senders.
RULES = """
[dns]
servers = ["{server}"]
hosts_file = "none"
[dns_lists]
seconds = 3
weights = {{ "bad.example" = 3, "good.example=127.0.[0..255].[1..3]" = -2 }}
[[policy.connect]]
dns_score_over = 2
action = "reject"
message = "$dns_score: $dns_score_lists"
[[policy.rcpt]]
dnslists = ["odd.example/127.0.0.2", "names.example/$sender_address_domain"]
action = "reject"
message = "$dnslist_matched: $dnslist_text"
[[policy.rcpt]]
recipients = ["strict@localhost"]
dnslists = ["+defer_unknown", "bogus.example/mx"]
action = "reject"
"""


#: A server that takes its time, for its list does not answer.
EARLY = """
[dns]
servers = ["127.0.0.1:{port}"]
[dns_lists]
seconds = 1
[peers]
file = "{folder}/peers.sqlite"
[[policy.connect]]
dnslists = ["silent.example"]
action = "reject"
[[policy.mail]]
early_talk = true
action = "defer"
code = "450 4.7.1"
message = "Wait"
"""


class DNSListTests(InteropTestCase):
    """DNS lists over real sockets."""

    def setUp(self) -> None:
        """A folder for files."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def resolve(self, address: str | None = None) -> str:
        """
        Start the resolver, which has the lists.

        @return: where it answers.
        """
        self.unbound = RunningUnbound(plain=LISTS, address=address)
        self.addCleanup(self.unbound.remove)
        self.running(self.unbound)
        return f"127.0.0.1:{self.unbound.port}"

    def command(self, *words: str) -> str:
        """What our command prints, without what it says of lists that are away."""
        program = str(Path(sys.executable).with_name("smtpx"))
        done = subprocess.run(
            [program, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=CLIENT_SECONDS,
            check=True,
        )
        return done.stdout.decode("utf-8")

    def test_testPoints(self) -> None:
        """
        Lists that have died are noticed by C{--check}, and no others.
        """
        server = self.resolve()
        asked = Server.parse(server)
        for name, found in (
            (b"2.0.0.127.bad.example", (b"127.0.0.2",)),
            (b"1.0.0.127.bad.example", ()),
            (b"www.plain.example", (b"192.0.2.2",)),
            (b"mx.bogus.example", None),
            (b"a..b", ()),
        ):
            self.assertEqual(addressesNow([asked], name), found)
        text = RULES.replace(
            '"bad.example" = 3', '"bad.example" = 3, "none.example" = 1'
        )
        config = self.folder / "smtpx.toml"
        config.write_text(
            f'state = "{self.folder / "state"}"\n' + text.format(server=server)
        )
        words = [str(Path(sys.executable).with_name("twistd")), "-n", "smtpx"]
        said = self.run_([*words, "--config", str(config), "--check"])
        told = re.findall(r": ([a-z]+\.example): (it [^\n]*)", said)
        dead = "it does not list {}, as a list does that works (RFC 5782 section 5)"
        error = (
            "it answers 127.255.255.254, an error: it does not answer our name server"
        )
        self.assertEqual(
            sorted(told),
            [
                ("bogus.example", dead.format("test")),
                ("none.example", dead.format("127.0.0.2")),
                ("odd.example", error),
            ],
            said,
        )

    def test_clients(self) -> None:
        """
        Real clients: one that is listed, one that a good list speaks for as well,
        one in no list; and what they are told when the lists are away.
        """
        server = self.serve(RULES.format(server=self.resolve()))
        port = server.port

        def said(address: str, sender: str, recipient: str = "bob@localhost") -> str:
            words = [findPeer("swaks", "swaks"), "--server", f"127.0.0.1:{port}"]
            words += ["--local-interface", address, "--helo", "client.example"]
            words += ["--from", sender, "--to", recipient, "--timeout", "20"]
            words += ["--quit-after", "RCPT"]
            status = {"127.0.0.7": 21}.get(address, 0 if "fine" in sender else 24)
            transcript = self.run_(words, status=status)
            replies: list[str] = re.findall(r"^<.{2} +(\d{3} .*)$", transcript, re.M)
            # The last is for QUIT.
            return replies[0 if status == 21 else -2]

        fine, spam = "ann@fine.example", "ann@spam.example"
        self.assertEqual(said("127.0.0.7", fine), "554 3: bad.example +3")
        self.assertEqual(said("127.0.0.8", fine)[:3], "250")
        self.assertEqual(said("127.0.0.9", fine)[:3], "250")
        text = "550 5.7.1 spam.example: a domain"
        self.assertEqual(said("127.0.0.9", spam), text)
        strict = said("127.0.0.9", "ann@spamless.example", "strict@localhost")
        self.assertEqual(strict[:3], "451")
        # An error of a list is told to the operator, and refuses nobody.
        told = "The DNS list odd.example is of no use now: it answers 127.255.255.254"
        waitFor(lambda: told in (server.folder / "said.log").read_text(), told)
        self.unbound.stop()
        begun = time.monotonic()
        self.assertEqual(said("127.0.0.10", fine)[:3], "250")
        self.assertLess(time.monotonic() - begun, 15)

    def test_earlyTalkers(self) -> None:
        """
        Whoever talks before the greeting without having been offered to is put off;
        who was offered to is not, also after a restart.

        The client has time to talk early because its greeting waits for a list.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            text = EARLY.format(port=silent.getsockname()[1], folder=self.folder)
            server = self.serve(text)
            self.assertEqual(self.talked(server, "127.1.1.1", True), "450 4.7.1 Wait")
            # He knows by now.
            self.assertEqual(self.talked(server, "127.1.1.2", True)[:3], "250")
            self.assertEqual(self.talked(server, "127.2.2.2", False)[:3], "250")
            server.stop()
            # Every second it is written down.
            server = self.serve(text)
            self.assertEqual(self.talked(server, "127.2.2.2", True)[:3], "250")
            self.assertEqual(self.talked(server, "127.3.3.3", True)[:3], "450")

    def talked(self, server: RunningServer, address: str, early: bool) -> str:
        """
        What a client is told that sends MAIL.

        @param early: does it not wait for the greeting?
        """
        flight = b"EHLO client.example\r\nMAIL FROM:<ann@fine.example>\r\n"
        place = ("127.0.0.1", server.port)
        with socket.create_connection(place, CLIENT_SECONDS, (address, 0)) as line:
            replies = line.makefile("rb")
            if early:
                line.sendall(flight)
            self.assertEqual(replies.readline()[:4], b"220 ")
            if not early:
                line.sendall(flight)
            while replies.readline()[3:4] == b"-":
                pass
            said = replies.readline().decode("ascii").strip()
            line.sendall(b"QUIT\r\n")
            self.assertEqual(replies.readline()[:3], b"221")
            return said

    def test_eximAgrees(self) -> None:
        """
        Exim comes to the same with the same items, for each client, and its
        variables tell the same.
        """
        program = findExim()
        if os.getuid() != 0:
            raise SkipTest("peer missing: a mount namespace, which takes root")
        address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.53"
        server = self.resolve(address)
        theirs = self._theirs(program, address)
        ours = self._ours(server)
        for client in CLIENTS:
            for number, items in enumerate(ITEMS):
                their, our = theirs[client][number], ours[client][number]
                if "+include_unknown" in items:
                    # Where nothing was answered, Exim tells of what was before.
                    their, our = (each.rpartition("|")[0] for each in (their, our))
                    their = their.rpartition("|")[0] + "|"
                self.assertEqual(their, our, (client, items))

    def _ours(self, server: str) -> dict[str, list[str]]:
        """What each client is told of each item, by our command."""
        rules = [
            f'[[policy.rcpt]]\nrecipients = ["t{number}@localhost"]\n'
            f'dnslists = {json.dumps(items)}\naction = "reject"\nmessage = "{_TOLD}"\n'
            for number, items in enumerate(ITEMS)
        ]
        config = self.folder / "smtpx.toml"
        config.write_text(
            f'[dns]\nservers = ["{server}"]\nhosts_file = "none"\n' + "".join(rules)
        )
        words = ["policy", "test", "--config", str(config), "--json", "--helo", "c.d"]
        words += ["--name", "c.d", "--sender", "ann@spam.example"]
        for number in range(len(ITEMS)):
            words += ["--recipient", f"t{number}@localhost"]
        found = {}
        for client in CLIENTS:
            told = json.loads(self.command(*words, "--ip", client))
            answers = [
                "".join(rule["answer"] for rule in each["rules"]) for each in told
            ]
            found[client] = [_plain(each) for each in answers]
        return found

    def _theirs(self, program: str, address: str) -> dict[str, list[str]]:
        """The same by Exim's, which plays that the client is there."""
        resolv = self.folder / "resolv.conf"
        resolv.write_text(f"nameserver {address}\n")
        rules = []
        for number, items in enumerate(ITEMS):
            spelled = [each.replace(",$", "::$") for each in items]
            spelled = [
                each.replace("/2001:db8::1", "/2001::::db8::::::::1")
                for each in spelled
            ]
            rules.append(
                f"  deny local_parts = t{number}\n"
                f"       dnslists = {' : '.join(spelled)}\n"
                f"       message = {_TOLD}\n"
            )
        # Where Exim's user can write, which its tests of hosts have to.
        folder = Path(tempfile.mkdtemp(prefix="smtpx-exim-"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o777)
        configuration = folder / "exim.conf"
        configuration.write_text(
            "primary_hostname = mx.here.example\nacl_smtp_rcpt = lists\n"
            f"spool_directory = {folder}/spool\nlog_file_path = {folder}/%slog\n"
            "keep_environment =\nadd_environment =\n"
            "begin acl\nlists:\n" + "".join(rules) + "  accept\n"
        )
        words = ["unshare", "--mount", "sh", "-c"]
        words.append('mount --bind "$0" /etc/resolv.conf && exec "$@"')
        words += [str(resolv), program, "-C", str(configuration), "-bh"]
        lines = ["EHLO c.d", "MAIL FROM:<ann@spam.example>"]
        lines += [f"RCPT TO:<t{number}@localhost>" for number in range(len(ITEMS))]
        said = "".join(f"{line}\r\n" for line in [*lines, "QUIT"]).encode("ascii")
        found = {}
        for client in CLIENTS:
            transcript = self.run_([*words, client], said)
            # A long reply has two lines.
            transcript = re.sub(
                r"^550-([^\r\n]*)\r?\n550 ", r"550 \1 ", transcript, flags=re.M
            )
            replies = re.findall(r"^(\d{3} [^\r\n]*)", transcript, re.M)
            # Greeting, EHLO's last line, MAIL; and QUIT.
            found[client] = [_plain(each) for each in replies[3:-1]]
            self.assertEqual(len(found[client]), len(ITEMS), transcript)
        return found


def _plain(answer: str) -> str:
    """A reply of either, as far as they can be alike."""
    answer = re.sub(r"^(\d{3}) \d\.\d+\.\d+ ", r"\1 ", answer)
    if answer.startswith("550 "):
        domain, matched, values, text = answer[4:].split("|")
        if re.fullmatch(r"[0-9a-f:]+", matched):
            # Exim spells them in full.
            matched = str(ip_address(matched))
        # Exim tells also of answers that are no listings, and decides nothing by them.
        listed = [each for each in values.split(", ") if each.startswith("127.")]
        ordered = ", ".join(sorted(listed))
        return f"reject {domain}|{matched}|{ordered}|{text}"
    return "defer" if answer.startswith("451") else "accept"
