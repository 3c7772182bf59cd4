"""
What the site has: the page for people, its values as JSON, metrics, health and
readiness.

=================  ==================================================================
C{/}               the status page
C{/status.json}    its values
C{/metrics}        for Prometheus
C{/health}         200: the process answers
C{/ready}          200: messages are taken; 503: they are not, and why; of several
                   workers one that takes some is enough
C{/traces}         sessions that were traced; C{/trace/ID} is one of them
=================  ==================================================================

Of several workers it shows the whole server (L{smtpx.observe.wholeserver}); that takes
a moment, as the others are asked.

L{StatusResource} can stand in a program's own site as well, at any path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ..series import CONTENT_TYPE
from ..trace import SessionTrace, TraceLine
from ..views import IView, OneProcess, Readiness
from ..watch import Status, Watch
from .json import statusJSON
from .page import statusPage
from .site import ownHost
from .style import STYLE_HASH
from .traces import tracePage, tracesPage

_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"

_GONE = HTTPStatus.NOT_FOUND

#: For browsers, most of them.  There is no script at all, and no style but ours;
#: nothing comes from anywhere else; nobody may frame it, read it from elsewhere, or
#: keep it.
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{STYLE_HASH}'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "smtpx",
    # See L{smtpx.observe.web.site}.
    "Connection": "close",
}


@frozen
class Answer:
    """
    What is answered.

    @ivar kind: its type.
    """

    body: bytes
    kind: str = _TEXT
    status: HTTPStatus = HTTPStatus.OK


def _plain(text: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(text.encode("utf-8") + b"\n", _TEXT, status)


#: Answers a request.
_Answers = Callable[[Request], "Deferred[Answer]"]


class _Guarded(Resource):
    """One address of the site, behind what is checked for all."""

    _log = Logger()

    def __init__(self, answer: _Answers, names: frozenset[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._answer = answer
        self._names = names

    def getChild(self, path: bytes, request: Request) -> Resource:
        """There is nothing below it, unless somebody says so."""
        return _Guarded(_missing, self._names)

    def render(self, request: Request) -> int:
        """See L{Resource}."""
        refusal = self._allowed(request)
        found = self._answer(request) if refusal is None else succeed(refusal)
        waiting = [request]

        def gone(why: Failure) -> None:
            # Whoever asked does not wait for it.
            waiting.clear()
            found.cancel()

        request.notifyFinish().addErrback(gone)
        found.addErrback(self._failed).addCallback(self._give, waiting)
        return NOT_DONE_YET

    def _failed(self, why: Failure) -> Answer:
        if why.check(CancelledError):
            return _plain("Nobody waits for it")
        self._log.failure("A page of the site failed", why)
        text = "Something of the server is broken; its log says what"
        return _plain(text, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _give(self, answer: Answer, waiting: Iterable[Request]) -> None:
        """Give an answer to those who wait for it: one, or nobody any more."""
        for request in waiting:
            request.setResponseCode(answer.status)
            request.setHeader("Content-Type", answer.kind)
            request.setHeader("Content-Length", str(len(answer.body)))
            for name, value in _HEADERS.items():
                request.setHeader(name, value)
            # Twisted would leave out a body behind HEAD as well, and warn of it in
            # the log.
            if request.method != b"HEAD":
                request.write(answer.body)
            request.finish()

    def _allowed(self, request: Request) -> Answer | None:
        """What there is against a request; L{None}: nothing."""
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            return _plain("Only GET and HEAD", HTTPStatus.METHOD_NOT_ALLOWED)
        if not ownHost(request.getHeader(b"Host"), self._names):
            return _plain(
                "There is no site of this name here.  Ask for the address, or have"
                " the name added to the names of the table [http].",
                HTTPStatus.MISDIRECTED_REQUEST,
            )
        return None


def _missing(request: Request) -> Deferred[Answer]:
    return succeed(_plain("There is no such page", HTTPStatus.NOT_FOUND))


class _Below(_Guarded):
    """An address with others below it, all of one kind."""

    def __init__(self, answer: _Answers, names: frozenset[str]) -> None:
        """
        @param answer: for those below.
        """
        super().__init__(_missing, names)
        self._each = answer

    def getChild(self, path: bytes, request: Request) -> Resource:
        """One of them."""
        return _Guarded(self._each, self._names)


class StatusResource(_Guarded):
    """The root of the site."""

    def __init__(self, shown: Watch | IView, names: Iterable[str] = ()) -> None:
        """
        @param shown: what there is to be seen.
        @param names: other names by which it may be asked for.
        """
        own = frozenset(name.lower() for name in names)
        super().__init__(_missing, own)
        self._view: IView = OneProcess(shown) if isinstance(shown, Watch) else shown
        for path, answer in (
            (b"", self._page),
            (b"status.json", self._json),
            (b"metrics", self._metrics),
            (b"health", self._health),
            (b"ready", self._ready),
            (b"traces", self._traces),
        ):
            self.putChild(path, _Guarded(answer, own))
        self.putChild(b"trace", _Below(self._trace, own))

    def _page(self, request: Request) -> Deferred[Answer]:
        def drawn(status: Status) -> Answer:
            page = statusPage(status, _refresh(request))
            return Answer(page.encode("utf-8"), _HTML)

        return self._view.look().addCallback(drawn)

    def _json(self, request: Request) -> Deferred[Answer]:
        return self._view.look().addCallback(
            lambda status: Answer(statusJSON(status), _JSON)
        )

    def _metrics(self, request: Request) -> Deferred[Answer]:
        return self._view.exposition().addCallback(
            lambda text: Answer(text, CONTENT_TYPE)
        )

    def _health(self, request: Request) -> Deferred[Answer]:
        return succeed(_plain("healthy"))

    def _ready(self, request: Request) -> Deferred[Answer]:
        def told(found: Readiness) -> Answer:
            if found.reasons:
                return _plain("\n".join(found.reasons), HTTPStatus.SERVICE_UNAVAILABLE)
            return _plain("\n".join(["ready", *found.remarks]))

        return self._view.readiness().addCallback(told)

    def _traces(self, request: Request) -> Deferred[Answer]:
        view = self._view

        def drawn(traces: Sequence[TraceLine]) -> Answer:
            page = tracesPage(view.name, traces, view.now())
            return Answer(page.encode("utf-8"), _HTML)

        return view.traces().addCallback(drawn)

    def _trace(self, request: Request) -> Deferred[Answer]:
        view = self._view
        path: list[bytes] = request.prepath or [b""]

        def drawn(found: SessionTrace | None) -> Answer:
            if found is None:
                return _plain("There is no such trace, or not any more", _GONE)
            return Answer(tracePage(view.name, found).encode("utf-8"), _HTML)

        return view.trace(path[-1].decode("latin-1")).addCallback(drawn)


def _refresh(request: Request) -> int:
    """The seconds that a page is to be shown; 0: it stays."""
    args: dict[bytes, list[bytes]] = request.args or {}
    wished = args.get(b"refresh", [b"0"])[0]
    return int(wished) if wished in (b"5", b"15", b"60") else 0
