"""
Tests for L{smtpx.service.control.importverbs}.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping

from attrs import evolve
from twisted.internet.defer import Deferred, succeed

from smtpx.core.errors import Malformed
from smtpx.service.control.exchange import Exchange, Refused
from smtpx.service.control.importverbs import ImportVerbs
from smtpx.service.control.wire import Kind
from smtpx.service.wiring import importing
from tests.service.made import HouseTestCase
from tests.service.test_watchedfolder import ID, MESSAGE, lay

ME = pwd.getpwuid(os.geteuid()).pw_name


class ImportVerbsTests(HouseTestCase):
    """Who wants messages taken in."""

    def setUp(self) -> None:
        """A server, and a folder of Exim's."""
        super().setUp()
        self.folder = self.site.folder / "exim"
        self.folder.mkdir()
        self.parts: list[Mapping[str, object]] = []
        self.told: list[Mapping[str, object]] = []
        made: list[ImportVerbs] = []

        def making(*arguments: object) -> ImportVerbs:
            made.append(ImportVerbs(*arguments))  # type: ignore[arg-type]  # as given
            return made[-1]

        self.patch(importing, "ImportVerbs", making)
        self.start()
        [self.verbs] = made

    def send(self, part: Mapping[str, object]) -> Deferred[None]:
        """Note a part of the answer."""
        self.parts.append(part)
        return succeed(None)

    def ask(self, by: str = ME, **fields: object) -> Deferred[Mapping[str, object]]:
        """Ask for it."""
        exchange = Exchange(fields, by, self.send, self.told.append)
        verb = self.verbs.verbs()["spool.import"]
        return Deferred.fromCoroutine(verb(exchange))  # type: ignore[arg-type]  # is one

    def test_taken(self) -> None:
        """Each message of Exim's is a part, and delivered at once."""
        lay(self.folder)
        lay(self.folder, evolve(MESSAGE, id="2" + ID[1:]))
        (self.folder / f"{ID}-D").unlink()
        done = self.successResultOf(self.ask(folder=str(self.folder), remove=True))
        self.assertEqual(done, {"looked": 2, "done": 1})
        self.assertEqual([each["status"] for each in self.parts], ["failed", "taken"])
        self.assertEqual(self.told[-1], {"looked": 2, "done": 1})
        self.assertEqual(len(self.site.inboxes()), 1)
        self.assertEqual(os.listdir(self.folder), [f"{ID}-H"])

    def test_stays(self) -> None:
        """Files stay unless it is said."""
        lay(self.folder)
        for status in ("taken", "before"):
            self.successResultOf(self.ask(folder=str(self.folder)))
            self.assertEqual(self.parts[-1]["status"], status)
        self.assertEqual(len(os.listdir(self.folder)), 2)

    def test_rights(self) -> None:
        """Others who look after the queue may not send mail from anybody."""
        error = self.failureResultOf(
            self.ask("somebody", folder=str(self.folder)), Refused
        ).value
        self.assertIs(error.kind, Kind.RIGHTS)

    def test_nowhere(self) -> None:
        """A folder that is not there is named."""
        error = self.failureResultOf(self.ask(folder="/nowhere"), Refused).value
        self.assertEqual(str(error), "/nowhere: No such file or directory")

    def test_nonsense(self) -> None:
        """What is not known, or makes no sense, is refused."""
        for fields in (
            {"folder": "relative"},
            {"folder": str(self.folder), "remove": 1},
            {"folder": str(self.folder), "quickly": True},
            {},
        ):
            self.failureResultOf(self.ask(**fields), Malformed)
