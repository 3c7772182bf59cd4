"""Tests for L{smtpx.queue.wordings}."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.core.hooks import Action
from smtpx.queue.wording import PHRASE_NAMES
from smtpx.queue.wordings import ENGLISH, FILES, readFolder, wordings

LATE = "Subject: Es dauert\n\nNoch nicht da:\n$recipients\n"


class FolderTests(SynchronousTestCase):
    """What an operator has in his folder."""

    def setUp(self) -> None:
        """An empty folder."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def put(self, name: str, text: str = LATE) -> Path:
        """A template."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def flaws(self) -> list[str]:
        """What is wrong."""
        start = f"{self.folder}/"
        return [str(each).removeprefix(start) for each in readFolder(self.folder)[1]]

    def test_english(self) -> None:
        """The one that comes along has everything."""
        self.assertEqual(set(ENGLISH.phrases), set(PHRASE_NAMES))
        self.assertEqual(set(ENGLISH.news), set(Action))
        self.assertEqual(ENGLISH.language, "en")

    def test_some(self) -> None:
        """What is not translated is English, without a word of it."""
        self.put("de/delayed.txt")
        self.put("pt-BR/failed.txt")
        self.put("de/failed.txt~", "what an editor leaves")
        found, flaws = readFolder(self.folder)
        self.assertEqual(flaws, [])
        self.assertEqual(set(found), {"en", "de", "pt-br"})
        german = found["de"]
        self.assertEqual(german.language, "de")
        self.assertEqual(german.news[Action.DELAYED].subject, "Es dauert")
        self.assertEqual(german.news[Action.FAILED], ENGLISH.news[Action.FAILED])
        self.assertEqual(german.phrases, ENGLISH.phrases)
        self.assertEqual(found["en"], ENGLISH)

    def test_otherEnglish(self) -> None:
        """The words that come along can be changed, too."""
        self.put("en/delayed.txt")
        found, _ = readFolder(self.folder)
        self.assertEqual(found["en"].news[Action.DELAYED].subject, "Es dauert")

    def test_errors(self) -> None:
        """
        A template with an error names its line, and is English; the others are as
        they are.
        """
        self.put("de/delayed.txt", LATE + "$who\n")
        self.put("de/failed.txt")
        self.put("de/words.txt", "until: bis $until\n")
        self.put("de/bounce.txt")
        self.put("german!/failed.txt")
        (self.folder / "de" / "relayed.txt").mkdir()
        found, _ = readFolder(self.folder)
        self.assertEqual(found["de"].news[Action.DELAYED], ENGLISH.news[Action.DELAYED])
        self.assertEqual(found["de"].news[Action.FAILED].subject, "Es dauert")
        self.assertEqual(found["de"].phrases["until"], "bis $until")
        self.assertEqual(found["de"].phrases["days"], "$count days")
        flaws = self.flaws()
        self.assertEqual(
            flaws[0], f"de/bounce.txt: no template; there is {', '.join(FILES)}"
        )
        self.assertTrue(flaws[1].startswith("de/words.txt: no phrase for alias, con"))
        self.assertTrue(flaws[1].endswith("; they are in English"))
        self.assertTrue(flaws[2].startswith('de/delayed.txt:5: no placeholder "$who"'))
        self.assertEqual(flaws[3], "de/relayed.txt: Is a directory")
        self.assertEqual(flaws[4], 'german!: "german!" is no tag of a language')
        self.assertEqual(len(flaws), 5)

    def test_badPhrases(self) -> None:
        """A file of phrases with an error is English, all of it."""
        self.put("de/words.txt", "until: bis $until\nnonsense\n")
        self.assertEqual(readFolder(self.folder)[0]["de"].phrases, ENGLISH.phrases)
        self.assertEqual(
            self.flaws(), ["de/words.txt:2: expected a name, a colon and a phrase"]
        )

    def test_noFolder(self) -> None:
        """A folder that is not there is told of, and reports are in English."""
        made, flaws = wordings(self.folder / "none", "en", {})
        self.assertEqual(made.of(b"a@b.example"), ENGLISH)
        [flaw] = flaws
        self.assertEqual(str(flaw), f"{self.folder}/none: No such file or directory")

    def test_unreadable(self) -> None:
        """Nor one that cannot be read."""
        path = self.put("de/failed.txt").parent
        self.addCleanup(path.chmod, 0o700)
        path.chmod(0)
        try:
            list(path.iterdir())
        except PermissionError:
            self.assertEqual(self.flaws(), ["de: Permission denied"])

    def languages(self, senders: Mapping[str, str], usual: str = "en") -> list[str]:
        """What two senders read, and what is wrong."""
        made, flaws = wordings(self.folder, usual, senders)
        read = [made.of(each).language for each in (b"a@x.de", b"a@y.example")]
        return read + [flaw.text for flaw in flaws]

    def test_whoReadsWhat(self) -> None:
        """By the sender's domain; others what is usual."""
        self.put("de/failed.txt")
        self.put("fr/failed.txt")
        self.assertEqual(self.languages({}), ["en", "en"])
        self.assertEqual(self.languages({"*.de": "fr", "x.de": "de"}), ["de", "en"])
        self.assertEqual(self.languages({"x.de": "EN"}, "FR"), ["en", "fr"])

    def test_noSuchLanguage(self) -> None:
        """Then it is English, and that is told."""
        self.put("de/failed.txt")
        text = 'no templates for the language "{}"; there is de, en'
        self.assertEqual(
            self.languages({"x.de": "nl"}, "it"),
            ["en", "en", text.format("nl"), text.format("it")],
        )

    def test_noPattern(self) -> None:
        """A pattern that is none is the operator's mistake."""
        self.assertRaises(UsageError, wordings, None, "en", {"a@@b": "en"})
