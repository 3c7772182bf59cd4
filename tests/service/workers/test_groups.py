"""
Tests for L{smtpx.service.workers.groups}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.workers.groups import Groups


def group(
    name: str | None, messages: int, oldest: float = 5.0, newest: float = 7.0
) -> dict[str, object]:
    """A line of a summary."""
    return {
        "name": name,
        "messages": messages,
        "recipients": 2 * messages,
        "octets": 10 * messages,
        "oldest": oldest,
        "newest": newest,
    }


class GroupsTests(SynchronousTestCase):
    """Summaries of several workers."""

    def test_added(self) -> None:
        """What has one name is one group; the largest comes first."""
        groups = Groups()
        for each in (group("b", 1), group("a", 2), group("b", 3, 4.0, 9.0)):
            groups.add(each)
        expected = [group("b", 4, 4.0, 9.0), group("a", 2)]
        self.assertEqual([*groups.largestFirst()], expected)
        self.assertEqual(len(groups), 2)

    def test_equal(self) -> None:
        """Groups of one size are in the order of their names."""
        groups = Groups()
        for name in ("b", None, "a"):
            groups.add(group(name, 1))
        names = [each["name"] for each in groups.largestFirst()]
        self.assertEqual(names, [None, "a", "b"])

    def test_tooMany(self) -> None:
        """There are only so many; what is known is added up all the same."""
        groups = Groups(2)
        for name in ("a", "b", "c", "d", "a", None):
            groups.add(group(name, 1))
        found = {each["name"]: each["messages"] for each in groups.largestFirst()}
        self.assertEqual(found, {"a": 2, "b": 1, None: 3})
