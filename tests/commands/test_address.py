"""
Tests for L{smtpx.commands.address}.
"""

from __future__ import annotations

import time
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import address
from smtpx.mailauth.srs import SRS
from smtpx.testing.dns import StaticResolver
from tests.commands.terminals import Ran, Terminal

CONFIGURATION = """
name = "mx.example.org"
[local]
domains = ["example.org", "old.example"]
addresses = ["ann@example.org", "bob@example.org"]
unknown = "refuse"
[aliases]
files = ["aliases"]
[[route]]
match = ["example.org", "old.example", "mx.example.org"]
path = "/mail/{domain}/{user}"
[[route]]
match = ["partner.example"]
transport = "hold"
"""

ALIASES = r"""
sales: ann, team
team: bob, x@partner.example
gone: :fail: 551 5.1.6 Gone
null: :blackhole:
x-*: $1@nowhere.example
@old.example: @example.org
postmaster: ann
"""


PIPED = """
name = "mx.example.org"
[local]
domains = ["example.org"]
[[route]]
match = ["example.org", "mx.example.org"]
transport = "pipe"
command = ["/usr/bin/filer", "-t", "{tag}", "{sender}", "{id}"]
"""

SENDING = """
name = "mx.example.org"
[[listener]]
port = 25
[relay]
hosts = ["192.0.2.1"]
[sending]
hosts_avoid_tls = ["mx2.example.net"]
[[route]]
match = ["*"]
transport = "smtp"
[[route]]
match = ["*"]
transport = "smtp"
senders = ["brand.example"]
hosts = ["[192.0.2.7]:587"]
login = "ann"
password_file = "gone"
"""

ZONE = """
example.net      MX    20 mx2.example.net
example.net      MX    10 mx1.example.net
mx1.example.net  A     192.0.2.25
mx1.example.net  AAAA  2001:db8::25
mx2.example.net  A     192.0.2.26
brand.example    MX    0 .
"""


class AddressTests(SynchronousTestCase):
    """C{smtpx address test}."""

    def setUp(self) -> None:
        """A configuration with aliases."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.file = folder / "smtpx.toml"
        self.file.write_text(CONFIGURATION)
        self.aliases = folder / "aliases"
        self.aliases.write_text(ALIASES)

    def run_(self, *addresses: str) -> Ran:
        """Ask for addresses."""
        return Terminal().run("address", "test", "--config", str(self.file), *addresses)

    def assertSaid(self, ran: Ran, *lines: str) -> None:
        """This was printed, and nothing is wrong."""
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertEqual(ran.out.splitlines(), list(lines))

    def assertRefused(self, address: str, *lines: str) -> None:
        """This was printed of an address that takes no mail."""
        ran = self.run_(address)
        self.assertEqual(ran.out.splitlines(), [address, *lines])
        self.assertEqual(
            (ran.status, ran.err), (1, f"smtpx: no mail is taken for {address}\n")
        )

    def test_steps(self) -> None:
        """Each alias on the way with its place, then where mail goes."""
        self.assertSaid(
            self.run_("Sales@example.org"),
            "Sales@example.org",
            f"  {self.aliases}:2: sales: ann, team",
            f"    {self.aliases}:3: team: bob, x@partner.example",
            "  -> ann@example.org: route example.org, transport maildir,"
            " /mail/example.org/ann",
            "  -> bob@example.org: route example.org, transport maildir,"
            " /mail/example.org/bob",
            "  -> x@partner.example: route partner.example, transport hold",
        )

    def test_madeOfASender(self) -> None:
        """
        An address that we made of a sender leads to him, and others of that kind are
        refused; it takes the secret to tell.
        """
        secret = self.file.with_name("secret")
        secret.write_text("x\n")
        secret.chmod(0o600)
        table = f"[srs]\ndomain = 'example.org'\nsecrets_file = '{secret}'\n"
        self.file.write_text(CONFIGURATION + table)
        made = SRS((b"x",)).rewritten(b"x@partner.example", b"example.org", time.time())
        self.assertSaid(
            self.run_(made.decode()),
            made.decode(),
            "  -> x@partner.example: route partner.example, transport hold",
        )
        self.assertRefused(
            made.decode().replace("=x@", "=y@"),
            "  refused: 550 5.7.1 That address was not made here",
        )
        secret.chmod(0o644)
        self.assertEqual(self.run_("ann@example.org").status, 0)
        self.assertIn("others may read it", self.run_(made.decode()).err)
        self.file.write_text(CONFIGURATION)
        self.assertRefused(made.decode(), "  refused: 550 5.1.1 No such recipient here")

    def test_several(self) -> None:
        """More than one address, in brackets or not; postmaster alone is one."""
        self.assertSaid(
            self.run_("<ann+x@example.org>", "null@example.org", "postmaster"),
            "ann+x@example.org",
            "  -> ann+x@example.org: route example.org, transport maildir,"
            " /mail/example.org/ann",
            "null@example.org",
            f"  {self.aliases}:5: null: :blackhole:",
            "  thrown away",
            "postmaster",
            f"  {self.aliases}:8: postmaster: ann",
            "  -> ann@example.org: route example.org, transport maildir,"
            " /mail/example.org/ann",
        )

    def test_refused(self) -> None:
        """Why mail is refused, and a status that a script sees."""
        self.assertRefused(
            "eve@example.org", "  refused: 550 5.1.1 No such recipient here"
        )
        self.assertRefused(
            "gone@old.example",
            f"  {self.aliases}:4: gone: :fail: 551 5.1.6 Gone",
            "  refused: 551 5.1.6 Gone",
        )

    def test_hosts(self) -> None:
        """The hosts that mail would be sent to, with addresses, ports and TLS."""
        resolver = StaticResolver(ZONE)
        machine = evolve(address.theMachine(), resolver=resolver)
        self.patch(address, "theMachine", lambda: machine)
        self.file.write_text(SENDING)
        remote = "  not ours: taken only from those who may relay"
        self.assertSaid(
            self.run_("x@example.net", "x@brand.example"),
            "x@example.net",
            remote,
            "  -> x@example.net: route *, transport smtp",
            "     mx1.example.net:25 [192.0.2.25] [2001:db8::25], TLS opportunistic",
            "     mx2.example.net:25 [192.0.2.26], TLS unwanted",
            "x@brand.example",
            remote,
            "  -> x@brand.example: route *, transport smtp",
            "     never: brand.example has a null MX",
        )
        self.assertSaid(
            self.run_("--sender", "ann@brand.example", "x@example.net"),
            "x@example.net",
            remote,
            "  -> x@example.net: route *, transport smtp2",
            "     [192.0.2.7]:587, TLS verified, login ann",
        )
        resolver.asked.clear()
        self.assertEqual(self.run_("--offline", "x@example.net").status, 0)
        self.assertEqual(resolver.asked, [])

    def test_onHold(self) -> None:
        """Where it is on hold, the way that it goes when it is released."""
        more = "[[route]]\nmatch = ['*.example']\ntransport = 'discard'\n"
        self.file.write_text(CONFIGURATION + more)
        self.assertSaid(
            self.run_("x@partner.example"),
            "x@partner.example",
            "  not ours: taken only from those who may relay",
            "  -> x@partner.example: route partner.example, transport hold;"
            " once it is released: route *.example, transport discard",
        )

    def test_command(self) -> None:
        """What would be run, as it would be typed, or that nothing would be."""
        self.file.write_text(PIPED)
        self.assertSaid(
            self.run_("--sender", "s@x.example", "ann+a|b@example.org"),
            "ann+a|b@example.org",
            "  -> ann+a|b@example.org: route example.org, transport pipe,"
            " /usr/bin/filer -t 'a|b' s@x.example ID",
        )
        self.assertSaid(
            self.run_('"a b+--x y"@example.org'),
            '"a b+--x y"@example.org',
            '  -> "a b+--x y"@example.org: route example.org, transport pipe,'
            " fails: b'--x y' could be taken for an option",
        )

    def test_loop(self) -> None:
        """A domain whose hosts are we ourselves has none."""
        zone = ZONE + "loop.example MX 10 here.example\nhere.example A 127.0.0.1\n"
        machine = evolve(address.theMachine(), resolver=StaticResolver(zone))
        self.patch(address, "theMachine", lambda: machine)
        self.file.write_text(SENDING)
        [*_, last] = self.run_("x@loop.example").out.splitlines()
        self.assertEqual(last, "     never: here.example is this server")

    def test_relayed(self) -> None:
        """To a domain that is relayed everybody may send, to whom there is."""
        listed = self.file.parent / "list"
        listed.write_text("ann@branch.example\n")
        self.file.write_text(
            "[relay]\ndomains = ['branch.example']\nrecipients_file = 'list'\n"
        )
        self.assertSaid(
            self.run_("--offline", "ann@branch.example"),
            "ann@branch.example",
            "  relayed: taken from everybody, and passed on",
            "  -> ann@branch.example: route branch.example, transport smtp",
        )
        # What is refused goes nowhere, so nobody is asked where that is.
        resolver = StaticResolver()
        machine = evolve(address.theMachine(), resolver=resolver)
        self.patch(address, "theMachine", lambda: machine)
        self.assertRefused(
            "eve@branch.example", "  refused: 550 5.1.1 No such recipient here"
        )
        self.assertEqual(resolver.asked, [])

    def test_broken(self) -> None:
        """An alias that is broken for this address only."""
        self.assertRefused(
            "x-y@example.org",
            f"  {self.aliases}:6: x-*: $1@nowhere.example",
            f"  the alias is broken: {self.aliases}:6: x-*: no route goes there:"
            " y@nowhere.example",
            "  refused: 451 4.3.5 Mail for that recipient cannot be taken now",
        )

    def test_elsewhere(self) -> None:
        """Mail for elsewhere is for those who may relay, if there is a route."""
        self.assertSaid(
            self.run_("a@partner.example"),
            "a@partner.example",
            "  not ours: taken only from those who may relay",
            "  -> a@partner.example: route partner.example, transport hold",
        )
        self.assertRefused(
            "a@example.net",
            "  not ours: taken only from those who may relay",
            "  refused: no route goes there",
        )

    def test_withoutConfiguration(self) -> None:
        """The first start takes mail for everybody at localhost."""
        ran = Terminal().run("address", "test", "anybody@localhost")
        self.assertEqual(ran.status, 0)
        self.assertIn("  -> anybody@localhost: route localhost, transport", ran.out)

    def test_badConfiguration(self) -> None:
        """What is wrong with the aliases is said as at a start."""
        self.aliases.write_text("a: b\nb: a\n")
        ran = self.run_("a@example.org")
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertIn(f"{self.aliases}:1: a: it leads to itself: a@", ran.err)

    def test_noAddress(self) -> None:
        """What is none is told so, and what may have been meant."""
        ran = self.run_("ann")
        said = (
            'smtpx: "ann": address without a domain; did you mean "ann@" and a domain?'
        )
        self.assertEqual((ran.status, ran.err), (1, f"{said}\n"))
        ran = self.run_("ann@a..b")
        self.assertNotIn("did you mean", ran.err)

    def test_noAddressAmongOthers(self) -> None:
        """One that is none does not keep what there is to say of the others."""
        ran = self.run_("ann", "nobody@elsewhere.example")
        self.assertEqual(ran.status, 1)
        self.assertIn("nobody@elsewhere.example\n", ran.out)
        self.assertIn('smtpx: "ann": address without a domain', ran.err)
        self.assertIn("; no mail is taken for nobody@elsewhere.example\n", ran.err)

    def test_help(self) -> None:
        """The help shows how the command is written."""
        ran = Terminal().run("address", "test", "--help")
        line = "Usage: smtpx address test [options] ADDRESS ...\n"
        self.assertTrue(ran.out.startswith(line), ran.out)

    def test_commandLine(self) -> None:
        """A command and an address are wanted."""
        for argv, said in (
            (["address"], "which command?  See 'smtpx address --help'"),
            (["address", "test"], "which address?"),
        ):
            ran = Terminal().run(*argv)
            self.assertEqual((ran.status, ran.err), (2, f"smtpx: {said}\n"))
