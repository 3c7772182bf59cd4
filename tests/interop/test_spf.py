"""
SPF with a real resolver, and beside a real Exim, which evaluates with libspf2.
"""

from __future__ import annotations

import os
import random
import re
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import InteropTestCase, findPeer
from .exim import findExim
from .unbound import RunningUnbound

DOMAIN = "spf.example"

#: Records of domains below; each is one for C{NAME.spf.example}.
RECORDS = {
    "plain": "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
    "hosts": "v=spf1 a:mx1.spf.example mx:spf.example ~all",
    "inside": "v=spf1 include:plain.spf.example include:soft.spf.example ?all",
    "soft": "v=spf1 ip4:198.51.100.7 ~all",
    "away": "v=spf1 redirect=plain.spf.example",
    "macros": "v=spf1 exists:%{l1r-}.%{ir}.%{v}.%{d2} -all exp=why.%{d2}",
    "broken": "v=spf1 ip4:192.0.2.1 ipv4:192.0.2.2 -all",
    "astray": "v=spf1 include:nowhere.spf.example -all",
    "around": "v=spf1 include:around.spf.example -all",
}

ZONE = "".join(
    [
        '@ 60 TXT "v=spf1 -all"\n@ 60 MX 10 mx1\n@ 60 MX 20 mx2\n',
        "mx1 60 A 192.0.2.1\nmx1 60 AAAA 2001:db8::1\nmx2 60 A 203.0.113.2\n",
        "ann.7.100.51.198.in-addr 60 A 127.0.0.2\n",
        'why 60 TXT "%{i} is none of %{o}\'s"\n',
        *(f'{name} 60 TXT "{record}"\n' for name, record in RECORDS.items()),
        "none 60 A 192.0.2.99\n",
        'here 60 TXT "v=spf1 ip4:127.0.0.1 -all exp=why.spf.example"\n',
        "bare 60 A 127.0.0.9\n",
    ]
)

CLIENTS = ("192.0.2.1", "203.0.113.2", "198.51.100.7", "2001:db8::1", "2001:db8:1::9")

#: Libspf2 has no words for some of what is wrong.
EXIMS = {"(invalid)": "permerror"}

#: A program that asks for lines of address and sender, one after the other.
PROGRAM = """
import sys
from twisted.internet.task import react
from smtpx import checkSPF
from smtpx.dns.system import systemResolver

async def main(reactor, server):
    resolver = systemResolver(reactor, server, hosts=None)
    for line in sys.stdin:
        client, sender = line.split()
        outcome = await checkSPF(reactor, client, sender, "x", resolver=resolver)
        print(outcome.result.value)

react(main, sys.argv[1:])
"""


#: A server that looks at everybody.
CONFIGURATION = """
[dns]
servers = ["{server}"]
[authentication]
checks = ["spf", "spf_guess"]
hosts = ["*"]
"""


#: What is refused.
RULES = """
[spf]
spf_guess = "v=spf1 a/16 ~all"
[[policy.rcpt]]
recipients = ["lenient@localhost"]
action = "accept"
[[policy.rcpt]]
spf = ["fail"]
action = "reject"
message = "$spf_smtp_comment"
[[policy.rcpt]]
spf = ["err_perm"]
action = "defer"
code = "451 4.7.24"
message = "Mend your record"
[[policy.rcpt]]
spf_guess = ["softfail"]
action = "reject"
message = "$spf_smtp_comment"
"""


class SPFTests(InteropTestCase):
    """SPF beside others."""

    def setUp(self) -> None:
        """Start the resolver."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def resolve(self, address: str | None = None) -> str:
        """
        Start the resolver.

        @return: where it answers.
        """
        unbound = RunningUnbound(plain={DOMAIN: ZONE}, address=address)
        self.addCleanup(unbound.remove)
        self.running(unbound)
        return f"127.0.0.1:{unbound.port}"

    def asked(self, server: str, client: str, sender: str) -> str:
        """What our command prints."""
        config = self.folder / "smtpx.toml"
        config.write_text(f'name = "mx.here.example"\n[dns]\nservers = ["{server}"]\n')
        program = str(Path(sys.executable).with_name("smtpx"))
        words = [program, "spf", "check", "--config", str(config)]
        return self.run_([*words, "--ip", client, "--sender", sender])

    def test_realResolver(self) -> None:
        """
        A check by the DNS: terms, look-ups, explanation.
        """
        server = self.resolve()
        said = self.asked(server, "198.51.100.8", f"ann-x@macros.{DOMAIN}")
        self.assertEqual("fail", said.splitlines()[0], said)
        self.assertIn("198.51.100.8 is none of macros.spf.example's", said)
        self.assertIn("A ann.8.100.51.198.in-addr.spf.example: no such domain", said)
        said = self.asked(server, "198.51.100.7", f"ann-x@macros.{DOMAIN}")
        self.assertEqual("pass", said.splitlines()[0], said)
        said = self.asked(server, "203.0.113.2", f"ann@hosts.{DOMAIN}")
        self.assertEqual("pass", said.splitlines()[0], said)

    def test_swaks(self) -> None:
        """
        Messages of a real client are looked at by its address, and tell so on top.
        """
        server = self.serve(CONFIGURATION.format(server=self.resolve()))
        for address, sender, result in (
            ("127.0.0.1", f"ann@here.{DOMAIN}", "Received-SPF: pass"),
            ("127.0.0.2", f"ann@here.{DOMAIN}", "Received-SPF: fail"),
            ("127.0.0.2", f"ann@broken.{DOMAIN}", "Received-SPF: permerror"),
            ("127.0.0.2", f"ann@bare.{DOMAIN}", "Received-SPF: none"),
            ("127.0.0.1", "<>", "Received-SPF: pass"),
        ):
            words = [findPeer("swaks", "swaks"), "--server", f"127.0.0.1:{server.port}"]
            words += ["--local-interface", address, "--helo", f"here.{DOMAIN}"]
            words += ["--from", sender, "--to", "bob@localhost", "--timeout", "20"]
            self.run_([*words, "--header", f"Subject: {address} {sender} {result}"])
        for message in server.delivered(5):
            verdicts = message.verdicts.decode("ascii").replace("\r\n ", " ")
            told = re.split(r"\r\n(?![ \t])", verdicts.removesuffix("\r\n"))
            fields = message.octets.decode("utf-8").split("\r\n")
            [subject] = [each for each in fields if each.startswith("Subject: ")]
            address, sender, result = subject.split(" ", 3)[1:]
            self.assertTrue(told[0].startswith(result + " ("), (subject, told))
            self.assertIn(f"client-ip={address};", told[0])
            guessed = [each.partition(" (")[0] for each in told if "Guess" in each]
            expected = ["X-SPF-Guess: pass"] if "bare" in sender else []
            self.assertEqual(expected, guessed)
            self.assertTrue(told[-1].startswith("Authentication-Results: "), told)
            self.assertIn(f"spf={result.rpartition(' ')[2]} ", told[-1])

    def test_rules(self) -> None:
        """
        Rules refuse by SPF, for the recipients that want it; what the client is told
        is what the sender's domain explains, and of a best guess nothing of SPF.
        """
        server = self.serve(CONFIGURATION.format(server=self.resolve()) + RULES)
        for address, sender, recipient, said in (
            ("127.0.0.1", f"ann@here.{DOMAIN}", "bob@localhost", "250"),
            (
                "127.0.0.2",
                f"ann@here.{DOMAIN}",
                "bob@localhost",
                f"550 5.7.23 here.{DOMAIN} explains: 127.0.0.2 is none of here.",
            ),
            ("127.0.0.2", f"ann@here.{DOMAIN}", "lenient@localhost", "250"),
            ("127.0.0.2", f"ann@astray.{DOMAIN}", "bob@localhost", "451 4.7.24 Mend"),
            (
                "127.9.0.2",
                f"ann@bare.{DOMAIN}",
                "bob@localhost",
                "127.9.0.2 does not look like a host that sends mail for bare.",
            ),
        ):
            words = [findPeer("swaks", "swaks"), "--server", f"127.0.0.1:{server.port}"]
            words += ["--local-interface", address, "--helo", "client.example"]
            words += ["--from", sender, "--to", recipient, "--timeout", "20"]
            words += ["--quit-after", "RCPT"]
            status = 0 if said == "250" else 24
            transcript = self.run_(words, status=status)
            [answer] = re.findall(r"RCPT TO:.*\n.{4}(.*)", transcript)
            self.assertIn(said, answer)
            if "bare" in sender:
                self.assertNotIn("SPF", answer)

    def test_eximAgrees(self) -> None:
        """
        Exim comes to the same, for each domain and each client.
        """
        program = findExim()
        if os.getuid() != 0:
            raise SkipTest("peer missing: a mount namespace, which takes root")
        address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.53"
        server = self.resolve(address)
        resolv = self.folder / "resolv.conf"
        resolv.write_text(f"nameserver {address}\n")
        configuration = self.folder / "exim.conf"
        configuration.write_text("primary_hostname = mx.here.example\n")
        cases = [
            (client, f"ann-x@{name}.{DOMAIN}")
            for name in [*RECORDS, "none"]
            for client in CLIENTS
        ]
        lines = "".join(
            f"${{lookup {{{sender}}} spf {{{client}}}}}\n" for client, sender in cases
        )
        words = ["unshare", "--mount", "sh", "-c"]
        words.append('mount --bind "$0" /etc/resolv.conf && exec "$@"')
        words += [str(resolv), program, "-C", str(configuration), "-be"]
        said = self.run_(words, lines.encode("ascii"))
        theirs = [line.lstrip("> ") for line in said.splitlines() if line.strip("> ")]
        lines = "".join(f"{client} {sender}\n" for client, sender in cases)
        words = [sys.executable, "-c", PROGRAM, server]
        ours = self.run_(words, lines.encode("ascii")).splitlines()
        self.assertEqual(
            [
                (*case, EXIMS.get(their, their))
                for case, their in zip(cases, theirs, strict=True)
            ],
            [(*case, our) for case, our in zip(cases, ours, strict=True)],
        )
