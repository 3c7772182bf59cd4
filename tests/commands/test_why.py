"""
Tests for L{smtpx.commands.why} and L{smtpx.commands.whyfacts}: where it is found out
what is known of a message.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from smtpx.commands import why, whyfacts
from smtpx.commands.console import Console
from smtpx.core.envelope import Stamp
from smtpx.core.errors import SMTPXError
from smtpx.core.queueprofile import DISCARDED, ORIGIN
from smtpx.knowledge.file import Change, KnowledgeFile
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.names import hostName
from smtpx.service.control import NoServer
from smtpx.spool.format import Fate, Outcome
from tests.shortpaths import shortFolder
from tests.spool.rig import NOW, SHORT, Rig, SpoolTestCase, envelope

from .terminals import Ran, Terminal

UNKNOWN = "1TPC6u-000000-1k"

CONFIGURATION = """
name = "mx.example.org"
state = "state"
[log]
json = "events.json"
main = "main.log"
[[retry]]
match = ["server.example"]
errors = ["greylisted"]
pauses = ["7 min"]
"""


class Server:
    """What stands for a server that runs."""

    def __init__(self, said: Mapping[str, object] | SMTPXError) -> None:
        self._said = said

    def __call__(self, path: Path) -> Server:
        """It is connected to."""
        return self

    def ask(
        self,
        wanted: str,
        fields: Mapping[str, object],
        part: Callable[[Mapping[str, object]], None],
    ) -> None:
        """It is asked."""
        if isinstance(self._said, SMTPXError):
            raise self._said
        part(self._said)

    def close(self) -> None:
        """It is let go."""


class WhyTestCase(SpoolTestCase):
    """A test of C{smtpx why}."""

    def setUp(self) -> None:
        """A server that has a spool, and does not run."""
        super().setUp()
        self.home = shortFolder(self)
        (self.home / "state").mkdir()
        self.folder = str(self.home / "state" / "spool")
        self.config = self.home / "smtpx.toml"
        self.config.write_text(CONFIGURATION)
        self.patch(why.WhyOptions, "now", staticmethod(lambda: NOW + 600))
        self.patch(why.WhyOptions, "zone", staticmethod(time.gmtime))
        self.patch(os, "environ", {**os.environ, "COLUMNS": "500"})

    def spool(self) -> Rig:
        """The spool, open."""
        stamps: Mapping[str, Stamp[Any]] = {
            ORIGIN.name: ORIGIN,
            DISCARDED.name: DISCARDED,
        }
        return self.rig(stamps=stamps)

    def why(self, id: str, *more: str) -> Ran:
        """Ask."""
        return Terminal().run("why", "-c", str(self.config), *more, id)

    def told(self, id: str) -> str:
        """What is said where all is well."""
        ran = self.why(id)
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out

    def deferred(self, rig: Rig, id: str) -> None:
        """A message is tried, and waits."""
        [message] = rig.wait(rig.spool.ready(NOW, 10))
        outcome = Outcome(0, Fate.WAITING, "451 4.7.1 Greylisted")
        rig.wait(rig.spool.settle(message, [outcome], due=NOW + 900))

    def log(self, **events: object) -> None:
        """An event is logged."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NOW))
        with open(self.home / "events.json", "a") as file:
            print(
                json.dumps({"time": at, "level": "info", **events})
                .replace('": ', '":')
                .replace(', "', ',"'),
                file=file,
            )

    def greylisted(self, id: str) -> None:
        """The log says how it went."""
        self.log(
            event="message.accepted",
            message=id,
            sender="a@client.example",
            recipients=["b@server.example"],
            octets=20,
            address="192.0.2.7",
        )
        self.log(
            event="message.deferred",
            message=id,
            recipient="b@server.example",
            cause="recipient",
            reply="451 4.7.1 Greylisted",
            text="451 4.7.1 Greylisted",
            host="mx.server.example",
            address="192.0.2.9",
            due=NOW + 900,
            took=0.25,
        )


class StoryTests(WhyTestCase):
    """What is told."""

    def test_waiting(self) -> None:
        """From the spool, the log, the rules and what is known of the host."""
        rig = self.spool()
        id = rig.put(SHORT)
        self.deferred(rig, id)
        self.greylisted(id)
        knowledge = MemoryKnowledge(lambda: NOW)
        hints = HostHints(knowledge, lambda: NOW)
        for host in (b"mx.server.example", b"other.example"):
            name = hostName(host, b"192.0.2.9", 25)
            hints.failed(name, "Connection refused", NOW, NOW + 1200)
        file = KnowledgeFile(str(self.home / "state" / "peers.sqlite"))
        for place, entry in knowledge:
            for record in entry.records:
                file.exchange({place: Change(records=(record,))}, {}, NOW)
        file.close()
        said = self.told(id)
        for each in (
            "Sat 22 Nov 2025\n",
            "It came from a@client.example for b@server.example, by [192.0.2.7]",
            "b@server.example: mx.server.example [192.0.2.9] did not take the",
            "which is greylisting",
            "What comes next\n  b@server.example waits for it; it was tried once.\n",
            "It is tried again at 03:08:20, in 5 min;",
            "where it wants us to come again (greylisting), are 7 min.",
            "it is given up on Thu 27 Nov at 02:53:20, in 4 d 23 h: 5 d after",
            "mx.server.example [192.0.2.9] failed once since 02:53:20 (Connection",
            "No server runs",
        ):
            self.assertIn(each, said)
        self.assertNotIn("other.example", said)

    def test_withoutLogs(self) -> None:
        """The spool alone says less."""
        rig = self.spool()
        id = rig.put(SHORT, b"b@server.example", b"c@server.example")
        said = self.told(id)
        self.assertIn("It came from a@client.example for b@server.example and", said)
        self.assertIn("it was never tried", said)
        self.assertNotIn("pauses", said)

    def test_aliases(self) -> None:
        """Who is thrown away does not wait; who has it is told."""
        rig = self.spool()
        incoming = rig.spool.begin()
        incoming.write(SHORT)
        to = envelope(b"b@server.example", b"c@server.example", b"d@server.example")
        to.recipients[0].stamps[DISCARDED] = True
        to.recipients[1].stamps[ORIGIN] = b"team@server.example"
        rig.wait(incoming.commit(to, b"", False))
        [message] = rig.wait(rig.spool.ready(NOW, 10))
        outcomes = [Outcome(2, Fate.DELIVERED)]
        rig.wait(rig.spool.settle(message, outcomes, due=NOW + 900))
        read = json.loads(self.why(incoming.id, "--json").out)
        [waiting] = read["spool"]["waiting"]
        self.assertEqual(waiting["recipient"], "c@server.example")
        self.assertEqual(waiting["original"], "team@server.example")
        self.assertEqual(read["spool"]["settled"], [["d@server.example", "delivered"]])

    def test_beyondASCII(self) -> None:
        """An address that is not ASCII is the same in spool and log."""
        rig = self.spool()
        id = rig.put(SHORT, "b\u00f6b@server.example".encode())
        self.deferred(rig, id)
        self.log(
            event="message.deferred",
            message=id,
            recipient="b\u00f6b@server.example",
            cause="connect",
            text="Connection refused",
        )
        self.assertIn("where a host refuses the connection", self.told(id))

    def test_held(self) -> None:
        """It is on hold, and how that ends."""
        rig = self.spool()
        id = rig.put(SHORT)
        rig.wait(rig.spool.hold([id], "a look"))
        self.assertIn(
            f'a look.  It is tried again when somebody releases it: "smtpx'
            f' queue release {id}"',
            self.told(id),
        )

    def test_gone(self) -> None:
        """Of one that is gone, the logs tell; a search ends where its story does."""
        self.greylisted(UNKNOWN)
        self.log(event="message.completed", message=UNKNOWN, seconds=60)
        self.log(event="message.held", message=UNKNOWN, reason="never")
        said = self.told(UNKNOWN)
        self.assertIn("Nobody waited for it any more", said)
        self.assertNotIn("never", said)

    def test_mainLog(self) -> None:
        """Where there is no log of events, the main log does."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW))
        lines = (
            f"{at} {UNKNOWN} <= a@client.example H=[192.0.2.7] P=esmtp S=20",
            f"{at} {UNKNOWN} == b@x.example R=* T=smtp defer (-44) H=mx [192.0.2.9]:"
            " SMTP error from remote mail server after RCPT TO:<b@x.example>: 550-No"
            "\\n550 5.1.1 No",
        )
        (self.home / "main.log").write_text("\n".join(lines) + "\n")
        said = self.told(UNKNOWN)
        self.assertIn(
            'did not take the recipient: it said "550-No / 550 5.1.1 No"', said
        )
        self.assertIn("the log does not say how it ended", said)

    def test_json(self) -> None:
        """Facts and sentences, for programs."""
        rig = self.spool()
        id = rig.put(SHORT)
        self.deferred(rig, id)
        self.greylisted(id)
        read = json.loads(self.why(id, "--json").out)
        self.assertEqual((read["message"], read["known"]), (id, True))
        self.assertEqual(read["happenings"][1]["kind"], "attempted")
        self.assertEqual(read["happenings"][1]["fate"], "deferred")
        self.assertEqual(read["happenings"][1]["cause"], "recipient")
        self.assertEqual(read["spool"]["attempts"], 1)
        self.assertIs(read["running"], False)
        self.assertEqual(len(read["past"]), 2)
        self.assertTrue(read["next"][0].startswith("b@server.example waits"))

    def test_damaged(self) -> None:
        """What the spool has of it may be of no use."""
        rig = self.spool()
        id = rig.put(SHORT)
        rig.close()
        connection = sqlite3.connect(rig.path("spool.db"))
        connection.execute("UPDATE message SET envelope = '{'")
        connection.commit()
        connection.close()
        self.assertIn("What the spool has of it cannot be read", self.told(id))


class ServerTests(WhyTestCase):
    """What a server that runs says."""

    def test_underWay(self) -> None:
        """It has the message in its hands."""
        id = self.spool().put(SHORT)
        self.patch(whyfacts, "ControlClient", Server({"state": "under way"}))
        self.assertIn("It is being delivered at this moment.", self.told(id))

    def test_notThere(self) -> None:
        """It does not know it, or not any more."""
        id = self.spool().put(SHORT)
        self.patch(whyfacts, "ControlClient", Server(SMTPXError("no such message")))
        self.assertNotIn("No server runs", self.told(id))

    def test_noRights(self) -> None:
        """It may not be asked; the rest is told."""
        id = self.spool().put(SHORT)

        def refuse(path: Path) -> Server:
            raise SMTPXError("you may not")

        self.patch(whyfacts, "ControlClient", refuse)
        said = self.told(id)
        self.assertIn("What could not be read\n  you may not\n", said)
        self.assertNotIn("No server runs", said)

    def test_noControl(self) -> None:
        """Where there is no socket, nobody knows whether a server runs."""
        id = self.spool().put(SHORT)

        def refuse(path: Path) -> Server:
            raise NoServer("no")

        self.patch(whyfacts, "ControlClient", refuse)
        self.assertIn("No server runs", self.told(id))
        self.config.write_text(CONFIGURATION + "[control]\nenabled = false\n")
        self.assertNotIn("No server runs", self.told(id))


class TroubleTests(WhyTestCase):
    """What cannot be read."""

    def test_unknown(self) -> None:
        """Nobody knows it; it is told where was looked."""
        self.spool()
        (self.home / "main.log").write_text("\n")
        ran = self.why(UNKNOWN)
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertIn(f"there is no message {UNKNOWN}: it is not in the spool", ran.err)
        self.assertIn(str(self.home / "main.log"), ran.err)
        ran = self.why(UNKNOWN, "--json")
        self.assertEqual(json.loads(ran.out)["known"], False)
        self.assertEqual(ran.status, 1)

    def test_standardOutput(self) -> None:
        """Logs that go nowhere where they could be found."""
        text = CONFIGURATION.replace('"main.log"', '"-"')
        self.config.write_text(text.replace('"events.json"', '"-"'))
        said = self.why(UNKNOWN).err
        self.assertIn("the main log goes to standard output: look there", said)

    def test_files(self) -> None:
        """Files that cannot be read are named, and the rest is told."""
        rig = self.spool()
        id = rig.put(SHORT)
        self.deferred(rig, id)
        self.greylisted(id)
        (self.home / "state" / "peers.sqlite").write_bytes(b"x" * 5000)
        said = self.told(id)
        self.assertIn("What could not be read", said)
        self.assertIn("peers.sqlite", said)
        self.patch(os, "access", lambda path, mode: False)
        self.assertIn("you may not read it", self.told(id))

    def test_brokenLog(self) -> None:
        """A packed log that is not whole is named."""
        (self.home / "events.json.1.gz").write_bytes(b"x")
        self.assertIn("it cannot be unpacked", self.why(UNKNOWN).err)

    def test_foreignSpool(self) -> None:
        """A file of another version is left alone, and named."""
        rig = self.spool()
        rig.close()
        with open(rig.path("spool.db"), "wb") as file:
            file.write(b"x" * 5000)
        self.assertIn("spool.db: no SQLite file", self.why(UNKNOWN).err)

    def test_commandLine(self) -> None:
        """Ids that are none, and configurations that are of no use."""
        self.assertIn("that is no id of a message", self.why("hello").err)
        self.assertEqual(Terminal().run("why").status, 2)
        self.config.write_text("nonsense = 1\n")
        self.assertEqual(self.why(UNKNOWN).status, 1)


class ProgressTests(WhyTestCase):
    """Who waits is told how far it is."""

    def test_progress(self) -> None:
        """After a second, and not too often; to nobody who is not there."""
        now = [0.0]
        for interactive in (True, False):
            err = StringIO()
            console = Console(StringIO(), err, lambda: b"", str, interactive)
            progress = why.Progress(console, lambda: now[0])
            for seconds, octets in ((0.0, 10), (0.5, 20), (1.5, 30), (3.0, 0)):
                now[0] = seconds
                progress(Path("x/main.log"), octets, 100)
            progress.end()
            shown = err.getvalue().replace("\x1b[K", "").split("\r")
            expected = ["", "looking through main.log 30 %"]
            expected += ["looking through main.log", ""]
            self.assertEqual(shown, expected if interactive else [""])
