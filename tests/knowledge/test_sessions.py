"""
Tests for L{smtpx.knowledge.sessions}.
"""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.flaw import Flaw
from smtpx.core.tlssession import LIFETIME_SECONDS_MOST, TLSSession
from smtpx.extensions.tlsresume import ITicketStore
from smtpx.joint.recent import JointRecent
from smtpx.knowledge.interfaces import Record
from smtpx.knowledge.kinds import SESSION, SESSIONS_MOST
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.names import parseName
from smtpx.knowledge.sessions import SESSIONS_OCTETS_MOST, SessionMemory

KEY = (b"mx.example", b"192.0.2.1", b"25", b"a.pool.example", b"verified=True")
START = 1_000_000.0
ONE = TLSSession(
    b"\x30one",
    START + 7200,
    START,
    trust=b"\x01\xff",
    verified=True,
    proof="its chain is trusted",
)

_times = st.floats(0, 1e10)
_texts = st.none() | st.text(max_size=20)

sessions = st.builds(
    TLSSession,
    octets=st.binary(max_size=50),
    expires=_times,
    began=_times,
    version=st.sampled_from(("TLSv1.2", "TLSv1.3")),
    trust=st.binary(max_size=32),
    verified=st.booleans(),
    dane=st.booleans(),
    proof=_texts,
    problem=_texts,
    flaw=st.none() | st.sampled_from(Flaw),
    stapled=st.sampled_from((0, 1, 4)),
    stapleEnds=st.none() | _times,
)


class KindTests(SynchronousTestCase):
    """Sessions, written down."""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(sessions, max_size=SESSIONS_MOST))
    def test_roundTrip(self, some: list[TLSSession]) -> None:
        """What is written down comes back as it was."""
        self.assertEqual(SESSION.load(1, SESSION.dump(tuple(some))), tuple(some))

    def test_otherForms(self) -> None:
        """
        A record that was damaged, or has the form of an older or newer smtpx, is as
        good as none.
        """
        [good] = json.loads(SESSION.dump((ONE,)))
        for value in (
            b"",
            b"{}",
            b"[1]",
            b"[[]]",
            b'{"der": "MA=="}',
            json.dumps([good] * (SESSIONS_MOST + 1)).encode(),
            *(
                json.dumps([{**good, **change}]).encode()
                for change in (
                    {"octets": "no base64!"},
                    {"trust": "no hex"},
                    {"flaw": "NO_SUCH"},
                    {"stapled": 17},
                    {"verified": "yes"},
                    {"expires": None},
                    {"more": 1},
                )
            ),
            json.dumps([{k: v for k, v in good.items() if k != "trust"}]).encode(),
        ):
            self.assertIsNone(SESSION.read(Record(1, value, START, START)), value)

    def test_cutAnywhere(self) -> None:
        """Nor does one that is cut off come back."""
        value = SESSION.dump((ONE,))
        for end in range(len(value)):
            self.assertIsNone(SESSION.read(Record(1, value[:end], START, START)))

    def test_whatIsShown(self) -> None:
        """An operator sees what there is, and nothing by which it could be read."""
        facts = SESSION.facts((ONE, evolve(ONE, version="TLSv1.2", proof=None)))
        self.assertEqual(
            facts,
            {
                "sessions": 2,
                "tls": "TLSv1.2",
                "verified": True,
                "ends_at": START + 7200,
            },
        )
        self.assertEqual(SESSION.facts((ONE,))["proof"], "its chain is trusted")
        self.assertEqual(SESSION.facts(()), {"sessions": 0})


class MemoryTests(SynchronousTestCase):
    """Keeping them, and taking them out."""

    def setUp(self) -> None:
        """An empty memory."""
        self.time = START
        self.knowledge = MemoryKnowledge(lambda: self.time)
        self.memory = SessionMemory(self.knowledge, lambda: self.time, most=3)

    def session(self, octets: bytes) -> TLSSession:
        """One that began now."""
        return evolve(ONE, octets=octets, began=self.time, expires=self.time + 7200)

    def test_interface(self) -> None:
        """It is what TLSRESUME wants."""
        self.assertTrue(verifyObject(ITicketStore, self.memory))

    def test_once(self) -> None:
        """A session that was taken out is gone, for everybody."""
        self.assertIsNone(self.memory.take(KEY))
        self.memory.keep(KEY, ONE)
        other = SessionMemory(self.knowledge, lambda: self.time)
        self.assertEqual(other.take(KEY), ONE)
        self.assertIsNone(self.memory.take(KEY))
        self.assertEqual(list(self.knowledge.names(SESSION.name)), [])

    def test_newestFirst(self) -> None:
        """There is one for each of a few connections, and the oldest go."""
        for at in range(SESSIONS_MOST + 2):
            self.memory.keep(KEY, self.session(b"%d" % at))
        taken = [self.memory.take(KEY) for _ in range(SESSIONS_MOST + 1)]
        self.assertEqual(
            [each and each.octets for each in taken], [b"5", b"4", b"3", b"2", None]
        )

    def test_expired(self) -> None:
        """A session that the server does not take any more is not offered."""
        self.memory.keep(KEY, ONE)
        self.time += 7200
        self.assertIsNone(self.memory.take(KEY))
        other = (b"other.example", *KEY[1:])
        self.memory.keep(other, ONE)
        self.time = START
        self.assertIsNone(self.memory.take(other))

    def test_sevenDays(self) -> None:
        """Whatever a server says, after seven days it is over (RFC 8446)."""
        forever = evolve(ONE, expires=START + 1e9)
        self.memory.keep(KEY, forever)
        self.time += LIFETIME_SECONDS_MOST
        self.assertIsNone(self.memory.take(KEY))

    def test_clockSetBack(self) -> None:
        """A session out of the future is none."""
        self.memory.keep(KEY, ONE)
        self.time -= 60
        self.assertIsNone(self.memory.take(KEY))

    def test_everyPartOfTheKeyCounts(self) -> None:
        """Where anything is not as it was, nothing is found."""
        self.memory.keep(KEY, ONE)
        for at in range(len(KEY)):
            parts = list(KEY)
            parts[at] = b"587" if at == 2 else parts[at] + b"x"
            self.assertIsNone(self.memory.take(tuple(parts)))
        joined = (*KEY[:3], KEY[3] + KEY[4])
        self.assertIsNone(self.memory.take(joined))
        self.assertEqual(self.memory.take(KEY), ONE)

    def test_name(self) -> None:
        """An operator finds it by the server's name, or by its address."""
        self.memory.keep(KEY, ONE)
        [name] = self.knowledge.names(SESSION.name)
        found = parseName(name)
        self.assertTrue(found.isAbout(b"MX.example"))
        self.assertTrue(found.isAbout(b"192.0.2.1"))
        self.assertTrue(found.rest.startswith(b"tls "))

    def test_forget(self) -> None:
        """All sessions of a server are thrown away."""
        self.memory.keep(KEY, ONE)
        self.memory.keep(KEY, self.session(b"two"))
        self.memory.forget(KEY)
        self.assertIsNone(self.memory.take(KEY))

    def test_bounds(self) -> None:
        """Long sessions are not kept, and not those of too many servers."""
        self.memory.keep(KEY, self.session(bytes(SESSIONS_OCTETS_MOST + 1)))
        self.assertIsNone(self.memory.take(KEY))
        for octets in (b"a", b"b"):
            self.memory.keep(KEY, self.session(octets * (SESSIONS_OCTETS_MOST - 10)))
        self.assertIsNotNone(self.memory.take(KEY))
        self.assertIsNone(self.memory.take(KEY))
        for at in range(5):
            self.memory.keep((b"mx%d" % at, *KEY[1:]), ONE)
        self.assertEqual(len(self.knowledge.names(SESSION.name)), 3)
        self.assertIsNone(self.memory.take((b"mx1", *KEY[1:])))
        self.assertEqual(self.memory.take((b"mx4", *KEY[1:])), ONE)

    def test_otherProcesses(self) -> None:
        """
        A session is used by one process, though another one has not heard of that; it
        takes one that is left, if there is any.  Those of TLS 1.2 are used again.
        """
        joint = JointRecent(2, 10)
        one, two = (
            SessionMemory(
                MemoryKnowledge(lambda: self.time),
                lambda: self.time,
                claim=joint.column(number).claim,
            )
            for number in (1, 2)
        )
        for octets in (b"old", b"new"):
            for each in (one, two):
                each.keep(KEY, evolve(self.session(octets), version="TLSv1.3"))
        found = [each.take(KEY) for each in (one, two, one, two)]
        self.assertEqual(
            [None if each is None else each.octets for each in found],
            [b"new", b"old", None, None],
        )
        for _ in range(2):
            for each in (one, two):
                each.keep(KEY, evolve(self.session(b"again"), version="TLSv1.2"))
            for each in (one, two):
                again = each.take(KEY)
                assert again is not None
                self.assertEqual(again.octets, b"again")
