"""Tests for L{smtpx.policy.aliascheck}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.aliascheck import PROBLEMS_MAX, checkAliases
from smtpx.policy.aliasfile import parseAliases
from smtpx.policy.aliastable import AliasBounds, AliasTable, Reach
from smtpx.policy.ours import LocalAddresses

from .aliasesmade import checked, table

NOBODY = "there is no such recipient here"


class CheckTests(SynchronousTestCase):
    """What is wrong with aliases is said before mail comes."""

    def test_nothing(self) -> None:
        """Aliases of all kinds that are good."""
        self.assertEqual(
            checked(
                "postmaster: ann\n"
                "root: postmaster\n"
                "team: ann, bob, new@shop.example, x@else.example\n"
                "new@shop.example: \\new@shop.example\n"
                "carol: carol@shop.example\n"
                "gone: :fail:\n"
                "former: gone\n"
                "null: :blackhole:\n"
                "all: team, null, later\n"
                "later: :defer:\n"
                "x-*@example.org: $1, team\n"
                "*@*.example: ann@example.org\n"
                "y-*: :fail:\n"
                "@old.example: @example.org, ann@example.org\n"
                "@store.example: carol\n"
            ),
            [],
        )

    def test_loops(self) -> None:
        """A circle is told of once, whole, whoever leads into it."""
        for text, problems in (
            (
                "a: b\nb: a",
                ["f:1: a: it leads to itself: a@example.org: b@example.org:"
                 " a@example.org"],
            ),
            (
                "in: a\na: ann, b\nb: c\nc: bob, a\nalso: c",
                ["f:2: a: it leads to itself: a@example.org: b@example.org:"
                 " c@example.org: a@example.org"],
            ),
            (
                "a: b+x\nb: a",
                ["f:1: a: it leads to itself: a@example.org: b+x@example.org:"
                 " a@example.org"],
            ),
            (
                "a: eve@old.example\n@old.example: a@example.org",
                ["f:1: a: it leads to itself: a@example.org: eve@old.example:"
                 " a@example.org",
                 "f:2: @old.example: it leads to itself: someone@old.example:"
                 " a@example.org: eve@old.example: a@example.org"],
            ),
            (
                "@old.example: @example.com\n@example.com: @old.example",
                ["f:1: @old.example: it leads to itself: someone@old.example:"
                 " someone@example.com: someone@old.example",
                 "f:2: @example.com: it leads to itself: someone@example.com:"
                 " someone@old.example: someone@example.com"],
            ),
            (
                "*@old.example: x$1@old.example",
                ["f:1: *@old.example: it is more than 50 aliases deep"],
            ),
        ):  # fmt: skip
            self.assertEqual(checked(text), problems)

    def test_nobody(self) -> None:
        """Who is not there is named, with who was probably meant."""
        for text, problem in (
            (
                "a: bobb",
                f'a: {NOBODY}: bobb@example.org; did you mean "bob@example.org"?',
            ),
            (
                "salse: ann\na: sales",
                f'a: {NOBODY}: sales@example.org; did you mean "salse@example.org"?',
            ),
            (
                "a@shop.example: ann",
                f"a@shop.example: {NOBODY}: ann@shop.example;"
                ' did you mean "ann@example.org"?',
            ),
            (
                "team: ann\na@shop.example: team",
                f"a@shop.example: {NOBODY}: team@shop.example;"
                ' did you mean "team@example.org"?',
            ),
            (
                "a@shop.example: karol",
                f"a@shop.example: {NOBODY}: karol@shop.example;"
                ' did you mean "carol@shop.example"?',
            ),
            ("x-*: zzz@shop.example, $1", f"x-*: {NOBODY}: zzz@shop.example"),
            ("@old.example: zzz@shop.example", f"@old.example: {NOBODY}: "
             "zzz@shop.example"),
            ("a: \\zzz@shop.example", f"a: {NOBODY}: zzz@shop.example"),
        ):  # fmt: skip
            line = text.count("\n") + 1
            self.assertEqual(checked(text), [f"f:{line}: {problem}"])

    def test_noAddress(self) -> None:
        """What a pattern makes no address of is nobody."""
        [problem] = checked("a: b_c@old.example\n*@old.example: x@$1.example")
        self.assertEqual(problem, "f:2: *@old.example: x@$1.example: bad domain")

    def test_openRelay(self) -> None:
        """A domain that whoever sends chooses has to be one of ours, perhaps."""
        text = "it is chosen by whoever sends, and can be no domain of ours"
        for target, good in (
            ("$1@$2", True),
            ("$1@$2.example", True),
            ("$1@EXAMPLE.$2", True),
            ("$1@$2.else.example", False),
            ("$1@example.org.$2.net", False),
            ("ann, x@$1.example.net", False),
            ("x@else.example", True),
        ):
            expected = [f"f:1: *=*: {target.split(', ')[-1][3:]}: {text}"]
            if target.startswith("ann"):
                expected = [f"f:1: *=*: $1.example.net: {text}"]
            self.assertEqual(checked(f"*=*: {target}"), [] if good else expected)

    def test_openRelayAndManyDomains(self) -> None:
        """It may be a domain below one of ours, or wherever somebody is ours."""
        for domains, addresses, target, good in (
            (["*.b.example"], [], "$1.b.example", True),
            (["*.b.example"], [], "$1.x.b.example", True),
            (["*.b.example"], [], "x.$1", True),
            (["*.b.example"], [], "$1.example.net", False),
            (["*"], [], "$1.example.net", True),
            (["b.example"], ["x@a.example.net"], "$1.example.net", True),
            (["b.example"], ["x@a.example.com"], "$1.example.net", False),
        ):
            ours = LocalAddresses([*domains, "mx.example"], addresses)
            entries, _ = parseAliases(f"*=*: x@{target}".encode(), "f")
            reach = Reach(ours, lambda path: True)
            self.assertEqual(not checkAliases(AliasTable(entries, reach)), good, target)

    def test_noRoute(self) -> None:
        """Where nothing goes is named."""
        self.assertEqual(checked("*: $1@nowhere.example"), [])
        for text in ("a: x@nowhere.example", "a-*: x@nowhere.example"):
            [problem] = checked(text)
            self.assertIn("no route goes there: x@nowhere.example", problem)
        reach = Reach(LocalAddresses(["a.example"], [], False), lambda path: False)
        entries, _ = parseAliases(b"x: x", "f")
        self.assertEqual(
            list(map(str, checkAliases(AliasTable(entries, reach)))),
            ["f:1: x: no route goes there: x@a.example"],
        )

    def test_domains(self) -> None:
        """An alias is for a domain of ours."""
        for text, problem in (
            (
                "a@exmaple.org: ann@example.org",
                "a@exmaple.org: exmaple.org is no domain of ours;"
                ' did you mean "example.org"?',
            ),
            ("@test.nett: ann@example.org", "@test.nett: test.nett is no domain of"
             " ours"),
            ("a*@b.test: ann@example.org", "a*@b.test: b.test is no domain of ours"),
            ("a@*.test: ann@example.org", "a@*.test: no domain of ours is like that"),
        ):  # fmt: skip
            self.assertEqual(checked(text), [f"f:1: {problem}"])

    def test_noDomainOfTheServersOwn(self) -> None:
        """Without one, a name alone is for nobody."""
        reach = Reach(LocalAddresses(["*.a.example"]), lambda path: True)
        entries, _ = parseAliases(b"x: y@b.a.example\nx-*: y\n*@*.a.example: y", "f")
        why = 'it has no domain, and the server has none of its own (local, "domains")'
        self.assertEqual(
            list(map(str, checkAliases(AliasTable(entries, reach)))),
            [f"f:1: x: {why}", f"f:2: x-*: {why}"],
        )

    def test_twice(self) -> None:
        """What stands there twice is told, whatever kind it is."""
        self.assertEqual(
            checked(
                "a: ann\nA: bob\n@old.example: ann@example.org\n"
                "@OLD.example: bob@example.org\nx*: ann\nX*: bob\n"
            ),
            [
                "f:2: a: it stands at f:1 already",
                "f:4: @old.example: it stands at f:3 already",
                "f:6: x*: it stands at f:5 already",
            ],
        )

    def test_postmaster(self) -> None:
        """There is always one (RFC 5321 section 4.5.1)."""
        why = "a postmaster's mail has to go to somebody (RFC 5321 section 4.5.1)"
        for text in ("postmaster: :fail:", "postmaster: :blackhole:"):
            self.assertEqual(checked(text), [f"f:1: postmaster: {why}"])

    def test_refusedAmongOthers(self) -> None:
        """Who is refused is not to be one of several, by whatever way."""
        self.assertEqual(
            checked("team: ann, gone\ngone: left\nleft: :fail: Gone"),
            ["f:1: team: mail for left is refused at f:3"],
        )

    def test_depth(self) -> None:
        """As many may follow each other as are allowed."""
        chain = "".join(f"a{i}: a{i + 1}\n" for i in range(3)) + "a3: ann\n"
        self.assertEqual(checked(chain, AliasBounds(4)), [])
        backwards = "\n".join(reversed(chain.split("\n")))
        for text in (chain, backwards):
            [problem] = checked(text, AliasBounds(3))
            self.assertIn(": a0: it is more than 3 aliases deep", problem)

    def test_recipients(self) -> None:
        """Who is there by two ways is counted once."""
        text = "a: b, c\nb: ann, bob\nc: bob, ann\n"
        self.assertEqual(checked(text, AliasBounds(recipientsMax=2)), [])
        self.assertEqual(
            checked(text + "d: a, x@else.example", AliasBounds(recipientsMax=2)),
            ["f:4: d: it has more than 2 recipients"],
        )

    def test_oddAddresses(self) -> None:
        """Quoted names, and domains that are address literals."""
        local = LocalAddresses(
            ["[IPv6:2001:db8::1]", "[192.0.2.1]"], ['"a b"@[192.0.2.1]'], False
        )
        seen: list[bytes] = []

        def goes(path: bytes) -> bool:
            seen.append(path)
            return True

        entries, problems = parseAliases(
            b'"x@y": \\"x@y", "c d"@else.example\n'
            b"x@[IPv6:2001:DB8:0::1]: x\n"
            b"@[ipv6:2001:db8::1]: x\n"
            b'y@[192.0.2.1]: "a b"\n',
            "f",
        )
        self.assertEqual(problems, [])
        table = AliasTable(entries, Reach(local, goes))
        self.assertEqual(checkAliases(table), [])
        self.assertIn(b'"x@y"@[IPv6:2001:db8::1]', seen)
        self.assertIn(b"x@[IPv6:2001:db8::1]", seen)
        self.assertIn(b'"a b"@[192.0.2.1]', seen)

    def test_enough(self) -> None:
        """Nobody wants to read a thousand lines."""
        text = "".join(f"a{i}: x@nowhere.example\n" for i in range(1000))
        self.assertEqual(len(checked(text)), PROBLEMS_MAX)

    @settings(max_examples=100)
    @given(
        st.dictionaries(
            st.sampled_from("abcdef"),
            st.lists(st.sampled_from("abcdefxy"), min_size=1, max_size=3),
            min_size=1,
        )
    )
    def test_whatIsGoodStaysGood(self, leads: dict[str, list[str]]) -> None:
        """
        Where nothing is wrong, mail for each alias goes somewhere; where something
        is, mail for one does not.
        """
        text = "".join(f"{a}: {', '.join(bs)}\n" for a, bs in leads.items())
        text += "".join(
            f"{name}: \\{name}\n" for name in "abcdefxy" if name not in leads
        )
        made = table(text)
        broken = [
            name
            for name in leads
            if (found := made.expand(f"{name}@example.org".encode())) is None
            or found.problem is not None
        ]
        self.assertEqual(bool(checkAliases(made)), bool(broken))
