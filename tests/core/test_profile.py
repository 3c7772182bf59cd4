"""
Tests for L{smtpx.core.profile}: what extensions register, resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.bounds import Bounds
from smtpx.core.claims import ownerOf
from smtpx.core.envelope import Stamp
from smtpx.core.errors import Conflict, HookTrouble
from smtpx.core.grammar import DECIMAL, FLAG, Grammar
from smtpx.core.hooks import (
    BatchLimits,
    Capability,
    Parameter,
    Phase,
    Run,
    Stage,
    SyncPoint,
    Verb,
    Where,
)
from smtpx.core.interfaces import IClientBuilder, IServerBuilder
from smtpx.core.plain import Plain
from smtpx.core.profile import ClientProfile, ServerProfile
from smtpx.core.reply import OK

from .made import MadeClient, MadeServer

SIZE = Capability[int](b"SIZE", DECIMAL)
FAST = Capability[bool](b"FAST", FLAG)


def parameter(
    keyword: bytes = b"NOTE", value: bytes | None = None, where: Where = Where.MAIL
) -> Parameter[bool]:
    """A parameter that does nothing."""
    return Parameter(
        keyword, where, FLAG, lambda s, b, v: None, lambda s, b: None, value
    )


def boom(*arguments: object) -> Any:
    """Make trouble."""
    raise ZeroDivisionError


class ServerProfileTests(SynchronousTestCase):
    """The server's hooks."""

    def loaded(
        self, *registrations: Callable[[IServerBuilder], object]
    ) -> ServerProfile:
        """A profile with extensions E0, E1 and so on."""
        return ServerProfile().load(
            MadeServer(register, f"E{index}")
            for index, register in enumerate(registrations)
        )

    def test_plain(self) -> None:
        """
        Commands are the core's alone unless somebody has something to say of any
        transaction; what is registered later counts as well.
        """
        stamp = Stamp[bool]("x", None, bool)
        silent: Any = lambda *rest: None  # noqa: E731
        profile = self.loaded(
            lambda b: b.review(Stage.MAIL, silent, of=(stamp,)),
            lambda b: b.wrap(b"RCPT", silent, of=(stamp,)),
            lambda b: b.gate(silent, b"DATA", of=(stamp,)),
        )
        of = frozenset({stamp})
        self.assertEqual(profile.plain, Plain(True, True, True, of))
        self.assertIs(profile.plain, profile.plain)
        profile.review(Stage.RCPT, silent)
        self.assertEqual(profile.plain, Plain(True, False, True, of))
        profile.gate(silent)
        self.assertEqual(profile.plain, Plain(False, False, False, frozenset()))
        tiny = ServerProfile(bounds=Bounds(commandOctets=40)).plain
        self.assertEqual(tiny, Plain(False, False, False, frozenset()))

    def test_interface(self) -> None:
        """It is the builder that extensions are promised."""
        self.assertTrue(verifyObject(IServerBuilder, ServerProfile()))

    def test_onlyServerSides(self) -> None:
        """An extension without a server side is let be."""
        profile = ServerProfile().load([MadeClient(boom)])
        self.assertEqual(profile.explain(), [])

    def test_conflicts(self) -> None:
        """Two claims to one thing name both and what it is."""
        registrations: list[tuple[Callable[[IServerBuilder], object], str]] = [
            (lambda b: b.capability(SIZE, lambda s: 1), "capability SIZE"),
            (lambda b: b.verb(Verb(b"BDAT", lambda s, r: OK)), "verb BDAT"),
            (lambda b: b.parameter(parameter()), "parameter MAIL NOTE"),
            (
                lambda b: b.parameter(parameter(b"BODY", b"7BIT", Where.RCPT)),
                "parameter RCPT BODY=7BIT",
            ),
            (lambda b: b.variable("tls", lambda s: 1), "variable tls"),
            (lambda b: b.condition("tls", lambda s: True), "condition tls"),
            (lambda b: b.control("tls", lambda s: None), "control tls"),
        ]
        for register, what in registrations:
            conflict = self.assertRaises(Conflict, self.loaded, register, register)
            self.assertEqual(str(conflict), f"E0 and E1 both claim {what}")

    def test_commandsOfTheCore(self) -> None:
        """MAIL and its like are taken already."""
        conflict = self.assertRaises(
            Conflict, self.loaded, lambda b: b.verb(Verb(b"MAIL", lambda s, r: OK))
        )
        self.assertEqual(str(conflict), "core and E0 both claim verb MAIL")

    def test_sharedKeyword(self) -> None:
        """Two may share a keyword by its values."""
        profile = self.loaded(
            lambda b: b.parameter(parameter(b"BODY", b"8BITMIME")),
            lambda b: b.parameter(parameter(b"BODY", b"BINARYMIME")),
            lambda b: b.parameter(parameter(b"BODY", b"8BITMIME", Where.RCPT)),
        )
        self.assertEqual(len(profile.parameters), 3)

    def test_missingRequirement(self) -> None:
        """What another requires has to be there."""
        conflict = self.assertRaises(
            Conflict,
            ServerProfile().load,
            [MadeServer(boom, "BINARYMIME", ("CHUNKING",))],
        )
        self.assertEqual(str(conflict), "BINARYMIME requires CHUNKING")

    def test_kindsInParallel(self) -> None:
        """What is no claim may be registered by many, and keeps its order."""

        def register(builder: IServerBuilder) -> None:
            builder.review(Stage.RCPT, lambda s, r: None)
            builder.gate(lambda s, verb: None)
            builder.relax(lambda s: SyncPoint.NONE)
            builder.header(b"TLS-Required", lambda s, value: None)
            builder.trace(lambda s: ())
            builder.tls(lambda s, options: options)
            builder.record(lambda s: ())

        profile = self.loaded(register, register)
        for hooks in (
            profile.reviews[Stage.RCPT],
            profile.gates,
            profile.relaxers,
            profile.headers[b"tls-required"],
            profile.tracers,
            profile.tlsTuners,
            profile.recorders,
        ):
            self.assertEqual([ownerOf(hook) for hook in hooks], ["E0", "E1"])
        self.assertEqual(profile.reviews[Stage.MAIL], ())

    def test_hooksNameTheirOwner(self) -> None:
        """Whichever hook makes trouble, the extension is named."""

        def register(builder: IServerBuilder) -> None:
            builder.capability(SIZE, boom)
            builder.verb(Verb(b"BDAT", boom))
            builder.parameter(evolve(parameter(), receive=boom))
            builder.review(Stage.MAIL, boom)
            builder.gate(boom)
            builder.relax(boom)
            builder.header(b"X", boom)
            builder.trace(boom)
            builder.tls(boom)
            builder.record(boom)
            builder.variable("v", boom)
            builder.condition("c", boom)
            builder.control("c", boom)

        profile = self.loaded(register)
        hooks: list[Callable[..., Any]] = [
            profile.capabilities[0][1],
            profile.table[b"BDAT"].run,
            profile.parameters[Where.MAIL, b"NOTE", None].receive,
            profile.reviews[Stage.MAIL][0],
            profile.gates[0],
            profile.relaxers[0],
            profile.headers[b"x"][0],
            profile.tracers[0],
            profile.tlsTuners[0],
            profile.recorders[0],
            profile.variables["v"],
            profile.conditions["c"],
            profile.controls["c"],
        ]
        for hook in hooks:
            trouble = self.assertRaises(HookTrouble, hook)
            self.assertEqual(trouble.owner, "E0")

    def test_verbsKeepWhatTheySay(self) -> None:
        """Wrapping changes nothing but who is to blame."""
        verb = Verb(b"X", lambda s, r: OK, alone=True, secret=True, help=b"X")
        made = self.loaded(lambda b: b.verb(verb)).table[b"X"]
        self.assertEqual(
            (made.name, made.alone, made.last, made.secret, made.help),
            (b"X", True, False, True, b"X"),
        )

    def test_wrap(self) -> None:
        """
        A command that somebody else has can be wrapped; the last wrapper is asked
        first, and one around nothing is never asked.
        """

        def around(mark: bytes) -> Callable[[Any, bytes, Run], Any]:
            return lambda s, rest, run: run(s, rest + mark)

        seen: list[bytes] = []
        verb = Verb(b"X", lambda s, rest: seen.append(rest), last=True)
        profile = self.loaded(
            lambda b: b.wrap(b"X", around(b"1")),
            lambda b: b.verb(verb),
            lambda b: b.wrap(b"X", around(b"2")),
            lambda b: b.wrap(b"NONE", boom),
        )
        made = profile.table[b"X"]
        session: Any = None
        made.run(session, b"rest")
        self.assertEqual(seen, [b"rest21"])
        self.assertEqual((made.last, ownerOf(made.run)), (True, "E2"))
        self.assertNotIn(b"NONE", profile.table)
        self.assertIn(("E0", "wrap", "X"), profile.explain())

    def test_wrapNamesWhoIsToBlame(self) -> None:
        """What goes wrong inside of a wrapper is not the wrapper's fault."""
        profile = self.loaded(
            lambda b: b.verb(Verb(b"X", boom)),
            lambda b: b.verb(Verb(b"Y", lambda s, r: OK)),
            lambda b: b.wrap(b"X", lambda s, r, run: run(s, r)),
            lambda b: b.wrap(b"Y", boom),
        )
        for verb, owner in ((b"X", "E0"), (b"Y", "E3")):
            trouble = self.assertRaises(HookTrouble, profile.table[verb].run, None, b"")
            self.assertEqual(trouble.owner, owner)

    def test_explain(self) -> None:
        """Owner, hook, and what of it, in the order they run."""

        def register(builder: IServerBuilder) -> None:
            builder.capability(SIZE, lambda s: 1)
            builder.parameter(parameter(b"BODY", b"7BIT"))
            builder.review(Stage.RCPT, lambda s, r: None)
            builder.gate(lambda s, v: None)
            builder.header(b"TLS-Required", lambda s, v: None)

        self.assertEqual(
            self.loaded(register).explain(),
            [
                ("E0", "capability", "SIZE"),
                ("E0", "parameter", "MAIL BODY=7BIT"),
                ("E0", "review", "RCPT"),
                ("E0", "gate", ""),
                ("E0", "header", "TLS-Required"),
            ],
        )

    def test_explainIsACopy(self) -> None:
        """Who asks cannot change it."""
        profile = self.loaded(lambda b: b.gate(lambda s, v: None))
        profile.explain().clear()
        self.assertEqual(len(profile.explain()), 1)

    def test_hello(self) -> None:
        """The EHLO response: our name, and what is advertised."""
        profile = self.loaded(
            lambda b: b.capability(SIZE, lambda s: 1),
            lambda b: b.capability(FAST, lambda s: True),
        )
        self.assertEqual(
            profile.hello([7, True]).octets,
            b"250-localhost\r\n250-SIZE 7\r\n250 FAST\r\n",
        )
        self.assertEqual(profile.hello([None, None]).octets, b"250 localhost\r\n")

    def test_helloIsRenderedOnce(self) -> None:
        """The same values are the same reply, for so many of them."""
        profile = self.loaded(lambda b: b.capability(SIZE, lambda s: 1))
        self.assertIs(profile.hello([1]), profile.hello([1]))
        for size in range(100):
            self.assertEqual(profile.hello([size]).lines[1], b"SIZE %d" % size)
        self.assertIsNot(profile.hello([99]), profile.hello([99]))

    def test_helloOfWhatCannotBeHashed(self) -> None:
        """It is rendered each time."""
        several = Capability[list[bytes]](
            b"LIST", Grammar(lambda raw: [], lambda words: b" ".join(words))
        )
        profile = self.loaded(lambda b: b.capability(several, lambda s: []))
        self.assertEqual(profile.hello([[b"a", b"b"]]).lines[1], b"LIST a b")


class ClientProfileTests(SynchronousTestCase):
    """The client's hooks."""

    def loaded(
        self, *registrations: Callable[[IClientBuilder], object]
    ) -> ClientProfile:
        """A profile with extensions E0, E1 and so on."""
        return ClientProfile().load(
            MadeClient(register, f"E{index}")
            for index, register in enumerate(registrations)
        )

    def test_interface(self) -> None:
        """It is the builder that extensions are promised."""
        self.assertTrue(verifyObject(IClientBuilder, ClientProfile()))

    def test_onlyClientSides(self) -> None:
        """An extension without a client side is let be."""
        self.assertEqual(ClientProfile().load([MadeServer(boom)]).explain(), [])

    def test_conflicts(self) -> None:
        """Two claims to one thing name both and what it is."""
        register = self.loaded
        again = Capability[bool](b"QUICK", FLAG, aliases=(b"FAST",))
        cases: list[tuple[Callable[[IClientBuilder], object], ...]] = [
            (lambda b: b.capability(FAST), lambda b: b.capability(again)),
            (
                lambda b: b.parameter(parameter(), SIZE),
                lambda b: b.parameter(parameter(), FAST),
            ),
        ]
        for case, what in zip(
            cases, ("capability FAST", "parameter MAIL NOTE"), strict=True
        ):
            conflict = self.assertRaises(Conflict, register, *case)
            self.assertEqual(str(conflict), f"E0 and E1 both claim {what}")

    def test_aliases(self) -> None:
        """A capability is found by each of its names."""
        several = Capability[bool](b"NEW", FLAG, aliases=(b"OLD", b"OLDER"))
        profile = self.loaded(lambda b: b.capability(several))
        self.assertEqual(
            profile.capabilities, {b"NEW": several, b"OLD": several, b"OLDER": several}
        )

    def test_hooksNameTheirOwner(self) -> None:
        """Whichever hook makes trouble, the extension is named."""

        def register(builder: IClientBuilder) -> None:
            builder.parameter(evolve(parameter(), send=boom), SIZE)
            builder.step(Phase.SECURE, boom)
            builder.admit(boom)
            builder.carrier(boom)
            builder.transform(boom)
            builder.batch(boom)
            builder.forecast(boom)
            builder.learn(boom)
            builder.tls(boom)
            builder.tls(boom, last=True)
            builder.ticket(boom)
            builder.record(boom)
            builder.relax(boom)

        profile = self.loaded(register)
        hooks: list[Callable[..., Any]] = [
            profile.parameters[0][0].send,
            profile.steps[0][1],
            profile.admitters[0],
            profile.carriers[0],
            profile.transforms[0],
            profile.batchers[0],
            profile.forecasters[0],
            profile.learners[0],
            profile.tlsTuners[0],
            profile.lastTuners[0],
            profile.ticketKeepers[0],
            profile.recorders[0],
            profile.relaxers[0],
        ]
        for hook in hooks:
            trouble = self.assertRaises(HookTrouble, hook)
            self.assertEqual(trouble.owner, "E0")

    def test_stepsByPhase(self) -> None:
        """By phase first, by the order of loading then."""
        profile = self.loaded(
            lambda b: b.step(Phase.AUTHENTICATE, lambda s: None),
            lambda b: b.step(Phase.SECURE, lambda s: None),
            lambda b: b.step(Phase.IDENTIFY, lambda s: None),
            lambda b: b.step(Phase.SECURE, lambda s: None),
        )
        self.assertEqual(
            [(phase, ownerOf(step)) for phase, step in profile.steps],
            [
                (Phase.SECURE, "E1"),
                (Phase.SECURE, "E3"),
                (Phase.IDENTIFY, "E2"),
                (Phase.AUTHENTICATE, "E0"),
            ],
        )

    def test_explain(self) -> None:
        """Owner, hook, and what of it."""

        def register(builder: IClientBuilder) -> None:
            builder.capability(FAST)
            builder.parameter(parameter(where=Where.RCPT), FAST)
            builder.step(Phase.SECURE, lambda s: None)
            builder.batch(lambda s: BatchLimits())

        self.assertEqual(
            self.loaded(register).explain(),
            [
                ("E0", "capability", "FAST"),
                ("E0", "parameter", "RCPT NOTE"),
                ("E0", "step", "SECURE"),
                ("E0", "batch", ""),
            ],
        )
