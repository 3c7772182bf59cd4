"""
Tests for routes that run commands: the options of L{smtpx.service.tables.routepipe},
what L{smtpx.service.pipecheck} finds, and what L{smtpx.service.wiring.pipes} makes.
"""

from __future__ import annotations

import os
import pwd

from twisted.internet.task import Clock

from smtpx.core.errors import UsageError
from smtpx.core.hooks import Action
from smtpx.queue.commandline import CommandLine
from smtpx.queue.commandrun import RunAs, RunBounds
from smtpx.queue.exitstatus import TEMPORARY, Crashed, Reading
from smtpx.queue.interfaces import IRelay
from smtpx.queue.mailbox import LineEnds
from smtpx.queue.pipe import Pipe, Piping
from smtpx.service.config import Configuration
from smtpx.service.machine import Machine
from smtpx.service.tables import RouteEntry
from smtpx.service.wiring.hops import keepsRequireTLS
from smtpx.service.wiring.pipes import pipeMaker, piping, runsAs
from smtpx.service.wiring.routes import PlannedTransport, localRoutes

from .test_routes import RouteTestCase

#: A route that runs something, with whatever comes behind it.
PIPE = "[[route]]\nmatch = ['*']\ntransport = 'pipe'\n"
TRUE = f"{PIPE}command = ['/bin/true']\n"

#: Users that every Debian has.
NOBODY, GAMES = pwd.getpwnam("nobody"), pwd.getpwnam("games")


class PipeTestCase(RouteTestCase):
    """A machine on which the server is not root."""

    def setUp(self) -> None:
        """It is whoever owns next to nothing."""
        super().setUp()
        self.become(NOBODY)

    def become(self, account: pwd.struct_passwd) -> None:
        """Be somebody, as far as the server sees."""
        self.patch(os, "geteuid", lambda: account.pw_uid)
        self.patch(os, "getegid", lambda: account.pw_gid)

    def entry(self, text: str) -> RouteEntry:
        """A route that is right."""
        [entry] = self.read(PIPE + text).routes or ()
        return entry

    def piping(self, text: str) -> Piping:
        """What is made of a route."""
        configuration = self.read(PIPE + text)
        [entry] = configuration.routes or ()
        return piping(configuration, "mx.example.org", entry)


class OptionsTests(PipeTestCase):
    """What a route into a command takes."""

    def test_nothingButACommand(self) -> None:
        """All else is as usual."""
        self.assertEqual(self.faults(TRUE), [])
        found = self.piping("command = ['/bin/true', '{user}']")
        who = ((b"HOME", NOBODY.pw_dir.encode()), (b"LOGNAME", b"nobody"))
        self.assertEqual(
            found,
            Piping(
                CommandLine(("/bin/true", "{user}"), home=b"mx.example.org"),
                (*who, (b"USER", b"nobody")),
                bounds=RunBounds(3600.0, 1 << 20),
                reading=Reading(frozenset(TEMPORARY)),
            ),
        )

    def test_everything(self) -> None:
        """Each option gets where it belongs."""
        folder = self.site.folder
        text = (
            "command = ['/bin/true', '{recipients}']\nenvironment = ['A=b={id}']\n"
            f"working_folder = '{folder}'\numask = '0027'\nfinal_delivery = false\n"
            "from_line = true\nbatch_max = 20\nconcurrency = 3\nline_ends = 'crlf'\n"
            "time_limit_seconds = '5 min'\noutput_octets = '20 KiB'\n"
            "temporary_statuses = [1, 255]\non_crash = 'fail'\nreturn_output = true\n"
            "user = 'nobody'\n[local]\ntag_separators = '-'\n"
        )
        self.assertEqual(self.faults(PIPE + text), [])
        found = self.piping(text)
        self.assertEqual(
            found,
            Piping(
                CommandLine(
                    ("/bin/true", "{recipients}"),
                    ("A=b={id}",),
                    several=True,
                    home=b"mx.example.org",
                    separators=b"-",
                ),
                found.who,
                str(folder),
                0o027,
                None,
                LineEnds.CRLF,
                True,
                False,
                20,
                RunBounds(300.0, 20 << 10),
                Reading(frozenset((1, 255)), Crashed.FAIL, True),
            ),
        )

    def test_withoutACommand(self) -> None:
        """It cannot do without."""
        self.assertEqual(
            self.faults(PIPE), [":1: route[0].command: there is no command"]
        )

    def test_useless(self) -> None:
        """What is wrong is told with its line."""
        for text, fault in [
            (
                "command = ['procmail']",
                'command: "procmail" has to be a path from the root on',
            ),
            (
                "command = ['/bin/true', '{username}']",
                'command: "{username}": "{username}" is none of {sender}, {id},'
                " {local}, {user}, {tag}, {domain}, {address}, {original},"
                " {recipients}",
            ),
            (
                "command = ['/bin/true', '{user}']\nbatch_max = 2",
                'command: "{user}" is not the same for several recipients;'
                " {recipients} is all of them",
            ),
            (
                "command = ['/bin/true']\nenvironment = ['x']",
                'environment: expected NAME=value, got "x"',
            ),
            (
                "command = ['/bin/true']\numask = '9'",
                'umask: expected octal digits such as "077", got "9"',
            ),
            (
                "command = ['/bin/true']\ntemporary_statuses = [75, 0]",
                "temporary_statuses: 0 is no exit status of a failure (1 to 255)",
            ),
            (
                "command = ['/bin/true']\ngroup = 'mail'",
                "group: a group is of no use without a user",
            ),
        ]:
            [found] = self.faults(f"{PIPE}{text}\n")
            self.assertRegex(found, r"^:\d: route\[0\]\.")
            self.assertTrue(found.endswith(f"route[0].{fault}"), found)

    def test_ofOthers(self) -> None:
        """An option of a command is of no use to a Maildir."""
        for option in ("command = ['/bin/true']", "umask = '022'", "batch_max = 2"):
            [found] = self.faults(f"[[route]]\nmatch = ['*']\n{option}\n")
            self.assertIn('this is for "pipe", and the transport is "maildir"', found)
        [found] = self.faults(f"{TRUE}path = 'x'\n")
        self.assertIn('this is for "maildir", and the transport is "pipe"', found)

    def test_lineEnds(self) -> None:
        """Programs want LFs, and a Maildir has what came."""
        self.assertIs(self.entry("command = ['/x']").wishedLineEnds, LineEnds.LF)
        self.assertIs(RouteEntry(("*",)).wishedLineEnds, LineEnds.CRLF)
        entry = RouteEntry(("*",), lineEnds=LineEnds.LF)
        self.assertIs(entry.wishedLineEnds, LineEnds.LF)


class WhoTests(PipeTestCase):
    """As whom a command runs."""

    def refused(self, text: str) -> str:
        """Why it runs as nobody; C{--check} has the same."""
        entry = self.entry(f"command = ['/bin/true']\n{text}")
        why = str(self.assertRaises(UsageError, runsAs, entry))
        key = "user" if entry.user else "command"
        self.assertIn(
            f"route[0].{key}: {why}",
            "".join(self.faults(f"{TRUE}{text}")),
        )
        return why

    def test_asTheServer(self) -> None:
        """Where nothing is said, or the same."""
        for text in ("", "user = 'nobody'", "user = 'nobody'\ngroup = 'nogroup'"):
            entry = self.entry(f"command = ['/bin/true']\n{text}")
            self.assertEqual(runsAs(entry), (NOBODY, None))

    def test_anotherUser(self) -> None:
        """Only root can become somebody."""
        why = "the server is not root when it runs this, so it cannot become"
        self.assertEqual(self.refused("user = 'games'"), f'{why} "games"')
        self.assertEqual(
            self.refused("user = 'nobody'\ngroup = 'games'"), f'{why} "nobody, games"'
        )

    def test_nobodyOfThatName(self) -> None:
        """A user that there is not is told."""
        self.assertEqual(
            self.refused("user = 'no-such-user'"), 'there is no user "no-such-user"'
        )
        self.assertEqual(
            self.refused("user = 'nobody'\ngroup = 'no-such-group'"),
            'there is no group "no-such-group"',
        )

    def test_root(self) -> None:
        """A server that is root becomes somebody, and never runs a command as root."""
        self.patch(os, "geteuid", lambda: 0)
        entry = self.entry("command = ['/bin/true']\nuser = 'games'\ngroup = 'mail'")
        account, runAs = runsAs(entry)
        assert runAs is not None
        self.assertEqual(account, GAMES)
        self.assertEqual((runAs.uid, runAs.gid), (GAMES.pw_uid, 8))
        self.assertIn(8, runAs.groups)
        self.assertNotIn(0, runAs.groups)
        self.assertIsInstance(runAs, RunAs)
        self.assertEqual(
            self.refused(""),
            "the server is root, and a command may not be: give a user",
        )
        self.assertEqual(self.refused("user = 'root'"), "a command may not be root")

    def test_userWithoutAName(self) -> None:
        """In a container the number of the server's user may be nobody's."""
        self.patch(os, "geteuid", lambda: 4_000_111)
        self.assertEqual(runsAs(self.entry("command = ['/bin/true']")), (None, None))
        self.assertEqual(self.piping("command = ['/bin/true']").who, ((b"HOME", b"/"),))


class CheckTests(PipeTestCase):
    """What C{--check} tries."""

    def test_program(self) -> None:
        """It is there, a file, and may be run."""
        plain = self.site.folder / "plain"
        plain.write_text("x")
        plain.chmod(0o644)
        for program, fault in [
            ("/no/such", "[Errno 2] No such file or directory: '/no/such'"),
            (self.site.folder, f"{self.site.folder} is not a file"),
            (plain, f"{plain} cannot be run by "),
        ]:
            [found] = self.faults(f"{PIPE}command = ['{program}', 'x']\n")
            self.assertIn(f":4: route[0].command: {fault}", found)

    def test_workingFolder(self) -> None:
        """It is there, and a folder."""
        for folder, fault in [
            ("/no/such", "[Errno 2] No such file or directory: '/no/such'"),
            ("/bin/true", "[Errno 20] Not a directory: '/bin/true'"),
        ]:
            [found] = self.faults(f"{TRUE}working_folder = '{folder}'\n")
            self.assertIn(f":5: route[0].working_folder: {fault}", found)

    def test_notToBeEntered(self) -> None:
        """A folder of somebody else's is told, too."""
        self.patch(os, "access", lambda path, mode: "inside" not in str(path))
        folder = self.site.folder / "inside"
        folder.mkdir()
        [found] = self.faults(f"{TRUE}working_folder = '{folder}'\n")
        self.assertIn(f"working_folder: {folder} cannot be entered by ", found)


class MakerTests(PipeTestCase):
    """What a server has for it."""

    def test_transport(self) -> None:
        """A pipe of the width that is wished."""
        text = "command = ['/bin/true']\nconcurrency = 3\nfinal_delivery = false\n"
        configuration = self.read(PIPE + text)
        [entry] = configuration.routes or ()
        make = pipeMaker(Machine(Clock()), configuration, "mx.example.org")
        made = make("pipe2", entry)
        assert isinstance(made, Pipe)
        self.assertTrue(IRelay.providedBy(made))
        self.assertEqual(
            (made.name, made.width, made.reports), ("pipe2", 3, Action.RELAYED)
        )

    def test_requireTLS(self) -> None:
        """Only a command that is the end of the way keeps what REQUIRETLS demands."""
        for text, keeps in (("", True), ("final_delivery = false", False)):
            entry = self.entry(f"command = ['/bin/true']\n{text}")
            self.assertIs(keepsRequireTLS(Configuration(), [entry]), keeps)

    def test_onlyLooked(self) -> None:
        """Who only looks runs nothing."""
        configuration = self.read(TRUE)
        routes = localRoutes(configuration, "mx", self.fail, lambda: 0.0)
        route = routes.find(b"ann@x", b"")
        assert route is not None
        self.assertIsInstance(route.transport, PlannedTransport)
