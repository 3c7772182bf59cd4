"""The page on templates of reports can be taken at its word."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.report import Manner
from smtpx.queue.told import Told
from smtpx.queue.wording import PHRASE_NAMES
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.wiring import reportWordings
from smtpx.testing.spool import MemoryBody
from tests.queue.reports import MESSAGE, VIA, messageOf, read, refused, reporter

from .made import FOUND, Site, site
from .test_aliases_manual import blocks

PAGE = "translate-reports.rst"
FILES = ("failed.txt", "report.txt", "words.txt")


class PageTests(SynchronousTestCase):
    """The page."""

    def setUp(self) -> None:
        """All of its files, in the folder that a server is started in."""
        self.site: Site = site(self.mktemp())
        self.texts = blocks(PAGE, ".. code-block:: text\n")
        [toml] = blocks(PAGE, ".. code-block:: toml\n")
        self.file = self.site.folder / "smtpx.toml"
        self.file.write_text(toml)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.site.folder)
        for name, text in zip(FILES, self.texts[:3], strict=True):
            self.put(name, text)

    def put(self, name: str, text: str) -> None:
        """A German template."""
        path = Path("templates", "de", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def told(self) -> list[str]:
        """What is wrong with it, as C{--check} says it."""
        configuration = readConfiguration(Path("smtpx.toml"), FOUND)
        self.assertEqual(check(self.site.machine, configuration, FOUND), [])
        found = cautions(self.site.machine, configuration)
        return [f"warning: {each}" for each in found if "reports" in str(each)]

    def test_nothingIsWrong(self) -> None:
        """Its templates have no error, and all phrases."""
        self.assertEqual(self.told(), [])
        words = tomllib.loads(self.file.read_text())["reports"]["languages"]
        self.assertEqual(set(words.values()), {"de"})
        self.assertEqual(self.texts[2].count("\n"), len(PHRASE_NAMES))

    def test_theReport(self) -> None:
        """What a sender reads is what the page says."""
        configuration = readConfiguration(Path("smtpx.toml"), FOUND)
        words, _ = reportWordings(configuration)
        manner = Manner(wordings=words, author=configuration.reports.dsnFrom)
        message = messageOf(sender=b"ann@kunde.example")
        told = Told(evolve(refused(), via=VIA))
        [report] = reporter(manner).reports(message, [told], MemoryBody(MESSAGE))
        found = read(self, report)
        # What differs from message to message, and between zones.
        known = r"( Angekommen: | Hier bekannt als: ).*"
        self.assertEqual(
            re.sub(known, r"\1", found.words), re.sub(known, r"\1", self.texts[3])
        )
        subject = "Ihre Nachricht wurde nicht zugestellt"
        self.assertEqual(found.message["Subject"], subject)
        author = "Postmeisterei Beispiel <postmaster@example.org>"
        self.assertEqual(found.message["From"], author)

    def test_anError(self) -> None:
        """What C{--check} says of an error is what the page says."""
        self.put("failed.txt", self.texts[0].replace("$recipients", "$recipient", 1))
        self.file.write_text("#\n#\n" + self.file.read_text())
        [said] = blocks(PAGE, "names the file and the line of an error::\n")
        path = Path("templates").resolve()
        [told] = self.told()
        self.assertEqual(told.replace(str(path), "templates") + "\n", said)
