"""
Tests for L{smtpx.commands.queueactions}, on a queue in memory.
"""

from __future__ import annotations

import json

from smtpx.commands.queuereach import Fields, IdleQueue, Told, unheard
from smtpx.core.queueprofile import QUARANTINED
from smtpx.service.control import Refused
from smtpx.service.control.wire import Kind
from smtpx.spool.format import Fate, Outcome
from smtpx.testing.spool import memoryID

from .queues import QueueCase
from .terminals import Terminal


class ActionTests(QueueCase):
    """What changes messages."""

    def test_everythingHasToBeSaid(self) -> None:
        """Nobody means every message by saying nothing."""
        self.put()
        for what in ("retry", "hold", "release", "bounce", "remove"):
            self.assertIn("which messages?", self.failed(what, status=2))
        self.failed("remove", "--all", memoryID(1), status=2)
        self.assertEqual(len(self.spool.kept), 1)

    def test_retry(self) -> None:
        """They are tried, now or when there is a server."""
        id = self.put()
        self.settle(id, 5000.0, Outcome(0, Fate.WAITING, "no"))
        self.assertEqual(self.said("retry", id), ["1 message tried now"])
        self.assertEqual(self.spool.kept[id].due, self.clock.seconds())
        self.queue = IdleQueue(self.verbs, "joe")
        self.assertEqual(
            self.said("retry", "--all"), ["1 message tried when the server starts"]
        )

    def test_holdAndRelease(self) -> None:
        """With a note, and by whom."""
        id = self.put()
        self.assertEqual(
            self.said("hold", id, "--note", "spam?"), ["1 message on hold"]
        )
        self.assertEqual(self.spool.kept[id].note, "spam?")
        self.assertEqual(self.said("hold", id), ["0 messages on hold"])
        self.assertEqual(self.said("release", "--state=held"), ["1 message off hold"])
        told = [each for each in self.journal.told if each[0] in ("held", "released")]
        self.assertEqual([each[2] for each in told], ["joe", "joe"])

    def test_releaseOfWhatIsInQuarantine(self) -> None:
        """It is kept, unless it is meant; and how to mean it is said."""
        id = self.put()
        self.spool.kept[id].envelope.stamps[QUARANTINED] = True
        self.spool.hold([id], "DMARC")
        (line, *_) = self.said("list")
        self.assertIn("in quarantine: DMARC", line)
        self.assertIn("  state: in quarantine: DMARC", self.said("show", id))
        self.assertEqual(
            self.said("release", "--all"),
            [
                "0 messages off hold",
                "1 message kept, in quarantine: name them, or say --state quarantined",
            ],
        )
        self.assertEqual(
            self.said("release", "--state=quarantined"), ["1 message off hold"]
        )

    def test_underWay(self) -> None:
        """What is being delivered is done with later, and that is said."""
        id = self.put()
        self.spool.claim(id)
        self.assertEqual(
            self.said("hold", id),
            [
                "0 messages on hold",
                "1 message being delivered just now: on hold when that attempt is over,"
                " if anything is left then",
            ],
        )

    def test_bounce(self) -> None:
        """Senders are told, with why; who cannot be told is said."""
        id, lost = self.put(), self.put(sender=b"x@nowhere")
        ran = self.said("bounce", id, lost, "--why", "moved away")
        self.assertEqual(
            ran, ["1 message returned", "1 message kept, on hold: nobody could be told"]
        )
        [report] = [m for m in self.spool.kept if m not in (id, lost)]
        self.assertIn(b"moved away", self.spool.whole(report))

    def test_lines(self) -> None:
        """What is for the log or the sender is one line."""
        self.failed("bounce", "--all", "--why", "a\nb", status=2)
        self.failed("hold", "--all", "--note", "\x1b", status=2)

    def test_remove(self) -> None:
        """One that was named is removed without a question, or several."""
        ids = [self.put(), self.put()]
        self.assertEqual(self.said("remove", *ids), ["2 messages removed"])
        self.assertEqual(self.spool.kept, {})

    def test_asked(self) -> None:
        """Of several that were not named it asks first."""
        for _ in range(3):
            self.put()
        self.terminal.line = b"yes\n"
        ran = self.run_("remove", "--all")
        self.assertEqual(
            (ran.status, ran.err),
            (
                1,
                "3 messages (78 octets) would be removed.  Type 3 to go on: "
                "smtpx: nothing was done\n",
            ),
        )
        self.assertEqual(len(self.spool.kept), 3)
        self.terminal.line = b"3\n"
        ran = self.run_("remove", "--domain", "a.example")
        self.assertEqual((ran.status, ran.out), (0, "3 messages removed\n"))
        self.put()
        self.assertEqual(self.said("remove", "--all"), ["1 message removed"])

    def test_nobodyToAsk(self) -> None:
        """A script has to say so."""
        for _ in range(2):
            self.put()
        self.terminal.interactive = False
        self.assertEqual(
            self.failed("bounce", "--all"),
            "2 messages (52 octets) would be returned: say so with --yes",
        )
        self.assertEqual(self.said("bounce", "--all", "--yes"), ["2 messages returned"])

    def test_whatComesWhileHeThinks(self) -> None:
        """It is not meant."""
        for _ in range(2):
            self.put()

        def think() -> bytes:
            """Something comes."""
            self.put()
            return b"2\n"

        self.patch(Terminal, "line", property(lambda _: think(), lambda _, line: None))
        ran = Terminal().run("queue", "remove", "--all")
        self.assertEqual((ran.status, ran.out), (0, "2 messages removed\n"))
        self.assertEqual(len(self.spool.kept), 1)

    def test_dryRun(self) -> None:
        """It can be tried out."""
        id = self.put()
        lines = self.said("remove", "--all", "--dry-run")
        self.assertIn(id, lines[0])
        self.assertEqual(lines[-1], "1 message; nothing was done")
        [line] = self.said("bounce", "-n", "--all", "--json")
        self.assertEqual(json.loads(line)["message"], id)
        self.assertEqual([*self.spool.kept], [id])

    def test_missing(self) -> None:
        """What is not there is said; the others are done with."""
        id = self.put()
        ran = self.run_("remove", memoryID(7), id, memoryID(8))
        self.assertEqual((ran.status, ran.out), (1, "1 message removed\n"))
        self.assertEqual(
            ran.err,
            f"smtpx: there is no message {memoryID(7)}\n"
            f"smtpx: there is no message {memoryID(8)}\n",
        )

    def test_json(self) -> None:
        """What came of it is an object."""
        self.put()
        [line] = self.said("remove", "--all", "--json")
        self.assertEqual(json.loads(line), {"done": 1, "later": 0, "kept": 0})

    def test_interrupted(self) -> None:
        """Who interrupts it hears how far it was."""
        self.put()
        self.queue = Interrupted(self.verbs, "joe")
        ran = self.run_("remove", "--all")
        self.assertEqual(ran.status, 130)
        self.assertEqual(ran.err, "stopped: at least 5 removed\n\n")

    def test_failed(self) -> None:
        """What the server says is said, and is harmless; so is what the disk says."""
        self.put()
        for error, said in (
            (Refused(Kind.FAILED, "the spool\x1b[2J is broken"), "the spool\\x1b[2J"),
            (OSError(5, "Input/output error", "/x"), "/x: Input/output error"),
            (OSError("odd"), "odd"),
        ):
            self.queue = Broken(error)
            self.assertIn(said, self.failed("list"))
            self.assertIn(said, self.failed("retry", "--all"))


class Interrupted(IdleQueue):
    """Somebody interrupts what it does."""

    delivers = True

    async def ask(
        self,
        wanted: str,
        fields: Fields,
        part: Told = unheard,
        progress: Told = unheard,
    ) -> Fields:
        """Be interrupted."""
        if wanted == "queue.remove":
            progress({"looked": 9, "of": 10, "done": 5})
            raise KeyboardInterrupt
        return await super().ask(wanted, fields, part, progress)


class Broken:
    """Fails."""

    delivers = True

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def ask(
        self,
        wanted: str,
        fields: Fields,
        part: Told = unheard,
        progress: Told = unheard,
    ) -> Fields:
        """Fail."""
        raise self._error
