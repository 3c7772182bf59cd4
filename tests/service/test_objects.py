"""
Tests for L{smtpx.service.objects}.
"""

from __future__ import annotations

import json.decoder

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.objects import PythonObject


class PythonObjectTests(SynchronousTestCase):
    """Objects by name."""

    def test_loads(self) -> None:
        """A name of module and object gives the object, also a nested one."""
        named = PythonObject.of("json.decoder:JSONDecoder.decode")
        self.assertIs(named.load(), json.decoder.JSONDecoder.decode)
        self.assertEqual(str(named), "json.decoder:JSONDecoder.decode")

    def test_given(self) -> None:
        """A program may give the object itself."""
        thing = object()
        self.assertIs(PythonObject.of(thing).load(), thing)

    def test_noName(self) -> None:
        """What does not name a module and an object is refused."""
        for text in ("json", "json:", ":loads", "json.:x", "json:x y", "a-b:c", ""):
            self.assertRaises(ValueError, PythonObject.of, text)

    def test_notThere(self) -> None:
        """A module or object that is not there is an C{ImportError}."""
        error = self.assertRaises(ImportError, PythonObject.of("json:nothing").load)
        self.assertEqual(str(error), "json has no nothing")
        self.assertRaises(ImportError, PythonObject.of("no.such:thing").load)
