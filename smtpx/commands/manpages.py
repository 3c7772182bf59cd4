"""
The manual pages, made of what C{--help} is made of, and of the classes that check a
configuration.

C{python -m smtpx.commands.manpages doc/man} writes them; a test sees that the pages in
the repository are those that this makes.  They are installed with the package.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from twisted.python.usage import Options

from ..extensions.standard import STANDARD
from ..service.config import Configuration
from ..service.maker import Options as ServerOptions
from ..service.nested import Optional
from ..service.schema import Option, Table, flatOptions, tableOf
from .main import MainOptions
from .roff import Page
from .sendmailoptions import (
    DESCRIPTION,
    OPTIONS,
    STATUSES,
    SYNOPSIS,
    ignored,
)

_MARKUP = re.compile(r"[A-Z]\{([^{}]*)\}")

#: Of every command.
_EXITS = (
    (0, "Done."),
    (1, "It could not be done; standard error says why."),
    (2, "The command line makes no sense."),
    (130, "Interrupted."),
)

#: Commands that have a page by another name.
_ELSEWHERE = {"sendmail": "smtpx-sendmail(1)"}


def pages() -> dict[str, str]:
    """All pages, by the names of their files."""
    made = [_overview(), *_commands(), _sendmail(), _server(), _configuration()]
    return {page.file: page.text() for page in made}


# --- commands -----------------------------------------------------------------------


def _below(options: type[Any]) -> list[list[Any]]:
    """The commands of a command."""
    return list(getattr(options, "subCommands", None) or ())


def _overview() -> Page:
    page = Page("smtpx", 1, "looks after a mail server of smtpx")
    page.head("SYNOPSIS")
    page.synopsis("smtpx", "COMMAND [options]")
    page.head("DESCRIPTION")
    page.paragraph(_about(MainOptions))
    page.head("COMMANDS")
    others = []
    for name, _, _, text in _below(MainOptions):
        others.append(_ELSEWHERE.get(name, f"smtpx-{name}(1)"))
        page.item(f"smtpx {name}", f"{text}  See ``{others[-1]}``.")
    _exits(page, _EXITS)
    page.also([*others, "twistd-smtpx(8)", "smtpx.toml(5)"])
    return page


def _commands() -> Iterator[Page]:
    """A page for each command, with those below it."""
    for name, _, options, text in _below(MainOptions):
        if name in _ELSEWHERE:
            continue
        summary = text[0].lower() + text[1:].rstrip(".")
        page = Page(f"smtpx-{name}", 1, summary)
        found = list(_leaves(options, f"smtpx {name}"))
        page.head("SYNOPSIS")
        for command, made in found:
            page.synopsis(command, _synopsis(made))
        page.head("DESCRIPTION")
        page.paragraph(_about(options))
        if len(found) == 1:
            page.head("OPTIONS")
            _options(page, found[0][1])
        else:
            for command, made in found:
                page.head(command)
                page.paragraph(_about(made))
                _options(page, made)
        _exits(page, _EXITS)
        page.also(["smtpx(1)", "smtpx.toml(5)"])
        yield page


def _leaves(options: type[Any], prefix: str) -> Iterator[tuple[str, type[Any]]]:
    """Each command that does something."""
    below = _below(options)
    if not below:
        yield prefix, options
    for name, _, made, _ in below:
        yield from _leaves(made, f"{prefix} {name}")


def _about(options: type[Any]) -> str:
    """What a command's help says of it."""
    return inspect.cleandoc(options.longdesc)


def _synopsis(options: type[Any]) -> str:
    return " ".join(str(options.synopsis).split())


def _options(page: Page, cls: type[Options]) -> None:
    """The options of a command, as Twisted would print them."""
    made: Any = cls()
    shorts = {long: short for short, long in made.synonyms.items() if len(short) == 1}
    for word in sorted(set(made.longOpt)):
        name = word.removesuffix("=")
        if name == "version" and cls is not ServerOptions:
            # Of every command, and the same.
            continue
        argument = f"={name.upper().replace('-', '_')}" if word != name else ""
        short = f"-{shorts[name]}, " if name in shorts else ""
        page.item(f"{short}--{name}{argument}", _helpOf(made, name))


def _helpOf(made: Any, name: str) -> str:
    text = str(made.docs.get(name) or "")
    default = made.defaults.get(name)
    if isinstance(default, str) and default:
        text += f"  [default: {default}]"
    return text


def _exits(page: Page, statuses: Sequence[tuple[int, str]]) -> None:
    page.head("EXIT STATUS")
    for status, text in statuses:
        page.item(str(status), text)


def _sendmail() -> Page:
    page = Page("smtpx-sendmail", 1, "submits mail as sendmail does")
    page.head("SYNOPSIS")
    for name in ("smtpx-sendmail", "smtpx sendmail", "sendmail"):
        page.synopsis(name, SYNOPSIS)
    page.head("DESCRIPTION")
    for text in DESCRIPTION:
        page.paragraph(text)
    page.head("OPTIONS")
    for each in OPTIONS:
        if each.help:
            page.item(each.spelling, each.help)
    page.paragraph(f"{ignored()} mean nothing here and are left alone.")
    _exits(page, STATUSES)
    page.also(["smtpx(1)", "smtpx.toml(5)", "twistd-smtpx(8)"])
    return page


def _server() -> Page:
    page = Page("twistd-smtpx", 8, "the mail server of smtpx")
    page.head("SYNOPSIS")
    page.synopsis("twistd", f"[options of twistd] smtpx {_synopsis(ServerOptions)}")
    page.head("DESCRIPTION")
    for text in _about(ServerOptions).split("\n\n"):
        page.paragraph(text)
    page.head("OPTIONS")
    _options(page, ServerOptions)
    page.head("SIGNALS")
    page.item("SIGHUP", "Open log files anew, after the old ones were moved away.")
    page.item(
        "SIGTERM", "End, when the sessions that are under way have been answered."
    )
    page.also(["smtpx(1)", "smtpx.toml(5)", "twistd(1)"])
    return page


# --- the configuration --------------------------------------------------------------


def _configuration() -> Page:
    page = Page("smtpx.toml", 5, "the configuration of a mail server of smtpx")
    page.head("DESCRIPTION")
    page.paragraph(
        "A server is configured by one file in TOML.  Everything has a default; no file"
        " at all, and an empty one, are the first start: mail for this machine goes"
        " into one Maildir, and nothing is relayed."
    )
    page.paragraph(
        "``smtpx config check FILE`` prints everything that is wrong with a file, with"
        " its line; ``smtpx config default`` prints a file to begin with."
    )
    page.paragraph(
        "An option that ends in ``_octets`` takes a number of octets, or a size in"
        ' quotes, ``"50 MiB"``.  One that ends in ``_seconds`` takes a number of'
        ' seconds, or a duration in quotes, ``"5 min"``.  A relative path is relative'
        " to the folder of the file."
    )
    table = Table.of(Configuration)
    page.head("AT THE TOP OF THE FILE")
    for option in table.options:
        if tableOf(option.kind) is None and option.name != "extensions":
            _setting(page, option, "")
    for option in table.options:
        inside = tableOf(option.kind)
        if inside is not None:
            name = option.name
            page.head(f"[{name}]" if option.kind is inside else f"[[{name}]]")
            page.paragraph(_purpose(inside.cls))
            if option.help:
                page.paragraph(_capital(option.help))
            for each in flatOptions(inside):
                _setting(page, each, "")
    for name, make in STANDARD.items():
        settings = make().settings
        if settings is not None:
            page.head(f"[extensions.{name}]")
            page.paragraph(_purpose(settings))
            for each in flatOptions(Table.of(settings)):
                _setting(page, each, "")
    page.also(["twistd-smtpx(8)", "smtpx(1)"])
    return page


def _purpose(cls: type[object]) -> str:
    """The first paragraph of a class's docstring."""
    about = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    return _MARKUP.sub(r"``\1``", about)


def _capital(text: str) -> str:
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", ":", "?")) else text + "."


def _setting(page: Page, option: Option, prefix: str) -> None:
    """An option of the configuration, and those within it."""
    name = prefix + option.name
    text = option.help
    if isinstance(option.kind, Optional) and option.kind.none is not None:
        text = text.replace("``None``", f'``"{option.kind.none}"``')
    inside = tableOf(option.kind)
    if inside is not None:
        page.item(name, _capital(text), "A list of tables, with these options.")
        for each in inside.options:
            _setting(page, each, f"{name}.")
        return
    default = "" if option.required else option.kind.spell(option.default)
    more = f"  Default: ``{default}``." if default else ""
    if option.required:
        more = "  Has to be given."
    page.item(name, f"{_capital(text)}  Takes {option.kind.words}.{more}")


def write(folder: Path) -> None:
    """Write all pages, and remove others."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for path in folder.glob("*.[1-8]"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))


__all__ = ["pages", "write"]
