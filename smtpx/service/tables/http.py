"""
The table C{[http]}: metrics, health and the status page.
"""

from __future__ import annotations

from attrs import field, frozen

from .listener import checkAddress


@frozen
class HTTP:
    """
    Where one can see how the server is: metrics for Prometheus, health and readiness,
    and a page for people.

    It is off without a port or an endpoint: what nobody asked for is not to be
    found on any port, and two servers on one machine do not quarrel about it.
    """

    port: int | None = field(
        default=None,
        metadata={
            "most": 65535,
            "help": "The TCP port.  If neither this nor ``endpoint`` is given, there is"
            " no site.",
            "none": None,
        },
    )
    address: str = field(
        default="127.0.0.1",
        validator=checkAddress,
        metadata={
            "help": "The address of ours.  There is no login and no TLS: anywhere but"
            " on the loopback, everybody who reaches it sees who writes to us."
        },
    )
    endpoint: str | None = field(
        default=None,
        metadata={
            "help": "A Twisted server endpoint, such as"
            " ``unix:/run/smtpx/http.sock``, in place of address and port."
        },
    )
    names: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Other host names by which browsers may ask for it, such as that of"
            " a proxy in front of it.  Addresses, ``localhost`` and the server's own"
            " name always do; any other name is refused (421), since it may be"
            " somebody's who has his own page read ours (DNS rebinding)."
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: both a port and an endpoint.
        """
        if self.port is not None and self.endpoint is not None:
            raise ValueError("the site has either a port or an endpoint")

    @property
    def wanted(self) -> bool:
        """Is there to be a site?"""
        return self.port is not None or self.endpoint is not None
