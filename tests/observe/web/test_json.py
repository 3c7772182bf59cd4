"""
The status page, for programs.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.web.json import statusJSON

from ..stories import NOW
from .houses import Server, inDays


class StatusJSONTests(SynchronousTestCase):
    """A status, written down."""

    def test_values(self) -> None:
        """Everything is there by its name; what peers said is harmless."""
        server = Server()
        visitor = server.visit(b"192.0.2.1", "\u202eevil\xff".encode() + b"\xff")
        server.accept(visitor)
        server.refuse(b"192.0.2.9", b"RCPT TO:<x>", 550, "5.1.1")
        octets = statusJSON(server.watch.look())
        self.assertTrue(octets.endswith(b"}\n"))
        values = json.loads(octets)
        self.assertEqual((values["name"], values["now"]), ("mx.example.org", NOW))
        self.assertEqual(
            values["sessions"],
            [
                {
                    "state": {
                        "id": visitor.core.id,
                        "peer": "192.0.2.1",
                        "localPort": 25,
                        "began": NOW,
                        "name": None,
                        "helo": "\\u202eevilÿ\\xff",
                        "identity": None,
                        "tls": None,
                        "does": "is to be greeted",
                    },
                    "messages": 1,
                    "worker": None,
                }
            ],
        )
        self.assertEqual(
            values["refusals"], [{"labels": ["RCPT", "550", "5.1.1"], "count": 1}]
        )
        self.assertEqual(values["hour"]["accepted"]["values"][-1], 1)
        self.assertEqual(values["spool"]["held"], 2)
        certificate = values["certificates"][0]
        self.assertEqual(certificate["file"], "new.pem")
        self.assertEqual(certificate["ends"], inDays(50).timestamp())
        self.assertEqual(values["listeners"][0][1], 1)
