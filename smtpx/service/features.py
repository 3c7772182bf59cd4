"""
What this installation can do, and what it lacks.

Nearly everything is always there.  Some things need a library that need not be
installed, or a function of OpenSSL that not every build of C{cryptography} offers;
L{features} says of each whether it was found, and what it is for.
"""

from __future__ import annotations

import inspect
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from platform import python_version

from attrs import frozen
from OpenSSL import SSL

from ..core.interfaces import IExtension
from ..extensions.standard import STANDARD
from ..tls.openssl import bindings

#: What each library is for, by the name of its distribution.
PURPOSES: Mapping[str, str] = {
    "attrs": "values",
    "constantly": "log levels",
    "cryptography": "certificates, password hashes",
    "dnspython": "the DNS",
    "idna": "internationalised domain names",
    "lmdb": "look-ups in LMDB files",
    "pamela": "logins by PAM",
    "prometheus-client": "metrics",
    "pyopenssl": "TLS",
    "service-identity": "the names in certificates",
    "twisted": "the network",
    "zope.interface": "interfaces",
}

#: Extras that are for working on smtpx, or with it, and not for running it.
_WORKSHOP = frozenset({"dev", "pytest", "test"})

_MARKUP = re.compile(r"[A-Z]\{([^{}]*)\}")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?[^;]*(?:;(.*))?\Z")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


@frozen
class Feature:
    """
    Something that may be there or not.

    @ivar group: what kind of thing it is.
    @ivar name: what it is called.
    @ivar found: what was found, such as a version; L{None}: it is not there.
    @ivar what: what it is for; of a function of OpenSSL, what is lost without it.
    """

    group: str
    name: str
    found: str | None
    what: str


def features(extensions: Mapping[str, IExtension]) -> list[Feature]:
    """
    Everything that may be there or not.

    @param extensions: those that there are, by name.
    """
    return [
        *_extensions(extensions),
        *libraries(requires("smtpx") or (), _installed),
        Feature("platform", "Python", python_version(), "everything"),
        Feature("platform", "SQLite", sqlite3.sqlite_version, "the spool"),
        Feature("platform", "OpenSSL", _openSSL(), "TLS"),
        *(
            Feature("openssl", each.name, "found" if each.found else None, each.cost)
            for each in bindings()
        ),
    ]


def _extensions(extensions: Mapping[str, IExtension]) -> Iterator[Feature]:
    for name, extension in extensions.items():
        ours = STANDARD.get(name)
        # Somebody else's may stand in for ours.
        own = ours is not None and type(ours()) is type(extension)
        where = "smtpx" if own else type(extension).__module__
        yield Feature("extension", name, where, _about(extension))


def _about(extension: IExtension) -> str:
    """What the module of an extension says of itself first."""
    module = sys.modules.get(type(extension).__module__)
    text = inspect.cleandoc(getattr(module, "__doc__", None) or "").split("\n\n")[0]
    return " ".join(_MARKUP.sub(r"\1", text).split())


def libraries(
    requirements: Iterable[str], installed: Callable[[str], str | None]
) -> Iterator[Feature]:
    """
    The libraries that are required, and those that may be there.

    @param requirements: as the metadata of a distribution has them.
    @param installed: the version of a distribution; L{None}: it is not there.
    """
    seen = set()
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match is None:
            continue
        name = match[1].lower().replace("_", "-")
        extra = _EXTRA.search(match[2] or "")
        if name in seen or (extra is not None and extra[1] in _WORKSHOP):
            continue
        seen.add(name)
        what = PURPOSES.get(name, "")
        if extra is not None:
            what += f" (extra: {extra[1]})"
        yield Feature("library", name, installed(name), what)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _openSSL() -> str:
    found = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode("ascii", "replace")
    return " ".join(found.split()[1:2])


def lines(found: Iterable[Feature]) -> Iterator[str]:
    """Features as a table for people."""
    listed = list(found)
    width = max((len(each.name) for each in listed), default=0)
    middle = max((len(each.found or "missing") for each in listed), default=0)
    middle = min(middle, 24)
    group = None
    for each in listed:
        if each.group != group:
            if group is not None:
                yield ""
            group = each.group
            yield f"{_TITLES[group]}:"
        state = each.found or "missing"
        yield f"  {each.name:{width}}  {state:{middle}}  {each.what}".rstrip()


_TITLES = {
    "extension": "Extensions",
    "library": "Libraries",
    "platform": "Platform",
    "openssl": "Functions of OpenSSL, and what is lost without",
}
