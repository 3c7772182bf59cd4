"""
Tests for L{smtpx.service.places}.
"""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.places import checkPlaces, whoIsThis

from .made import site


class PlacesTests(SynchronousTestCase):
    """What cannot be written to, on a machine where not everything can."""

    def setUp(self) -> None:
        """A machine, and the system's answers, for root may do everything."""
        self.site = site(self.mktemp())
        self.closed: set[Path] = set()
        asked = os.access

        def access(path: str | Path, mode: int) -> bool:
            if Path(path) in self.closed and mode & os.W_OK:
                return False
            return asked(path, mode)

        self.patch(os, "access", access)

    def check(self, **values: object) -> list[str]:
        """The problems, without the folder's name."""
        found = checkPlaces(self.site.read(values))
        folder = f"{self.site.folder}/"
        me = f" by {whoIsThis()}"
        texts = [str(each).replace(me, "") for each in found]
        return [text.replace(folder, "") for text in texts]

    def close(self, name: str, *, folder: bool = False) -> None:
        """Something that is there and not ours."""
        path = self.site.folder / name
        (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
        if not folder:
            path.touch()
        self.closed.add(path)

    def test_ours(self) -> None:
        """A server that ran before leaves nothing that it could not use again."""
        self.assertEqual(self.check(), [])
        for name in ("spool/1/spool.db", "tls/key.pem", "Maildir/new/1", "main.log"):
            path = self.site.folder / "state" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        self.assertEqual(self.check(), [])

    def test_state(self) -> None:
        """What somebody else has left in the state folder is found; one is told."""
        for name, folder in (
            ("state/main.log", False),
            ("state/spool", True),
            ("state/spool/1", True),
            ("state/spool/1/spool.db", False),
            ("state/tls", True),
            ("state/Maildir/new", True),
        ):
            self.closed.clear()
            self.close(name, folder=folder)
            [problem] = self.check()
            self.assertEqual(
                problem, f"configuration: state: {name} cannot be written to"
            )
        self.close("state/main.log")
        self.assertEqual(len(self.check()), 1)
        self.closed = {self.site.folder / "state/main.log"}
        self.assertEqual(self.check(log={"main": "-"}), [])

    def test_drop(self) -> None:
        """The folder of what users submit, and who may do that."""
        drop = {"folder": str(self.site.folder / "drop")}
        self.assertEqual(self.check(sendmail=drop), [])
        self.close("drop", folder=True)
        self.assertEqual(
            self.check(sendmail=drop),
            ["configuration: sendmail.folder: drop cannot be written to"],
        )
        self.assertEqual(self.check(sendmail=drop | {"enabled": False}), [])
        where = "configuration: sendmail.group: "
        self.assertEqual(
            self.check(sendmail={"group": "nobody-at-all"}),
            [f'{where}there is no group "nobody-at-all"'],
        )
        ours = (os.getegid(), *os.getgroups())
        other = next(each for each in grp.getgrall() if each.gr_gid not in ours)
        self.assertEqual(
            self.check(sendmail={"group": grp.getgrgid(os.getegid()).gr_name}), []
        )
        self.patch(os, "geteuid", lambda: 12345)
        [problem] = self.check(sendmail={"group": other.gr_name})
        self.assertIn(f'is not in the group "{other.gr_name}"', problem)

    def test_peers(self) -> None:
        """The file of what is known of peers has to be ours, if it is there."""
        self.close("state/peers.sqlite")
        text = "configuration: state: state/peers.sqlite cannot be written to"
        self.assertEqual(self.check(), [text])
        self.assertEqual(self.check(peers={"persistent": False}), [])
        file = self.site.folder / "known/peers.sqlite"
        path = "configuration: peers.file: "
        peers = {"file": file}
        self.assertEqual(self.check(peers=peers), [path + "there is no folder known"])
        self.close("known/peers.sqlite")
        text = path + "known/peers.sqlite cannot be written to"
        self.assertEqual(self.check(peers=peers), [text])
        self.closed.clear()
        self.assertEqual(self.check(peers=peers), [])

    def test_deep(self) -> None:
        """Messages in a Maildir are not looked at: there may be many."""
        self.close("state/Maildir/new/1")
        self.assertEqual(self.check(), [])

    def test_closedState(self) -> None:
        """A state folder that cannot be written to is told once."""
        self.close("state", folder=True)
        self.close("state/main.log")
        self.assertEqual(
            self.check(), ["configuration: state: state cannot be written to"]
        )

    def test_logs(self) -> None:
        """A log that is there has to be ours; one that is not, its folder."""
        self.close("log/main.log")
        self.close("closed", folder=True)
        self.assertEqual(
            self.check(
                log={
                    "main": self.site.folder / "log/main.log",
                    "json": self.site.folder / "closed/events.json",
                }
            ),
            [
                "configuration: log.main: log/main.log cannot be written to",
                "configuration: log.json: closed cannot be written to",
            ],
        )
        (self.site.folder / "closed/events.json").touch()
        both = {"json": self.site.folder / "closed/events.json", "main": "-"}
        self.assertEqual(self.check(log=both), [])

    def test_sockets(self) -> None:
        """The file of a UNIX socket can be made."""
        self.close("run", folder=True)
        listeners = [
            {"endpoint": f"unix:{self.site.folder}/run/a.sock:mode=660"},
            {"endpoint": f"unix:address={self.site.folder}/no/a.sock"},
            {"endpoint": f"unix:{self.site.folder}/a.sock"},
            {"endpoint": "unix:run/a.sock"},
            {"endpoint": "tcp:25"},
            {"port": 25},
        ]
        self.assertEqual(
            self.check(listener=listeners),
            [
                "configuration: listener[0].endpoint: run cannot be written to",
                "configuration: listener[1].endpoint: there is no folder no",
            ],
        )

    def test_routes(self) -> None:
        """The one Maildir of a route is looked at, those of recipients are not."""
        self.close("mail", folder=True)
        routes = [
            {"match": ["a.example"], "path": self.site.folder / "mail"},
            {"match": ["b.example"], "path": f"{self.site.folder}/mail/{{user}}"},
            {"match": ["*"]},
        ]
        self.assertEqual(
            self.check(route=routes),
            ["configuration: route[0].path: mail cannot be written to"],
        )

    def test_fileInTheWay(self) -> None:
        """Nor can a Maildir be made below a file, whosever it is."""
        (self.site.folder / "file").write_text("")
        path = f"{self.site.folder}/file/{{domain}}/{{user}}"
        self.assertEqual(
            self.check(route=[{"match": ["*"], "path": path}]),
            ["configuration: route[0].path: file is not a folder"],
        )

    def test_names(self) -> None:
        """Who is meant is told by name, or by number where there is none."""
        self.assertEqual(whoIsThis(), pwd.getpwuid(os.getuid()).pw_name)
        self.patch(os, "getuid", lambda: 2**31 - 3)
        self.assertEqual(whoIsThis(), "the user 2147483645")
