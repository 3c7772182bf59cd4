"""
Dialogues, written down as text, held with the real server.

Each file in C{tests/dialogues/} is one test.  A line of it is one of::

    # text              a comment; the first one says what is shown
    # key: value        a setting, see below
    C: line             the client sends a line
    c: octets           the client sends octets, with Python's escapes, no CRLF
    S: pattern          the server answers with this line; * is any text, and a
                        pattern that ends with -* is a whole reply of many lines
    PAUSE               what follows comes in another flight
    TLS                 the handshake that the server has begun is done
    TIMEOUT             the client has said nothing for too long
    CONNECT             the server greets now: what stands before was sent early
    CLOSED              the server has closed
    M: from -> to ...   a message was taken; <> is the null sender
    B: line             a line of its body
    b: octets           octets of its body, with escapes, no CRLF

Client lines that follow each other are one flight: they arrive at once.  Before
the client goes on, and at the end, all that the server said must have been
expected; messages are listed at the end, each that was taken.  Settings:

    - C{extensions}: names, with spaces between; all standard ones if not given.
    - C{trusts}: names of extensions on whose host list the client is.
    - C{options}: C{NAME.setting=value}, numbers, for extensions.
    - C{role}: C{submission}: it is a listener where messages are submitted.
    - C{bounds}: C{name=value}, of L{smtpx.core.bounds.Bounds}.
    - C{tls}: C{ready} (there is a certificate) or C{implicit}.
    - C{users}: names of those who can log in: by the password C{pencil}, a token
      that is C{token-} and the name, or a certificate of the subject C{CN=} and the
      name; whose passwords and tokens nobody can check now is C{later}.
    - C{certificate}: the subject of the client's, which is good.
    - C{owners}: C{mailbox=word}, of L{smtpx.extensions.rrvs.Ownership}: whether it has
      had the same owner; others are elsewhere.
    - C{queue}: C{domain=word}, of L{smtpx.extensions.etrn.State}, perhaps with
      C{:count}: what becomes of mail that waits for it; others are not kept.
    - C{transaction}: what is known of transactions with a name: C{new},
      C{in_progress}, or C{ended} or C{cut_short}, the octets, and the recipients.
    - C{unknown}: recipients that the policy refuses with 550 5.1.1.
    - C{full}: the same, with 452 4.2.2, behind the message.  C{dialect}: C{LMTP}.
    - C{relay}: C{verified}: what is relayed from here keeps to REQUIRETLS.
    - C{flights}: C{whole}: this one is about what arrives together.

Each dialogue is held three times: as it is written; with every flight cut into
single octets; and with every question to the world answered later.  What the
server says and takes must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field, fields_dict, frozen
from twisted.trial.unittest import FailTest, SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import BareLines, Bounds
from smtpx.core.effects import (
    PENDING,
    MayConnect,
    MayDeliver,
    MayReceive,
    MaySend,
    OpenBody,
    TakeMessage,
)
from smtpx.core.hooks import Dialect, TLSInfo
from smtpx.core.interfaces import IExtension
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import reply
from smtpx.core.server import ServerConnection
from smtpx.extensions.auth import Auth
from smtpx.extensions.checkpoint import Checkpoint
from smtpx.extensions.checkpointserver import Recall
from smtpx.extensions.etrn import StartQueue
from smtpx.extensions.rrvs import KeptSince
from smtpx.extensions.standard import STANDARD
from smtpx.sasl import (
    Authenticated,
    Cause,
    CheckPassword,
    CheckToken,
    Denied,
    IUsers,
    Judgement,
    Outcome,
)
from smtpx.testing.server import TAKEN, ScriptedPort

from .actors import CLIENT, Recollection, begun, configured, matches, ownership

FOLDER = Path(__file__).parent / "dialogues"

_STEP = re.compile(r"([CcSMBb]):(?: (.*))?|(PAUSE|TLS|TIMEOUT|CONNECT|CLOSED)")
_SETTING = re.compile(
    r"# (extensions|trusts|options|role|bounds|tls|users|certificate|owners|queue"
    r"|transaction|unknown|full|dialect|flights|relay): (.*)"
)

UNKNOWN = reply(550, "5.1.1", b"No such user")
FULL = reply(452, "4.2.2", b"Mailbox full")


class Manner(Enum):
    """How a dialogue is held."""

    WRITTEN = auto()
    CUT = auto()
    LATE = auto()


@frozen
class Step:
    """
    One line of a dialogue.

    @ivar kind: what stands before the colon, or the word.
    @ivar text: what stands behind.
    @ivar number: the number of the line.
    """

    kind: str
    text: str
    number: int


@frozen
class Message:
    """
    A message that was taken.

    @ivar sender: the reverse path.
    @ivar recipients: the forward paths.
    @ivar body: the text; L{None}: whatever it is.
    """

    sender: bytes
    recipients: tuple[bytes, ...]
    body: bytes | None = None


@define
class Script:
    """
    A dialogue as it is written.

    @ivar name: what it is called in complaints.
    """

    name: str
    title: str = ""
    settings: dict[str, str] = field(factory=dict)
    steps: list[Step] = field(factory=list)
    messages: list[Message] = field(factory=list)


def parse(name: str, text: str) -> Script:
    """
    Read a dialogue.

    @raise ValueError: a line is none of those above.
    """
    script = Script(name)
    for number, line in enumerate(text.split("\n"), 1):
        if setting := _SETTING.fullmatch(line):
            script.settings[setting[1]] = setting[2]
        elif line.startswith("#"):
            script.title = script.title or line.removeprefix("#").strip()
        elif found := _STEP.fullmatch(line):
            step = Step(found[1] or found[3], found[2] or "", number)
            if step.kind in "MBb":
                _readMessage(script.messages, step)
            else:
                script.steps.append(step)
        elif line:
            raise ValueError(f"{name}:{number}: {line}")
    if "CONNECT" not in [step.kind for step in script.steps]:
        script.steps[:0] = [Step("CONNECT", "", 0), Step("S", "220 *", 0)]
    return script


def _readMessage(messages: list[Message], step: Step) -> None:
    if step.kind == "M":
        sender, _, recipients = step.text.partition(" -> ")
        paths = tuple(path.encode() for path in recipients.split(" "))
        messages.append(Message(b"" if sender == "<>" else sender.encode(), paths))
    else:
        last = messages.pop()
        body = (last.body or b"") + octets(step)
        messages.append(Message(last.sender, last.recipients, body))


def octets(step: Step) -> bytes:
    """What a line stands for on the wire."""
    if step.kind.islower():
        return step.text.encode("latin-1").decode("unicode_escape").encode("latin-1")
    return step.text.encode("utf-8") + b"\r\n"


def boundsOf(text: str) -> Bounds:
    """Bounds from C{name=value} pairs."""
    values: dict[str, Any] = {}
    for pair in text.split():
        name, _, value = pair.partition("=")
        kind = fields_dict(Bounds)[name]
        if name == "bareLines":
            values[name] = BareLines(value)
        elif value == "None":
            values[name] = None
        else:
            values[name] = float(value) if "float" in str(kind.type) else int(value)
    return Bounds(**values)


@implementer(IUsers)
@frozen
class Known:
    """There are users, and no verifiers."""

    available: bool = True
    scram: bool = False


#: What a validator of tokens says, by what it thinks of one.
OUTCOMES: dict[Judgement, Callable[[bytes], Outcome]] = {
    Judgement.GOOD: Authenticated,
    Judgement.BAD: partial(Denied, Cause.CREDENTIALS, "bad token"),
    Judgement.UNAVAILABLE: partial(Denied, Cause.UNAVAILABLE, "later"),
}


class Stage:
    """A server, and the client that the script has."""

    def __init__(self, script: Script, manner: Manner) -> None:
        self.script = script
        self.manner = manner
        settings = script.settings
        known = settings.get("transaction")
        self.recollection = None if known is None else Recollection(known)
        names = settings.get("extensions")
        loaded = STANDARD if names is None else names.split()
        profile = ServerProfile(
            name=b"mx.example.org",
            clock=lambda: 1000.0,
            bounds=boundsOf(settings.get("bounds", "")),
            tlsReady="tls" in settings,
            dialect=Dialect[settings.get("dialect", "SMTP")],
            judges="full" in settings,
        ).load(self.extension(name) for name in loaded)
        self.unknown = settings.get("unknown", "").encode().split()
        self.full = settings.get("full", "").encode().split()
        self.pending: list[object] = []
        kinds = (
            MayConnect,
            MaySend,
            MayReceive,
            OpenBody,
            MayDeliver,
            TakeMessage,
            CheckPassword,
            CheckToken,
            KeptSince,
            StartQueue,
            Recall,
        )
        self.port = ScriptedPort(dict.fromkeys(kinds, self.ask))
        self.server = ServerConnection(
            profile,
            self.port,
            CLIENT,
            4567,
            b"192.0.2.25",
            25,
            self.handshake() if settings.get("tls") == "implicit" else None,
        )
        self.flight = b""
        self.said: list[str] = []

    def extension(self, name: str) -> IExtension:
        """An extension, with those whom it knows."""
        if name == Checkpoint.name and self.recollection is not None:
            return self.recollection.checkpoint
        names = self.script.settings.get("users", "").split()
        if name != Auth.name or not names:
            return configured(name, self.script.settings)
        certificates = {f"CN={each}": each.encode() for each in names}
        return Auth(users=Known(), tokens=True, certificates=certificates)

    def handshake(self) -> TLSInfo:
        """What a handshake comes to."""
        subject = self.script.settings.get("certificate")
        return TLSInfo(verified=subject is not None, subject=subject)

    def judge(self, question: CheckPassword | CheckToken) -> Judgement:
        """Does the user have this password or token?"""
        if question.user == b"later":
            return Judgement.UNAVAILABLE
        known = question.user.decode() in self.script.settings["users"].split()
        if isinstance(question, CheckPassword):
            good = question.password == b"pencil"
        else:
            good = question.token == b"token-" + question.user
        return Judgement.GOOD if known and good else Judgement.BAD

    def ask(self, question: object) -> object:
        """What the world says."""
        answer: object = None
        if isinstance(question, CheckPassword):
            answer = self.judge(question)
        elif isinstance(question, CheckToken):
            answer = OUTCOMES[self.judge(question)](question.user)
        elif isinstance(question, StartQueue):
            answer = begun(question, self.script.settings["queue"])
        elif isinstance(question, KeptSince):
            answer = ownership(question, self.script.settings["owners"])
        elif isinstance(question, Recall) and self.recollection is not None:
            answer = self.recollection.recall(question)
        elif isinstance(question, TakeMessage):
            answer = TAKEN
            if self.recollection is not None:
                answer = self.recollection.take(question, TAKEN)
        elif isinstance(question, MayReceive):
            answer = UNKNOWN if question.recipient.path in self.unknown else None
        elif isinstance(question, MayDeliver):
            whole = question.envelope.recipients
            answer = tuple(FULL if each.path in self.full else None for each in whole)
        if self.manner is Manner.LATE:
            self.pending.append(answer)
            return PENDING
        return answer

    def hold(self) -> None:
        """
        Hold the dialogue.

        @raise FailTest: it went otherwise.
        """
        for step in self.script.steps:
            if step.kind in ("C", "c"):
                self.listen(step)
                self.flight += octets(step)
                continue
            self.send()
            if step.kind == "S":
                self.expect(step)
            elif step.kind == "TLS":
                self.listen(step)
                self.hear(self.server.answer(self.handshake()))
            elif step.kind == "TIMEOUT":
                self.listen(step)
                self.hear(self.server.expire())
            elif step.kind == "CONNECT":
                self.hear(self.server.start())
            elif step.kind == "CLOSED":
                self.listen(step)
                self.check(self.server.closed, step, "the server has not closed")
        self.send()
        end = self.script.steps[-1]
        self.listen(end)
        closes = end.kind == "CLOSED"
        self.check(self.server.closed == closes, end, "the server has closed")
        self.check(self.port.troubles == [], end, f"{self.port.troubles}")
        self.compare(end)

    def send(self) -> None:
        """Let the flight arrive."""
        flight, self.flight = self.flight, b""
        size = 1 if self.manner is Manner.CUT else len(flight) or 1
        for start in range(0, len(flight), size):
            self.hear(self.server.feed(flight[start : start + size]))

    def hear(self, output: bytes) -> None:
        """Take in what the server says, and answer what it asks meanwhile."""
        while self.pending:
            output += self.server.answer(self.pending.pop())
        self.said += output.decode("utf-8").split("\r\n")[:-1]

    def expect(self, step: Step) -> None:
        """The server has said this."""
        line = self.said.pop(0) if self.said else ""
        self.check(matches(step.text, line), step, f"the server said {line!r}")
        if step.text.endswith("-*"):
            while self.said and line[3:4] == "-":
                line = self.said.pop(0)

    def listen(self, step: Step) -> None:
        """The server has said nothing that was not expected."""
        if not self.flight:
            self.check(self.said == [], step, f"before it, the server said {self.said}")

    def compare(self, end: Step) -> None:
        """The messages that were taken are those that are listed."""
        listed = self.script.messages
        came = zip(self.port.taken, self.port.bodies, strict=True)
        again = [] if self.recollection is None else self.recollection.repeats
        taken = [
            Message(
                envelope.sender,
                tuple(each.path for each in envelope.recipients),
                None if index < len(listed) and listed[index].body is None else body,
            )
            for index, (envelope, body) in enumerate(
                each for each in came if not any(each[0] is one for one in again)
            )
        ]
        self.check(taken == listed, end, f"taken were {taken}, not {listed}")

    def check(self, good: bool, step: Step, complaint: str) -> None:
        """Complain, with the place in the file."""
        if not good:
            place = f"{self.script.name}:{step.number}: {step.kind}: {step.text}"
            raise FailTest(f"{place}: {complaint} ({self.manner.name})")


class DialogueTests(SynchronousTestCase):
    """The dialogues in C{tests/dialogues/}; each is made a method below."""

    def hold(self, path: Path) -> None:
        """Hold one dialogue in every manner that it allows."""
        script = parse(path.name, path.read_text("utf-8"))
        self.assertNotEqual(script.title, "", path.name)
        whole = script.settings.get("flights") == "whole"
        for manner in Manner:
            if manner is not Manner.CUT or not whole:
                Stage(script, manner).hold()


def _methods() -> Iterator[tuple[str, Callable[[DialogueTests], None]]]:
    for path in sorted(FOLDER.glob("*.dlg")):

        def test(self: DialogueTests, path: Path = path) -> None:
            self.hold(path)

        test.__doc__ = f"C{{{path.name}}}"
        yield f"test_{path.stem}", test


for _name, _test in _methods():
    setattr(DialogueTests, _name, _test)


class ScriptTests(SynchronousTestCase):
    """A dialogue that goes otherwise than it is written is a failure."""

    def complaint(self, text: str) -> str:
        """What is said of a dialogue that goes wrong."""
        script = parse("x.dlg", text)
        error = self.assertRaises(FailTest, Stage(script, Manner.WRITTEN).hold)
        return str(error)

    def test_anotherReplyIsNoticed(self) -> None:
        """With the line of the file."""
        self.assertIn("x.dlg:2", self.complaint("C: NOOP\nS: 500 *"))

    def test_aReplyTooManyIsNoticed(self) -> None:
        """In the middle and at the end."""
        self.assertIn("250", self.complaint("C: NOOP\nPAUSE\nC: NOOP\nS: 250 *"))
        self.assertIn("250", self.complaint("C: NOOP\nC: NOOP\nS: 250 *"))

    def test_aReplyTooFewIsNoticed(self) -> None:
        """The server says nothing."""
        self.assertIn("''", self.complaint("C: NOOP\nS: 250 *\nS: 250 *"))

    def test_anEndIsNoticed(self) -> None:
        """The server closes, or does not."""
        self.assertIn("has closed", self.complaint("C: QUIT\nS: 221 *"))
        self.assertIn("has not closed", self.complaint("C: NOOP\nS: 250 *\nCLOSED"))

    def test_messagesAreNoticed(self) -> None:
        """One that was not taken, one that was not listed, one with other text."""
        send = (
            "C: HELO c.example\nS: 250 *\nC: MAIL FROM:<>\nS: 250 *\n"
            "C: RCPT TO:<b@c.example>\nS: 250 *\nC: DATA\nS: 354 *\n"
            "C: x\nC: .\nS: 250 *\n"
        )
        self.assertIn("taken were", self.complaint("C: NOOP\nS: 250 *\nM: <> -> b"))
        self.assertIn("taken were", self.complaint(send))
        self.assertIn("b'x", self.complaint(send + "M: <> -> b@c.example\nB: y"))

    def test_nonsenseIsNotADialogue(self) -> None:
        """A slip of the pen is told with its line."""
        error = self.assertRaises(ValueError, parse, "x.dlg", "C: NOOP\nS 250")
        self.assertEqual(str(error), "x.dlg:2: S 250")
