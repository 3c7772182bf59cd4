"""
Fixtures for pytest, which finds them by itself where smtpx is installed.

  - C{mail_server}: a L{smtpx.testing.MailServer}, started;
  - C{make_mail_server}: makes others, with its parameters;
  - C{make_faulty_server}: makes L{smtpx.testing.FaultyServer}s, of faults.

Each test has servers of its own, on ports of their own, and they are stopped when
it is over.  C{pytest -p no:smtpx} goes without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .mailserver import FaultyServer, MailServer


@pytest.fixture
def make_mail_server() -> Iterator[Callable[..., MailServer]]:
    """
    Makes and starts a L{smtpx.testing.MailServer}, given its parameters.
    """
    from .mailserver import MailServer

    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(MailServer(**more))


@pytest.fixture
def mail_server(make_mail_server: Callable[..., MailServer]) -> MailServer:
    """
    A L{smtpx.testing.MailServer} that listens: C{host}, C{port}, C{messages},
    C{wait}.
    """
    return make_mail_server()


@pytest.fixture
def make_faulty_server() -> Iterator[Callable[..., FaultyServer]]:
    """
    Makes and starts a L{smtpx.testing.FaultyServer}, given faults.
    """
    from .mailserver import FaultyServer

    def make(*faults: Any, **more: Any) -> FaultyServer:
        return stack.enter_context(FaultyServer(*faults, **more))

    with ExitStack() as stack:
        yield make
