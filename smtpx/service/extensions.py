"""
Which extensions there are, and which of them run.

Ours are in L{smtpx.extensions.standard}; other people's are found through
C{twisted.plugin}: a module in a C{twisted/plugins} folder on the path that has an
object which provides L{smtpx.core.interfaces.IExtension}.  Being there is enough;
the configuration says which are left out, and how they are set::

    [extensions]
    disable = ["BINARYMIME"]

    [extensions.SIZE]
    ...

A plugin that cannot be used is named in the log and left out, so that a broken
package does not stop the mail.  What the operator asked for in words and cannot
have is an error, with all faults at once.

Extensions with ports (L{smtpx.extensions.pipeconnect.IHelloMemory}) are found
without them; who joins the house puts an instance of their own in its place
before choosing::

    found = findExtensions()
    found["PIPECONNECT"] = PipeConnect(memory=memory)
    profile.load(chooseExtensions(found, disable=["BINARYMIME"]))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from attrs import frozen
from twisted import plugins
from twisted.logger import Logger
from twisted.plugin import getCache
from twisted.python.modules import getModule
from zope.interface import providedBy
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

from ..core.errors import Conflict, Malformed, UsageError
from ..core.interfaces import (
    IClientExtension,
    IExtension,
    IQueueExtension,
    IServerExtension,
)
from ..extensions.standard import standard
from .problems import KeyPath, closest, spellPath

_log = Logger()


@frozen
class Fault:
    """
    One thing that is wrong with a choice of extensions.

    @ivar path: where, below the table C{extensions}.
    @ivar text: what.
    @ivar meant: the word that was probably meant; L{None}: no idea.
    """

    path: KeyPath
    text: str
    meant: str | None = None

    def __str__(self) -> str:
        hint = "" if self.meant is None else f'; did you mean "{self.meant}"?'
        return f"{spellPath(('extensions', *self.path))}: {self.text}{hint}"


class BadChoice(UsageError):
    """
    Extensions were asked for that cannot be had so.

    @ivar faults: all that is wrong.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        UsageError.__init__(self, "\n".join(map(str, self.faults)))


# --- finding -----------------------------------------------------------------


def findExtensions(package: ModuleType | None = None) -> dict[str, IExtension]:
    """
    All extensions that there are, by name: ours in their order, then plugins.

    A plugin takes the place of one of ours if it has its name and provides all
    that ours provides, the extension's own interface
    (L{smtpx.extensions.size.ISize}) among it.

    @param package: where to look for plugins; L{None}: C{twisted.plugins}.
    @raise Conflict: two extensions have one name, and neither says that it
        stands in for the other.
    """
    found = {extension.name: extension for extension in standard()}
    brought = dict.fromkeys(found, "smtpx")
    for where, extension in _plugins(package or plugins):
        name = extension.name
        other = brought.get(name)
        if other == "smtpx":
            needed = [i for i in providedBy(found[name]) if not i.providedBy(extension)]
            if needed:
                raise Conflict(
                    f"{where} and smtpx both bring {name}; to take its place, provide "
                    + ", ".join(each.__identifier__ for each in needed)
                )
        elif other is not None:
            raise Conflict(f"{where} and {other} both bring {name}")
        found[name] = extension
        brought[name] = where
    return found


def _plugins(package: ModuleType) -> Iterator[tuple[str, IExtension]]:
    """
    Each plugin that is an extension, with its dotted name.

    This is C{twisted.plugin.getPlugins}, except that it knows what is broken.
    """
    dropins = getCache(package)
    modules = getModule(package.__name__)
    for module in modules.iterModules():
        if module.name.rpartition(".")[2] not in dropins:
            # The cache has just logged the traceback.
            _log.error("Plugin module {module} cannot be imported", module=module.name)
    for dropin in dropins.values():
        for plugin in dropin.plugins:
            if not any(each.isOrExtends(IExtension) for each in plugin.provided):
                continue
            where = f"{dropin.moduleName}.{plugin.name}"
            try:
                extension = _verified(plugin.load())
            except Exception:
                _log.failure("Extension {plugin} cannot be used", plugin=where)
            else:
                yield where, extension


def _verified(extension: IExtension) -> IExtension:
    """
    An extension that has what its doors say.

    @raise UsageError: it has not.
    """
    doors = [
        door
        for door in (IServerExtension, IClientExtension, IQueueExtension)
        if door.providedBy(extension)
    ]
    if not doors:
        raise UsageError("it provides no server, client or queue side")
    for door in doors:
        try:
            verifyObject(door, extension)
        except Invalid as error:
            raise UsageError(str(error)) from error
    if not isinstance(extension.name, str):
        raise UsageError(f"its name is {extension.name!r}")
    return extension


# --- choosing ----------------------------------------------------------------


def chooseExtensions(
    found: Mapping[str, IExtension],
    *,
    enable: Iterable[str] | None = None,
    disable: Iterable[str] = (),
    settings: Mapping[str, object] | None = None,
) -> list[IExtension]:
    """
    The extensions that are to run, set as the operator wants them.

    @param found: what there is, by name, in order.
    @param enable: the names of those that run; L{None}: all.
    @param disable: the names of those that don't.
    @param settings: by name, an instance of the extension's C{settings}.
    @return: in the order of C{found}.
    @raise BadChoice: a name is not known, a word contradicts another, one that
        runs requires one that does not, or settings don't fit.
    """
    faults: list[Fault] = []
    wanted = set(found)
    disabled = _known(found, "disable", disable, faults)
    if enable is not None:
        wanted = _known(found, "enable", enable, faults)
        for name in sorted(wanted & disabled):
            faults.append(Fault(("disable",), f"{name} is enabled as well"))
    wanted -= disabled
    chosen = dict(found)
    for name, value in (settings or {}).items():
        fault = _unfit(found, name, value)
        if fault is not None:
            faults.append(fault)
            continue
        try:
            chosen[name] = found[name].configured(value)
        except Malformed as error:
            faults.append(Fault((name,), str(error)))
    running = [chosen[name] for name in found if name in wanted]
    for extension in running:
        for missing in extension.requires:
            if missing not in wanted:
                faults.append(_missing(extension.name, missing, found))
    if faults:
        raise BadChoice(faults)
    return running


def _known(
    found: Mapping[str, IExtension],
    option: str,
    names: Iterable[str],
    faults: list[Fault],
) -> set[str]:
    """Those of C{names} that are known; the others are faults."""
    known = set()
    for index, name in enumerate(names):
        if name in found:
            known.add(name)
        else:
            faults.append(_stranger((option, index), name, found))
    return known


def _stranger(path: KeyPath, name: str, found: Mapping[str, IExtension]) -> Fault:
    text = f"there is no extension {name}"
    return Fault(path, text, closest(name, found))


def _unfit(found: Mapping[str, IExtension], name: str, value: object) -> Fault | None:
    """What is wrong with settings before they are tried."""
    if name not in found:
        return _stranger((name,), name, found)
    wanted = found[name].settings
    if wanted is None:
        return Fault((name,), f"{name} has no options")
    if not isinstance(value, wanted):
        return Fault((name,), f"{name} is set by a {wanted.__name__}")
    return None


def _missing(name: str, missing: str, found: Mapping[str, IExtension]) -> Fault:
    if missing in found:
        text = f"{name} requires {missing}, so disable both or neither"
        return Fault(("disable",), text)
    return Fault((name,), f"{name} requires {missing}, which is not there")
