"""
Tests for L{smtpx.mime.structure}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mime.header import Kind
from smtpx.mime.structure import DEPTH_MAX, HEADER_OCTETS, LINE_OCTETS, Entity, Walk

MIXED = b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n"


class Diary:
    """
    A visitor who writes down what it sees, one line an entity, indented.

    @ivar entities: all of them, in order.
    @ivar bodies: what was in each, by the entity.
    @ivar lost: what is in no entity.
    @ivar ends: where each ended, and whether the message did.
    """

    def __init__(self) -> None:
        self.entities: list[Entity] = []
        self.bodies: dict[Entity, bytes] = {}
        self.headers: list[bytes] = []
        self.lost = b""
        self.ends: dict[Entity, tuple[int, bool]] = {}

    def began(self, entity: Entity) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self.entities.append(entity)
        self.bodies[entity] = b""

    def content(self, entity: Entity, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        assert octets
        self.bodies[entity] += octets

    def header(self, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self.headers.append(octets)

    def outside(self, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        assert octets
        self.lost += octets

    def ended(self, entity: Entity, end: int, last: bool) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self.ends[entity] = end, last

    def depth(self, entity: Entity) -> int:
        """How many others it is in."""
        return 0 if entity.parent is None else 1 + self.depth(entity.parent)


def walked(message: bytes, cut: int = 0) -> tuple[Diary, bool]:
    """
    What is seen of a message.

    @param cut: in pieces of so many octets; 0: at once.
    @return: with whether it is doubtful.
    """
    diary = Diary()
    walk = Walk(diary)
    step = cut or len(message) or 1
    for at in range(0, len(message), step):
        walk.feed(message[at : at + step])
    walk.end()
    assert walk.octets == len(message)
    for entity in diary.entities:
        if entity.header.kind in (Kind.LEAF, Kind.SEALED):
            body = message[entity.bodyStart : diary.ends[entity][0]]
            assert body == diary.bodies[entity], (body, diary.bodies[entity])
    return diary, walk.doubtful


class WalkCase(SynchronousTestCase):
    """Who looks at what is seen of a message, whatever its cut."""

    def seen(self, message: bytes, doubtful: bool = False) -> Diary:
        """What is seen of a message."""
        diary, doubt = walked(message)
        self.assertIs(doubt, doubtful)
        for cut in range(1, 40):
            other, doubt = walked(message, cut)
            self.assertIs(doubt, doubtful, cut)
            self.assertEqual(other.headers, diary.headers)
            self.assertEqual(other.lost, diary.lost)
            self.assertEqual(list(other.ends.values()), list(diary.ends.values()))
            self.assertEqual(list(other.bodies.values()), list(diary.bodies.values()))
            for one, two in zip(other.entities, diary.entities, strict=True):
                self.assertEqual(one.header, two.header)
                self.assertEqual(one.headerEnd, two.headerEnd)
        return diary

    def bodies(self, message: bytes, doubtful: bool = False) -> list[bytes]:
        """What is in the entities of a message that have content."""
        return list(filter(None, self.seen(message, doubtful).bodies.values()))


class PlainTests(WalkCase):
    """Messages of one entity."""

    def test_text(self) -> None:
        """A header, and what is behind the empty line."""
        message = b"A: b\r\n\r\nbody\r\n--x\r\n\r"
        diary = self.seen(message)
        [entity] = diary.entities
        self.assertEqual(diary.headers, [b"A: b\r\n"])
        self.assertEqual(diary.bodies[entity], b"body\r\n--x\r\n\r")
        self.assertEqual((entity.start, entity.headerEnd, entity.bodyStart), (0, 6, 8))
        self.assertEqual(diary.ends[entity], (len(message), True))
        self.assertIsNone(entity.parent)
        self.assertTrue(entity.isMessage)

    def test_withoutHeader(self) -> None:
        """It may be empty."""
        self.assertEqual(self.bodies(b"\r\nbody"), [b"body"])

    def test_withoutBody(self) -> None:
        """And there may be nothing behind it, not even an empty line."""
        for message in b"", b"A: b", b"A: b\r\n", b"A: b\r\n\r\n", b"\r\n", b"\r":
            diary = self.seen(message)
            self.assertEqual(len(diary.entities), 1)
            self.assertEqual(self.bodies(message), [])

    def test_emptyLineIsOneOfCRLF(self) -> None:
        """A lone CR or LF ends nothing."""
        diary = self.seen(b"A: b\n\nC: d\r\rE: f\r\n\r\nbody")
        self.assertEqual(diary.headers, [b"A: b\n\nC: d\r\rE: f\r\n"])

    def test_headerIsBounded(self) -> None:
        """What is too long for a header is left alone as a whole."""
        for cut in 0, 65_536:
            diary, _ = walked(b"A: " + b"x" * HEADER_OCTETS + b"\r\n", cut)
            [entity] = diary.entities
            self.assertIs(entity.header.kind, Kind.SEALED)
            self.assertEqual(entity.bodyStart, 0)
        diary, _ = walked(b"A: " + b"x" * (HEADER_OCTETS - 3))
        self.assertIs(diary.entities[0].header.kind, Kind.LEAF)


class MultipartTests(WalkCase):
    """Parts between boundaries (RFC 2046 section 5.1)."""

    def test_parts(self) -> None:
        """The line end before a boundary belongs to it."""
        diary = self.seen(
            MIXED
            % b"x"
            + b"pre\r\namble\r\n--x\r\nA: b\r\n\r\none\r\n\r\n--x \t\r\n\r\ntwo"
            b"\r\n--x--\t\r\nepi\r\nlogue\r\n"
        )
        self.assertEqual(
            [(entity.header.kind, body) for entity, body in diary.bodies.items()],
            [(Kind.MULTIPART, b""), (Kind.LEAF, b"one\r\n"), (Kind.LEAF, b"two")],
        )
        self.assertEqual(diary.lost, b"pre\r\nambleepi\r\nlogue\r\n")
        self.assertEqual(
            [last for _, last in diary.ends.values()], [False, False, True]
        )
        self.assertFalse(diary.entities[1].isMessage)

    def test_boundaryAtOnce(self) -> None:
        """Without preamble, epilogue, part headers or content."""
        self.assertEqual(self.bodies(MIXED % b"x" + b"--x\r\n\r\n--x\r\n--x--"), [])
        diary = self.seen(MIXED % b"x" + b"--x\r\nA: b\r\n--x\r\n\r\n\r\n--x--")
        self.assertEqual([diary.depth(entity) for entity in diary.entities], [0, 1, 1])
        self.assertEqual(diary.lost, b"")

    def test_boundaryBehindBoundary(self) -> None:
        """A part may be nothing at all."""
        diary = self.seen(MIXED % b"x" + b"--x\r\n--x\r\n\r\na\r\n--x\r\n--x--\r\nend")
        self.assertEqual(list(diary.bodies.values()), [b"", b"", b"a", b""])
        self.assertEqual(diary.lost, b"end")

    def test_noEnd(self) -> None:
        """The message may end before its last boundary."""
        for rest in b"", b"\r\n", b"\r\n--", b"\r\n--x-", b"\r\n--y":
            doubtful = rest == b"\r\n--x-"
            found = self.bodies(MIXED % b"x" + b"--x\r\n\r\none" + rest, doubtful)
            self.assertEqual(found, [b"one" + rest])
        self.assertEqual(self.bodies(MIXED % b"x" + b"--x\r\n\r\none\r\n--x"), [b"one"])
        self.assertEqual(self.bodies(MIXED % b"x" + b"nothing"), [])
        self.assertEqual(self.bodies(MIXED % b"x" + b"--x\r\nA: b"), [])

    def test_notABoundary(self) -> None:
        """It is at the beginning of a line, and all of it."""
        text = b"-x\r\n-\r\n--\r\n --x\r\n--X\r\n\n--x\r\ra\r\n--y"
        self.assertEqual(self.bodies(MIXED % b"x" + b"--x\r\n\r\n" + text), [text])

    def test_doubtful(self) -> None:
        """
        More behind it, and one behind the last: some take that for one (RFC 2046
        section 5.1.1), some do not.
        """
        for text in (
            b"--xy",
            b"--x y",
            b"--x-",
            b"--x --",
            b"--x--y",
            b"--x\r",
            b"--x" + b" " * LINE_OCTETS,
        ):
            message = MIXED % b"x" + b"--x\r\n\r\na\r\n" + text + b"\r\nb"
            found = self.bodies(message, doubtful=True)
            self.assertEqual(found, [b"a\r\n" + text + b"\r\nb"])
        message = MIXED % b"x" + b"--x\r\n\r\na\r\n--x--\r\n--x\r\n\r\nb"
        self.assertEqual(self.bodies(message, doubtful=True), [b"a"])

    def test_longestBoundary(self) -> None:
        """White space behind it is part of its line."""
        line = b"--x" + b" " * (LINE_OCTETS - 3)
        message = MIXED % b"x" + line + b"\r\n\r\na\r\n" + line + b"\r\n\r\nb"
        begins = message.index(b"a\r\n--x") + 3
        for cut in 0, *range(begins + LINE_OCTETS - 3, begins + LINE_OCTETS + 4):
            diary, doubtful = walked(message, cut)
            self.assertFalse(doubtful)
            self.assertEqual(list(diary.bodies.values()), [b"", b"a", b"b"])

    def test_headerOfAPartEndsAtABoundary(self) -> None:
        """Whatever it began."""
        diary = self.seen(
            MIXED % b"x" + b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n"
            b"--x\r\nContent-Type: message/rfc822\r\n--x\r\n\r\na\r\n--x--"
        )
        self.assertEqual(
            [(entity.header.kind, diary.depth(entity)) for entity in diary.entities],
            [
                (Kind.MULTIPART, 0),
                (Kind.MULTIPART, 1),
                (Kind.MESSAGE, 1),
                (Kind.LEAF, 1),
            ],
        )

    def test_boundariesBehindTheHeaderAreNotItsEnd(self) -> None:
        """It is the empty line that is."""
        found = self.bodies(
            MIXED % b"x" + b"--x\r\nA: b\r\n\r\n--x\r\n\r\na\r\n--xy", True
        )
        self.assertEqual(found, [b"a\r\n--xy"])


class NestedTests(WalkCase):
    """Parts in parts."""

    def test_multiparts(self) -> None:
        """An outer boundary ends what is inside, ended or not."""
        for end in b"--y--\r\n", b"--y--\r\nlost\r\n", b"":
            diary = self.seen(
                MIXED % b"x"
                + b"--x\r\n"
                + MIXED % b"y"
                + b"--y\r\n\r\none\r\n"
                + end
                + b"--x\r\n\r\ntwo\r\n--x--"
            )
            self.assertEqual(list(diary.bodies.values()), [b"", b"", b"one", b"two"])
            self.assertEqual(
                [diary.depth(entity) for entity in diary.entities], [0, 1, 2, 1]
            )

    def test_messages(self) -> None:
        """A message has a header of its own, and so has the one inside of it."""
        diary = self.seen(
            b"Content-Type: message/rfc822\r\n\r\n"
            b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nbody\r\n"
        )
        self.assertEqual(list(diary.bodies.values()), [b"", b"", b"body\r\n"])
        self.assertTrue(all(entity.isMessage for entity in diary.entities))
        diary = self.seen(b"Content-Type: message/rfc822\r\n\r\n")
        self.assertEqual(len(diary.entities), 2)

    def test_digest(self) -> None:
        """Its parts are messages, whose parts are none."""
        diary = self.seen(
            b"Content-Type: multipart/digest; boundary=x\r\n\r\n"
            b"--x\r\n\r\nA: b\r\n\r\none\r\n--x\r\n\r\n"
            + MIXED % b"y"
            + b"--y\r\n\r\ntwo\r\n--x--"
        )
        self.assertEqual(
            [entity.header.kind for entity in diary.entities],
            [
                Kind.MULTIPART,
                Kind.MESSAGE,
                Kind.LEAF,
                Kind.MESSAGE,
                Kind.MULTIPART,
                Kind.LEAF,
            ],
        )
        self.assertEqual(list(filter(None, diary.bodies.values())), [b"one", b"two"])

    def test_oneBeginsLikeTheOther(self) -> None:
        """The whole line counts."""
        for inner, outer in (b"xy", b"x"), (b"x", b"xy"):
            found = self.bodies(
                MIXED % outer
                + b"--%b\r\n" % outer
                + MIXED % inner
                + b"--%b\r\n\r\none\r\n--%b--\r\n" % (inner, inner)
                + b"--%b\r\n\r\ntwo\r\n--%b--" % (outer, outer)
            )
            self.assertEqual(found, [b"one", b"two"])

    def test_twoAreAlike(self) -> None:
        """Then nobody knows which one it is."""
        for inner in b"x", b"x--":
            message = MIXED % b"x" + b"--x\r\n" + MIXED % inner + b"--x\r\n\r\none"
            _, doubtful = walked(message)
            self.assertTrue(doubtful)

    def test_depthIsBounded(self) -> None:
        """What is deeper is left alone as a whole."""
        message = b"".join(
            MIXED % b"b%02d" % level + b"--b%02d\r\n" % level for level in range(30)
        )
        diary = self.seen(message + b"\r\nbody")
        kinds = [entity.header.kind for entity in diary.entities]
        self.assertEqual(kinds, [Kind.MULTIPART] * DEPTH_MAX + [Kind.SEALED])
        message = b"Content-Type: message/rfc822\r\n\r\n" * 30
        diary = self.seen(message)
        kinds = [entity.header.kind for entity in diary.entities]
        self.assertEqual(kinds, [Kind.MESSAGE] * DEPTH_MAX + [Kind.SEALED])

    def test_leafAtTheBottom(self) -> None:
        """Content is content, however deep."""
        message = b"Content-Type: message/rfc822\r\n\r\n" * DEPTH_MAX
        diary = self.seen(message + b"A: b\r\n\r\nbody")
        self.assertIs(diary.entities[-1].header.kind, Kind.LEAF)
        self.assertEqual(diary.depth(diary.entities[-1]), DEPTH_MAX)
