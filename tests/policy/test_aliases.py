"""Tests for L{smtpx.policy.aliases}."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import events
from smtpx.observe.event import Event
from smtpx.policy.aliascheck import PROBLEMS_MAX
from smtpx.policy.aliasentry import BadAliases, Place
from smtpx.policy.aliases import Aliases, AliasSources, Reading
from smtpx.policy.aliasfile import parseEntry
from smtpx.policy.aliastable import AliasBounds, Expansion

from .aliasesmade import REACH

T = TypeVar("T")


class AliasesTests(SynchronousTestCase):
    """Aliases from files that change."""

    def setUp(self) -> None:
        """Two files, and somebody who listens."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.one, self.two = self.folder / "one", self.folder / "two"
        self.one.write_text("sales: ann\n")
        self.two.write_text("info: sales\n")
        self.told: list[tuple[Event, dict[str, object]]] = []
        self.clock = Clock()

    def publish(self, event: Event, fields: dict[str, object]) -> None:
        """Hear of an event."""
        self.told.append((event, fields))

    def aliases(self, start: bool = True) -> Aliases:
        """The aliases of both files."""
        sources = AliasSources((self.one, self.two))
        made = Aliases(sources, REACH, publish=self.publish)
        if start:
            made.start(self.clock, execute)
            self.addCleanup(made.stop)
        return made

    def write(self, path: Path, text: str) -> None:
        """Somebody changes a file."""
        path.write_text(text)
        # However coarse the clock of the file system is.
        seconds = 1_800_000_000 + len(self.told) + len(text)
        os.utime(path, (seconds, seconds))

    def assertLeads(self, aliases: Aliases, *paths: bytes) -> None:
        """Mail for info goes to C{paths}."""
        self.assertEqual(aliases.expand(b"info@example.org"), Expansion(paths))

    def test_files(self) -> None:
        """An alias of one file may lead to one of another."""
        aliases = self.aliases()
        self.assertLeads(aliases, b"ann@example.org")
        self.assertIsNone(aliases.expand(b"ann@example.org"))

    def test_entries(self) -> None:
        """Others are among them, and twice is twice."""
        place = Place("smtpx.toml", 3)
        entry, _ = parseEntry("sales", ["bob"], place)
        assert entry is not None
        self.assertLeads(
            Aliases(AliasSources((self.two,), (entry,)), REACH), b"bob@example.org"
        )
        bad = self.assertRaises(
            BadAliases, Aliases, AliasSources((self.one,), (entry,)), REACH
        )
        self.assertEqual(
            str(bad), f"{self.one}:1: sales: it stands at smtpx.toml:3 already"
        )

    def test_allThatIsWrong(self) -> None:
        """Everything is told at once, in the order of the files."""
        self.one.write_text("a: ann\na: bob\n/x: c d\n")
        self.two.unlink()
        bad = self.assertRaises(BadAliases, self.aliases)
        self.assertEqual(
            str(bad).split("\n"),
            [
                f"{self.one}:2: a: it stands at {self.one}:1 already",
                f'{self.one}:3: /x: "c" wants a comma behind it',
                f"{self.two}: cannot be read: No such file or directory",
            ],
        )

    def test_readInPart(self) -> None:
        """What is wrong on the right of one alias does not hide what is elsewhere."""
        self.one.write_text("sales: |cat, ann\nx: nobody\npostmaster: /x\n@*: y\n")
        bad = self.assertRaises(BadAliases, self.aliases)
        self.assertEqual(len(bad.problems), 3)
        self.one.write_text("sales: |cat, ann\nx: nobody\npostmaster: /x\n")
        bad = self.assertRaises(BadAliases, self.aliases)
        self.assertEqual(
            [str(each).removeprefix(str(self.one)) for each in bad.problems],
            [
                ":1: sales: an alias cannot run a program (|cat)",
                ":2: x: there is no such recipient here: nobody@example.org",
                ":3: postmaster: an alias cannot write to a file (/x); a route to a"
                " Maildir can",
            ],
        )

    def test_enough(self) -> None:
        """Of very many problems the first are told."""
        self.one.write_text("a b\n" * 1000)
        bad = self.assertRaises(BadAliases, self.aliases)
        self.assertEqual(len(bad.problems), PROBLEMS_MAX + 1)
        self.assertEqual(str(bad.problems[-1]), f"{self.one}:100: there is more wrong")
        self.one.write_text("a b\n" * PROBLEMS_MAX)
        bad = self.assertRaises(BadAliases, self.aliases)
        self.assertEqual(len(bad.problems), PROBLEMS_MAX)
        self.assertNotIn("more", str(bad))

    def test_changed(self) -> None:
        """A file that changed is read once it has not changed for a second."""
        aliases = self.aliases()
        self.write(self.one, "sales: bob\n")
        self.clock.advance(1)
        self.assertLeads(aliases, b"ann@example.org")
        self.clock.advance(1)
        self.assertLeads(aliases, b"bob@example.org")
        self.assertEqual(self.told, [(events.ALIASES_READ, {"aliases": 2})])
        self.clock.pump([1] * 3)
        self.assertEqual(len(self.told), 1)

    def test_stillBeingWritten(self) -> None:
        """Half a file is not read, however good it looks."""
        aliases = self.aliases()
        for text in ("", "sales: bob\n", "sales: bob,\n", "sales: bob,\n  ann\n"):
            self.write(self.one, text)
            self.clock.advance(1)
            self.assertLeads(aliases, b"ann@example.org")
        self.clock.advance(1)
        self.assertLeads(aliases, b"bob@example.org", b"ann@example.org")
        self.assertEqual(len(self.told), 1)

    def test_changedBack(self) -> None:
        """A file that is as it was before it was read is not read again."""
        aliases = self.aliases()
        aside = self.folder / "aside"
        self.one.rename(aside)
        self.clock.advance(1)
        aside.rename(self.one)
        self.clock.pump([1] * 3)
        self.assertLeads(aliases, b"ann@example.org")

    def test_wrong(self) -> None:
        """Where anything is wrong, all stays as it was, and that is told once."""
        aliases = self.aliases()
        self.write(self.one, "sales: bob\nbad: nobody\n")
        self.write(self.two, "info: sales, carol\n")
        self.clock.pump([1] * 5)
        self.assertLeads(aliases, b"ann@example.org")
        [(event, fields)] = self.told
        self.assertIs(event, events.ALIASES_KEPT)
        self.assertEqual(
            str(fields["why"]).split("\n"),
            [
                f"{self.one}:2: bad: there is no such recipient here:"
                " nobody@example.org",
                f"{self.two}:1: info: there is no such recipient here:"
                " carol@example.org",
            ],
        )
        self.write(self.one, "sales: bob\n")
        self.write(self.two, "info: sales\n")
        self.clock.pump([1] * 2)
        self.assertLeads(aliases, b"bob@example.org")

    def test_wrongAgain(self) -> None:
        """What was put right, and is wrong again in the same way, is told again."""
        aliases = self.aliases()
        for text in ("bad: nobody\n", "sales: bob\n", "bad: nobody\n"):
            self.write(self.one, text)
            self.write(self.two, "info: bob\n")
            self.clock.pump([1] * 2)
        self.assertLeads(aliases, b"bob@example.org")
        self.assertEqual(
            [event for event, _ in self.told],
            [events.ALIASES_KEPT, events.ALIASES_READ, events.ALIASES_KEPT],
        )

    def test_wrongIsReadOnce(self) -> None:
        """Nobody reads a file each second to find the same wrong with it."""
        aliases = self.aliases(start=False)
        found: list[Reading | None] = []

        def work(job: Callable[[], Reading | None]) -> Deferred[Reading | None]:
            found.append(job())
            return succeed(found[-1])

        aliases.start(self.clock, work)
        self.addCleanup(aliases.stop)
        self.write(self.one, "bad: nobody\n")
        self.clock.pump([1] * 5)
        self.assertEqual([each and bool(each.bad) for each in found[:2]], [False, True])
        self.assertEqual(found[2:], [None] * 3)

    def test_stop(self) -> None:
        """Nobody looks any more."""
        aliases = self.aliases(start=False)
        aliases.start(self.clock, execute)
        aliases.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gone(self) -> None:
        """A file that is gone takes no alias with it, and is read when it is back."""
        aliases = self.aliases()
        self.one.unlink()
        self.clock.pump([1] * 5)
        self.assertLeads(aliases, b"ann@example.org")
        self.assertEqual(
            self.told,
            [
                (
                    events.ALIASES_KEPT,
                    {"why": f"{self.one}: cannot be read: No such file or directory"},
                )
            ],
        )
        self.write(self.one, "sales: bob\n")
        self.clock.pump([1] * 2)
        self.assertLeads(aliases, b"bob@example.org")

    def test_unreadable(self) -> None:
        """What cannot be read is no change either."""
        aliases = self.aliases()
        self.one.unlink()
        self.one.mkdir()
        self.clock.pump([1] * 5)
        self.assertLeads(aliases, b"ann@example.org")
        [(event, fields)] = self.told
        self.assertEqual(fields, {"why": f"{self.one}: cannot be read: Is a directory"})

    def test_permissions(self) -> None:
        """A change of who may read it is a change."""
        sources = AliasSources((self.one,))
        before = sources.marks()
        self.one.chmod(0o400)
        self.assertNotEqual(sources.marks(), before)

    def test_noThread(self) -> None:
        """Where nothing can be looked at, it is said, and tried again."""
        aliases = self.aliases(start=False)
        broken = True

        def work(job: Callable[[], T]) -> Deferred[T]:
            if broken:
                return fail(RuntimeError("no threads"))
            return execute(job)

        aliases.start(self.clock, work)
        self.addCleanup(aliases.stop)
        self.clock.pump([1] * 3)
        self.assertEqual(
            self.told, [(events.ALIASES_KEPT, {"why": "RuntimeError: no threads"})]
        )
        broken = False
        self.write(self.one, "sales: bob\n")
        self.clock.pump([1] * 2)
        self.assertLeads(aliases, b"bob@example.org")

    def test_oneLookAtATime(self) -> None:
        """While a look takes long, there is no other."""
        aliases = self.aliases(start=False)
        looks: list[Deferred[None]] = []

        def work(job: Callable[[], object]) -> Deferred[None]:
            looks.append(Deferred())
            return looks[-1]

        aliases.start(self.clock, work)  # type: ignore[arg-type]  # it never answers
        self.clock.pump([1] * 5)
        self.assertEqual(len(looks), 1)
        looks[0].callback(None)
        self.clock.pump([1] * 2)
        self.assertEqual(len(looks), 2)
        aliases.stop()
        looks[1].callback(None)
        aliases.stop()

    def test_withoutFiles(self) -> None:
        """There is nothing to look at."""
        aliases = Aliases(AliasSources(), REACH)
        aliases.start(self.clock, execute)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        aliases.stop()

    def test_broken(self) -> None:
        """An alias that turns out broken is told of once, until files change."""
        self.one.write_text("sales: ann\nx-*: $1@nowhere.example\n")
        aliases = self.aliases()
        for _ in range(3):
            self.assertIsNotNone(aliases.expand(b"x-a@example.org"))
        place = {"file": str(self.one), "line": 2}
        why = "no route goes there: a@nowhere.example"
        told = (events.ALIAS_BROKEN, {"alias": "x-*", "why": why} | place)
        self.assertEqual(self.told, [told])
        self.write(self.one, "sales: ann\nx-*: $1@nowhere.example\n# later\n")
        self.clock.pump([1] * 2)
        aliases.expand(b"x-a@example.org")
        self.assertEqual(self.told[1:], [(events.ALIASES_READ, {"aliases": 3}), told])

    def test_brokenInManyWays(self) -> None:
        """A client can think of ever other addresses; the log has an end."""
        self.one.write_text("sales: ann\nx-*: $1@nowhere.example\n")
        aliases = self.aliases(start=False)
        for number in range(1100):
            aliases.expand(b"x-%d@example.org" % number)
        self.assertEqual(len(self.told), 1000)

    def test_brokenWithoutLine(self) -> None:
        """A program's own aliases have no lines."""
        entry, _ = parseEntry("*", ["$1@nowhere.example"], Place("mine", None))
        assert entry is not None
        bounds = AliasBounds()
        aliases = Aliases(AliasSources((), (entry,)), REACH, bounds, self.publish)
        aliases.expand(b"a@example.org")
        [(_, fields)] = self.told
        self.assertNotIn("line", fields)

    def test_unheard(self) -> None:
        """Nobody has to listen."""
        entry, _ = parseEntry("*", ["$1@nowhere.example"], Place("mine", None))
        assert entry is not None
        aliases = Aliases(AliasSources((), (entry,)), REACH)
        self.assertIsNotNone(aliases.expand(b"a@example.org"))
