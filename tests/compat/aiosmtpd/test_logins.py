"""
Tests for L{smtpx.compat.aiosmtpd.logins} and L{smtpx.compat.login}.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from types import SimpleNamespace
from typing import Any

from smtpx.compat.aiosmtpd import MISSING, AuthResult, LoginPassword, auth_mechanism
from smtpx.compat.login import ATTEMPTS_MAX

from .made import BEGIN, EHLO, Client, HandlerTestCase

GOOD = b"235 2.7.0 Authentication successful"
BAD = b"535 5.7.8 Authentication credentials invalid"
PLAIN = b64encode(b"\0joe\0secret")


class Plain:
    """A handler without hooks."""


def accept(
    server: Any, session: Any, envelope: Any, mechanism: str, data: Any
) -> AuthResult:
    """An authenticator that knows Joe."""
    assert isinstance(data, LoginPassword), mechanism
    if data == (b"joe", b"secret"):
        return AuthResult(success=True, auth_data=data)
    return AuthResult(success=False, handled=False)


class LoginTestCase(HandlerTestCase):
    """A test of AUTH."""

    def secured(self, handler: object, **more: Any) -> Client:
        """A client under TLS that has said EHLO."""
        return self.greeted(handler, secured=True, **more)

    def said(self, client: Client, *octets: bytes) -> list[bytes]:
        """The last line to each of some lines."""
        return [client.say(each + b"\r\n")[-1] for each in octets]


class OfferTests(LoginTestCase):
    """When AUTH is offered."""

    def offered(self, handler: object, secured: bool = True, **more: Any) -> bytes:
        """The line of the EHLO response, or nothing."""
        client = self.client(handler, secured=secured, **more)
        found = [line[4:] for line in client.say(EHLO) if line[4:8] == b"AUTH"]
        return b"".join(found)

    def test_underTLSOnly(self) -> None:
        """AUTH is offered under TLS only, unless the program insists."""
        how: dict[str, Any] = {"authenticator": accept}
        self.assertEqual(self.offered(Plain(), **how), b"AUTH LOGIN PLAIN")
        self.assertEqual(self.offered(Plain(), False, **how), b"")
        how["auth_require_tls"] = False
        self.assertEqual(self.offered(Plain(), False, **how), b"AUTH LOGIN PLAIN")

    def test_nobodyCouldLogIn(self) -> None:
        """Where nothing could say yes, AUTH is no command."""
        self.assertEqual(self.offered(Plain()), b"")
        client = self.secured(Plain())
        self.assertEqual(self.said(client, b"AUTH PLAIN")[0][:3], b"500")

    def test_mechanismsOfHandlers(self) -> None:
        """C{auth_*} methods are offered beside ours, under the names they have."""

        class Handler:
            async def auth_X__MINE(self, server: Any, args: Any) -> None:
                """Of no use."""

            @auth_mechanism("other")
            async def auth_whatever(self, server: Any, args: Any) -> None:
                """Of no use."""

        self.assertEqual(self.offered(Handler()), b"AUTH OTHER X-MINE")
        self.assertEqual(
            self.offered(
                Handler(), auth_callback=bool, auth_exclude_mechanism=["LOGIN", "X"]
            ),
            b"AUTH OTHER PLAIN X-MINE",
        )

    def test_badMechanismName(self) -> None:
        """What no mechanism can be called is an error at once."""
        with self.assertRaises(ValueError):
            auth_mechanism("no good")

    def test_demanded(self) -> None:
        """With C{auth_required} no mail is taken without a login."""
        client = self.secured(Plain(), authenticator=accept, auth_required=True)
        self.assertEqual(client.say(BEGIN)[0], b"530 5.7.0 Authentication required")
        self.assertEqual(self.said(client, b"AUTH PLAIN " + PLAIN), [GOOD])
        self.assertEqual(client.say(BEGIN)[0], b"250 2.0.0 OK")


class ExchangeTests(LoginTestCase):
    """PLAIN and LOGIN."""

    def test_plain(self) -> None:
        """PLAIN works with and without an initial response."""
        for lines in (
            (b"AUTH PLAIN " + PLAIN,),
            (b"auth plain", PLAIN),
        ):
            client = self.secured(Plain(), authenticator=accept)
            self.assertEqual(self.said(client, *lines)[-1], GOOD)
            self.assertEqual(client.protocol.core.identity, b"joe")
            [field] = client.protocol.core.logFields()
            self.assertEqual(field, ("A", "plain:joe"))

    def test_login(self) -> None:
        """LOGIN asks for both, or for the password only."""
        joe, secret = b64encode(b"joe"), b64encode(b"secret")
        client = self.secured(Plain(), authenticator=accept)
        self.assertEqual(
            self.said(client, b"AUTH LOGIN", joe, secret),
            [b"334 VXNlciBOYW1lAA==", b"334 UGFzc3dvcmQA", GOOD],
        )
        client = self.secured(Plain(), authenticator=accept)
        self.assertEqual(self.said(client, b"AUTH LOGIN " + joe, secret)[-1], GOOD)

    def test_failures(self) -> None:
        """What is wrong with a login is told, and who it was is not."""
        for lines, answer in (
            ((b"AUTH PLAIN " + b64encode(b"\0joe\0guess"),), BAD),
            ((b"AUTH PLAIN " + b64encode(b"joe secret"),), b"501"),
            ((b"AUTH PLAIN =",), b"501"),
            ((b"AUTH PLAIN !!",), b"501"),
            ((b"AUTH PLAIN", b"!!"), b"501"),
            ((b"AUTH PLAIN", b"*"), b"501"),
            ((b"AUTH PLAIN", b"A" * 20_000), b"500"),
            ((b"AUTH LOGIN", b"*"), b"501"),
            ((b"AUTH LOGIN", b"am9l", b"*"), b"501"),
            ((b"AUTH OTHER",), b"504"),
            ((b"AUTH",), b"501"),
            ((b"AUTH PLAIN a b",), b"501"),
        ):
            client = self.secured(Plain(), authenticator=accept)
            said = self.said(client, *lines)[-1]
            self.assertTrue(said.startswith(answer), (lines, said))
            self.assertIsNone(client.protocol.core.identity)

    def test_outOfSequence(self) -> None:
        """AUTH wants EHLO, no transaction, and nobody logged in yet."""
        client = self.client(Plain(), secured=True, authenticator=accept)
        self.assertEqual(self.said(client, b"AUTH PLAIN")[0][:3], b"503")
        client.say(EHLO)
        client.say(BEGIN)
        self.assertEqual(self.said(client, b"AUTH PLAIN")[0][:3], b"503")
        client.say(b"RSET\r\n")
        twice = self.said(client, *[b"AUTH PLAIN " + PLAIN] * 2)
        self.assertEqual([line[:3] for line in twice], [b"235", b"503"])

    def test_inTheClear(self) -> None:
        """A login in the clear is refused, whoever it is."""
        client = self.greeted(Plain(), authenticator=accept)
        self.assertEqual(self.said(client, b"AUTH PLAIN " + PLAIN)[0][:3], b"538")

    def test_tooOften(self) -> None:
        """So many logins may fail; then the session ends."""
        client = self.secured(Plain(), authenticator=accept)
        wrong = b"AUTH PLAIN " + b64encode(b"\0joe\0guess")
        said = self.said(client, *[wrong] * (ATTEMPTS_MAX + 1))
        self.assertEqual(said[:-1], [BAD] * ATTEMPTS_MAX)
        self.assertEqual(said[-1][:3], b"421")
        self.assertTrue(client.wire.disconnecting)

    def test_parameterOfMAIL(self) -> None:
        """AUTH= is taken of who may log in, and believed of nobody."""
        client = self.secured(Plain(), authenticator=accept)
        said = client.say(b"MAIL FROM:<a@b.example> AUTH=<>\r\n")
        self.assertEqual(said, [b"250 2.0.0 OK"])

    def test_clientLeavesAtAPrompt(self) -> None:
        """A login that is broken off leaves nothing behind."""
        client = self.secured(Plain(), authenticator=accept)
        self.said(client, b"AUTH LOGIN")
        client.leave()
        client.heard()

    def test_beginAnew(self) -> None:
        """After a new greeting behind STARTTLS nobody is logged in."""
        client = self.secured(Plain(), authenticator=accept)
        self.said(client, b"AUTH PLAIN " + PLAIN)
        client.protocol.core.forget()
        client.say(EHLO)
        self.assertEqual(self.said(client, b"AUTH PLAIN *****")[0][:3], b"501")
        self.assertIsNone(client.protocol.core.identity)


class ProgramTests(LoginTestCase):
    """What programs bring."""

    def test_callback(self) -> None:
        """C{auth_callback} is asked with mechanism, name and password."""
        asked: list[Any] = []

        def callback(*words: Any) -> bool:
            asked.append(words)
            return bool(words[2] == b"secret")

        client = self.secured(Plain(), auth_callback=callback)
        wrong = b64encode(b"\0joe\0guess")
        said = self.said(client, b"AUTH PLAIN " + wrong, b"AUTH PLAIN " + PLAIN)
        self.assertEqual(said, [BAD, GOOD])
        self.assertEqual(asked[1], ("PLAIN", b"joe", b"secret"))

    def test_authenticatorsMayWait(self) -> None:
        """An authenticator can be a coroutine."""

        async def later(*asked: Any) -> AuthResult:
            return accept(*asked)

        client = self.secured(Plain(), authenticator=later)
        self.assertEqual(self.said(client, b"AUTH PLAIN " + PLAIN), [GOOD])

    def test_results(self) -> None:
        """Each way to say yes and no is understood, the older one too."""

        class Handler:
            result: Any = None
            seen: Any = None

            async def auth_X(self, server: Any, args: list[str]) -> Any:
                if self.result == "pushed":
                    await server.push("454 4.7.0 not now")
                    return None
                return self.result

            async def handle_NOOP(self, server: Any, session: Any, *m: Any) -> Any:
                self.seen = (session.authenticated, session.login_data)
                return MISSING

        yes, no = AuthResult(success=True), AuthResult(success=False)
        data = SimpleNamespace(login=b"joe")
        for result, answer, seen, identity in (
            (yes, GOOD, (True, None), b""),
            (AuthResult(success=True, auth_data=data), GOOD, (True, b"joe"), b"joe"),
            (
                AuthResult(success=True, message="235 hi"),
                b"235 hi",
                (True, None),
                b"",
            ),
            (no, BAD, (False, None), None),
            (
                AuthResult(success=False, handled=False, message="535 never"),
                b"535 never",
                (False, None),
                None,
            ),
            (MISSING, BAD, (False, None), None),
            (False, BAD, (False, None), None),
            (None, BAD, (False, None), None),
            ("pushed", b"454 4.7.0 not now", (False, None), None),
            ("joe", GOOD, (True, "joe"), b"joe"),
            (7, GOOD, (True, 7), b""),
        ):
            handler = Handler()
            handler.result = result
            client = self.secured(handler)
            self.assertEqual(self.said(client, b"AUTH X"), [answer], result)
            client.say(b"NOOP\r\n")
            self.assertEqual(handler.seen, seen, result)
            self.assertEqual(client.protocol.core.identity, identity, result)

    def test_ownMechanism(self) -> None:
        """A mechanism of the handler's asks the client what it likes."""

        class Handler:
            async def auth_X(self, server: Any, args: list[str]) -> AuthResult:
                first = await server.challenge_auth("one?")
                second = await server.challenge_auth(b"dHdvPw==", encode_to_b64=False)
                good = (args, first, second) == (["X", "aGk="], b"1", b"2")
                return AuthResult(success=good, handled=False)

        client = self.secured(Handler())
        self.assertEqual(
            self.said(client, b"AUTH X aGk=", b"MQ==", b"Mg=="),
            [b"334 b25lPw==", b"334 dHdvPw==", GOOD],
        )

    def test_handleAUTH(self) -> None:
        """C{handle_AUTH} goes first, and may leave it to the others."""

        class Handler:
            async def handle_AUTH(
                self, server: Any, session: Any, envelope: Any, args: list[str]
            ) -> Any:
                if args[0] == "LOGIN":
                    session.authenticated = True
                    return "235 by hand"
                return MISSING

        client = self.secured(Handler(), authenticator=accept)
        self.assertEqual(self.said(client, b"AUTH LOGIN"), [b"235 by hand"])
        client = self.secured(Handler(), authenticator=accept)
        self.assertEqual(self.said(client, b"AUTH PLAIN " + PLAIN), [GOOD])

    def test_aiosmtpdsOwnClasses(self) -> None:
        """
        Where the program has imported aiosmtpd, what it compares with is
        aiosmtpd's.
        """

        class Theirs(tuple[bytes, bytes]):
            def __new__(cls, login: bytes, password: bytes) -> Theirs:
                return tuple.__new__(cls, (login, password))

        class Result:
            success, handled, message, auth_data = True, False, None, None

        missing = object()
        module = SimpleNamespace(
            LoginPassword=Theirs, AuthResult=Result, MISSING=missing
        )
        self.patch(sys, "modules", {**sys.modules, "aiosmtpd.smtp": module})
        seen: list[Any] = []

        class Handler:
            async def auth_X(self, server: Any, args: list[str]) -> Any:
                seen.append(await server.challenge_auth(""))
                return missing

            async def handle_NOOP(self, *asked: Any) -> Any:
                return missing

        def authenticator(*asked: Any) -> Result:
            seen.append(asked[-1])
            return Result()

        client = self.secured(Handler(), authenticator=authenticator)
        self.assertEqual(self.said(client, b"AUTH X", b"*")[-1][:3], b"501")
        self.assertEqual(self.said(client, b"NOOP"), [b"250 2.0.0 OK"])
        self.assertEqual(self.said(client, b"AUTH PLAIN " + PLAIN), [GOOD])
        self.assertIs(seen[0], missing)
        self.assertIsInstance(seen[1], Theirs)

    def test_passwordsAreNotShown(self) -> None:
        """Neither value shows a password where it is printed."""
        data = LoginPassword(b"joe", b"secret")
        for text in (str(data), repr(data), repr(AuthResult(success=True))):
            self.assertNotIn("secret", text)
        shown = repr(AuthResult(success=True, auth_data=data))
        self.assertNotIn("secret", shown)
