"""
A configuration, written as the file that it could have come from.

L{shown} is what a server would run by, with where each value is from; L{template}
is a file to begin with, in which every option stands with its help and its
default, behind a C{#}.  Both are read back as what they were made of.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from ..core.interfaces import IExtension
from .config import Configuration
from .nested import Optional
from .problems import KeyPath
from .schema import Option, Table, flatOptions, tableOf

#: The table that is read by a kind of its own.
_EXTENSIONS = "extensions"

_MARKUP = re.compile(r"[A-Z]\{([^{}]*)\}")

#: How long a line of help is.
_WIDTH = 78

#: The column of what stands beside a value, where the value is short enough.
_COLUMN = 40


def shown(
    configuration: Configuration,
    found: Mapping[str, IExtension],
    changedOnly: bool = False,
) -> Iterator[str]:
    """
    What a server runs by, line by line.

    @param found: the extensions that there are, by name.
    @param changedOnly: leave out what the file says nothing of.
    """
    document = configuration.document
    for header, table, value, path in _tables(configuration, found):
        inside = []
        for option, its in _values(table, value):
            where = (*path, option.name)
            given = _stands(document.values, where)
            if (path or _isPlain(option)) and (given or not changedOnly):
                origin = "default" if not given else "given"
                line = document.lines.get(where)
                inside.append(_entry(option, its, f"line {line}" if line else origin))
        if inside or not changedOnly:
            yield from (["", header] if header else [])
            yield from inside


def _stands(values: object, path: KeyPath) -> bool:
    """Is there something at a path of a document?"""
    for part in path:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, Sequence) and isinstance(part, int):
            values = values[part] if part < len(values) else {}
        else:
            return False
    return True


def _isPlain(option: Option) -> bool:
    """Does an option at the top of the file stand there, and in no table?"""
    return tableOf(option.kind) is None and option.name != _EXTENSIONS


def _entry(option: Option, value: object, origin: str) -> str:
    """One option with its value, and where that is from."""
    spelled = option.kind.spell(value)
    if not spelled:
        return f"{f'#{option.name} =':{_COLUMN}}  # not given"
    return f"{f'{option.name} = {spelled}':{_COLUMN}}  # {origin}"


def template(found: Mapping[str, IExtension]) -> Iterator[str]:
    """
    A file to begin with, line by line: the empty configuration, in other words.

    @param found: the extensions that there are, by name.
    """
    yield "# A configuration of smtpx: what stands behind a # is the default."
    top = Table.of(Configuration)
    for option in filter(_isPlain, top.options):
        yield from _offer(option)
    for option in top.options:
        inside = tableOf(option.kind)
        if inside is None or option.name == _EXTENSIONS:
            continue
        alone = inside is option.kind
        # A header of a list would be an entry without its "#".
        header = f"[{option.name}]" if alone else f"#[[{option.name}]]"
        yield from _offerTable(header, inside, option.help)
    for header, table, _, path in _tables(Configuration(), found):
        if path[:1] == (_EXTENSIONS,):
            yield from _offerTable(header, table)


def _offerTable(header: str, table: Table, more: str = "") -> Iterator[str]:
    """A table of options that are not set."""
    about = inspect.cleandoc(table.cls.__doc__ or "").split("\n\n")[0]
    yield ""
    yield ""
    yield from _help(_MARKUP.sub(r"\1", about))
    yield from _help(more)
    yield header
    for option in flatOptions(table):
        yield from _offer(option)


def _offer(option: Option) -> Iterator[str]:
    """An option that is not set, with its help."""
    text = option.help
    if isinstance(option.kind, Optional) and option.kind.none is not None:
        text = text.replace("``None``", f'"{option.kind.none}"')
    yield ""
    yield from _help(text)
    yield from _help(f"Takes {option.kind.words}.")
    spelled = "" if option.required else option.kind.spell(option.default)
    yield f"#{option.name} = {spelled}".rstrip()


def _help(text: str) -> Iterator[str]:
    words = " ".join(text.replace("``", '"').split())
    words = words[:1].upper() + words[1:]
    for line in textwrap.wrap(words, _WIDTH, break_on_hyphens=False):
        yield f"# {line}"


def _tables(
    configuration: Configuration, found: Mapping[str, IExtension]
) -> Iterator[tuple[str, Table, object, KeyPath]]:
    """
    Each table of a file: its header, its options, what has their values, and its
    path.
    """
    top = Table.of(Configuration)
    yield "", top, configuration, ()
    for option in top.options:
        inside = tableOf(option.kind)
        value = getattr(configuration, option.attribute)
        if inside is None or value is None or option.name == _EXTENSIONS:
            continue
        if isinstance(option.kind, Table):
            yield f"[{option.name}]", inside, value, (option.name,)
            continue
        for index, each in enumerate(value):
            yield f"[[{option.name}]]", inside, each, (option.name, index)
    chosen = configuration.extensions
    yield f"[{_EXTENSIONS}]", Table.of(type(chosen)), chosen, (_EXTENSIONS,)
    for name, extension in found.items():
        if extension.settings is not None:
            settings = chosen.settings.get(name) or extension.settings()
            table = Table.of(extension.settings)
            header = f"[{_EXTENSIONS}.{name}]"
            yield header, table, settings, (_EXTENSIONS, name)


def _values(table: Table, value: object) -> Iterator[tuple[Option, object]]:
    """The options of a table with their values, flat ones among the others."""
    for option in table.options:
        its = getattr(value, option.attribute)
        if option.flat and isinstance(option.kind, Table):
            yield from _values(option.kind, its)
        else:
            yield option, its
