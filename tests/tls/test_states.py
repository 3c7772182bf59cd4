"""
Tests for L{smtpx.tls.states}, and for what a server tells of itself by them.
"""

from __future__ import annotations

from attrs import evolve

from smtpx.tls.contexts import LOOK_SECONDS, ServerTLS
from smtpx.tls.ocsp import moment
from smtpx.tls.states import CertificateState, StapleState

from .identities import ROOT, made
from .joined import pemKey, replace
from .responses import DAY, at, kept
from .test_stapling import (
    DEMANDING,
    LATER,
    RESPONSE,
    SERVER,
    ServerTestCase,
    named,
)


class StateTests(ServerTestCase):
    """What an operator is shown."""

    def state(self, tls: ServerTLS) -> CertificateState:
        """That of the only certificate."""
        self.clock.advance(LOOK_SECONDS)
        [state] = tls.state()
        return state

    def test_state(self) -> None:
        """
        Each certificate is there, in order, with its staple, if it has one.
        """
        first = kept(self.folder / "1", SERVER, RESPONSE)
        second = kept(self.folder / "2", named("a.example", "*.b.example"))
        tls = self.serving(first, evolve(second, staple=None))
        assert first.staple is not None
        states = tls.state()
        certificate = SERVER.certificate
        self.assertEqual(
            states[0],
            CertificateState(
                first.chain,
                (),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
                None,
                StapleState(first.staple, True, at(DAY), None),
            ),
        )
        self.assertEqual(states[1].names, ("a.example", "*.b.example"))
        self.assertIsNone(states[1].staple)
        self.assertEqual(self.serving().state(), ())

    def test_times(self) -> None:
        """
        A certificate whose time is over or has not come is shown as such.
        """
        for begins, ends, text in (
            (-2 * DAY, -DAY, f"expired at {moment(at(-DAY))}"),
            (DAY, 2 * DAY, f"not valid before {moment(at(DAY))}"),
        ):
            identity = made(ROOT, begins=begins, ends=ends)
            files = kept(self.folder / text[:3], identity)
            state = self.state(self.serving(files))
            self.assertEqual(state.problem, f"{files.chain}: {text}")

    def test_demanded(self) -> None:
        """
        That a certificate wants a staple and has none is a problem of its own.
        """
        files = evolve(kept(self.folder, DEMANDING), staple=None)
        problem = self.state(self.serving(files)).problem
        assert problem is not None
        self.assertIn("demands a staple", problem)

    def test_changedFiles(self) -> None:
        """
        Files are looked at, whether there are handshakes or not; those that cannot
        be used are a problem until they can be.
        """
        files = kept(self.folder, SERVER, RESPONSE)
        tls = self.serving(files)
        replace(files.keyFile, b"")
        replace(self.folder / "staple.der", b"")
        state = self.state(tls)
        self.assertEqual(state.problem, f"{files.keyFile}: no private key in it")
        assert state.staple is not None
        self.assertTrue(state.staple.sent)
        self.assertIsNotNone(state.staple.problem)
        replace(files.keyFile, pemKey(SERVER.key))
        replace(self.folder / "staple.der", LATER)
        state = self.state(tls)
        self.assertIsNone(state.problem)
        self.assertEqual(
            state.staple,
            StapleState(self.folder / "staple.der", True, at(2 * DAY), None),
        )
