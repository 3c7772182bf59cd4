"""
What the site has: the page for people, its values as JSON, metrics, health and
readiness.

=================  ==================================================================
C{/}               the status page
C{/status.json}    its values
C{/metrics}        for Prometheus
C{/health}         200: the process answers
C{/ready}          200: messages are taken; 503: they are not, and why
C{/traces}         sessions that were traced; C{/trace/ID} is one of them
=================  ==================================================================

L{StatusResource} can stand in a program's own site as well, at any path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus

from attrs import frozen
from twisted.web.resource import Resource
from twisted.web.server import Request

from ..series import CONTENT_TYPE, exposition
from ..watch import Watch
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


class _Guarded(Resource):
    """One address of the site, behind what is checked for all."""

    def __init__(
        self, answer: Callable[[Request], Answer], names: frozenset[str]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._answer = answer
        self._names = names

    def getChild(self, path: bytes, request: Request) -> Resource:
        """There is nothing below it, unless somebody says so."""
        return _Guarded(_missing, self._names)

    def render(self, request: Request) -> bytes:
        """See L{Resource}."""
        answer = self._allowed(request) or self._answer(request)
        request.setResponseCode(answer.status)
        request.setHeader("Content-Type", answer.kind)
        request.setHeader("Content-Length", str(len(answer.body)))
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        # Twisted would leave out a body behind HEAD as well, and warn of it in the log.
        return answer.body if request.method != b"HEAD" else b""

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


def _missing(request: Request) -> Answer:
    return _plain("There is no such page", HTTPStatus.NOT_FOUND)


class _Below(_Guarded):
    """An address with others below it, all of one kind."""

    def __init__(
        self, answer: Callable[[Request], Answer], names: frozenset[str]
    ) -> None:
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

    def __init__(self, watch: Watch, names: Iterable[str] = ()) -> None:
        """
        @param names: other names by which it may be asked for.
        """
        own = frozenset(name.lower() for name in names)
        super().__init__(_missing, own)
        self._watch = watch
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

    def _page(self, request: Request) -> Answer:
        page = statusPage(self._watch.look(), _refresh(request))
        return Answer(page.encode("utf-8"), _HTML)

    def _json(self, request: Request) -> Answer:
        return Answer(statusJSON(self._watch.look()), _JSON)

    def _metrics(self, request: Request) -> Answer:
        return Answer(exposition(self._watch.registry), CONTENT_TYPE)

    def _health(self, request: Request) -> Answer:
        return _plain("healthy")

    def _ready(self, request: Request) -> Answer:
        reasons = self._watch.house.unready()
        if reasons:
            return _plain("\n".join(reasons), HTTPStatus.SERVICE_UNAVAILABLE)
        return _plain("ready")

    def _traces(self, request: Request) -> Answer:
        watch = self._watch
        page = tracesPage(watch.house.name, watch.traces.recent(), watch.clock())
        return Answer(page.encode("utf-8"), _HTML)

    def _trace(self, request: Request) -> Answer:
        watch = self._watch
        path: list[bytes] = request.prepath or [b""]
        found = watch.traces.find(path[-1].decode("latin-1"))
        if found is None:
            return _plain("There is no such trace, or not any more", _GONE)
        page = tracePage(watch.house.name, found)
        return Answer(page.encode("utf-8"), _HTML)


def _refresh(request: Request) -> int:
    """The seconds that a page is to be shown; 0: it stays."""
    args: dict[bytes, list[bytes]] = request.args or {}
    wished = args.get(b"refresh", [b"0"])[0]
    return int(wished) if wished in (b"5", b"15", b"60") else 0
