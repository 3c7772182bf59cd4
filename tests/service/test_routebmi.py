"""
Tests for L{smtpx.service.tables.routebmi}: routes that depend on a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed

from smtpx.core.envelope import Recipient
from smtpx.extensions.bmi import BMI_VERDICT, BMIDelivery, BMIVerdict
from smtpx.service.spelling import shown
from smtpx.service.wiring.routes import localRoutes
from smtpx.spool.format import Outcome

from .made import FOUND
from .test_routes import RouteTestCase

REST = "[[route]]\nmatch = ['*']\ntransport = 'hold'\n"
ROUTE = "[[route]]\nmatch = ['example.org']\n"


def nothing(job: object) -> Deferred[Sequence[Outcome]]:
    """Does no work."""
    return succeed([])


class OptionTests(RouteTestCase):
    """What the options take."""

    def route(self, text: str, verdict: BMIVerdict | None) -> str:
        """The transport that a recipient with a verdict gets."""
        routes = localRoutes(self.read(text + REST), "mx", nothing, lambda: 0.0)
        recipient = Recipient(b"ann@example.org")
        if verdict is not None:
            recipient.stamps[BMI_VERDICT] = verdict
        found = routes.find(recipient.path, b"a@b.example", recipient)
        assert found is not None
        return found.transport.name

    def test_each(self) -> None:
        """Each is for one verdict; who has none is delivered as usual."""
        default = BMIVerdict(rules=(5,))
        alternate = BMIVerdict(BMIDelivery.ALTERNATE, "Spam", (8,))
        drop = BMIVerdict(BMIDelivery.DROP)
        for option, verdicts in (
            ("bmi_deliver_default = true", (None, default)),
            ("bmi_deliver_alternate = true", (alternate,)),
            ("bmi_dont_deliver = true", (drop,)),
            ("bmi_rule = [5, 8]", (default, alternate)),
            ("bmi_deliver_default = true\nbmi_rule = [5, 8]", (default,)),
            ("", (None, default, alternate, drop)),
        ):
            text = f"{ROUTE}transport = 'discard'\n{option}\n"
            for each in (None, default, alternate, drop):
                wanted = "discard" if each in verdicts else "hold"
                self.assertEqual(self.route(text, each), wanted, (option, each))

    def test_sharesItsTransport(self) -> None:
        """Two routes that differ in their condition only share a transport."""
        text = f"{ROUTE}bmi_deliver_default = true\n{ROUTE}bmi_rule = [1]\n"
        routes = localRoutes(self.read(text + REST), "mx", nothing, lambda: 0.0)
        self.assertEqual(sorted(routes.transports), ["hold", "maildir"])

    def test_good(self) -> None:
        """They are taken, and shown as they were given."""
        text = (
            f"{ROUTE}bmi_deliver_alternate = true\nbmi_rule = [5, 8, 11]\n"
            f"path = '{self.site.folder}/{{user}}/{{bmi_alt_location}}'\n"
            "headers_add = ['$bmi_alt_location', 'X-V: $bmi_base64_verdict']\n"
        )
        self.assertEqual(self.faults(text + REST), [])
        lines = shown(self.read(text), FOUND)
        self.assertIn("bmi_rule = [5, 8, 11]", "\n".join(lines))

    def test_bad(self) -> None:
        """What cannot be is told with its line."""
        for options, said in (
            (
                "bmi_deliver_default = true\nbmi_dont_deliver = true",
                "no verdict is two of",
            ),
            ("path = '/x/{bmi_alt_location}'", "{bmi_alt_location}"),
            ("bmi_rule = ['5']", "bmi_rule"),
            ("headers_add = ['X-A: $bmi_verdict']", "$bmi_base64_verdict"),
            ("headers_add = ['no field']", "expected a field"),
            ("transport = 'smtp'\nheaders_add = ['X-A: b']", '"smtp"'),
        ):
            found = self.faults(f"{ROUTE}{options}\n{REST}")
            self.assertEqual(len(found), 1, (options, found))
            self.assertIn(said, found[0])
