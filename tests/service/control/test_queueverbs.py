"""
Tests for L{smtpx.service.control.queueverbs}.
"""

from __future__ import annotations

import base64

from twisted.internet.defer import Deferred

from smtpx.core.errors import Malformed
from smtpx.service.control.exchange import Exchange, Refused
from smtpx.service.control.queueverbs import QueueVerbs
from smtpx.testing.spool import memoryID

from .made import ControlCase


class LookingTests(ControlCase):
    """What is there."""

    def test_list(self) -> None:
        """Each message that is meant is a part; how far it is, is told."""
        ids = [self.put(), self.put(b"bob@b.example"), self.put()]
        parts, done = self.asked("queue.list", selection={"domains": ["a.*"]})
        found = [each["message"] for each in parts]
        self.assertEqual((found, done), ([ids[0], ids[2]], {"found": 2}))
        self.assertEqual(self.told, [{"looked": 3, "done": 2, "of": 3}])

    def test_listAll(self) -> None:
        """Pages do not show."""
        for _ in range(250):
            self.spool.add(b"", [b"a@a.example"])
        parts, done = self.asked("queue.list")
        self.assertEqual((len(parts), done), (250, {"found": 250}))
        self.assertEqual(len({*(str(each["message"]) for each in parts)}), 250)

    def test_page(self) -> None:
        """Other workers are given a page, and where the next one begins."""
        self.verbs.update(QueueVerbs(self.control, self.spool.count).forColleagues())
        ids = [self.put() for _ in range(3)]
        parts, done = self.asked("queue.page", most=2)
        self.assertEqual([each["message"] for each in parts], ids[:2])
        self.assertEqual((done["after"], done["of"]), (ids[1], 3))
        parts, done = self.asked("queue.page", most=2, after=ids[1])
        self.assertEqual([each["message"] for each in parts], ids[2:])
        self.assertEqual(done["after"], None)
        bad: tuple[dict[str, object], ...] = ({"most": 0}, {"most": True}, {"after": 3})
        for fields in bad:
            self.failing("queue.page", Malformed, **fields)

    def test_count(self) -> None:
        """How many, and their octets."""
        self.put()
        self.put(b"bob@b.example")
        parts, done = self.asked("queue.count", selection={"domains": ["b.example"]})
        self.assertEqual((parts, done), ([], {"found": 1, "octets": 26}))

    def test_show(self) -> None:
        """One message, then its recipients."""
        id = self.put(b"a@a.example", b"b@b.example")
        (message, recipients), done = self.asked("queue.show", message=id)
        self.assertEqual((message["message"], message["state"]), (id, "waiting"))
        found = recipients["recipients"]
        assert isinstance(found, list)
        self.assertEqual([each["fate"] for each in found], ["waiting"] * 2)
        self.assertEqual(done, {"found": 1})

    def test_read(self) -> None:
        """What a message says."""
        id = self.put()
        parts, done = self.asked("queue.read", message=id, what="header")
        octets = b"".join(base64.b64decode(str(each["octets"])) for each in parts)
        self.assertEqual((octets, done), (b"Subject: hello\r\n", {"octets": 16}))
        parts, done = self.asked("queue.read", message=id)
        self.assertEqual(done, {"octets": 26})

    def test_summary(self) -> None:
        """Each group is a part."""
        self.put()
        self.put(b"bob@b.example")
        parts, done = self.asked("queue.summary", by="domain")
        self.assertEqual([each["name"] for each in parts], ["a.example", "b.example"])
        self.assertEqual(done, {"found": 2, "messages": 2})

    def test_missing(self) -> None:
        """A message that is not there."""
        for verb in ("queue.show", "queue.read"):
            error = self.failing(verb, Refused, message=memoryID(7))
            self.assertEqual(error.kind.value, "missing")
            self.assertIn(memoryID(7), str(error))

    def failing(self, do: str, kind: type[Exception], **fields: object) -> Refused:
        """Have a verb fail."""
        exchange = Exchange({"do": do, **fields}, "joe", self.send)

        async def answer() -> object:
            return await self.verbs[do](exchange)

        failure = self.failureResultOf(Deferred.fromCoroutine(answer()), kind)
        error: Refused = failure.value
        return error

    async def send(self, part: object) -> None:
        """Nothing is to be said."""
        raise AssertionError(part)

    def test_bad(self) -> None:
        """What makes no sense is refused before anything is done."""
        id = self.put()
        for do, fields in (
            ("queue.list", {"selections": {}}),
            ("queue.show", {"message": "x"}),
            ("queue.show", {}),
            ("queue.read", {"message": id, "what": "tail"}),
            ("queue.read", {"message": id, "what": []}),
            ("queue.summary", {"by": "size"}),
            ("queue.remove", {"selection": {}, "why": "x"}),
            ("queue.bounce", {"selection": {}, "why": "a\r\nb"}),
            ("queue.hold", {"selection": {}, "note": 5}),
        ):
            self.failing(do, Malformed, **fields)
        self.assertEqual([*self.spool.kept], [id])
        self.assertEqual(self.journal.told, [])

    def test_everythingHasToBeSaid(self) -> None:
        """What changes something says which messages, if only that it is all."""
        self.put()
        for what in ("retry", "hold", "release", "bounce", "remove"):
            error = self.failing(f"queue.{what}", Malformed)
            self.assertIn("An empty object is all", str(error))
        self.assertEqual(len(self.spool.kept), 1)


class DoingTests(ControlCase):
    """What is done, and by whom."""

    def test_done(self) -> None:
        """Each does what it says."""
        id, other = self.put(), self.put()
        meant = {"ids": [id]}
        _, done = self.asked("queue.hold", selection=meant, note="spam?")
        self.assertEqual(done, {"done": 1, "later": 0, "kept": 0})
        self.assertEqual(self.spool.kept[id].note, "spam?")
        self.assertEqual(self.told, [{"looked": 2, "done": 1, "of": 2}])
        _, done = self.asked("queue.release", selection=meant)
        self.assertEqual(done["done"], 1)
        _, done = self.asked("queue.retry", selection={})
        self.assertEqual(done, {"done": 2})
        _, done = self.asked("queue.bounce", selection=meant, why="moved")
        self.assertEqual(done["done"], 1)
        _, done = self.asked("queue.remove", selection={"ids": [other]})
        self.assertEqual(done["done"], 1)
        operations = ("held", "released", "cancelled", "removed")
        told = [each for each in self.journal.told if each[0] in operations]
        self.assertEqual(
            told,
            [
                ("held", id, "joe", "spam?"),
                ("released", id, "joe", ""),
                ("cancelled", id, "joe", "moved"),
                ("removed", other, "joe", ""),
            ],
        )
