"""
Dialogues of the client, written down as text, held with the real client.

Each file in C{tests/dialogues/client/} is one test, in the form of those of
L{tests.test_dialogues}, but here the script has the server's part: C{S:} is what
the server says, and C{C:} what the client has to say.  C{O: address reply} is what
became of a recipient, with C{*} for any text; those stand at the end.  Its settings:

    - C{extensions}, C{trusts}, C{options}, C{role}, C{owners}: as there.
    - C{name}: what the client calls itself.
    - C{mail}, C{rcpt}: the commands by which the message came to us: a server reads
      them, and what its extensions note goes through the spool.
    - C{relay}: as there.
    - C{tls}: all of it is under TLS, the message came so, too: C{verified}, or C{any}.
    - C{later}: how many seconds ago that was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import define, field
from twisted.trial.unittest import FailTest, SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSInfo
from smtpx.core.profile import ServerProfile
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.server import ServerConnection
from smtpx.extensions.rrvs import KeptSince
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.server import ScriptedPort

from .actors import CLIENT, configured, matches, ownership
from .test_dialogues import FOLDER

#: When the message came to us, in seconds since the epoch.
THEN = 1000.0

_STEP = re.compile(r"([CSO]):(?: (.*))?")
_SETTING = re.compile(
    r"# (extensions|trusts|options|role|owners|name|mail|rcpt|later|tls|relay): (.*)"
)
_MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


@define
class Script:
    """
    A dialogue as it is written.

    @ivar steps: kind, text and line.
    """

    name: str
    title: str = ""
    settings: dict[str, list[str]] = field(factory=dict)
    steps: list[tuple[str, str, int]] = field(factory=list)

    def setting(self, name: str, usual: str = "") -> str:
        """A setting that is there once."""
        return self.settings.get(name, [usual])[0]


def parse(name: str, text: str) -> Script:
    """
    Read a dialogue.

    @raise ValueError: a line is none.
    """
    script = Script(name)
    for number, line in enumerate(text.split("\n"), 1):
        if setting := _SETTING.fullmatch(line):
            script.settings.setdefault(setting[1], []).append(setting[2])
        elif line.startswith("#"):
            script.title = script.title or line.removeprefix("#").strip()
        elif found := _STEP.fullmatch(line):
            script.steps.append((found[1], found[2] or "", number))
        elif line:
            raise ValueError(f"{name}:{number}: {line}")
    return script


def hold(script: Script) -> None:
    """
    Hold a dialogue.

    @raise FailTest: it went otherwise.
    """
    flat = {name: values[0] for name, values in script.settings.items()}
    names = script.setting("extensions").split()
    extensions = [configured(name, flat) for name in names]
    owners = script.setting("owners")
    port = ScriptedPort({KeptSince: lambda asked: ownership(asked, owners)})
    profile = ServerProfile(clock=lambda: THEN).load(extensions)
    server = ServerConnection(profile, port, CLIENT)
    tls = script.setting("tls")
    secured = TLSInfo(verified=tls == "verified") if tls else None
    server.secured = secured
    server.start()
    said = server.feed(b"EHLO sender.example\r\n")
    for command in [*script.settings["mail"], *script.settings["rcpt"]]:
        said = server.feed(command.encode() + b"\r\n")
        if said[:3] != b"250":
            raise FailTest(f"{script.name}: {command}: {said!r}")
    assert server.envelope is not None
    envelope = spooled(server.envelope, QueueProfile().load(extensions))
    now = THEN + float(script.setting("later", "0"))
    connection = client(
        extensions,
        name=script.setting("name", "client.example.org").encode(),
        secured=secured,
        clock=lambda: now,
    )
    peer = ScriptedPeer(connection)
    heard = peer.start()
    given = False
    outcomes: list[str] = []
    flight = b""
    for kind, text, number in script.steps:
        if kind == "S":
            flight += text.encode() + b"\r\n"
            continue
        heard += peer.say(flight)
        flight = b""
        if connection.ready and not given:
            given = True
            heard += peer.deliver(envelope, _MESSAGE)
        if kind == "O":
            outcomes.append(text)
            continue
        line, _, heard = heard.partition(b"\r\n")
        if line.decode() != text:
            raise FailTest(f"{script.name}:{number}: the client said {line!r}")
    if heard:
        raise FailTest(f"{script.name}: besides, the client said {heard!r}")
    [settled] = peer.settled
    came = [
        f"{recipient.path.decode()} {got.octets.decode().rstrip()}"
        for recipient, got in settled.outcomes
    ]
    if len(came) != len(outcomes) or not all(map(matches, outcomes, came)):
        raise FailTest(f"{script.name}: what became of it: {came}")


def spooled(envelope: Envelope, profile: QueueProfile) -> Envelope:
    """What the spool makes of an envelope."""
    other = Envelope(envelope.sender, envelope.arrived, octets=len(_MESSAGE))
    other.stamps.load(profile.stamps, envelope.dumpedStamps())
    for each in envelope.recipients:
        recipient = Recipient(each.path)
        recipient.stamps.load(profile.stamps, each.dumpedStamps())
        other.recipients.append(recipient)
    return other


class ClientDialogueTests(SynchronousTestCase):
    """The dialogues in C{tests/dialogues/client/}; each is made a method below."""

    def hold(self, path: Path) -> None:
        """Hold one dialogue."""
        script = parse(path.name, path.read_text("utf-8"))
        self.assertNotEqual(script.title, "", path.name)
        hold(script)


def _methods() -> Iterator[tuple[str, Callable[[ClientDialogueTests], None]]]:
    for path in sorted((FOLDER / "client").glob("*.dlg")):

        def test(self: ClientDialogueTests, path: Path = path) -> None:
            self.hold(path)

        test.__doc__ = f"C{{client/{path.name}}}"
        yield f"test_{path.stem}", test


for _name, _test in _methods():
    setattr(ClientDialogueTests, _name, _test)


class ScriptTests(SynchronousTestCase):
    """A dialogue that goes otherwise than it is written is a failure."""

    def complaint(self, text: str) -> str:
        """What is said of a dialogue that goes wrong."""
        whole = (
            "# mail: MAIL FROM:<a@b.example>\n# rcpt: RCPT TO:<c@d.example>\n"
            "S: 220 mx.example\nC: EHLO client.example.org\nS: 250 mx.example\n"
        )
        return str(self.assertRaises(FailTest, hold, parse("x.dlg", whole + text)))

    def test_whatTheClientSays(self) -> None:
        """Another line, one too many, none."""
        self.assertIn("x.dlg:6: the client said", self.complaint("C: QUIT"))
        text = "C: MAIL FROM:<a@b.example>\nS: 550 no\nO: c@d.example 550 no"
        self.assertIn("x.dlg:9: the client said b''", self.complaint(text + "\nC: x"))
        self.assertIn("besides", self.complaint("O: x"))

    def test_outcomes(self) -> None:
        """Another one, or none."""
        text = "C: MAIL FROM:<a@b.example>\nS: 550 no\nO: c@d.example 551 no"
        self.assertIn("what became of it", self.complaint(text))

    def test_howItCame(self) -> None:
        """A command that our own server refuses."""
        self.assertIn("EHL", self.complaint("# rcpt: EHL"))

    def test_nonsense(self) -> None:
        """A slip of the pen is told with its line."""
        self.assertRaises(ValueError, parse, "x.dlg", "S 250")
