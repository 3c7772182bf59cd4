"""
What is secret is in no trace, wherever a client says it, and however it is cut.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import ServerDialogue, line
from smtpx.core.hooks import Ending, Verb
from smtpx.core.interfaces import IServerBuilder, IServerSession
from smtpx.core.reply import reply
from smtpx.observe.ladder import ladder
from smtpx.observe.trace import SessionTrace, TraceStore
from smtpx.observe.tracer import TraceChoice, Tracer

from ..core.made import MadeServer
from ..extensions.logins import SERVER_ANSWERS
from .recorded import Recorded

EHLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
RCPT = b"RCPT TO:<c@d.example>\r\n"

#: Long enough not to be there by chance.
SECRET = b"Tr0ub4dor/3+horse"


def traceOf(said: Recorded) -> SessionTrace:
    """The trace of a session, which ends here."""
    store = TraceStore()
    choice = TraceChoice(hosts=lambda address, names: True)
    tracer = Tracer(choice, store, said.clock.seconds)
    said.core.lost()
    tracer.ended(said.core, "Connection was closed cleanly.")
    (trace,) = store.recent()
    return trace


def spellings(secret: bytes) -> list[bytes]:
    """How a secret may look: itself, and in base64 at each of the three places."""
    found = [secret]
    for shift in range(3):
        whole = b64encode(b"\0" * shift + secret)
        # Without what depends on its neighbours.
        found.append(whole[4 if shift else 0 : -4])
    return found


def plain(secret: bytes) -> bytes:
    """The message of PLAIN, in base64."""
    return b64encode(b"\0ann\0" + secret)


#: Where a client may say something secret, each a line or more that it sends.
PLACES: Sequence[Callable[[bytes], list[bytes]]] = (
    lambda s: [b"AUTH PLAIN %b\r\n" % plain(s)],
    lambda s: [b"auth plain %b\r\n" % plain(s)],
    lambda s: [b"AUTH PLAIN\r\n", plain(s) + b"\r\n"],
    lambda s: [b"AUTH LOGIN\r\n", b"YW5u\r\n", b64encode(s) + b"\r\n"],
    lambda s: [b"AUTH LOGIN %b\r\n" % b64encode(s), b64encode(s) + b"\r\n"],
    lambda s: [b"AUTH %b\r\n" % s],
    lambda s: [b"AUTH %b %b\r\n" % (s, s)],
    lambda s: [b"AUTH  PLAIN %b\r\n" % plain(s)],
    lambda s: [b"AUTH\tPLAIN %b\r\n" % plain(s)],
    lambda s: [b"AUTH NTLM\r\n", b64encode(s) + b"\r\n"],
    lambda s: [b"AUTH PLAIN %b\r\n" % (s * 300)],
    lambda s: [b"AUTH PLAIN\r\n", s * 1000 + b"\r\n"],
    lambda s: [s + b"\r\n"],
    lambda s: [s + b" " + s + b"\r\n"],
    lambda s: [b"PASS %b\r\n" % s],
    lambda s: [b"NOOP %b\r\n" % s],
    lambda s: [b"HELP %b\r\n" % s],
    lambda s: [b"RSET %b\r\n" % s],
    lambda s: [b"DATA %b\r\n" % s],
    lambda s: [b"VRFY %b\r\n" % s],
    lambda s: [b"EXPN %b\r\n" % s],
    lambda s: [b"QUIT %b\r\n" % s],
    lambda s: [b"MAIL %b\r\n" % s],
    lambda s: [b"RCPT %b\r\n" % s],
    lambda s: [b"XCLIENT LOGIN=%b\r\n" % s],
    lambda s: [b"xclient NAME=a.example login=%b ADDR=192.0.2.9\r\n" % s],
    lambda s: [s + b"\nQUIT\r\n"],
    lambda s: [b"x" * 4096 + s + b"\r\n"],
    lambda s: [MAIL, RCPT, b"DATA\r\n", b"Subject: %b\r\n\r\n%b\r\n.\r\n" % (s, s)],
    lambda s: [MAIL, b"DATA\r\n", b"help %b\r\ndata: %b\r\n.\r\n" % (s, s)],
    lambda s: [MAIL, RCPT, b"BDAT %d LAST\r\n%b" % (len(s), s)],
    lambda s: [b"BDAT %d LAST\r\n%b" % (len(s), s)],
    lambda s: [MAIL, RCPT, b"BDAT %d\r\n%b" % (len(s), s), b"NOOP %b\r\n" % s],
)

#: They begin as no word of ours does.
secrets = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
    min_size=16,
    max_size=24,
).map(lambda text: b"q7/" + text.encode())


class SecretTests(SynchronousTestCase):
    """
    An operator may show a trace to anybody.

    @ivar slow: these are many sessions, each cut at each octet.
    """

    slow = True

    def hidden(self, said: Recorded, secret: bytes) -> SessionTrace:
        """
        See that a secret is nowhere.

        @return: the trace.
        """
        trace = traceOf(said)
        shown = (ladder(trace) + json.dumps(trace.asJSON())).encode("ascii").lower()
        for spelt in spellings(secret):
            self.assertNotIn(spelt.lower(), shown)
        return trace

    def test_everyPlace(self) -> None:
        """Wherever it stands, in the clear and in base64."""
        for place in PLACES:
            said = Recorded().feed(EHLO, *place(SECRET))
            self.hidden(said, SECRET)

    def test_cutAnywhere(self) -> None:
        """However the network cuts it."""
        for place in PLACES:
            whole = b"".join([EHLO, *place(SECRET), b"QUIT\r\n"])
            # What is far longer is cut where it begins and where it ends.
            for at in [
                *range(min(len(whole), 120)),
                *range(len(whole) - 40, len(whole)),
            ]:
                said = Recorded().feed(whole[:at], whole[at:])
                self.hidden(said, SECRET)

    def test_octetByOctet(self) -> None:
        """A client that sends each octet alone."""
        for place in PLACES:
            whole = b"".join([EHLO, *place(SECRET)])
            if len(whole) < 500:
                said = Recorded()
                for at in range(len(whole)):
                    said.feed(whole[at : at + 1])
                self.hidden(said, SECRET)

    def test_whatCanBeSeenOfALogin(self) -> None:
        """The mechanism, where it is one of ours, and how it ended."""
        said = Recorded().feed(
            EHLO,
            b"AUTH PLAIN %b\r\n" % plain(SECRET),
            b"QUIT\r\n",
        )
        self.assertEqual(
            said.ladder[3:5],
            [
                (">", ("AUTH PLAIN *",)),
                ("<", ("235 2.7.0 Authentication succeeded",)),
            ],
        )
        said = Recorded().feed(EHLO, b"auth login\r\n", b"YW5u\r\n", b"cGVuY2ls\r\n")
        self.assertEqual(
            said.ladder[3:],
            [
                (">", ("AUTH LOGIN",)),
                ("<", ("334 *",)),
                (">", ("*",)),
                ("<", ("334 *",)),
                (">", ("*",)),
                ("<", ("235 2.7.0 Authentication succeeded",)),
            ],
        )

    def test_whatCanBeSeenOfALoginThatIsNone(self) -> None:
        """That something stood there, if anything did."""
        said = Recorded().feed(
            EHLO,
            b"AUTH\r\n",
            b"AUTH %b\r\n" % SECRET,
            b"NOOP %b\r\n" % SECRET,
            b"QUIT %b\r\n" % SECRET,
        )
        self.assertEqual(said.heard[1:], ["AUTH", "AUTH *", "NOOP *", "QUIT *"])

    def test_aLineIsOneHoweverItComes(self) -> None:
        """A line of a login is told of once, when it is whole."""
        said = Recorded().feed(EHLO, b"AUTH LOGIN\r\n", b"YW", b"5u", b"\r", b"\n")
        self.assertEqual(said.heard[1:], ["AUTH LOGIN", "*"])

    def test_aDialogueMaySayItLater(self) -> None:
        """A command of somebody else's that asks for a secret line is masked."""

        def ask(session: IServerSession, rest: bytes) -> ServerDialogue:
            yield from line(reply(350, None, SECRET), secret=True)
            shown = yield from line(reply(350, None, b"Go on"))
            return reply(250, "2.0.0", shown or b"")

        def extend(server: IServerBuilder) -> None:
            server.verb(Verb(b"UNLOCK", ask))

        said = Recorded(loaded=[MadeServer(extend)])
        said.feed(b"unlock %b\r\n" % SECRET, SECRET + b"\r\n", b"door\r\n")
        self.hidden(said, SECRET)
        self.assertEqual(
            [lines for _, lines in said.ladder[1:]],
            [
                ("UNLOCK *",),
                ("350 *",),
                ("*",),
                ("350 Go on",),
                ("door",),
                ("250 2.0.0 door",),
            ],
        )

    def test_challengesAreHidden(self) -> None:
        """What SCRAM's server says is of use to who guesses passwords."""
        first = b64encode(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        said = Recorded(answers=SERVER_ANSWERS)
        said.feed(EHLO, b"AUTH SCRAM-SHA-256 %b\r\n" % first)
        self.assertEqual(
            said.ladder[3:], [(">", ("AUTH SCRAM-SHA-256 *",)), ("<", ("334 *",))]
        )

    def test_inputBeforeThePromptIsAnError(self) -> None:
        """A reply that is no prompt is shown; what came too early is not."""
        said = Recorded().feed(EHLO, b"AUTH LOGIN\r\nYW5u\r\n" + SECRET + b"\r\n")
        trace = self.hidden(said, SECRET)
        self.assertEqual(trace.end, Ending.REFUSED.value)
        self.assertEqual(
            said.ladder[-1], ("<", ("554 5.5.0 SMTP synchronisation error",))
        )

    def test_othersCommandsCanBeSeen(self) -> None:
        """Masking is no excuse for showing nothing."""
        said = Recorded().feed(
            EHLO,
            b"mail from:<a@b.example> SIZE=5 BODY=8BITMIME\r\n",
            b"RCPT  TO:<c@d.example> NOTIFY=NEVER\r\n",
            b"XCLIENT NAME=x.example LOGIN=ann\r\n",
            b"GET / HTTP/1.1\r\n",
        )
        self.assertEqual(
            said.heard[1:],
            [
                "MAIL from:<a@b.example> SIZE=5 BODY=8BITMIME",
                "RCPT  TO:<c@d.example> NOTIFY=NEVER",
                "XCLIENT NAME=x.example LOGIN=*",
                "*",
            ],
        )

    @settings(max_examples=100, deadline=None)
    @given(
        secrets,
        st.lists(st.sampled_from(PLACES), max_size=6),
        st.lists(st.integers(1, 60), max_size=30),
        st.booleans(),
    )
    def test_anything(
        self,
        secret: bytes,
        places: list[Callable[[bytes], list[bytes]]],
        cuts: list[int],
        early: bool,
    ) -> None:
        """Any of these places, in any order, cut anywhere, pipelined or not."""
        lines = [EHLO, *(line for place in places for line in place(secret))]
        said = Recorded(start=not early)
        if cuts:
            whole = b"".join(lines)
            for cut in cuts:
                said.feed(whole[:cut])
                whole = whole[cut:]
            said.feed(whole)
        else:
            said.feed(*lines)
        if early:
            said.core.start()
        self.hidden(said, secret)
