"""
Tests for L{smtpx.spool.names}: names are there with their messages or not at all,
whenever the process is killed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import sha256

from attrs import evolve

from smtpx.spool.nametable import Name, Remnant

from .killing import STEPS, Death, Killed, Step
from .named import ANN, NamesTestCase
from .rig import LONG, NOW, PREFIX, SHORT, Rig, envelope, octetsOf


class KillTests(NamesTestCase):
    """A process that is killed at any step."""

    def opened(self) -> Rig:
        """A spool that may be killed, which closes nothing."""
        return Rig(self.folder).open()

    def killedAnywhere(
        self,
        begin: Callable[[Rig], object],
        work: Callable[[Rig], object],
        look: Callable[[Rig, bool], None],
        steps: Sequence[Step] = STEPS,
    ) -> int:
        """
        Do something again and again, and be killed one step later each time, until it
        comes to its end.

        @param begin: what goes before.
        @param work: what is done.
        @param look: looks at what came of it; told whether it was killed.
        @param steps: where it may be killed.
        @return: how many steps it has.
        """
        number = 0
        while True:
            self.folder = self.mktemp()
            rig = self.opened()
            begin(rig)
            killed = False
            death = Death(number, steps)
            try:
                work(rig)
            except Killed:
                killed = True
            finally:
                death.over()
            # A killed process leaves no lock.
            rig.spool.ended()
            look(self.opened(), killed)
            if not killed:
                return number
            number += 1

    def both(self, rig: Rig, killed: bool, body: bytes) -> None:
        """A message and its name are there, or neither is; a repeat is known if so."""
        found = self.recall(rig, b"k")
        messages = rig.wait(rig.spool.ready(NOW + 99, 9))
        if not killed:
            self.assertEqual(len(messages), 1)
        self.assertEqual(isinstance(found, Name), len(messages) == 1)
        self.assertEqual(rig.spool.names.count(None), len(messages))
        if isinstance(found, Name):
            self.assertEqual(found.digest, sha256(body).digest())
            self.assertEqual(octetsOf(rig, messages[0]), body)
        rig.close()

    def test_short(self) -> None:
        """A short message is there with its name, or neither is."""
        steps = self.killedAnywhere(
            lambda rig: None,
            lambda rig: self.commit(rig, self.name(b"k")),
            lambda rig, killed: self.both(rig, killed, SHORT),
        )
        self.assertGreater(steps, 0)

    def test_long(self) -> None:
        """So it is with a long one; and no file is left of one that is not there."""

        def look(rig: Rig, killed: bool) -> None:
            files = len(self.files(rig))
            self.assertEqual(files, rig.wait(rig.spool.count()))
            self.both(rig, killed, LONG)

        steps = self.killedAnywhere(
            lambda rig: None,
            lambda rig: self.commit(rig, self.name(b"k", LONG), LONG),
            look,
        )
        self.assertGreater(steps, 3)

    def test_cutShort(self) -> None:
        """What was cut short is there, whole as far as it counts, or not at all."""

        def look(rig: Rig, killed: bool) -> None:
            found = self.recall(rig, b"k")
            self.assertEqual(len(self.files(rig)), 0 if found is None else 1)
            if found is None:
                self.assertTrue(killed)
            else:
                assert isinstance(found, Remnant)
                with open(rig.path("bodies", self.files(rig)[0]), "rb") as file:
                    self.assertEqual(file.read(found.octets), LONG)
            rig.close()

        steps = self.killedAnywhere(
            lambda rig: None, lambda rig: self.leave(rig, self.remnant(b"k")), look
        )
        self.assertGreater(steps, 3)

    def test_goingOn(self) -> None:
        """
        Where one that was cut short is gone on with, it is there with its name, or is
        cut short still, at the same place.
        """
        whole = LONG + b"rest"

        def work(rig: Rig) -> None:
            found = self.recall(rig, b"k")
            assert isinstance(found, Remnant)
            incoming = rig.spool.names.resume(found)
            incoming.write(b"rest")
            name = evolve(self.name(b"k", None), octets=len(whole))
            known = rig.spool.names
            rig.wait(known.commit(incoming, envelope(), PREFIX, False, name))

        def look(rig: Rig, killed: bool) -> None:
            self.assertEqual(len(self.files(rig)), 1)
            found = self.recall(rig, b"k")
            if isinstance(found, Remnant):
                self.assertEqual(found.octets, len(LONG))
                self.assertEqual(rig.wait(rig.spool.count()), 0)
                work(rig)
            self.both(rig, killed, whole)

        steps = self.killedAnywhere(
            lambda rig: self.leave(rig, self.remnant(b"k")), work, look
        )
        self.assertGreater(steps, 3)

    def test_forgetting(self) -> None:
        """What is cut short is forgotten with its file; none is left without it."""

        def look(rig: Rig, killed: bool) -> None:
            found = self.recall(rig, b"k")
            self.assertEqual(len(self.files(rig)), 0 if found is None else 1)
            rig.close()

        def work(rig: Rig) -> None:
            rig.wait(rig.spool.names.forget(b"k", ANN))
            rig.run()

        self.killedAnywhere(lambda rig: self.leave(rig, self.remnant(b"k")), work, look)

    def test_adopting(self) -> None:
        """
        Killed at any step while it takes over what a dead process left, the next start
        has all of its names, and what was cut short, once.
        """

        def left(rig: Rig) -> None:
            rig.close()
            dead = Rig(self.folder, number=2).open()
            self.commit(dead, self.name(b"k"))
            self.leave(dead, self.remnant(b"cut"))
            dead.close()

        def work(rig: Rig) -> None:
            taking = Rig(self.folder)
            try:
                taking.open()
            finally:
                taking.spool.ended()

        def look(rig: Rig, killed: bool) -> None:
            cut = self.recall(rig, b"cut")
            assert isinstance(cut, Remnant)
            [file] = self.files(rig)
            with open(rig.path("bodies", file), "rb") as body:
                self.assertEqual(body.read(), LONG)
            self.both(rig, False, SHORT)

        moving = [(os, "link"), *STEPS[1:]]
        steps = self.killedAnywhere(left, work, look, moving)
        self.assertGreater(steps, 4)
