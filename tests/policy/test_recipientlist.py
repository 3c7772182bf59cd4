"""Tests for L{smtpx.policy.recipientlist}."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.observe.event import Event
from smtpx.observe.events import RECIPIENTS_KEPT, RECIPIENTS_READ
from smtpx.policy.recipientlist import PROBLEMS_MAX, BadList, RecipientList, readList
from smtpx.policy.recipients import IRecipientCheck, Standing

TEXT = """\
# The branch
ann@branch.example
Bob@Branch.example   # on leave
ann@branch.example

*.below.example
whole.example
"""


class RecipientListTests(SynchronousTestCase):
    """Who is in a file."""

    def setUp(self) -> None:
        """A file, and a list that is told of what happens."""
        self.path = Path(self.mktemp())
        self.path.write_text(TEXT)
        self.told: list[tuple[Event, dict[str, object]]] = []
        self.clock = Clock()
        self.list = RecipientList(
            self.path, b"+", lambda *event: self.told.append(event)
        )

    def knows(self, path: bytes) -> bool:
        """Is somebody known?"""
        found = self.list.look(path, b"")
        self.assertIsNot(found.standing, Standing.UNSURE)
        return found.standing is Standing.KNOWN

    def test_isCheck(self) -> None:
        """It is a check that can tell at once."""
        verifyObject(IRecipientCheck, self.list)

    def test_entries(self) -> None:
        """Addresses, whole domains, and the postmaster of each."""
        for path, known in (
            (b"ann@branch.example", True),
            (b"ANN+tag@branch.example", True),
            (b"bob@branch.example", True),
            (b"eve@branch.example", False),
            (b"anybody@whole.example", True),
            (b"anybody@a.below.example", True),
            (b"anybody@below.example", False),
            (b"Postmaster@branch.example", True),
        ):
            self.assertIs(self.knows(path), known, path)

    def bad(self, text: bytes) -> str:
        """What is wrong with a file."""
        self.path.write_bytes(text)
        with self.assertRaises(BadList) as caught:
            readList(self.path)
        return str(caught.exception).replace(str(self.path), "f")

    def test_faults(self) -> None:
        """Each has its line, all are told, and a list of everybody is none."""
        for text, problem in (
            (b"a@b.example OK\n", 'f:1: "a@b.example OK" is no address and no domain'),
            (b"\n*\n", 'f:2: "*" is no address and no domain'),
            (b"a@b..example\nc@d.example\n@x", 'f:1: "a@b..example": bad domain'),
            (b"\xff", "f: it is not in UTF-8"),
            ("bücher.example\nxn--bcher-kva.example".encode(),
             "f: a domain stands there in two forms"),
        ):  # fmt: skip
            self.assertEqual(self.bad(text).split("\n")[0], problem)
        self.assertEqual(self.bad(b"a b\n" * 100).count("\n"), PROBLEMS_MAX - 1)
        self.path.unlink()
        with self.assertRaisesRegex(BadList, "cannot be read: No such file"):
            readList(self.path)

    # --- reading again ---------------------------------------------------------------

    def begin(self) -> None:
        """Look at the file from now on."""

        def work(job: Callable[[], bool]) -> Deferred[bool]:
            return execute(job)

        self.list.start(self.clock, work)
        self.addCleanup(self.list.stop)

    def write(self, text: str) -> None:
        """Change the file, and let it be looked at twice."""
        self.path.write_text(text)
        self.clock.pump([1.0, 1.0])

    def test_readAgain(self) -> None:
        """A file that changes is read again, once it changes no more."""
        self.begin()
        self.clock.pump([1.0, 1.0])
        self.assertEqual(self.told, [])
        self.path.write_text("eve@branch.example\n")
        self.clock.advance(1.0)
        self.assertFalse(self.knows(b"eve@branch.example"))
        self.clock.advance(1.0)
        self.assertTrue(self.knows(b"eve@branch.example"))
        self.assertFalse(self.knows(b"ann@branch.example"))
        self.assertEqual(self.told, [(RECIPIENTS_READ, {"file": str(self.path)})])

    def test_staysAsItWas(self) -> None:
        """A list that is of no use, or gone, changes nothing, and that is told once."""
        self.begin()
        self.write("a b\n")
        self.clock.pump([1.0, 1.0])
        self.assertTrue(self.knows(b"ann@branch.example"))
        why = f'{self.path}:1: "a b" is no address and no domain'
        self.assertEqual(self.told, [(RECIPIENTS_KEPT, {"why": why})])
        self.path.unlink()
        self.clock.pump([1.0, 1.0])
        self.assertIn("cannot be read", str(self.told.pop()[1]["why"]))
        self.assertTrue(self.knows(b"ann@branch.example"))
        self.write(TEXT)
        self.assertEqual(self.told[-1][0], RECIPIENTS_READ)

    def test_readOnce(self) -> None:
        """A change is read once, however often it is looked for."""
        self.begin()
        self.write("eve@branch.example\n")
        self.clock.pump([1.0] * 10)
        self.assertEqual(self.told, [(RECIPIENTS_READ, {"file": str(self.path)})])

    def test_sameFaultAgain(self) -> None:
        """The same fault is told again once the list has been of use meanwhile."""
        self.begin()
        self.write("a b\n")
        self.write("a b\n\n")
        self.assertEqual([event for event, _ in self.told], [RECIPIENTS_KEPT])
        self.write(TEXT)
        self.write("a b\n")
        self.assertEqual(
            [event for event, _ in self.told],
            [RECIPIENTS_KEPT, RECIPIENTS_READ, RECIPIENTS_KEPT],
        )

    def test_stop(self) -> None:
        """Nobody looks any more, however often that is said."""
        self.begin()
        self.list.stop()
        self.list.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
