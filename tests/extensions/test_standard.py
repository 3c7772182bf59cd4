"""
Tests for L{smtpx.extensions.standard}, and for what holds of every extension.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import providedBy
from zope.interface.verify import verifyObject

import smtpx.extensions
from smtpx.core.hooks import TLSInfo
from smtpx.core.interfaces import (
    IClientExtension,
    IQueueExtension,
    IServerExtension,
)
from smtpx.core.profile import ClientProfile, ServerProfile
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.requiretls import RequireTLS
from smtpx.extensions.standard import STANDARD, standard
from smtpx.testing.pair import pair
from smtpx.testing.server import talk

_DOORS = (IServerExtension, IClientExtension, IQueueExtension)
_PAGES = Path(__file__).parents[2] / "doc" / "reference" / "extensions"


class StandardTests(SynchronousTestCase):
    """The list."""

    def test_orderIsExims(self) -> None:
        """As far as Exim has them; nothing is offered that cannot be done."""
        said = talk(standard(), b"EHLO c.example\r\n", tlsReady=True)
        self.assertEqual(
            [line[4:] for line in said.replies[2:]],
            [
                b"ENHANCEDSTATUSCODES",
                b"SIZE 52428800",
                b"LIMITS RCPTMAX=1000",
                b"8BITMIME",
                b"DSN",
                b"PIPELINING",
                b"PIPECONNECT",
                b"CHUNKING",
                b"STARTTLS",
                b"BINARYMIME",
                b"SMTPUTF8",
            ],
        )

    def test_underTLS(self) -> None:
        """STARTTLS goes; REQUIRETLS comes where it is honoured."""
        extensions = [e for e in standard() if e.name != "REQUIRETLS"]
        extensions.append(RequireTLS(honoured=True))
        said = talk(extensions, b"EHLO c.example\r\n", secured=TLSInfo())
        words = [line[4:].split(b" ")[0] for line in said.replies[2:]]
        self.assertNotIn(b"STARTTLS", words)
        self.assertEqual(words[-1], b"REQUIRETLS")

    def test_allCanBeLoadedTogether(self) -> None:
        """No two claim one thing, and a message passes from side to side."""
        QueueProfile().load(standard())
        joined = pair(standard(), standard(), tlsReady=True).open()
        self.assertTrue(joined.client.ready)
        self.assertEqual(joined.troubles, [])

    def test_namesAreTheRegistry(self) -> None:
        """Each stands under its own name, and each call makes new ones."""
        self.assertEqual(list(STANDARD), [each.name for each in standard()])
        self.assertEqual(len(STANDARD), 27)

    def test_everyFileIsNamed(self) -> None:
        """
        A file of this folder that is forgotten in the list is found here.  Where
        one would be too long, its parts begin with its name.
        """
        folder = Path(smtpx.extensions.__file__).parent
        files = {path.stem for path in folder.glob("*.py")} - {"__init__", "standard"}
        modules = {inspect.getmodule(type(each)) for each in standard()}
        listed = {each.__name__.rpartition(".")[2] for each in modules if each}
        parts = {"authclient", "authsettings", "eightbitmimeconversion"}
        parts |= {
            "checkpointclient",
            "checkpointserver",
            "checkpointnames",
            "checkpointsettings",
        }
        parts |= {"dkimbody", "rrvsfield"}
        # A spool can always read its verdicts; there is nothing to switch on.
        always = {"bmi"}
        self.assertEqual(listed | parts | always, files)
        self.assertTrue(all(part.startswith(tuple(listed)) for part in parts))


class EveryExtensionTests(SynchronousTestCase):
    """What holds of each."""

    def test_doorsAreProvided(self) -> None:
        """Each provides what its doors say, through an interface of its own."""
        for extension in standard():
            marker = next(iter(providedBy(extension)))
            doors = [door for door in _DOORS if marker.isOrExtends(door)]
            self.assertTrue(doors, extension.name)
            self.assertEqual(
                marker.__module__, type(extension).__module__, extension.name
            )
            self.assertTrue(verifyObject(marker, extension))

    def test_hooksBelongToTheirExtension(self) -> None:
        """Whoever has a door goes through it, and nobody else."""
        explained = {
            IServerExtension: ServerProfile().load(standard()).explain(),
            IClientExtension: ClientProfile().load(standard()).explain(),
            IQueueExtension: QueueProfile().load(standard()).explain(),
        }
        for door, hooks in explained.items():
            owners = {owner for owner, _, _ in hooks}
            provided = {e.name for e in standard() if door.providedBy(e)}
            if door is IServerExtension:
                # Some promises are not made by default, and nobody is trusted so.
                provided -= {"MT-PRIORITY", "XCLIENT", "XFORWARD"}
                provided -= {"CHECKPOINT", "DELIVERBY", "ETRN", "FUTURERELEASE", "RRVS"}
            if door is not IQueueExtension:
                # Without keys nothing is signed.
                provided -= {"ARC", "DKIM"}
            self.assertEqual(owners, provided)

    def test_everyExtensionHasAPage(self) -> None:
        """C{size.py} is explained in C{size.rst}."""
        for extension in standard():
            stem = type(extension).__module__.rpartition(".")[2]
            self.assertTrue((_PAGES / f"{stem}.rst").exists(), stem)
