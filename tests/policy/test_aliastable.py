"""Tests for L{smtpx.policy.aliastable}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.reply import reply
from smtpx.policy.aliasfile import parseAliases
from smtpx.policy.aliastable import (
    MISCONFIGURED,
    UNKNOWN,
    AliasBounds,
    AliasTable,
    Expansion,
    Objection,
    Reach,
    Step,
)

from .aliasesmade import OURS, table

#: Narrowest first.
ALL = r"""
ann+exact@example.org:    one@else.example
ann+exact:                two@else.example
ann@example.org:          three@else.example
info:                     four@else.example
info+tag@example.org:     \bob@example.org
sales-*@example.org:      five+$1@else.example
s*:                       six+$1@else.example
*-list@*.example:         seven+$1@$2.example
@example.org:             eight@else.example
@old.example:             @example.com
@example.com:             nine@else.example, @else.example
"""


class FindTests(SynchronousTestCase):
    """Which alias an address has, and where that leads."""

    def assertLeads(self, path: bytes, *paths: bytes, text: str = ALL) -> None:
        """Mail for C{path} goes to C{paths}."""
        self.assertEqual(table(text).expand(path), Expansion(paths), path)

    def test_narrowestFirst(self) -> None:
        """The address, without its tag, patterns in order, then the catch-all."""
        for path, leads in (
            (b"ann+exact@example.org", b"one@else.example"),
            (b"ANN+Exact@EXAMPLE.org", b"one@else.example"),
            (b"ann+exact@example.com", b"two@else.example"),
            (b"ann+other@example.org", b"three@else.example"),
            (b"ann@example.org", b"three@else.example"),
            (b"info@example.org", b"four@else.example"),
            (b"info+x@example.com", b"four@else.example"),
            (b"info+tag@example.org", b"bob@example.org"),
            (b"Sales-West@example.org", b"five+West@else.example"),
            (b"support@example.com", b"six+upport@else.example"),
            (b"x-list@any.example", b"seven+x@any.example"),
            (b"eve@example.org", b"eight@else.example"),
        ):
            self.assertLeads(path, leads)

    def test_listedBeforePatterns(self) -> None:
        """Who is listed is not caught, with a tag or without."""
        text = "*@example.org: x@else.example\n@example.org: y@else.example"
        for path in (b"bob@example.org", b"Bob+x@example.org"):
            self.assertIsNone(table(text).expand(path))
        self.assertLeads(b"eve@example.org", b"x@else.example", text=text)

    def test_listedWithItsTag(self) -> None:
        """An address that is listed with a tag goes before one without."""
        text = "ann: x@else.example"
        self.assertIsNone(table(text).expand(b"ann+listed@example.org"))
        self.assertLeads(b"ann+l@example.org", b"x@else.example", text=text)

    def test_virtualDomainsHaveTheirOwn(self) -> None:
        """An alias or pattern without a domain is for the server's own domains."""
        self.assertIsNone(table("c*: ann").expand(b"carl@any.example"))
        text = "carol: bob@example.org\ncarol@store.example: ann@example.org"
        self.assertIsNone(table(text).expand(b"carol@shop.example"))
        self.assertLeads(b"carol@store.example", b"ann@example.org", text=text)
        self.assertLeads(b"carol@example.org", b"bob@example.org", text=text)

    def test_onlyOurs(self) -> None:
        """Mail for elsewhere is never redirected."""
        text = "abuse@*: ann@example.org\n*@*: bob@example.org"
        self.assertIsNone(table(text).expand(b"abuse@example.net"))
        self.assertLeads(b"abuse@shop.example", b"ann@example.org", text=text)

    def test_wholeDomain(self) -> None:
        """A domain that is another: the same local part there, tag and all."""
        self.assertLeads(
            b"Eve+x@old.example", b"nine@else.example", b"Eve+x@else.example"
        )

    def test_postmaster(self) -> None:
        """Without a domain it is that of the server, or where its people are."""
        text = "postmaster: ann"
        for path in (b"postmaster", b"Postmaster", b"postmaster@example.org"):
            self.assertLeads(path, b"ann@example.org", text=text)
        self.assertIsNone(table(text).expand(b"postmaster@shop.example"))

    def test_allOfAPatternHasToMatch(self) -> None:
        """What stands between two stars as well, and nothing counts twice."""
        text = "a*b*c: $1+$2@else.example\nxy*yz: $1@else.example"
        for local in (b"axc", b"ac", b"ab", b"xyz"):
            self.assertIsNone(table(text).expand(local + b"@example.org"))
        self.assertLeads(b"a1b2c@example.org", b"1+2@else.example", text=text)

    def test_quotedLocalParts(self) -> None:
        """Quotes are not part of a name, and come back where they are needed."""
        text = '"a b": "c d"@else.example\n"a@example.org": ann\nx-*: $1@else.example'
        self.assertLeads(b'"A b"@example.org', b'"c d"@else.example', text=text)
        self.assertLeads(b'"a@example.org"@example.org', b"ann@example.org", text=text)
        self.assertIsNone(table(text).expand(b"a@example.org"))
        self.assertLeads(b'"x-y z"@example.org', b'"y z"@else.example', text=text)

    def test_nobodyRelaysByAPattern(self) -> None:
        """A domain that whoever sends chooses has to be ours, or mail is refused."""
        for text, path, leads in (
            ("*=*: $1@$2", b"spam=victim.example.net@example.org", None),
            ("*=*: $1@$2", b"x=any.example@example.org", b"x@any.example"),
            ("*=*: \\$1@$2", b"x=else.example@example.org", None),
            ("*@*.example: x@$2.else.example", b"x@any.example", None),
            ("*=*: y@else.example, $1@$2", b"a=b.example@example.org", None),
            ('*: "$1"@else.example', b"a=b@example.org", b"$1@else.example"),
        ):
            expected = Expansion((leads,)) if leads else Expansion((), UNKNOWN)
            self.assertEqual(table(text).expand(path), expected, text)

    def test_literals(self) -> None:
        """What is captured makes an address, or mail is for nobody."""
        text = "*@example.org: x@$1.else.example"
        self.assertEqual(table(text).expand(b"a_b@example.org"), Expansion((), UNKNOWN))

    @settings(max_examples=100)
    @given(st.text("ab*", min_size=1, max_size=8), st.text("ab", max_size=16))
    def test_starsMatchAsInAShell(self, pattern: str, local: str) -> None:
        """
        A star is anything; what they stood for, put in their places, is the
        local part again.
        """
        from fnmatch import fnmatchcase

        if "*" not in pattern or not local:
            return
        rest = list(pattern)
        captures = 0
        for at, sign in enumerate(rest):
            if sign == "*":
                captures += 1
                rest[at] = f"${captures}"
        found = table(f"{pattern}: {''.join(rest)}x@else.example").expand(
            f"{local}@example.org".encode()
        )
        expected = Expansion((f"{local}x@else.example".encode(),))
        self.assertEqual(found, expected if fnmatchcase(local, pattern) else None)


class TableTests(SynchronousTestCase):
    """What a table has."""

    def test_size(self) -> None:
        """Aliases of each kind count."""
        self.assertEqual(len(table(ALL)), 11)

    def test_twice(self) -> None:
        """Of two aliases for one address the first counts, and that is told."""
        for left, same in (
            ("a", "A"),
            ("a@any.example", '"a"@ANY.example'),
            ("a-*", "A-*"),
            ("*@*.example", "*@*.EXAMPLE"),
            ("@any.example", "@Any.Example"),
        ):
            made = table(f"{left}: x@else.example\n{same}: y@else.example")
            (problem,) = made.problems
            self.assertEqual(
                (problem.place.line, problem.why), (2, "it stands at f:1 already")
            )
        self.assertEqual(table("a: ann\na@any.example: ann\na-*: ann").problems, [])

    def test_replies(self) -> None:
        """Nobody is told of what is inside; who sends may try again or not."""
        self.assertEqual(UNKNOWN, reply(550, "5.1.1", b"No such recipient here"))
        self.assertEqual(
            MISCONFIGURED,
            reply(451, "4.3.5", b"Mail for that recipient cannot be taken now"),
        )


class ExpansionTests(SynchronousTestCase):
    """To the ends."""

    def test_severalSteps(self) -> None:
        """What an alias leads to is looked up again; each gets it once."""
        made = table("a: b, c, bob\nb: c, x@else.example\nc: X@else.example, ann")
        steps: list[Step] = []
        self.assertEqual(
            made.expand(b"a@example.org", steps),
            Expansion(
                (
                    b"X@else.example",
                    b"ann@example.org",
                    b"x@else.example",
                    b"bob@example.org",
                )
            ),
        )
        self.assertEqual(
            [(step.depth, step.path, str(step.entry)) for step in steps],
            [
                (0, b"a@example.org", "a: b, c, bob"),
                (1, b"b@example.org", "b: c, x@else.example"),
                (2, b"c@example.org", "c: X@else.example, ann"),
            ],
        )

    def test_onceInAnyCase(self) -> None:
        """Whoever is named twice here is one recipient, as first named."""
        self.assertEqual(
            table("a: ANN, ann").expand(b"a@example.org"),
            Expansion((b"ANN@example.org",)),
        )

    def test_itselfIsTheMailbox(self) -> None:
        """An alias that leads to itself means the mailbox, which so exists."""
        for text in ("eve: eve, x@else.example", r"eve: \eve, x@else.example"):
            made = table(text)
            self.assertEqual(
                made.expand(b"Eve@example.org"),
                Expansion((b"Eve@example.org", b"x@else.example")),
            )
            self.assertEqual(
                made.expand(b"eve+tag@example.org"),
                Expansion((b"eve+tag@example.org", b"x@else.example")),
            )

    def test_aTagOfItself(self) -> None:
        """An alias may add a tag."""
        self.assertEqual(
            table("ann: ann+in").expand(b"ann@example.org"),
            Expansion((b"ann+in@example.org",)),
        )

    def test_itselfByAPattern(self) -> None:
        """A pattern or catch-all that leads to itself makes nobody known."""
        for left in ("*@example.org", "@example.org"):
            made = table(f"{left}: @example.org, x@else.example")
            self.assertEqual(made.expand(b"eve@example.org"), Expansion((), UNKNOWN))

    def test_stops(self) -> None:
        """Behind a backslash nothing is looked up."""
        made = table("a: \\bob\nbob: x@else.example")
        self.assertEqual(
            made.expand(b"a@example.org"), Expansion((b"bob@example.org",))
        )

    def test_refused(self) -> None:
        """What refuses at the end of a way is what the client is told."""
        made = table("a: b\nb: :fail: 551 5.1.6 Gone\nc: a, :x\n".replace(", :x", ""))
        for path in (b"a@example.org", b"b@example.org", b"c@example.org"):
            expansion = made.expand(path)
            assert expansion is not None and expansion.reply is not None
            self.assertEqual(expansion.reply.octets, b"551 5.1.6 Gone\r\n")
            self.assertIsNone(expansion.problem)

    def test_thrownAway(self) -> None:
        """Nobody gets it, or only the others do."""
        made = table("a: :blackhole:\nb: a, bob")
        self.assertEqual(made.expand(b"a@example.org"), Expansion())
        self.assertEqual(
            made.expand(b"b@example.org"), Expansion((b"bob@example.org",))
        )

    def assertBroken(
        self, text: str, path: bytes, why: str, bounds: AliasBounds | None = None
    ) -> None:
        """Mail for C{path} cannot be taken, and the operator is told why."""
        expansion = table(text, bounds).expand(path)
        assert expansion is not None
        self.assertEqual(expansion.paths, ())
        self.assertEqual(expansion.reply, MISCONFIGURED)
        self.assertEqual(str(expansion.problem), why)

    def test_loop(self) -> None:
        """Where it leads round in a circle, nothing is delivered."""
        self.assertBroken(
            "a: b\nb: c\nc: b",
            b"a@example.org",
            "f:1: a: it leads to itself: a@example.org: b@example.org: c@example.org:"
            " b@example.org",
        )
        self.assertBroken(
            "*@old.example: $1@example.com\n*@example.com: $1@old.example",
            b"x@old.example",
            "f:1: *@old.example: it leads to itself: x@old.example: x@example.com:"
            " x@old.example",
        )

    def test_growing(self) -> None:
        """Nor where it leads ever further away."""
        self.assertBroken(
            "*@old.example: x$1@old.example",
            b"a@old.example",
            "f:1: *@old.example: it is more than 50 aliases deep",
        )

    def test_tooMany(self) -> None:
        """Nor where there is no end of recipients."""
        text = ", ".join(f"x{i}@else.example" for i in range(4))
        self.assertBroken(
            f"a: {text}",
            b"a@example.org",
            "f:1: a: it has more than 3 recipients",
            AliasBounds(recipientsMax=3),
        )
        found = table(f"a: {text}", AliasBounds(recipientsMax=4)).expand(
            b"a@example.org"
        )
        assert found is not None
        self.assertEqual(len(found.paths), 4)

    def test_noRoute(self) -> None:
        """Nor where no route goes."""
        self.assertBroken(
            "*: $1@nowhere.example",
            b"a@example.org",
            "f:1: *: no route goes there: a@nowhere.example",
        )
        self.assertBroken(
            "a@any.example: @any.example, b@nowhere.example",
            b"a@any.example",
            "f:1: a@any.example: no route goes there: b@nowhere.example",
        )
        # It exists, for its own alias says so; that does not make a way to it.
        made = AliasTable(
            parseAliases(b"eve: eve", "f")[0], Reach(OURS, lambda path: False)
        )
        expansion = made.expand(b"eve@example.org")
        assert expansion is not None
        self.assertEqual(
            str(expansion.problem),
            "f:1: eve: no route goes there: eve@example.org",
        )
        self.assertIs(expansion.objection, Objection.NO_ROUTE)

    def test_nobody(self) -> None:
        """Who does not exist behind a pattern does not exist before it."""
        made = table("*@old.example: $1@example.org, bob@example.org")
        self.assertEqual(made.expand(b"eve@old.example"), Expansion((), UNKNOWN))
        self.assertEqual(
            made.expand(b"ann@old.example"),
            Expansion((b"ann@example.org", b"bob@example.org")),
        )

    @settings(max_examples=100)
    @given(
        st.dictionaries(
            st.sampled_from("abcdef"),
            st.lists(st.sampled_from("abcdefxyz"), min_size=1, max_size=3),
            min_size=1,
        )
    )
    def test_anyShape(self, leads: dict[str, list[str]]) -> None:
        """
        Whatever aliases look like, mail goes to those who have none, or it is
        told that there is a circle.
        """
        text = "".join(
            f"{left}@any.example: "
            + ", ".join(f"{one}@any.example" for one in right)
            + "\n"
            for left, right in leads.items()
        )
        made = table(text)
        for left in leads:
            reached, circle = _reached(leads, left)
            expansion = made.expand(f"{left}@any.example".encode())
            assert expansion is not None
            if circle:
                self.assertIsNotNone(expansion.problem)
            else:
                paths = {f"{one}@any.example".encode() for one in reached}
                self.assertEqual(set(expansion.paths), paths)


def _reached(leads: dict[str, list[str]], start: str) -> tuple[set[str], bool]:
    """
    Who is at the ends of all ways, found by walking each of them; and does one
    come back to where it was?
    """
    ends: set[str] = set()

    def walk(name: str, before: tuple[str, ...]) -> bool:
        circle = False
        for one in leads[name]:
            if one == name or one not in leads:
                ends.add(one)
            elif one in before:
                circle = True
            else:
                circle |= walk(one, (*before, one))
        return circle

    return ends, walk(start, (start,))


__all__ = ["ExpansionTests", "FindTests"]
