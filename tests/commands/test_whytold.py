"""
Tests for L{smtpx.commands.whytold}: the story of a message, in sentences.
"""

from __future__ import annotations

import time

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.whystory import Looked, Stay, Story, Trouble, Waiting
from smtpx.commands.whytold import next_, past, rendered, unknown
from smtpx.commands.whywords import clock, listed, moment, span
from smtpx.observe.happenings import Arrival, Attempted, Deed, Done, Fate, Happening
from smtpx.spool.via import Cause

#: 2026-11-22 03:19:48 UTC, a Sunday.
CAME = 1795317588.0
ID = "1xV4dt-0008KX-1Q"
LOOKED = Looked("/var/lib/smtpx/spool", ("/var/log/smtpx/main.log",))

ARRIVAL = Arrival(
    CAME,
    "ann@example.org",
    ("bob@example.com", "eve@example.net"),
    1204,
    "(mail.example.org) [192.0.2.7]",
    "TLSv1.3",
    "ann",
    "abc@example.org",
    0.012,
)
BOB = Attempted(
    CAME + 1,
    "bob@example.com",
    Fate.DELIVERED,
    reply="250 2.0.0 Ok: queued as 7F3A1",
    host="mx.example.com",
    address="192.0.2.1",
    transport="smtp",
    took=0.3,
)
EVE = Attempted(
    CAME + 1,
    "eve@example.net",
    Fate.DEFERRED,
    Cause.CONNECT,
    "Connection refused",
    host="mx.example.net",
    address="192.0.2.9",
    transport="smtp",
    due=CAME + 901,
)
AGAIN = evolve(EVE, at=CAME + 903, due=CAME + 1811)
STAY = Stay(
    CAME,
    "ann@example.org",
    1204,
    ("bob@example.com", "eve@example.net"),
    (("bob@example.com", "delivered"),),
    (
        Waiting(
            "eve@example.net",
            None,
            "Connection refused",
            "a host refuses the connection, or does not answer",
            "15 min until 2 h, 1 h * 1.5 until 16 h, 6 h",
            CAME + 5 * 86400,
        ),
    ),
    2,
    due=CAME + 1811,
)
REFUSED = Attempted(
    CAME + 1,
    "eve@example.net",
    Fate.FAILED,
    Cause.RECIPIENT,
    reply="550 5.1.1 No such user",
    host="mx.example.net",
    address="192.0.2.9",
)


def story(
    *happenings: Happening,
    stay: Stay | None = None,
    now: float = CAME + 1000,
    troubles: tuple[Trouble, ...] = (),
    running: bool | None = None,
) -> Story:
    """What is known."""
    return Story(ID, now, LOOKED, happenings, stay, troubles, running)


def told(what: Story) -> list[str]:
    """The past, with its times."""
    return [
        before.strip() + " " * bool(before) + text
        for before, text in rendered(past(what, time.gmtime), time.gmtime)
    ]


def coming(what: Story) -> list[str]:
    """What comes next."""
    return [each.text for each in next_(what, time.gmtime)]


class PastTests(SynchronousTestCase):
    """What happened."""

    maxDiff = None

    def test_deferredTwice(self) -> None:
        """It reads like an explanation to a colleague."""
        self.assertEqual(
            told(story(ARRIVAL, BOB, EVE, AGAIN, stay=STAY)),
            [
                "Sun 22 Nov 2026",
                "03:19:48 It came from ann@example.org for bob@example.com and"
                " eve@example.net, by (mail.example.org) [192.0.2.7] under TLS 1.3,"
                " logged in as ann; 1204 octets, which took 12 ms.  Its Message-ID is"
                " <abc@example.org>.",
                "03:19:49 bob@example.com has it: mx.example.com [192.0.2.1] took it"
                ' after 300 ms, and said "250 2.0.0 Ok: queued as 7F3A1".',
                "03:19:49 eve@example.net: mx.example.net [192.0.2.9] could not be"
                " connected to: Connection refused, so it waits.  It was to be tried"
                " again at 03:34:49, 15 min later.",
                "03:34:51 eve@example.net, tried again 15 min 2 s later: the same, so"
                " it waits.  It was to be tried again at 03:49:59, 15 min 8 s later.",
            ],
        )

    def test_protection(self) -> None:
        """Who asked for what of TLS, and what the host showed, where anybody did."""
        dane = "dane: there are TLSA records at _25._tcp.mx.example.com: 3 1 1 8cb0"
        protected = evolve(
            BOB,
            proof="dane",
            demands=(dane, "message: the message wants it"),
            shown="a certificate (CN=mx) under TLS 1.3: it matches",
        )
        text = told(story(ARRIVAL, protected))[2]
        self.assertIn(
            f"  Asked of TLS: {dane}; message: the message wants it.  It showed a"
            " certificate (CN=mx) under TLS 1.3: it matches.",
            text,
        )
        text = told(story(ARRIVAL, evolve(protected, shown="")))[2]
        self.assertIn("It showed nothing, for the connection was in the clear.", text)

    def test_theEnd(self) -> None:
        """A failure is reported, and the message is gone."""
        reported = Done(CAME + 1, Deed.REPORTED, report="1xV4dt-0008Kb-1U")
        completed = Done(CAME + 90000, Deed.COMPLETED)
        said = told(story(ARRIVAL, REFUSED, reported, completed))
        self.assertEqual(
            said[2:],
            [
                "03:19:49 eve@example.net will not have it: mx.example.net [192.0.2.9]"
                ' did not take the recipient: it said "550 5.1.1 No such user".',
                "03:19:49 ann@example.org was told of it, by the delivery report"
                " 1xV4dt-0008Kb-1U.",
                "Mon 23 Nov 2026",
                "04:19:48 Nobody waited for it any more, 1 d 1 h after it came, and it"
                " left the spool.",
            ],
        )

    def test_reports(self) -> None:
        """A report says what it is about."""
        report = Arrival(CAME, "", ("ann@example.org",), 900, about=ID)
        self.assertEqual(
            told(story(report))[1],
            f"03:19:48 It was written here, as the delivery report about {ID}, for"
            " ann@example.org; 900 octets.",
        )
        bare = Arrival(CAME, "", about=ID)
        self.assertIn("for the sender of that.", told(story(bare))[1])

    def test_takenOver(self) -> None:
        """What was on another server's queue says where."""
        taken = Arrival(CAME, "a@c.example", ("b@d",), 77, source="/queue/1tHsXz")
        self.assertEqual(
            told(story(taken))[1],
            "03:19:48 It came from a@c.example for b@d, and was taken over from"
            " /queue/1tHsXz; 77 octets.",
        )

    def test_littleKnown(self) -> None:
        """What is not known is left out."""
        bare = Arrival(CAME, "", client="[192.0.2.7]")
        self.assertEqual(
            told(story(bare))[1],
            "03:19:48 It came from the null sender, by [192.0.2.7] in the clear.",
        )
        local = Arrival(CAME, "ann@x", user="ann", octets=10)
        self.assertIn(
            "from ann@x, by the local user ann; 10 octets.", told(story(local))[1]
        )
        spooled = told(story(stay=STAY))[1]
        self.assertEqual(
            spooled,
            "03:19:48 It came from ann@example.org for bob@example.com and"
            " eve@example.net; 1204 octets.",
        )
        self.assertEqual(told(story(Done(CAME, Deed.COMPLETED)))[1].count("after"), 0)
        reported = Done(CAME, Deed.REPORTED, report="1xV4dt-0008Kb-1U")
        self.assertIn("Its sender was told of it", told(story(reported))[1])

    def test_problems(self) -> None:
        """Each kind of error has its words."""
        for cause, text, reply, said in (
            (Cause.LOST, "why", "", "the connection with mx.example.net [192.0.2.9]"),
            (
                Cause.DNS,
                "no answer",
                "",
                "the DNS did not say where it goes: no answer",
            ),
            (Cause.TLS, "", "", "could not be talked to under TLS as it has to be"),
            (Cause.LOGIN, "", "535 No", 'did not take our login: it said "535 No"'),
            (Cause.SESSION, "", "421 No", 'turned us away: it said "421 No"'),
            (Cause.SENDER, "", "450 No", 'did not take the sender: it said "450 No"'),
            (Cause.CONTENT, "", "450 No", 'did not take the message: it said "450'),
            (Cause.LOCAL, "disk", "", "something was wrong here: disk"),
            (Cause.OTHER, "odd", "", "mx.example.net [192.0.2.9]: odd"),
            (Cause.OTHER, "", "", "it did not work"),
            (Cause.RECIPIENT, "", "451 4.7.1 Later", "which is greylisting: it wants"),
            (Cause.EARLY, "", "", "was known to be in trouble, so it was not tried"),
        ):
            tried = evolve(EVE, cause=cause, text=text, reply=reply, due=None)
            self.assertIn(said, told(story(ARRIVAL, tried))[2])
        nowhere = evolve(EVE, host="", address="", text="no answer", due=None)
        self.assertIn("the host could not", told(story(ARRIVAL, nowhere))[2])
        silent = evolve(nowhere, text="")
        self.assertIn("it did not work", told(story(ARRIVAL, silent))[2])
        expired = evolve(EVE, fate=Fate.FAILED, cause=Cause.EXPIRED, text="5 d")
        self.assertIn("it had waited for too long: 5 d", told(story(expired))[1])

    def test_oftenTheSame(self) -> None:
        """What went wrong again and again is told once, with how often."""
        tries = [evolve(EVE, at=CAME + n * 900, due=None) for n in range(20)]
        last = evolve(BOB, recipient="eve@example.net", at=CAME + 18000, took=None)
        said = told(story(ARRIVAL, *tries, last))[2:]
        self.assertEqual(len(said), 4)
        self.assertIn("Connection refused, so it waits.", said[0])
        self.assertEqual(said[1], "07:49:48 eve@example.net: 18 times more the same.")
        self.assertIn("tried again 15 min later: the same", said[2])
        self.assertIn("has it, 15 min later: mx.example.com", said[3])

    def test_local(self) -> None:
        """What stays here; the alias is told once."""
        local = Attempted(CAME, "bob@x", Fate.DELIVERED, original="team@x", text="ok")
        waits = evolve(EVE, recipient="ann@x", original="team@x", due=None)
        again = evolve(waits, at=CAME + 60)
        said = told(story(local, waits, again))
        self.assertEqual(len(said), 4)
        self.assertIn(
            "bob@x (whom the alias team@x led to) has it: it was delivered here (ok).",
            said[1],
        )
        self.assertIn("ann@x (whom the alias", said[2])
        self.assertNotIn("alias", said[3])
        maildir = evolve(local, transport="maildir", text="", took=2.0)
        self.assertIn("here by maildir after 2 s.", told(story(maildir))[1])

    def test_together(self) -> None:
        """Those who fared alike are told of together."""
        names = [f"{name}@example.net" for name in "abcdefg"]
        taken = [evolve(BOB, recipient=name) for name in names]
        tries = [evolve(EVE, recipient=name) for name in ("x@y", "z@y")]
        later = [evolve(each, at=CAME + 901, due=None) for each in tries]
        said = told(story(ARRIVAL, *taken, *tries, *later))[2:]
        self.assertEqual(len(said), 3)
        self.assertIn("d@example.net and 3 more have it: mx.example.com", said[0])
        self.assertIn("x@y and z@y: mx.example.net [192.0.2.9] could not", said[1])
        self.assertIn("x@y and z@y, tried again 15 min later: the same", said[2])

    def test_literals(self) -> None:
        """A host without a name is told by its address."""
        for host, address in (("[192.0.2.9]", "192.0.2.9"), ("2001:db8::1",) * 2):
            tried = evolve(EVE, host=host, address=address)
            self.assertIn(f": [{address}] could not", told(story(tried))[1])

    def test_deeds(self) -> None:
        """What was done to it, and by whom."""
        for deed, text in (
            (Deed.HELD, "It was put on hold by root: a look."),
            (Deed.RELEASED, "It was taken off hold by root."),
            (Deed.CANCELLED, "It was given up by root: a look."),
            (Deed.REMOVED, "It was removed by root, and nobody was told."),
        ):
            said = told(story(Done(CAME, deed, "root", "a look")))
            self.assertEqual(said[1], f"03:19:48 {text}")


class NextTests(SynchronousTestCase):
    """What comes next."""

    maxDiff = None

    def test_deferredTwice(self) -> None:
        """When it is tried again, by which rule, when it is given up."""
        trouble = Trouble(
            "mx.example.net",
            "192.0.2.9",
            CAME + 1,
            CAME + 1803,
            2,
            "Connection refused",
        )
        what = story(ARRIVAL, stay=STAY, troubles=(trouble,), running=True)
        self.assertEqual(
            coming(what),
            [
                "eve@example.net waits for it; it was tried twice.",
                "It is tried again at 03:49:59, in 13 min 31 s; or now, with"
                f' "smtpx queue retry {ID}".',
                "The pauses between attempts, where a host refuses the connection, or"
                " does not answer, are 15 min until 2 h, 1 h * 1.5 until 16 h, 6 h.",
                "If nothing changes it is given up on Fri 27 Nov at 03:19:48, in 4 d"
                " 23 h: 5 d after it came.  Then ann@example.org is told.",
                "mx.example.net [192.0.2.9] failed twice since 03:19:49 (Connection"
                " refused), and is left alone until 03:49:51; have that forgotten with"
                ' "smtpx peer forget mx.example.net".',
            ],
        )

    def test_states(self) -> None:
        """What it waits for."""
        for stay, said in (
            (evolve(STAY, underWay=True), "It is being delivered at this moment."),
            (evolve(STAY, held="a look"), "It is on hold: a look.  It is tried again"),
            (evolve(STAY, held=""), f'"smtpx queue release {ID}"'),
            (
                evolve(STAY, notBefore=CAME + 90000),
                "to go no earlier than Mon 23 Nov at 04:19:48, in 1 d 43 min.",
            ),
            (evolve(STAY, lane="smtp mx.example.net"), "busy, and it waits there"),
            (evolve(STAY, due=None), "It is due, and tried as soon as"),
            (evolve(STAY, told=CAME + 900), "told of the delay at 03:34:48."),
            (evolve(STAY, damage="no JSON"), "cannot be read: no JSON."),
        ):
            self.assertIn(said, " ".join(coming(story(stay=stay))))
        held = coming(story(stay=evolve(STAY, held="x")))
        self.assertNotIn("given up", " ".join(held))

    def test_fresh(self) -> None:
        """One that was never tried."""
        waiting = tuple(Waiting(f"{name}@x") for name in "abcdef")
        stay = Stay(CAME, "", 10, waiting=waiting)
        self.assertEqual(
            coming(story(stay=stay, running=False)),
            [
                "a@x, b@x, c@x, d@x and 2 more wait for it; it was never tried.",
                "It is due, and tried as soon as a delivery has time for it.",
                "No server runs, and nothing happens to it until one does.",
            ],
        )

    def test_severalRules(self) -> None:
        """Recipients with other rules are told apart; nobody hears of a report."""
        one = Waiting("a@x", rule="6 h", until=CAME + 86400)
        two = Waiting("b@x", rule="1 h", until=CAME - 1)
        said = coming(story(stay=Stay(CAME, "", 10, waiting=(one, two), attempts=9)))
        self.assertIn("The pauses between attempts for a@x are 6 h.", said)
        self.assertIn("which is over", " ".join(said))
        self.assertIn("nobody is told, as it is from the null sender.", said[-1])
        self.assertIn("it was tried 9 times.", said[0])

    def test_settled(self) -> None:
        """Without a log, the spool says who has it."""
        several = (("a@x", "delivered"), ("b@x", "delivered"), ("c@x", "failed"))
        said = coming(story(stay=evolve(STAY, settled=several)))
        self.assertEqual(said[:2], ["a@x and b@x have it.", "c@x will not have it."])

    def test_gone(self) -> None:
        """Nothing more, or nobody knows."""
        [said] = coming(story(ARRIVAL, Done(CAME, Deed.COMPLETED)))
        self.assertIn("nothing more will happen to it", said)
        [said] = coming(story(ARRIVAL))
        self.assertIn("the log does not say how it ended", said)

    def test_hostThatMayBeTried(self) -> None:
        """A pause that is over, and a host without a name."""
        trouble = Trouble("[192.0.2.9]", "192.0.2.9", CAME, CAME, 1, "")
        said = coming(story(stay=STAY, troubles=(trouble,)))[-1]
        self.assertEqual(
            said, "[192.0.2.9] failed once since 03:19:48; it may be tried again now."
        )


class WordsTests(SynchronousTestCase):
    """Words."""

    def test_words(self) -> None:
        """Times, spans and lists."""
        self.assertEqual(clock(CAME, time.gmtime), "03:19:48")
        self.assertEqual(moment(CAME, CAME, time.gmtime), "at 03:19:48")
        for seconds, text in (
            (0, "0 s"),
            (0.2, "200 ms"),
            (2.25, "2.2 s"),
            (3.0, "3 s"),
            (59.4, "59 s"),
            (3 * 86400 + 7200 + 61, "3 d 2 h"),
        ):
            self.assertEqual(span(seconds), text)
        self.assertEqual(listed([]), "")
        self.assertEqual(listed(["a"]), "a")
        self.assertEqual(listed(["a", "b", "c"]), "a, b and c")

    def test_unknown(self) -> None:
        """Where was looked."""
        self.assertEqual(
            unknown(story()),
            f"there is no message {ID}: it is not in the spool (/var/lib/smtpx/spool),"
            " and no log names it (/var/log/smtpx/main.log)",
        )
        looked = Looked("spool", (), ("main.log: you may not",))
        self.assertEqual(
            unknown(evolve(story(), looked=looked)),
            f"nothing was found of {ID}, but not all could be looked at: main.log:"
            " you may not",
        )
        self.assertEqual(
            unknown(evolve(story(), looked=Looked("spool"))),
            f"there is no message {ID}: it is not in the spool (spool), and there is"
            " no log to look in",
        )
