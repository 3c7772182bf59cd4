"""
Python objects that a configuration names: policies, password checks.
"""

from __future__ import annotations

import importlib
import re

from attrs import frozen

_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")


@frozen(eq=False)
class PythonObject:
    """
    An object, or the name to import it by.  Nothing is imported before L{load}:
    to read a configuration runs no code of others.

    @ivar name: C{"package.module:name"}, or what stands for it in messages.
    @ivar given: the object itself, where a program handed it in; L{None}: it is
        to be imported.
    """

    name: str
    given: object | None = None

    @classmethod
    def of(cls, value: object) -> PythonObject:
        """
        @param value: a name, or the object itself.
        @raise ValueError: text that is no such name.
        """
        if isinstance(value, PythonObject):
            return value
        if not isinstance(value, str):
            return cls(repr(value), value)
        if _NAME.fullmatch(value) is None:
            raise ValueError(value)
        return cls(value)

    def load(self) -> object:
        """
        The object.

        @raise ImportError: there is no such module, or it has no such name.
            What the module itself raises while it is imported is let through.
        """
        if self.given is not None:
            return self.given
        module, _, qualifiedName = self.name.partition(":")
        found: object = importlib.import_module(module)
        for part in qualifiedName.split("."):
            try:
                found = getattr(found, part)
            except AttributeError as error:
                raise ImportError(f"{module} has no {qualifiedName}") from error
        return found

    def __str__(self) -> str:
        return self.name
