"""
The evaluation of SPF records, beyond what the openspf suites have
(C{test_openspf}).
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth import spfrecord
from smtpx.mailauth.asking import Asking, Found, Known, Lookup, Unknown
from smtpx.mailauth.spf import check, guess
from smtpx.mailauth.spfquery import Limits, Outcome, Query, Step, queryOf
from smtpx.mailauth.spfrecord import SPFResult

from .spfzone import Zone, run

CLIENT = b"192.0.2.3"
QUERY = queryOf(CLIENT, b"ann@example.org", b"mx.example.org")


class EvaluationTests(SynchronousTestCase):
    """
    What a check comes to.
    """

    def setUp(self) -> None:
        """
        A DNS with nothing in it.
        """
        self.zone = Zone()

    def publish(self, record: str | bytes, name: str = "example.org") -> None:
        """Give a domain a record."""
        self.zone.add(name, "TXT", record)

    def check(self, query: Query = QUERY) -> Outcome:
        """Check, mostly whether 192.0.2.3 may send for example.org."""
        return run(check(query), self.zone)

    def result(self, query: Query = QUERY) -> SPFResult:
        """The verdict alone."""
        return self.check(query).result

    def test_matchingTermIsTold(self) -> None:
        """
        The outcome names the term that made it, as it is written.
        """
        self.publish("v=spf1 mx +ip4:192.0.2.0/24 -all")
        found = self.check()
        self.assertEqual(SPFResult.PASS, found.result)
        self.assertEqual("+ip4:192.0.2.0/24", found.mechanism)

    def test_noMatchIsTheDefault(self) -> None:
        """
        Where nothing matches the verdict is neutral, and the term C{default}.
        """
        self.publish("v=spf1 ip4:192.0.2.4 ip6:::/0")
        found = self.check()
        self.assertEqual(
            (SPFResult.NEUTRAL, "default"), (found.result, found.mechanism)
        )

    def test_nullSenderIsCheckedByName(self) -> None:
        """
        For a null sender the name in HELO is checked (RFC 7208 section 2.4).
        """
        self.publish("v=spf1 exists:%{l}.%{o}.test -all", "mx.example.org")
        self.zone.add("postmaster.mx.example.org.test", "A", "127.0.0.2")
        query = queryOf(CLIENT, b"", b"MX.example.org")
        self.assertFalse(query.mailFrom)
        self.assertEqual(SPFResult.PASS, self.result(query))

    def test_whatHasNoRecordIsNotAskedFor(self) -> None:
        """
        Addresses, single labels and impossible names have no record, and cost nothing.
        """
        for name in (
            b"[192.0.2.3]", b"192.0.2.3", b"localhost", b"a..b", b"x" * 64 + b".org",
            b".", b"[IPv6:::1]", b"\xff.org", b"a." * 130 + b"org",
        ):  # fmt: skip
            self.assertEqual(SPFResult.NONE, self.result(queryOf(CLIENT, b"", name)))
        self.assertEqual([], self.zone.asked)

    def test_domainBeyondASCIIIsAskedForInASCII(self) -> None:
        """
        A sender's U-labels become A-labels (RFC 8616 section 4).
        """
        self.publish("v=spf1 exists:%{o}.test -all", "xn--bcher-kva.example")
        self.zone.add("xn--bcher-kva.example.test", "A", "127.0.0.2")
        sender = "ann@b\xfccher.example".encode()
        self.assertEqual(SPFResult.PASS, self.result(queryOf(CLIENT, sender, b"x")))

    def test_localPartBeyondASCIIMatchesNothing(self) -> None:
        """
        Terms that want a local part that is not in ASCII do not match, and ask
        nothing (RFC 8616 section 4); they are no mistake either.
        """
        self.publish(
            "v=spf1 exists:%{l}.test include:%{S}.test a:%{s}.test "
            "redirect=%{l}.test exp=%{l}.test"
        )
        query = queryOf(CLIENT, "j\xfcrg@example.org".encode(), b"x.org")
        self.assertEqual(SPFResult.NEUTRAL, self.result(query))
        self.publish("v=spf1 -all exp=%{l}.test", "fails.example")
        query = queryOf(CLIENT, "j\xfcrg@fails.example".encode(), b"x.org")
        self.assertEqual("", self.check(query).explanation)
        self.assertEqual(2, len(self.zone.asked))

    def test_quotedLocalPartIsTakenWithoutQuotes(self) -> None:
        """
        A macro has the local part itself, not its spelling.
        """
        self.publish("v=spf1 -all exp=why.test")
        self.zone.add("why.test", "TXT", "no, %{l}, %{s}")
        query = queryOf(CLIENT, b'"a\\ b@c"@example.org', b"x.org")
        self.assertEqual("no, a b@c, a b@c@example.org", self.check(query).explanation)

    def test_exchangesAreAskedForAtOnce(self) -> None:
        """
        The addresses of all exchanges are one group of look-ups.
        """
        self.publish("v=spf1 mx -all")
        self.zone.add("example.org", "MX", "a.test", "b.test", "c.test")
        self.zone.add("c.test", "A", "192.0.2.3")
        self.assertEqual(SPFResult.PASS, self.result())
        self.assertEqual([1, 1, 3], [len(group) for group in self.zone.groups])

    def test_unknownExchangeHurtsOnlyWithoutMatch(self) -> None:
        """
        An exchange of which nobody can tell is a temporary error, unless another one
        matches.
        """
        self.publish("v=spf1 mx -all")
        self.zone.add("example.org", "MX", "a.test", "b.test")
        self.zone.failing.add(b"a.test")
        found = self.check()
        self.assertEqual(SPFResult.TEMPERROR, found.result)
        self.assertEqual("no answer for A of 'a.test'", found.problem)
        self.zone.add("b.test", "A", "192.0.2.3")
        self.assertEqual(SPFResult.PASS, self.result())

    def test_namesOfTheClientAreAskedForOnce(self) -> None:
        """
        The client's names are looked up once in a check, all at once, ten at most.
        """
        self.publish("v=spf1 ptr:x.test exists:%{p}.test ptr -all exp=%{p}.why.test")
        names = [f"n{n}.test" for n in range(12)]
        self.zone.add("3.2.0.192.in-addr.arpa", "PTR", *names)
        self.zone.add("n3.test", "A", "192.0.2.3")
        self.zone.failing.add(b"n4.test")
        self.zone.add("n3.test.why.test", "TXT", "%{p}")
        found = self.check()
        self.assertEqual((SPFResult.FAIL, "n3.test"), (found.result, found.explanation))
        self.assertEqual([1, 1, 10, 1, 1], [len(group) for group in self.zone.groups])

    def test_clientWithoutNamesIsUnknown(self) -> None:
        """
        Where the DNS does not tell a client's names, C{ptr} does not match, and the
        macro has the word C{unknown} (RFC 7208 section 7.3).
        """
        self.publish("v=spf1 ptr -all exp=%{p}.test")
        self.zone.failing.add(b"3.2.0.192.in-addr.arpa")
        self.zone.add("unknown.test", "TXT", "who?")
        self.assertEqual("who?", self.check().explanation)

    def test_ownDomainIsThePreferredName(self) -> None:
        """
        Of several names of a client the macro takes the domain itself, then one in
        the domain, then any (RFC 7208 section 7.3).
        """
        self.publish("v=spf1 -all exp=why.test")
        self.zone.add("why.test", "TXT", "%{p}")
        for name in ("other.test", "mail.example.org", "example.org"):
            self.zone.records.setdefault(b"3.2.0.192.in-addr.arpa", {})
            self.zone.add("3.2.0.192.in-addr.arpa", "PTR", name)
            self.zone.add(name, "A", "192.0.2.3")
            self.assertEqual(name, self.check().explanation)

    def test_errorsAreTold(self) -> None:
        """
        What is wrong with records is told, in ASCII and bounded.
        """
        self.publish("v=spf1 include:nothing.test -all")
        found = self.check()
        self.assertEqual(SPFResult.PERMERROR, found.result)
        self.assertEqual(
            "example.org: no SPF record for 'include:nothing.test'", found.problem
        )
        self.assertEqual("default", found.mechanism)

    def test_includedDomainMayBeImpossible(self) -> None:
        """
        An impossible name behind C{include} has no record, which is an error; behind
        C{a} it matches nothing, and counts for nothing.
        """
        self.publish("v=spf1 a:%{h}.org a:%{h}.org a:%{h}.org include:%{h}.org -all")
        found = self.check(queryOf(CLIENT, b"ann@example.org", b"a..b"))
        self.assertEqual(SPFResult.PERMERROR, found.result)
        self.assertIn("include", found.problem)
        self.assertEqual(1, len(self.zone.asked))


class LimitTests(SynchronousTestCase):
    """
    Nothing that a record says makes more than its share.
    """

    def setUp(self) -> None:
        """
        A DNS with nothing in it.
        """
        self.zone = Zone()

    def result(self, limits: Limits = Limits()) -> Outcome:  # noqa: B008 (a value)
        """Check whether 192.0.2.3 may send for example.org."""
        return run(check(QUERY, limits), self.zone)

    def test_termsAreCountedThroughAllRecords(self) -> None:
        """
        The eleventh term that asks the DNS is an error, wherever it stands, and is
        not asked for.
        """
        self.zone.add("example.org", "A", "192.0.2.9")
        self.zone.add(
            "example.org", "TXT", "v=spf1 a a a include:b.test a redirect=c.test"
        )
        self.zone.add("b.test", "TXT", "v=spf1 a:example.org a:example.org")
        self.zone.add(
            "c.test", "TXT", "v=spf1 a:example.org a:example.org a:example.org"
        )
        found = self.result()
        self.assertEqual(SPFResult.PERMERROR, found.result)
        self.assertEqual("more than 10 terms that ask the DNS", found.problem)
        self.assertEqual(SPFResult.NEUTRAL, self.result(Limits(terms=11)).result)

    def test_termIsVoidOnce(self) -> None:
        """
        An C{mx} whose exchanges have no addresses of the client's family is one void
        look-up, not one for each; the third of all is an error.
        """
        self.zone.add("example.org", "MX", "a.test", "b.test", "c.test")
        self.zone.add("example.org", "TXT", "v=spf1 mx ptr ?all")
        self.assertEqual(SPFResult.NEUTRAL, self.result().result)
        self.zone.records[b"example.org"]["TXT"] = [b"v=spf1 mx ptr a ?all"]
        found = self.result()
        self.assertEqual(SPFResult.PERMERROR, found.result)
        self.assertEqual("more than 2 void look-ups", found.problem)

    def test_tooManyExchangesAreAnError(self) -> None:
        """
        The eleventh exchange is an error (RFC 7208 section 4.6.4), and none is asked.
        """
        self.zone.add("example.org", "MX", *(f"{n}.test" for n in range(11)))
        self.zone.add("example.org", "TXT", "v=spf1 mx -all")
        self.assertEqual(SPFResult.PERMERROR, self.result().result)
        self.assertEqual(2, len(self.zone.asked))

    def test_nullExchangeIsNotAskedFor(self) -> None:
        """
        A null MX (RFC 7505) has no address.
        """
        self.zone.add("example.org", "MX", ".")
        self.zone.add("example.org", "TXT", "v=spf1 mx -all")
        self.assertEqual(SPFResult.FAIL, self.result().result)
        self.assertEqual(2, len(self.zone.asked))

    def test_worstRecordStaysWithinBounds(self) -> None:
        """
        A record of many terms, each with the longest macros, asks for ten names.
        """
        term = "exists:" + "%{s}" * 20 + ".%{d}"
        record = ("v=spf1" + f" {term}" * 80)[:8000]
        self.zone.add("example.org", "TXT", record)
        self.assertEqual(
            SPFResult.PERMERROR, self.result(Limits(voids=100)).result, record[-90:]
        )
        self.assertEqual(11, len(self.zone.asked))
        self.assertTrue(all(len(each.name) <= 253 for each in self.zone.asked))


#: Pieces of which hostile records are made.
PIECES = some.sampled_from(
    [
        b" ", b"a", b"mx", b"ptr", b"include:", b"exists:", b"redirect=", b"exp=",
        b"x=",
        b"ip4:192.0.2.3", b"ip6:::", b"all", b"-", b"~", b"?", b"%{", b"}", b"%{s}",
        b"%{P10r.-}", b"%{i}", b"%%", b"%_", b".", b"/", b"//0", b"/24", b":", b"test",
        b"example.org", b"\x00", b"\xff", b"x" * 64, b"%{h}" * 50,
    ]
)  # fmt: skip
OCTETS = some.lists(PIECES, max_size=30).map(b"".join) | some.binary(max_size=60)
ANSWERS = (
    some.lists(OCTETS.map(b"v=spf1 ".__add__), min_size=1, max_size=1)
    .map(tuple)
    .map(Found)
    | some.lists(OCTETS, max_size=3).map(tuple).map(Found)
    | some.just(Found(exists=False))
    | some.just(Unknown("timeout"))
)
ADDRESSES = some.lists(some.sampled_from([b"192.0.2.3", b"192.0.2.9"]), max_size=2).map(
    lambda found: Found(tuple(found))
)


class HostileTests(SynchronousTestCase):
    """
    Whatever the DNS says, a check comes to an end, and to a verdict.
    """

    @settings(max_examples=100, deadline=None)
    @given(some.data(), OCTETS, OCTETS)
    def test_anyAnswers(self, data: some.DataObject, local: bytes, helo: bytes) -> None:
        """
        There are no more questions than RFC 7208 allows, names that can be asked for,
        and explanations that can be told.
        """
        asked: list[Lookup] = []

        def answer(lookup: Lookup) -> Known:
            """Make something up."""
            asked.append(lookup)
            self.assertLessEqual(len(lookup.name), 253)
            self.assertTrue(lookup.name.isascii())
            return data.draw(ADDRESSES if lookup.kind == "A" else ANSWERS)

        query = queryOf(CLIENT, local + b"@example.org", helo)
        found = self.finish(check(query), answer)
        self.assertLessEqual(len(asked), 1 + 10 * (1 + 10) + 1 + 10 + 1)
        for text in (found.explanation, found.problem):
            self.assertTrue(text.isascii() and text.isprintable(), text)
            self.assertLessEqual(len(text), 700)

    def finish(
        self, asking: Asking[Outcome], answer: Callable[[Lookup], Known]
    ) -> Outcome:
        """Run a check."""
        known: tuple[Known, ...] | None = None
        try:
            while True:
                group = next(asking) if known is None else asking.send(known)
                known = tuple(map(answer, group))
        except StopIteration as stop:
            outcome: Outcome = stop.value
            return outcome


class ExplanationTests(SynchronousTestCase):
    """
    What a domain says about a refusal.
    """

    def setUp(self) -> None:
        """
        A domain that refuses, and has an explanation.
        """
        self.zone = Zone().add("example.org", "TXT", "v=spf1 -all exp=why.test")

    def explain(self, *texts: str | bytes, helo: bytes = b"x.org") -> str:
        """What becomes of TXT records with an explanation."""
        self.zone.records[b"why.test"] = {}
        self.zone.add("why.test", "TXT", *texts)
        query = queryOf(CLIENT, b"ann@example.org", helo, "us.test")
        return run(check(query, clock=lambda: 5.5), self.zone).explanation

    def test_macrosAreExpanded(self) -> None:
        """
        An explanation has macros of its own.
        """
        self.assertEqual(
            "192.0.2.3 is none of example.org's, says us.test at 5",
            self.explain("%{c} is none of %{d}'s, says %{r} at %{t}"),
        )

    def test_whatNoReplyMayHaveIsDropped(self) -> None:
        """
        An explanation that is not printable ASCII, before or after its expansion, or
        not the only one, or no explanation, or too long, is none.
        """
        for text in (
            "a\r\nb",
            "a\tb",
            "\x1b[31m",
            b"\xc3\xbc",
            "%{x}",
            "%",
            "a" * 9000,
        ):
            self.assertEqual("", self.explain(text), text)
        self.assertEqual("", self.explain("a", "b"))
        self.assertEqual("", self.explain("hi %{h}", helo=b"a\r\nb"))
        self.assertEqual("", self.explain("hi %{h}", helo="\xfc".encode()))
        self.assertEqual("hi %C3%BC", self.explain("hi %{H}", helo="\xfc".encode()))

    def test_longExplanationIsCut(self) -> None:
        """
        An explanation has 400 octets at most.
        """
        self.assertEqual("x.org" * 80, self.explain("%{h}" * 500))

    def test_onlyAFailIsExplained(self) -> None:
        """
        The explanation is asked for where it is wanted.
        """
        self.zone.records[b"example.org"]["TXT"] = [b"v=spf1 ~all exp=why.test"]
        self.assertEqual("", self.explain("x"))
        self.assertEqual([Lookup(b"example.org", "TXT")], self.zone.asked)

    def test_unansweredExplanationIsNone(self) -> None:
        """
        A fail stays one, whatever becomes of its explanation.
        """
        self.zone.failing.add(b"why.test")
        found = run(check(QUERY), self.zone)
        self.assertEqual((SPFResult.FAIL, ""), (found.result, found.explanation))

    def test_impossibleNameIsNotAskedFor(self) -> None:
        """
        An explanation may be nowhere.
        """
        self.zone.records[b"example.org"]["TXT"] = [b"v=spf1 -all exp=%{h}"]
        found = run(check(queryOf(CLIENT, b"a@example.org", b"a..b")), self.zone)
        self.assertEqual((SPFResult.FAIL, ""), (found.result, found.explanation))


class GuessTests(SynchronousTestCase):
    """
    The best guess.
    """

    RECORD = spfrecord.parse(b"v=spf1 a/24 mx/24 ptr ?all")

    def guess(self, zone: Zone, query: Query = QUERY) -> SPFResult:
        """Guess whether 192.0.2.3 may send for example.org."""
        found = run(guess(query, self.RECORD), zone)
        self.assertTrue(found.guessed)
        return found.result

    def test_neighbourPasses(self) -> None:
        """
        Who is near a domain's own host may send for it.
        """
        zone = Zone().add("example.org", "A", "192.0.2.77")
        self.assertEqual(SPFResult.PASS, self.guess(zone))
        self.assertEqual([Lookup(b"example.org", "A")], zone.asked)

    def test_nothingFoundIsNoMistake(self) -> None:
        """
        The domain did not write the record: that it has neither host nor exchange is
        neutral, however little there is.
        """
        self.assertEqual(SPFResult.NEUTRAL, self.guess(Zone()))

    def test_noDomainNoGuess(self) -> None:
        """
        Nothing is guessed of an address.
        """
        zone = Zone()
        query = queryOf(CLIENT, b"", b"[192.0.2.3]")
        self.assertEqual(SPFResult.NONE, self.guess(zone, query))
        self.assertEqual([], zone.asked)


class WatchTests(SynchronousTestCase):
    """
    Those who ask why see each step.
    """

    def test_stepsAreTold(self) -> None:
        """
        Each term that was looked at is told, the ones inside after what led there.
        """
        zone = Zone().add("example.org", "TXT", "v=spf1 include:b.test redirect=c.test")
        zone.add("b.test", "TXT", "v=spf1 ip4:192.0.2.9 -all")
        zone.add("c.test", "TXT", "v=spf1 +all")
        steps: list[Step] = []
        run(check(QUERY, watch=steps.append), zone)
        self.assertEqual(
            [
                Step("example.org", "include:b.test", None),
                Step("b.test", "ip4:192.0.2.9", False),
                Step("b.test", "-all", True),
                Step("example.org", "include:b.test", False),
                Step("example.org", "redirect=c.test", None),
                Step("c.test", "+all", True),
            ],
            steps,
        )
