"""
The reference page of the configuration, made of the classes that check it.

C{python -m smtpx.service.reference > doc/reference/configuration.rst} writes it;
a test sees that the page in the repository is the one that this makes.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator

from ..extensions.standard import STANDARD
from .config import Configuration
from .nested import Optional
from .schema import Option, Table, flatOptions, tableOf

_SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z`])")
_SPECIAL = re.compile(r"[*`|\\]")
_MARKUP = re.compile(r"[A-Z]\{([^{}]*)\}")

INTRODUCTION = """\
.. Made by ``python -m smtpx.service.reference``; change the classes, not this page.

Configuration
=============

A server is configured by one TOML file::

   twistd smtpx --config smtpx.toml

Everything has a default.
No file at all, and an empty one, are the first start: mail for this machine goes \
into one Maildir, and nothing is relayed.

``twistd smtpx --config smtpx.toml --check`` reads the file and whatever it names, \
and prints everything that is wrong, with file and line::

   smtpx.toml:7: listener[0].tls: expected one of "none", "starttls", "implicit", got \
"startls"; did you mean "starttls"?

An unknown option is an error, and so is a value of another type: ``"25"`` is not \
``25``.

.. list-table:: Values
   :widths: 25 75

   * - size
     - An option that ends in ``_octets`` takes a number of octets, or a size in \
quotes: ``"50 MiB"``.
       Units are ``octets``, ``kB``, ``MB``, ``GB``, ``TB`` (thousands) and ``KiB``, \
``MiB``, ``GiB``, ``TiB``.
   * - duration
     - An option that ends in ``_seconds`` takes a number of seconds, or a duration \
in quotes: ``"5 min"``, ``"1 h 30 min"``.
       Units are ``ms``, ``s``, ``min``, ``h``, ``d`` and ``w``.
   * - path
     - A relative path is relative to the folder of the file; ``~`` is the home of \
the user.
   * - host list
     - A list of names, ``*.example.org`` (any name below it), addresses, networks \
such as ``192.0.2.0/24``, ``*`` (everybody), and ``""`` (who comes over a UNIX \
socket, and has no address); and ``lookup:NAME``, a look-up that has the address or a \
known name (:doc:`/howto/lists-by-look-up`).
       The first item that matches decides; one with ``!`` in front says no.
       Where none does, the answer is no, or yes if the last item says no: \
``["!a.example"]`` is everybody else.
       The empty list is nobody.
   * - Python object
     - Its module and its name, ``"package.module:name"``.
"""


def page() -> str:
    """The whole page."""
    table = Table.of(Configuration)
    plain = [each for each in table.options if tableOf(each.kind) is None]
    plain = [each for each in plain if each.name != "extensions"]
    parts = [INTRODUCTION, _section("At the top of the file", Configuration, plain)]
    for option in table.options:
        inside = tableOf(option.kind)
        if inside is None:
            continue
        plainly = option.kind is inside
        title = f"[{option.name}]" if plainly else f"[[{option.name}]]"
        parts.append(
            _section(f"``{title}``", inside.cls, flatOptions(inside), option.help)
        )
    for name, make in STANDARD.items():
        settings = make().settings
        if settings is not None:
            brought = flatOptions(Table.of(settings))
            parts.append(_section(f"``[extensions.{name}]``", settings, brought))
    return "\n".join(parts)


def _section(
    title: str, cls: type[object], options: Iterable[Option], more: str = ""
) -> str:
    about = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    about = _MARKUP.sub(r"``\1``", " ".join(about.split()))
    lines = [title, "-" * len(title), "", *_sentences(about), *_sentences(more), ""]
    for option in options:
        lines += _entry(option, "")
    return "\n".join(lines)


def _entry(option: Option, indent: str) -> Iterator[str]:
    yield f"{indent}``{option.name}``"
    text = option.help
    if isinstance(option.kind, Optional) and option.kind.none is not None:
        text = text.replace("``None``", f'``"{option.kind.none}"``')
    for line in _sentences(text):
        yield f"{indent}   {line}"
    inside = tableOf(option.kind)
    if inside is not None:
        yield f"{indent}   A list of tables; each has:"
        yield ""
        for each in inside.options:
            yield from _entry(each, indent + "   ")
        return
    words = _SPECIAL.sub(r"\\\g<0>", option.kind.words)
    yield f"{indent}   Takes {words}."
    default = "" if option.required else option.kind.spell(option.default)
    if option.required:
        yield f"{indent}   Has to be given."
    elif default:
        yield f"{indent}   Default: ``{default}``."
    yield ""


def _sentences(text: str) -> list[str]:
    """A text as the manual has it: a sentence a line, a capital in front."""
    text = " ".join(text.split())
    if not text:
        return []
    text = text[0].upper() + text[1:]
    if text[-1] not in ".:?":
        text += "."
    return _SENTENCE.split(text)


if __name__ == "__main__":
    sys.stdout.write(page())
