"""
Tests for L{smtpx.service.control.client}, over a socket that is none.
"""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import BinaryIO

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.control.client import (
    BrokenTalk,
    ControlClient,
    NoRights,
    NoServer,
    OtherVersion,
    mayNot,
)
from smtpx.service.control.endpoint import BadSocketPath
from smtpx.service.control.exchange import Refused
from smtpx.service.control.wire import PROTOCOL, Kind, smtpxVersion

HELLO: dict[str, object] = {"smtpx": "9.9", "protocol": PROTOCOL, "name": "mx"}


class Line:
    """A socket, at whose other end a server says what a test has for it."""

    def __init__(self, said: bytes, error: OSError | None = None) -> None:
        self.said = said
        self.error = error
        self.sent = b""
        self.closed = False
        self.timeouts: list[float | None] = []

    def settimeout(self, seconds: float | None) -> None:
        """Note it."""
        self.timeouts.append(seconds)

    def connect(self, path: str) -> None:
        """Connect, or fail."""
        if self.error is not None:
            raise self.error

    def makefile(self, mode: str) -> BinaryIO:
        """What there is to be read."""
        return io.BytesIO(self.said)

    def sendall(self, octets: bytes) -> None:
        """Note it."""
        if self.closed:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self.sent += octets

    def close(self) -> None:
        """Note it."""
        self.closed = True


class ClientTests(SynchronousTestCase):
    """What a program hears."""

    def connect(
        self, *said: object, raw: bytes = b"", error: OSError | None = None
    ) -> ControlClient:
        """Connect to a server that says these, an object a line, and then more."""
        octets = b"".join(json.dumps(each).encode() + b"\n" for each in said) + raw
        self.line = Line(octets, error)
        self.patch(socket, "socket", lambda *what: self.line)
        return ControlClient("/run/c")

    def fails(self, kind: type[Exception], *said: object, **more: object) -> str:
        """Connecting fails; why.  The socket is closed."""
        raised = self.assertRaises(kind, self.connect, *said, **more)
        self.assertTrue(self.line.closed)
        return str(raised)

    def test_ask(self) -> None:
        """What is asked for comes in parts, with progress, and has an end."""
        client = self.connect(
            HELLO,
            {"id": 1, "part": {"n": 1}},
            {"id": 1, "progress": {"done": 5}},
            {"id": 1, "newer": True},
            {"id": 1, "part": {"n": 2}},
            {"id": 1, "done": {"found": 2}},
            {"id": 2, "done": {}},
        )
        self.assertEqual(client.hello["smtpx"], "9.9")
        self.assertEqual(self.line.timeouts, [10.0, None])
        parts: list[object] = []
        told: list[object] = []
        done = client.ask("queue.list", {"a": 5}, parts.append, told.append)
        self.assertEqual(done, {"found": 2})
        self.assertEqual((parts, told), ([{"n": 1}, {"n": 2}], [{"done": 5}]))
        self.assertEqual(
            json.loads(self.line.sent), {"id": 1, "do": "queue.list", "a": 5}
        )
        self.assertEqual(client.ask("x", {}), {})
        client.close()
        self.assertTrue(self.line.closed)

    def test_refused(self) -> None:
        """What comes to nothing is said, and why."""
        client = self.connect(
            HELLO,
            {"id": 1, "error": {"kind": "missing", "text": "there is none"}},
            {"id": 2, "error": {"kind": "rights", "text": "no"}},
            {"id": 3, "error": {"kind": "odd"}},
        )
        error = self.assertRaises(Refused, client.ask, "x", {})
        self.assertEqual((error.kind, str(error)), (Kind.MISSING, "there is none"))
        self.assertRaises(NoRights, client.ask, "x", {})
        error = self.assertRaises(Refused, client.ask, "x", {})
        self.assertIs(error.kind, Kind.FAILED)

    def test_gone(self) -> None:
        """A server that is gone, in whatever way."""
        client = self.connect(HELLO, raw=b'{"id": 1, "do')
        error = self.assertRaises(BrokenTalk, client.ask, "x", {})
        self.assertIn("the server has gone away", str(error))
        client = self.connect(HELLO, raw=b"x\n")
        self.assertIn(
            "no JSON", str(self.assertRaises(BrokenTalk, client.ask, "x", {}))
        )
        client.close()
        self.assertRaises(BrokenTalk, client.ask, "x", {})

    def test_noServer(self) -> None:
        """Nobody is there."""
        for kind, number in (
            (FileNotFoundError, errno.ENOENT),
            (ConnectionRefusedError, errno.ECONNREFUSED),
        ):
            why = self.fails(NoServer, error=kind(number, os.strerror(number)))
            self.assertEqual(why, f"/run/c: {os.strerror(number)}")

    def test_noRights(self) -> None:
        """We may not."""
        why = self.fails(NoRights, error=PermissionError(errno.EACCES, "no"))
        self.assertIn("/run/c: you may not; be root", why)

    def test_noAnswer(self) -> None:
        """Somebody is there who says nothing, or is busy."""
        self.assertIn("does not answer", self.fails(BrokenTalk, error=TimeoutError()))
        self.assertIn("gone away", self.fails(BrokenTalk))
        self.patch(Line, "makefile", lambda *what: _Hung(TimeoutError()))
        self.assertIn("does not answer", self.fails(BrokenTalk))
        reset = ConnectionResetError(errno.ECONNRESET, "Reset")
        self.patch(Line, "makefile", lambda *what: _Hung(reset))
        self.assertIn("Reset", self.fails(BrokenTalk))

    def test_otherVersion(self) -> None:
        """A server of another version: both are said."""
        why = self.fails(OtherVersion, HELLO | {"protocol": 2})
        self.assertEqual(
            why,
            "the server is smtpx 9.9 and speaks version 2 of the control protocol;"
            f" this is smtpx {smtpxVersion()}, which speaks version 1",
        )

    def test_notLetIn(self) -> None:
        """A server that lets us in not, now or at all."""
        for kind, raised in (("rights", NoRights), ("busy", Refused)):
            hello = HELLO | {"protocol": 7, "error": {"kind": kind, "text": "no"}}
            self.assertEqual(self.fails(raised, hello), "no")

    def test_somethingElse(self) -> None:
        """What is no server of ours."""
        self.assertIn("no server of smtpx", self.fails(BrokenTalk, {"hi": 5}))

    def test_tooLong(self) -> None:
        """A path that can be no socket."""
        self.assertRaises(BadSocketPath, ControlClient, "/" + "x" * 200)


class _Hung(io.BytesIO):
    """A file that cannot be read."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def readline(self, most: object = -1) -> bytes:
        """Fail."""
        raise self._error


class WhoMayTests(SynchronousTestCase):
    """Whom to be."""

    def test_owner(self) -> None:
        """The owner of the first place that can be seen."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "state" / "control"
            place.parent.mkdir()
            there = os.stat

            def stat(path: object) -> os.stat_result:
                """The folder is another's."""
                if str(path).endswith("control"):
                    raise PermissionError
                values = list(there(folder))
                values[4] = 1 if str(path).endswith("state") else 0
                return os.stat_result(values)

            self.patch(os, "stat", stat)
            self.patch(os, "geteuid", lambda: 54321)
            self.assertEqual(mayNot(place), f"{place}: you may not; be root or daemon")

    def test_unknown(self) -> None:
        """Where it cannot be seen, root at least."""

        def stat(path: object) -> os.stat_result:
            """Nothing is to be seen."""
            raise OSError

        self.patch(os, "stat", stat)
        self.assertEqual(mayNot(Path("/x")), "/x: you may not; be root")
