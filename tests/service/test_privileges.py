"""
Tests for L{smtpx.service.privileges}; that it becomes somebody else is shown in
C{tests/interop}.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service import privileges
from smtpx.service.privileges import (
    Account,
    cautionsAsWanted,
    checkAsWanted,
    readProblems,
    wantedAccount,
    writeProblems,
)
from smtpx.service.problems import Problem

from .made import FOUND, site

#: Root is always there; we are somebody else here.
ROOT, ME = pwd.getpwuid(0), 4711


class PrivilegesTestCase(SynchronousTestCase):
    """A test on a machine, as somebody."""

    def setUp(self) -> None:
        """A machine."""
        self.site = site(self.mktemp())

    def am(self, uid: int, *groups: int) -> None:
        """Be somebody."""
        self.patch(os, "getuid", lambda: uid)
        self.patch(os, "geteuid", lambda: uid)
        self.patch(os, "getgid", lambda: groups[0] if groups else uid)
        self.patch(os, "getgroups", lambda: list(groups))

    def wanted(
        self,
        values: Mapping[str, object],
        uid: int | None = None,
        gid: int | None = None,
    ) -> tuple[Account | None, list[str]]:
        """Whom a configuration makes of us, and what is wrong with it."""
        account, problems = wantedAccount(self.site.read(values), uid, gid)
        return account, [each.text for each in problems]


class WantedTests(PrivilegesTestCase):
    """
    Tests for L{wantedAccount}.
    """

    def setUp(self) -> None:
        """Two users and a group, whom every test knows."""
        super().setUp()
        users = {"ann": (10, 20), "bob": (11, 21), "root": (0, 0)}

        def named(name: str) -> pwd.struct_passwd:
            uid, gid = users[name]
            return pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))

        def numbered(number: int) -> pwd.struct_passwd:
            found = {uid: name for name, (uid, _) in users.items()}
            return named(found[number])

        def group(name: str) -> grp.struct_group:
            return grp.struct_group((name, "x", {"mail": 30}[name], []))

        self.patch(pwd, "getpwnam", named)
        self.patch(pwd, "getpwuid", numbered)
        self.patch(grp, "getgrnam", group)

    def test_nothing(self) -> None:
        """Without the options everybody stays who he is."""
        for uid in (0, ME):
            self.am(uid)
            self.assertEqual(self.wanted({}), (None, []))

    def test_root(self) -> None:
        """Root becomes the user, with the group that is named, or the user's."""
        self.am(0)
        self.assertEqual(self.wanted({"user": "ann"}), (Account(10, 20), []))
        mail = {"user": "ann", "group": "mail"}
        self.assertEqual(self.wanted(mail), (Account(10, 30), []))
        self.assertEqual(self.wanted({"user": "root"}), (None, []))

    def test_given(self) -> None:
        """What C{twistd} was told counts more."""
        self.am(0)
        mail = {"user": "ann", "group": "mail"}
        self.assertEqual(self.wanted(mail, 11, 77), (Account(11, 77), []))
        self.assertEqual(self.wanted({"user": "ann"}, 11), (Account(11, 21), []))
        self.assertEqual(self.wanted({"user": "ann"}, None, 5), (Account(10, 5), []))
        # A number that is no user's: twistd will say so.
        self.assertEqual(self.wanted({}, 12), (None, []))
        self.am(ME)
        self.assertEqual(self.wanted({"user": "ann"}, 11), (None, []))

    def test_unknown(self) -> None:
        """Users and groups that there are not are told all at once."""
        self.am(0)
        self.assertEqual(
            self.wanted({"user": "eve", "group": "male"}),
            (None, ['there is no group "male"', 'there is no user "eve"']),
        )
        # Not with the group of the user instead of that which was wanted.
        self.assertEqual(
            self.wanted({"user": "ann", "group": "male"}),
            (None, ['there is no group "male"']),
        )

    def test_whichOption(self) -> None:
        """A problem names the option that it is of."""
        for uid, values, key in (
            (0, {"user": "eve"}, "user"),
            (0, {"user": "ann", "group": "male"}, "group"),
            (0, {"group": "mail"}, "group"),
            (10, {"user": "bob"}, "user"),
            (10, {"user": "ann", "group": "mail"}, "group"),
        ):
            self.am(uid, 20)
            _, [problem] = wantedAccount(self.site.read(values))
            self.assertEqual(problem.path, (key,))

    def test_groupAlone(self) -> None:
        """A group is that of a user."""
        self.am(0)
        self.assertEqual(
            self.wanted({"group": "mail"}),
            (None, ["a group is of no use without a user"]),
        )

    def test_notRoot(self) -> None:
        """Others can only stay who they are."""
        self.am(10, 20, 30)
        for values in ({"user": "ann"}, {"user": "ann", "group": "mail"}):
            self.assertEqual(self.wanted(values), (None, []))
        self.am(10, 20)
        self.assertEqual(
            self.wanted({"user": "ann", "group": "mail"}),
            (None, ['only root can become "mail", and this is ann']),
        )
        # To have somebody's group is not to be that user.
        self.am(10, 20, 21)
        self.assertEqual(
            self.wanted({"user": "bob"}),
            (None, ['only root can become "bob", and this is ann']),
        )
        self.am(ME)
        self.assertEqual(
            self.wanted({"user": "ann"}),
            (None, ['only root can become "ann", and this is 4711']),
        )

    def test_names(self) -> None:
        """An account is called by its name, if it has one."""
        self.assertEqual(Account(10, 20).name, "ann")
        self.assertEqual(Account(99, 20).name, "99")


class CheckTests(PrivilegesTestCase):
    """
    Tests for L{checkAsWanted}, and for what comes back from the child.
    """

    def test_ourselves(self) -> None:
        """Who stays who he is checks by himself."""
        configuration = self.site.read({"policy": {"python": ["json:x"]}})
        [problem] = checkAsWanted(
            self.site.machine, configuration, FOUND, None, starts=False
        )
        self.assertIn("json has no x", problem.text)

    def test_another(self) -> None:
        """Who becomes another has a child check that has become the other."""
        asked = []

        def asAccount(account: Account, work: object) -> list[Problem]:
            asked.append(account)
            return []

        self.patch(privileges, "asAccount", asAccount)
        found = checkAsWanted(
            self.site.machine, self.site.read({}), FOUND, Account(10, 20), starts=True
        )
        self.assertEqual((found, asked), ([], [Account(10, 20)]))

    def test_severalWorkers(self) -> None:
        """
        Of whoever forks the workers it is a child that imports what the configuration
        names, whether it becomes another or not.
        """
        asked: list[Account | None] = []

        def asAccount(account: Account | None, work: object) -> list[Problem]:
            asked.append(account)
            return []

        self.patch(privileges, "asAccount", asAccount)
        configuration = self.site.read({"workers": 2})
        checkAsWanted(self.site.machine, configuration, FOUND, None, starts=True)
        self.assertEqual(asked, [None])

    def test_cautions(self) -> None:
        """What is to be known besides is looked for alike."""
        configuration, asked = self.site.read({}), []

        def asAccount(account: Account, work: object) -> list[Problem]:
            asked.append(account)
            return []

        self.patch(privileges, "asAccount", asAccount)
        for account in (None, Account(10, 20)):
            self.assertEqual(
                cautionsAsWanted(self.site.machine, configuration, account), []
            )
        self.assertEqual(asked, [Account(10, 20)])

    def test_problems(self) -> None:
        """Problems come back as they were."""
        problems = [
            Problem("x.toml", 3, ("listener", 0, "port"), "odd", 7, "even"),
            Problem("x.toml", None, (), "t\xe4xt"),
        ]
        self.assertEqual(readProblems(writeProblems(problems)), problems)

    def test_noProblems(self) -> None:
        """What is no list of problems is refused."""
        for text in (
            "",
            "{",
            "[1]",
            "[{}]",
            '[{"path": []}]',
            '[{"odd": 1, "path": []}]',
            "7",
        ):
            self.assertRaises(ValueError, readProblems, text)
