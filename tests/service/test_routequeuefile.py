"""
Tests for L{smtpx.service.tables.routequeuefile}: what a route with the transport
C{queuefile} takes, and a house that has one.
"""

from __future__ import annotations

import os

from smtpx.service.spelling import shown
from smtpx.service.wiring.destinations import Destinations
from smtpx.spool.eximreader import parseHeaderFile

from .made import FOUND, HouseTestCase, send
from .test_routes import RouteTestCase

ROUTE = "[[route]]\nmatch = ['*']\ntransport = 'queuefile'\n"


class DirectoryTests(RouteTestCase):
    """The option C{directory}."""

    def test_good(self) -> None:
        """A folder that is there, or one for each domain."""
        folder = self.site.folder / "queue"
        folder.mkdir()
        for directory in (str(folder), "/q/{domain}/{sender_domain}/{{x}}"):
            self.assertEqual(self.faults(ROUTE + f"directory = '{directory}'\n"), [])

    def test_missing(self) -> None:
        """It has to be said where to."""
        [fault] = self.faults(ROUTE)
        self.assertIn('the transport "queuefile" wants a directory', fault)

    def test_bad(self) -> None:
        """What is not absolute, or leads elsewhere, or cannot be filled in."""
        for directory, said in (
            ("queue", '"queue" is not absolute; it has to begin with "/"'),
            ("{domain}/x", '"{domain}/x" is not absolute; it has to begin with "/"'),
            ("~/queue", '"~/queue" is not absolute; it has to begin with "/"'),
            ("/queue/../x", '"/queue/../x" has ".." in it, which leads elsewhere'),
            ("/queue/{helo}", '"{helo}" is none of {local}, {user}, {domain}, '),
            ("", "the path of a folder is not to be empty"),
        ):
            found = self.faults(ROUTE + f"directory = '{directory}'\n")
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith(":4: route[0].directory: "), found)
            self.assertIn(said, found[0])
        [fault] = self.faults(ROUTE + "directory = 7\n")
        self.assertIn('expected the path of a folder such as "/var/spool/scan', fault)

    def test_everyOtherOption(self) -> None:
        """Options of other transports are refused, each with its line."""
        for option in ("path = '/x'", "hosts = ['a.example']", "tls = 'verified'"):
            found = self.faults(ROUTE + f"directory = '/queue/{{user}}'\n{option}\n")
            self.assertEqual(len(found), 1, found)
            self.assertIn(":5: route[0].", found[0])
            self.assertIn('and the transport is "queuefile"', found[0])

    def test_elsewhere(self) -> None:
        """No other transport has it."""
        [fault] = self.faults("[[route]]\nmatch = ['*']\ndirectory = '/queue'\n")
        self.assertIn('this is for "queuefile", and the transport is "mai', fault)

    def test_notThere(self) -> None:
        """The check tells of a folder that is not there."""
        path = self.site.folder / "queue"
        [fault] = self.faults(ROUTE + f"directory = '{path}'\n")
        self.assertEqual(
            fault, f":4: route[0].directory: {path}: there is no such folder"
        )

    def test_spelled(self) -> None:
        """The configuration in use can be printed, and read again."""
        text = ROUTE + "directory = '/queue/{domain}'\n"
        self.assertIn(
            'directory = "/queue/{domain}"',
            "\n".join(shown(self.read(text), FOUND, True)),
        )

    def test_toldBefore(self) -> None:
        """Whoever asks where mail for an address goes is told the folder."""
        text = ROUTE + "directory = '/queue/{domain}/{sender_domain}'\n"
        destinations = Destinations(self.site.machine, self.read(text))
        [found] = destinations.find(b"x@localhost", b"a@c.example").destinations
        self.assertEqual(str(found.folder), "/queue/localhost/c.example")
        self.assertIsNone(found.entry)


class HouseTests(HouseTestCase):
    """A server that hands mail to Exim."""

    def test_handsOver(self) -> None:
        """A message that is taken is in the folder, and not in the spool any more."""
        folder = (self.site.folder / "queue").absolute()
        folder.mkdir()
        route = {"match": ["*"], "transport": "queuefile", "directory": str(folder)}
        self.start(route=[route])
        self.assertEqual(send(self.site.call(), b"x@localhost")[:3], b"250")
        names = sorted(os.listdir(folder))
        self.assertEqual([name[-2:] for name in names], ["-D", "-H"])
        found = parseHeaderFile((folder / names[1]).read_bytes())
        self.assertEqual([each.path for each in found.recipients], [b"x@localhost"])
        self.assertEqual(self.site.spools[0].kept, {})
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(" => x <x@localhost> R=* T=queuefile\n", log)
