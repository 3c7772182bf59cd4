"""
The examples of the pages on logins can be taken as they are.
"""

from __future__ import annotations

import json
import tomllib
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import FileBodyProducer, ResponseDone
from twisted.web.http_headers import Headers

from smtpx.policy.tokens import TokenValidator
from smtpx.policy.turnstile import Turnstile
from smtpx.sasl import Authenticated, Cause, CheckToken, Denied, Outcome
from smtpx.service.config import readConfiguration
from smtpx.service.extensions import findExtensions

from .test_documentation import examples

PAGES = ("users", "dovecot", "pam", "oauth", "certificate-logins")


@define
class Response:
    """
    What the provider answers.

    @ivar code: of HTTP.
    @ivar said: as JSON.
    """

    code: int
    said: object
    phrase: bytes = b""

    def deliverBody(self, protocol: Any) -> None:
        """See C{IResponse}."""
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(json.dumps(self.said).encode("ascii"))
        protocol.connectionLost(Failure(ResponseDone()))


@define
class Agent:
    """
    A provider.

    @ivar response: what it answers.
    @ivar asked: what it was asked.
    """

    response: Response
    asked: list[tuple[bytes, bytes, Headers, bytes]] = field(factory=list)

    def request(
        self, method: bytes, url: bytes, headers: Headers, body: FileBodyProducer
    ) -> Deferred[Response]:
        """See C{IAgent}."""
        octets: bytes = body._inputFile.read()
        self.asked.append((method, url, headers, octets))
        return succeed(self.response)


class PagesTests(SynchronousTestCase):
    """The configurations."""

    def test_everyOneIsGood(self) -> None:
        """The server takes each of them."""
        for page in PAGES:
            found = examples(f"{page}.rst", "toml")
            self.assertNotEqual(found, [], page)
            for example in found:
                readConfiguration(tomllib.loads(example), findExtensions())

    def test_users(self) -> None:
        """What a page is about stands in its first example."""
        for page, option, value in (
            ("dovecot", "elsewhere", "Dovecot at /run/dovecot/smtpx"),
            ("pam", "elsewhere", "PAM's service smtpx"),
            ("certificate-logins", "certificates", None),
        ):
            example = tomllib.loads(examples(f"{page}.rst", "toml")[0])
            users = readConfiguration(example, findExtensions()).users
            if value is not None:
                self.assertEqual(getattr(users, option), value)
            else:
                self.assertEqual(
                    users.certificates["CN=printer,OU=Office,O=Example"],
                    b"printer@example.org",
                )


class TokensTests(SynchronousTestCase):
    """The function of the page on tokens."""

    def outcome(self, response: Response) -> Outcome:
        """What comes of a token."""
        names: dict[str, Any] = {}
        for example in examples("oauth.rst", "python"):
            exec(example, names)
        self.agent = Agent(response)
        check = names["Introspection"](self.agent, b"https://id.example/", b"Basic x")
        validator = TokenValidator(check, Turnstile(Clock()))
        return self.successResultOf(validator.checkToken(CheckToken(b"a+b=", b"joe")))

    def test_good(self) -> None:
        """An active token that is for mail."""
        said = {"active": True, "scope": "openid mail", "username": "joe"}
        self.assertEqual(self.outcome(Response(200, said)), Authenticated(b"joe"))
        [(method, url, headers, body)] = self.agent.asked
        self.assertEqual((method, url), (b"POST", b"https://id.example/"))
        self.assertEqual(body, b"token=a%2Bb%3D")
        self.assertEqual(headers.getRawHeaders(b"Authorization"), [b"Basic x"])

    def test_bad(self) -> None:
        """One that is over, or is for something else."""
        for said in (
            {"active": False},
            {"active": True, "scope": "calendar", "username": "joe"},
            {"active": True, "username": "joe"},
        ):
            self.assertEqual(
                self.outcome(Response(200, said)),
                Denied(Cause.CREDENTIALS, "bad token", b"joe"),
            )

    def test_providerInTrouble(self) -> None:
        """Nobody can tell."""
        outcome = self.outcome(Response(503, {}))
        assert isinstance(outcome, Denied)
        self.assertIs(outcome.cause, Cause.UNAVAILABLE)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
