"""Tests for L{smtpx.policy.owners}."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.interfaces import IServerSession
from smtpx.extensions.rrvs import KeptSince, Ownership
from smtpx.observe.event import Event
from smtpx.observe.events import OWNERS_KEPT, OWNERS_READ
from smtpx.policy.owners import OwnerCheck, OwnersFile, OwnershipTest, readOwners
from smtpx.policy.turnstile import Turnstile
from smtpx.policy.watchedfile import BadList

from .doubles import sessionFrom

TEXT = """\
# Given to others.
ann@example.org    1970-01-02
Bob@Example.org    1970-01-01T00:01:40Z   # at noon, nearly
old@example.org    unknown
example.net        1970-01-01T00:01:40Z
*.example.net      unknown
ann@example.net    1970-01-01T00:03:20Z
"""

KEPT, CHANGED, UNKNOWN = Ownership.KEPT, Ownership.CHANGED, Ownership.UNKNOWN
DOMAIN = Ownership.DOMAIN_CHANGED


class OwnersCase(SynchronousTestCase):
    """Has a file."""

    def setUp(self) -> None:
        """Write it."""
        self.path = Path(self.mktemp())
        self.path.write_text(TEXT)
        self.clock = Clock()


class FileTests(OwnersCase):
    """Since when mailboxes have their owners, in a file."""

    def test_entries(self) -> None:
        """
        Who has an entry had it from then on; a day counts from its end; who has none
        never had another owner.
        """
        owners = readOwners(self.path, b"+")
        for path, since, ownership in (
            (b"ann@example.org", 172800 - 1, CHANGED),
            (b"ann@example.org", 172800, KEPT),
            (b"ANN+tag@EXAMPLE.ORG", 0, CHANGED),
            (b"bob@example.org", 99, CHANGED),
            (b"bob@example.org", 100, KEPT),
            (b"old@example.org", 10**10, UNKNOWN),
            (b"eve@example.org", 0, KEPT),
            (b"eve@example.net", 99, DOMAIN),
            (b"eve@example.net", 100, KEPT),
            (b"eve@a.example.net", 100, UNKNOWN),
            (b"ann@example.net", 199, CHANGED),
            (b"ann@example.net", 200, KEPT),
        ):
            self.assertIs(owners.kept(path, since), ownership, (path, since))

    def test_theDomainOfAnAddress(self) -> None:
        """An address is not older than its domain."""
        self.path.write_text("a@b.example 1970-01-02\nb.example 1970-01-03\n")
        owners = readOwners(self.path)
        self.assertIs(owners.kept(b"a@b.example", 2 * 86400), DOMAIN)
        self.assertIs(owners.kept(b"a@b.example", 3 * 86400), KEPT)

    def test_faults(self) -> None:
        """Each has its line, and all are told."""
        for text, problems in (
            (
                "a@b.example\n\n* 1970-01-01\na@b.example soon\na@b.example 1970-02-30",
                [
                    "f:1: expected an address or a domain, and a time",
                    "f:3: expected an address or a domain, and a time",
                    'f:4: "soon": wants a date and time',
                    'f:5: "1970-02-30": there is no such date or time',
                ],
            ),
            (
                "a@b.example unknown\nA@B.example unknown",
                ['f:2: "A@B.example" stands there twice'],
            ),
            ("a@b..example unknown", ['f:1: "a@b..example": bad domain']),
            (
                "bücher.example unknown\nxn--bcher-kva.example unknown",
                ["f: a domain stands there in two forms"],
            ),
        ):
            self.path.write_text(text, "utf-8")
            error = self.assertRaises(BadList, readOwners, self.path)
            told = str(error).replace(str(self.path), "f").split("\n")
            self.assertEqual(told, problems)

    def test_readAgain(self) -> None:
        """A file that changes is read again; one of no use changes nothing."""
        told: list[tuple[Event, dict[str, object]]] = []
        file = OwnersFile(self.path, b"", lambda *event: told.append(event))

        def work(job: Callable[[], bool]) -> Deferred[bool]:
            return execute(job)

        file.start(self.clock, work)
        self.path.write_text("eve@example.org unknown\n")
        self.clock.pump([1.0, 1.0])
        self.assertIs(file.kept(b"eve@example.org", 0), UNKNOWN)
        self.path.write_text("nonsense\n")
        self.clock.pump([1.0, 1.0])
        self.assertIs(file.kept(b"eve@example.org", 0), UNKNOWN)
        file.stop()
        self.assertEqual([event for event, _ in told], [OWNERS_READ, OWNERS_KEPT])
        self.assertEqual(told[0][1], {"file": str(self.path)})
        self.assertIn(":1: expected", str(told[1][1]["why"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unheard(self) -> None:
        """Nobody needs to be told."""
        self.assertIs(OwnersFile(self.path).kept(b"bob@example.org", 0), CHANGED)


class TestTests(OwnersCase):
    """Who answers the question."""

    def setUp(self) -> None:
        """Nothing went wrong yet."""
        super().setUp()
        self.troubles: list[tuple[str, BaseException]] = []

    def test(
        self, check: OwnerCheck | None = None, written: bool = True
    ) -> OwnershipTest:
        """One who answers; C{example.com} is not ours, and C{nobody} not known."""

        def local(path: bytes) -> bool | None:
            if path.endswith(b"@example.com"):
                return None
            return not path.startswith(b"nobody@")

        def trouble(session: IServerSession, owner: str, error: BaseException) -> None:
            self.troubles.append((owner, error))

        file = OwnersFile(self.path) if written else None
        turnstile = Turnstile(self.clock, seconds=9.0)
        return OwnershipTest(local, file, check, turnstile, trouble)

    def ask(self, test: OwnershipTest, path: bytes, since: int = 0) -> Ownership:
        """What is answered at once."""
        answer = test.answers[KeptSince](KeptSince(path, since, sessionFrom()))
        if isinstance(answer, Deferred):
            answer = self.successResultOf(answer)
        assert isinstance(answer, Ownership)
        return answer

    def test_file(self) -> None:
        """What is not ours, or not known, is somebody else's to judge."""
        test = self.test()
        for path, ownership in (
            (b"bob@example.org", CHANGED),
            (b"eve@example.org", KEPT),
            (b"nobody@example.org", Ownership.ELSEWHERE),
            (b"bob@example.com", Ownership.ELSEWHERE),
        ):
            self.assertIs(self.ask(test, path), ownership)

    def test_python(self) -> None:
        """A function is asked first, and may leave it to the file."""
        asked: list[tuple[bytes, int]] = []
        for said, ownership in (
            (True, KEPT),
            (False, CHANGED),
            (None, CHANGED),
            (UNKNOWN, UNKNOWN),
        ):

            def check(
                path: bytes, since: int, said: bool | Ownership | None = said
            ) -> bool | Ownership | None:
                asked.append((path, since))
                return said

            self.assertIs(self.ask(self.test(check), b"bob@example.org", 7), ownership)
        self.assertEqual(asked, [(b"bob@example.org", 7)] * 4)

    def test_coroutine(self) -> None:
        """It may take its time, but not for ever."""
        answer: Deferred[bool] = Deferred()

        async def check(path: bytes, since: int) -> bool:
            return await answer

        test = self.test(check)
        made = test.kept(KeptSince(b"bob@example.org", 0, sessionFrom()))
        assert isinstance(made, Deferred)
        self.assertNoResult(made)
        answer.callback(True)
        self.assertIs(self.successResultOf(made), KEPT)
        answer = Deferred()
        made = test.kept(KeptSince(b"bob@example.org", 0, sessionFrom()))
        assert isinstance(made, Deferred)
        self.clock.advance(9.0)
        self.assertIs(self.successResultOf(made), Ownership.LATER)

    def test_withoutAFile(self) -> None:
        """Of whom a function knows nothing, nobody else had the mailbox."""
        test = self.test(lambda path, since: None, written=False)
        self.assertIs(self.ask(test, b"bob@example.org"), KEPT)

    def test_trouble(self) -> None:
        """What goes wrong there is told, and the client may come again."""

        def broken(path: bytes, since: int) -> bool:
            raise ValueError("broken")

        self.assertIs(self.ask(self.test(broken), b"bob@x"), Ownership.LATER)
        odd: OwnerCheck = lambda path, since: "yes"  # type: ignore[assignment, return-value]  # noqa: E731  # what somebody may do
        self.assertIs(self.ask(self.test(odd), b"bob@x"), Ownership.LATER)
        self.assertEqual(
            [(owner, str(error)) for owner, error in self.troubles],
            [
                ("check of owners", "broken"),
                ("check of owners", "a check of owners returned str"),
            ],
        )
