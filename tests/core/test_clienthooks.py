"""
Tests for L{smtpx.core.clienthooks}, and how a client asks the hooks in there.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import Recognition
from smtpx.core.envelope import Bearer, Envelope, Recipient, Stamp
from smtpx.core.grammar import FLAG
from smtpx.core.hooks import Capability, Parameter, SyncPoint, Where
from smtpx.core.interfaces import IClientBuilder, IClientSession
from smtpx.core.occasion import when
from smtpx.core.profile import ClientProfile

from .made import MadeClient
from .peers import envelope, opened

_KNOWN = Capability(b"KNOWN", FLAG)
_NOTE = Stamp[bool]("note", None, bool)
_OTHER = Stamp[bool]("other", None, bool)


def _nothing(*arguments: Any) -> None:
    return None


class _Curious:
    """
    Has each hook on an occasion of its own.

    @ivar asked: what was asked.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def register(self, client: IClientBuilder) -> None:
        """Register all."""
        client.capability(_KNOWN)
        client.admit(when(self._asked("admit"), of=(_NOTE,)))
        client.transform(when(self._asked("transform"), lacks=_KNOWN, of=(_NOTE,)))
        client.carrier(when(self._asked("carrier"), offers=_KNOWN))
        client.recognise(when(_recognise, offers=_KNOWN))
        client.batch(when(self._asked("batch"), offers=_KNOWN))
        client.relax(when(lambda session: SyncPoint.TRANSACTION, offers=_KNOWN))
        for where in Where.MAIL, Where.RCPT:
            for keyword, of in ((b"NOTED", (_NOTE,)), (b"ANY", ())):
                parameter = Parameter[bool](
                    keyword, where, FLAG, _nothing, _send, of=of
                )
                client.parameter(parameter, under=_KNOWN)

    def _asked(self, what: str) -> Any:
        def ask(*arguments: object) -> None:
            self.asked.append(what)

        return ask


def _send(session: IClientSession, bearer: Bearer) -> bool:
    return True


def _recognise(*arguments: object) -> Recognition:
    return None
    yield


class ClientHooksTests(SynchronousTestCase):
    """
    Tests for L{ClientHooks}.
    """

    def setUp(self) -> None:
        """An extension that is in no profile yet."""
        self.curious = _Curious()
        self.extension = MadeClient(self.curious.register)
        self.profile = ClientProfile().load([self.extension])

    def test_offered(self) -> None:
        """A peer that offers something meets the hooks for that."""
        hooks = self.profile.hooksFor(frozenset({b"KNOWN"}))
        found = (hooks.carriers, hooks.recognisers, hooks.batchers, hooks.relaxers)
        self.assertEqual([len(each) for each in found], [1, 1, 1, 1])
        self.assertEqual(len(hooks.admitters), 1)
        self.assertEqual(hooks.transforms, ())
        for each in hooks.mail, hooks.rcpt:
            stamps = [writer.of for writer in each]
            self.assertEqual(stamps, [frozenset({_NOTE}), frozenset()])
        self.assertEqual({each.parameter.where for each in hooks.rcpt}, {Where.RCPT})

    def test_lacking(self) -> None:
        """A peer that does not meets the others, and no parameters."""
        hooks = self.profile.hooksFor(frozenset())
        found = (hooks.carriers, hooks.recognisers, hooks.batchers, hooks.relaxers)
        self.assertEqual(found, ((), (), (), ()))
        self.assertEqual(len(hooks.transforms), 1)
        self.assertEqual((hooks.mail, hooks.rcpt), ((), ()))

    def test_once(self) -> None:
        """They are chosen once for all peers that offer the same, up to a bound."""
        first = self.profile.hooksFor(frozenset({b"KNOWN"}))
        self.assertIs(self.profile.hooksFor(frozenset({b"KNOWN"})), first)
        for number in range(100):
            self.profile.hooksFor(frozenset({b"%d" % number}))
        self.assertIsNot(self.profile.hooksFor(frozenset({b"KNOWN"})), first)


class AskedTests(SynchronousTestCase):
    """
    Which hooks a transaction asks, and what is written for that.
    """

    def said(self, *keywords: bytes, noted: bool = False) -> tuple[list[str], bytes]:
        """
        What was asked of a message, and what was said before its body.

        @param noted: has its one recipient the stamp?
        """
        curious = _Curious()
        peer = opened(MadeClient(curious.register), keywords=keywords)
        message = envelope(b"ann@example.org")
        if noted:
            message.recipients[0].stamps[_NOTE] = True
        said = peer.deliver(message)
        return curious.asked, said

    def test_plain(self) -> None:
        """A message without stamps goes past all that is about stamps."""
        asked, _ = self.said()
        self.assertEqual(asked, [])
        asked, said = self.said(b"KNOWN")
        self.assertEqual(asked, ["batch", "carrier"])
        self.assertIn(b"> ANY\r\n", said)
        self.assertNotIn(b"NOTED", said)

    def test_noted(self) -> None:
        """One with a stamp on a recipient meets them."""
        asked, _ = self.said(noted=True)
        self.assertEqual(asked, ["admit", "transform"])
        asked, said = self.said(b"KNOWN", noted=True)
        self.assertEqual(asked, ["admit", "batch", "carrier"])
        # The stamp is the recipient's, so MAIL has nothing of it.
        mail, rcpt = said.split(b"\r\n")[:2]
        self.assertTrue(mail.endswith(b"> ANY"), mail)
        self.assertTrue(rcpt.endswith(b"> NOTED ANY"), rcpt)


class BorneTests(SynchronousTestCase):
    """
    Tests for C{borne} and C{allBorne} of envelopes.
    """

    def test_borne(self) -> None:
        """What has no stamps gets none by being asked."""
        recipient = Recipient(b"a@example.org")
        envelope = Envelope(b"", 0.0, [recipient, Recipient(b"b@example.org")])
        self.assertEqual(set(envelope.allBorne()), set())
        envelope.stamps[_OTHER] = True
        self.assertEqual(set(recipient.borne()), set())
        self.assertEqual(set(envelope.allBorne()), {_OTHER})
        recipient.stamps[_NOTE] = True
        self.assertEqual(set(envelope.borne()), {_OTHER})
        self.assertEqual(set(envelope.allBorne()), {_NOTE, _OTHER})
