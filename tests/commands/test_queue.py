"""
Tests for L{smtpx.commands.queue} and what it is made of, on a queue in memory.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

from attrs import evolve

from smtpx.commands.console import Console
from smtpx.commands.queue import ContentPrinter
from smtpx.spool.format import Fate, Outcome
from smtpx.testing.spool import memoryID

from .queues import ANN, BOB, EVE, QueueCase


class ListTests(QueueCase):
    """C{smtpx queue list}."""

    def test_empty(self) -> None:
        """Nothing is there."""
        self.assertEqual(self.said("list"), ["0 messages"])

    def test_states(self) -> None:
        """How old, how large, who from, how it is, who waits, and what went wrong."""
        later, held, parked, under, fresh = [self.put() for _ in range(5)]
        waits = Outcome(0, Fate.WAITING, "Connection refused")
        self.settle(later, 1300.0, waits)
        self.settle(later, 1300.0, waits)
        self.settle(held, None, evolve(waits, text=""))
        self.wait_(self.spool.hold([held], "look at it"))
        message = self.successResultOf(self.spool.claim(parked))
        assert message is not None
        self.spool.park(message, b"smtp mx")
        self.spool.claim(under)
        self.clock.advance(3600 * 5 - 1.25)
        self.assertEqual(
            self.said("list"),
            [
                f"  5h    26  {later} <s@s.example> due now, tried 2 times",
                "            ann@a.example",
                "            Connection refused",
                f"  5h    26  {held} <s@s.example> on hold: look at it, tried once",
                "            ann@a.example",
                f"  5h    26  {parked} <s@s.example> parked for smtp mx",
                "            ann@a.example",
                f"  5h    26  {under} <s@s.example> under way",
                "            ann@a.example",
                f"  5h    26  {fresh} <s@s.example> due now",
                "            ann@a.example",
                "5 messages",
            ],
        )

    def wait_(self, answer: object) -> None:
        """It is done at once."""

    def test_dueLater(self) -> None:
        """When it is tried next."""
        id = self.put(sender=b"")
        self.settle(id, 1000.25 + 600, Outcome(0, Fate.WAITING, "no"))
        [head, _, _, _] = self.said("list")
        self.assertEqual(head, f"  0s    26  {id} <> due in 10m, tried once")

    def test_harmless(self) -> None:
        """Nothing that a peer chose reaches the terminal as a control."""
        id = self.put(EVE, sender=b"\x1b[31m@x.example")
        self.settle(id, 2000.0, Outcome(0, Fate.WAITING, "\x07bell\r\n\x9b1m\u202e"))
        for words in (
            ("list",),
            ("show", id),
            ("summary",),
            ("summary", "-b", "error"),
        ):
            out = "\n".join(self.said(*words))
            self.assertTrue(out.replace("\n", "").isprintable(), out)

    def test_manyRecipients(self) -> None:
        """Of many there are ten, and how many more; of errors the first."""
        id = self.put(*[b"u%d@a.example" % n for n in range(13)])
        outcomes = [Outcome(n, Fate.WAITING, f"error {n % 3}") for n in range(12)]
        self.settle(id, 2000.0, *outcomes)
        _, who, why, _ = self.said("list")
        self.assertTrue(who.endswith(", u9@a.example and 3 more"), who)
        self.assertEqual(why.strip(), "error 0 (and 2 other errors)")

    def test_filters(self) -> None:
        """Each filter does what it says; all have to fit."""
        one = self.put(ANN, sender=b"x@s.example")
        two = self.put(BOB)
        self.settle(two, 2000.0, Outcome(0, Fate.WAITING, "Mailbox full"))
        three = self.put(BOB)
        self.wait_(self.spool.hold([three], ""))
        for words, found in (
            (["--sender", "x@*"], [one]),
            (["--recipient", "BOB@b.example"], [two, three]),
            (["--domain", "b.example"], [two, three]),
            (["--domain", "a.example", "--domain=b.*"], [one, two, three]),
            (["--older", "600ms"], [one]),
            (["--younger", "600ms"], [two, three]),
            (["--larger", "26 octets"], [one, two, three]),
            (["--smaller", "26 octets"], []),
            (["--text", "mailbox"], [two]),
            (["--state", "held"], [three]),
            (["--state=held", "--state=waiting"], [one, two, three]),
            (["--lane", "*"], []),
            (["--domain", "b.example", "--state", "waiting"], [two]),
            ([one, three], [one, three]),
            ([one, "--domain", "b.example", three], [three]),
        ):
            self.assertEqual(self.said("list", "--ids", *words), found, words)

    def test_json(self) -> None:
        """An object a line, and nothing else."""
        ids = [self.put(), self.put(EVE)]
        found = [json.loads(line) for line in self.said("list", "--json")]
        self.assertEqual([each["message"] for each in found], ids)
        self.assertEqual(found[1]["to"], ["eve@\x1b[2J.example"])

    def test_badCommandLine(self) -> None:
        """What makes no sense is said."""
        for words, said in (
            (["--older", "5"], "--older: expected a duration"),
            (["--larger", "5 M"], "--larger: expected a size"),
            (["--state", "lost"], 'there is no state "lost"; the states are waiting,'),
            (["x"], "'x' is not of the form"),
            (["--nothing"], "option --nothing not recognized"),
            (["--domain"], "option --domain requires argument"),
            ([memoryID(n) for n in range(10_001)], "at most 10000 ids at a time"),
        ):
            self.assertIn(said, self.failed("list", *words, status=2))
        self.assertIn("which command?", self.failed(status=2))
        self.assertEqual(self.configured, [])

    def test_configuration(self) -> None:
        """The server's configuration says where it is."""
        path = Path(self.mktemp())
        path.write_text('name = "mx.example.org"\n')
        self.said("list", "-c", str(path))
        self.assertEqual(self.configured, ["mx.example.org"])
        path.write_text("nonsense = 1\n")
        self.assertIn("nonsense", self.failed("list", "--config", str(path)))

    def test_progress(self) -> None:
        """How far it is, is said where it is wished."""
        self.put()
        ran = self.run_("list", "--progress")
        self.assertEqual(ran.err, "1 of 1 looked at, 1 found\n")


class ShowTests(QueueCase):
    """C{smtpx queue show}."""

    def test_show(self) -> None:
        """All of a message, and of each recipient what was said last."""
        id = self.put(ANN, BOB)
        kept = self.spool._kept[id]
        kept.message = evolve(
            kept.message,
            prefix=b"Received: from x\r\n\tby y\r\nX: 1\r\n",
            priority=3,
        )
        kept.message.envelope.stamps.load({}, {"dsn.ret": "HDRS"})
        self.settle(
            id,
            1600.25,
            Outcome(0, Fate.WAITING, "451 Later"),
            Outcome(1, Fate.DELIVERED),
        )
        self.assertEqual(
            self.said("show", id),
            [
                id,
                "  sender: s@s.example",
                "  came: 1970-01-01 00:16:40 UTC (0 s ago)",
                "  octets: 26",
                "  state: waiting",
                "  due: 1970-01-01 00:26:40 UTC (in 10 min)",
                "  tried: once",
                "  priority: 3",
                "  recipients:",
                "    ann@a.example: waiting: 451 Later",
                "    bob@b.example: delivered",
                "  noted with it:",
                "    dsn.ret: HDRS",
                "  put before it:",
                "    Received: from x",
                "      by y",
                "    X: 1",
            ],
        )

    def test_states(self) -> None:
        """Why it is on hold, what it is parked for, and both at once."""
        held, parked, under = self.put(sender=b""), self.put(), self.put()
        self.spool.hold([held], "look")
        message = self.successResultOf(self.spool.claim(parked))
        assert message is not None
        self.spool.park(message, b"smtp mx")
        self.spool.claim(under)
        self.spool.hold([under], "")
        lines = self.said("show", held, parked, under)
        states = [line for line in lines if line.startswith("  state: ")]
        self.assertEqual(
            states,
            [
                "  state: on hold: look",
                "  state: parked for smtp mx",
                "  state: under way, then on hold",
            ],
        )
        self.assertIn("  sender: <>", lines)
        self.assertIn("  tried: not yet", lines)

    def test_unreadable(self) -> None:
        """Of what cannot be read it is said why."""
        id = self.put()
        kept = self.spool._kept[id]
        kept.message = evolve(kept.message, waiting=(), note="cannot be read: no JSON")
        self.assertIn(
            "  state: waiting: cannot be read: no JSON", self.said("show", id)
        )

    def test_json(self) -> None:
        """An object a line."""
        id = self.put(ANN, BOB)
        [line] = self.said("show", "--json", id)
        found = json.loads(line)
        self.assertEqual(found["message"], id)
        self.assertEqual(
            [each["fate"] for each in found["recipients"]], ["waiting"] * 2
        )

    def test_content(self) -> None:
        """What it says, harmless for a terminal."""
        id = self.spool.add(
            b"", [ANN], b"A: \xe4\tb\r\n\r\n\x1b[2J\r\nend", b"P: 1\r\n"
        )
        self.assertEqual(self.said("show", "--header", id), ["P: 1", "A: \\xe4\tb"])
        self.assertEqual(self.said("show", "--body", id), ["\\x1b[2J", "end"])
        self.assertEqual(len(self.said("show", "--whole", id)), 5)

    def test_raw(self) -> None:
        """Into a file or a pipe it goes as it is."""
        octets = io.BytesIO()
        out = io.TextIOWrapper(octets, write_through=True)
        console = Console(out, io.StringIO(), lambda: b"", lambda _: "", False)
        printer = ContentPrinter(console)
        printer.write(b"\x1b[2J\xff\r")
        printer.write(b"\n")
        printer.end()
        self.assertEqual(octets.getvalue(), b"\x1b[2J\xff\r\n")

    def test_bad(self) -> None:
        """What is not there, and what makes no sense."""
        self.assertEqual(
            self.failed("show", memoryID(7)), f"there is no message {memoryID(7)}"
        )
        for words in ((), ("x",), ("--json", "--header", memoryID(7))):
            self.failed("show", *words, status=2)


class SummaryTests(QueueCase):
    """C{smtpx queue summary}."""

    def fill(self) -> None:
        """Two for one domain, one for another."""
        self.put(ANN, BOB)
        self.put(ANN, sender=b"")
        self.clock.advance(1799.75)

    def test_domains(self) -> None:
        """Aligned, the largest first."""
        self.fill()
        self.assertEqual(
            self.said("summary"),
            [
                "MESSAGES RECIPIENTS   SIZE OLDEST NEWEST  DOMAINS",
                "       2          2     52    30m    30m  a.example",
                "       1          1     26    30m    30m  b.example",
                "2 messages in all",
            ],
        )
        self.assertEqual(
            self.said("summary", "--most", "1")[2:],
            ["2 messages in all; 1 more lines are not shown"],
        )

    def test_others(self) -> None:
        """By sender, error and state; what has no name has words."""
        self.fill()
        self.assertIn("<> (reports)", self.said("summary", "--by", "sender")[1])
        self.assertIn("(none yet)", self.said("summary", "-b", "error")[1])
        self.assertIn("waiting", self.said("summary", "--by", "state")[1])

    def test_empty(self) -> None:
        """Nothing is there."""
        self.assertEqual(self.said("summary"), ["0 messages in all"])

    def test_json(self) -> None:
        """An object a line."""
        self.fill()
        found = [json.loads(line) for line in self.said("summary", "--json", "-m1")]
        self.assertEqual([each["name"] for each in found], ["a.example"])

    def test_bad(self) -> None:
        """What makes no sense."""
        for words in (("--by", "size"), ("--most", "0"), ("--most", "x")):
            self.failed("summary", *words, status=2)
