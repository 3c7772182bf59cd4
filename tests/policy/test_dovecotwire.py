"""
Tests for L{smtpx.policy.dovecotwire}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.dovecotwire import (
    GREETING_LINES,
    Accepted,
    Continued,
    Greeting,
    Refused,
    parseAnswer,
    renderCancel,
    renderHello,
    renderRequest,
)
from smtpx.sasl import Channel, CheckPassword

#: What Dovecot 2.3.19 says.
LINES = [
    b"VERSION\t1\t2",
    b"MECH\tPLAIN\tplaintext",
    b"MECH\tLOGIN\tplaintext",
    b"MECH\tSCRAM-SHA-256\tmutual-auth",
    b"SPID\t31151",
    b"CUID\t1",
    b"COOKIE\t6c681b6b84b278aab506b8d730cad1ea",
    b"DONE",
]


class GreetingTests(SynchronousTestCase):
    """What the server says first."""

    def greet(self, *lines: bytes) -> list[bool]:
        """After which lines the greeting is complete."""
        greeting = Greeting()
        return [greeting.feed(line) for line in lines]

    def test_dovecots(self) -> None:
        """It ends with C{DONE}."""
        self.assertEqual(self.greet(*LINES), [False] * 7 + [True])

    def test_wordsThatAreNotKnown(self) -> None:
        """Later versions may have more, in any order."""
        new = [b"VERSION\t1\t99\tx", b"NEWS\tx", b"", b"MECH\tPLAIN", b"DONE\tx"]
        self.assertEqual(self.greet(*new)[-1], True)

    def test_whatIsNotDovecot(self) -> None:
        """Whoever does not begin with the version, or with another."""
        for first in (
            b"220 mx ESMTP",
            b"",
            b"MECH\tPLAIN",
            b"VERSION\t2\t0",
            b"VERSION",
        ):
            self.assertRaises(Malformed, self.greet, first)
        self.assertRaises(Malformed, self.greet, LINES[0], LINES[0])

    def test_withoutPlain(self) -> None:
        """Passwords are shown by PLAIN: a server without cannot be asked."""
        self.assertRaises(Malformed, self.greet, LINES[0], LINES[2], LINES[-1])
        self.assertRaises(Malformed, self.greet, LINES[0], b"MECH", LINES[-1])

    def test_withoutEnd(self) -> None:
        """So many lines and no more."""
        lines = [LINES[0]] + [LINES[3]] * (GREETING_LINES - 1)
        self.greet(*lines)
        self.assertRaises(Malformed, self.greet, *lines, LINES[3])


class RequestTests(SynchronousTestCase):
    """What we say."""

    def test_hello(self) -> None:
        """The version, and who it is."""
        self.assertEqual(renderHello(4711), b"VERSION\t1\t1\nCPID\t4711\n")

    def test_request(self) -> None:
        """With all that is known of the client; the response is the last."""
        channel = Channel(secured=True, peer=b"192.0.2.7", local=b"2001:db8::25")
        question = CheckPassword(b"joe", b"x", channel)
        self.assertEqual(
            renderRequest(7, question),
            b"AUTH\t7\tPLAIN\tservice=smtp\tnologin\tlip=2001:db8::25\trip=192.0.2.7"
            b"\tsecured\tresp=AGpvZQB4\n",
        )

    def test_ofAClientWithoutAddress(self) -> None:
        """
        There are such, by a socket of the file system or a proxy that does not
        know; and nothing else begins a word of ours.
        """
        for peer in (b"", b"unknown", b"192.0.2.7\tsecured", b"192.0.2.7\n", b"\xff"):
            channel = Channel(peer=peer, local=peer)
            self.assertEqual(
                renderRequest(1, CheckPassword(b"joe", b"x", channel)),
                b"AUTH\t1\tPLAIN\tservice=smtp\tnologin\tresp=AGpvZQB4\n",
            )

    def test_cancel(self) -> None:
        """Nobody wants it any more."""
        self.assertEqual(renderCancel(7), b"CANCEL\t7\n")

    @given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_oneLineAlways(self, user: bytes, password: bytes) -> None:
        """Whatever is in a name or password, it begins no line and no word."""
        request = renderRequest(1, CheckPassword(user, password))
        self.assertEqual(request.count(b"\n"), 1)
        self.assertEqual(request.count(b"\t"), 5)


class AnswerTests(SynchronousTestCase):
    """What the server answers."""

    def test_yes(self) -> None:
        """With the user's name, as Dovecot has it."""
        for line, answer in (
            (b"OK\t1\tuser=joe", Accepted(1, b"joe")),
            (b"OK\t2\tuser=joe\toriginal_user=JOE\t", Accepted(2, b"joe")),
            (b"OK\t4294967295\tuser=a=b", Accepted(4294967295, b"a=b")),
            (b"OK\t7\tuser=off\tnologin", Accepted(7, b"off", nologin=True)),
            (b"OK\t7\tuser=off\tnologin=y", Accepted(7, b"off", nologin=True)),
        ):
            self.assertEqual(parseAnswer(line), answer)

    def test_escapes(self) -> None:
        """C{\\001} and a letter stand for what a line cannot have."""
        self.assertEqual(
            parseAnswer(b"OK\t1\tuser=a\x01tb\x01nc\x011d\x010e\x01rf\x01xg"),
            Accepted(1, b"a\tb\nc\x01d\0e\rfxg"),
        )

    def test_no(self) -> None:
        """A wrong password, or a user who may not, by both spellings."""
        disabled = Refused(1, why="the user is disabled")
        for line, answer in (
            (b"FAIL\t1\tuser=joe", Refused(1)),
            (b"FAIL\t1", Refused(1)),
            (b"FAIL\t1\treason=You are out", Refused(1)),
            (b"FAIL\t1\tuser=joe\tuser_disabled", disabled),
            (b"FAIL\t1\tcode=user_disabled\tuser=joe", disabled),
            (b"FAIL\t1\tpass_expired", Refused(1, why="the password has expired")),
            (b"FAIL\t1\tauthz", Refused(1, why="may not act as that user")),
            (b"FAIL\t1\tcode=authz_fail", Refused(1, why="may not act as that user")),
        ):
            self.assertEqual(parseAnswer(line), answer)

    def test_notNow(self) -> None:
        """By both spellings."""
        for line in (b"FAIL\t1\tuser=joe\ttemp", b"FAIL\t1\tcode=temp_fail"):
            self.assertEqual(parseAnswer(line), Refused(1, temporary=True))

    def test_more(self) -> None:
        """A challenge, whatever it says."""
        self.assertEqual(parseAnswer(b"CONT\t1\t"), Continued(1))
        self.assertEqual(parseAnswer(b"CONT\t1\tUGFzc3dvcmQ6"), Continued(1))

    def test_whatIsNoAnswer(self) -> None:
        """Other words, no number, and a yes for nobody or for two."""
        for bad in (
            b"",
            b"OK",
            b"OK\t",
            b"OK\tx\tuser=joe",
            b"OK\t-1\tuser=joe",
            b"OK\t+1\tuser=joe",
            b"OK\t1 \tuser=joe",
            b"OK\t10000000000\tuser=joe",
            b"OK\t1",
            b"OK\t1\tuser",
            b"OK\t1\tuser=",
            b"OK\t1\tuser=joe\tuser=admin",
            b" OK\t1\tuser=joe",
            b"ok\t1\tuser=joe",
            b"OK 1 user=joe",
            b"FAIL",
            b"CONT",
            b"MECH\tPLAIN",
            b"235 2.7.0 OK",
        ):
            self.assertRaises(Malformed, parseAnswer, bad)

    def test_cutAnywhere(self) -> None:
        """Part of a yes is a yes for nobody else than part of the user."""
        line = b"OK\t12\tuser=joe"
        for end in range(len(line)):
            try:
                answer = parseAnswer(line[:end])
            except Malformed:
                continue
            assert isinstance(answer, Accepted)
            self.assertTrue(b"joe".startswith(answer.user))

    @given(st.binary(max_size=60))
    @settings(max_examples=100, deadline=None)
    def test_anyOctets(self, octets: bytes) -> None:
        """An answer or L{Malformed}."""
        for line in (octets, b"OK\t1\t" + octets, b"FAIL\t1\t" + octets):
            try:
                parseAnswer(line)
            except Malformed:
                pass
