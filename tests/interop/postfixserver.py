"""
Postfix as a server: it takes mail for a domain into a Maildir, and tells C{eve} that
she is unknown.
"""

from __future__ import annotations

import pwd
import re
import shutil
from collections.abc import Mapping

from .postfix import PostfixClient
from .running import freePort, waitFor

#: The domain that it takes mail for.
DOMAIN = "box.example"

_ABOVE = re.compile(
    rb"Return-Path: <(?P<sender>[^\n]*)>\n"
    rb"X-Original-To: (?P<recipient>[^\n]*)\n"
    rb"Delivered-To: [^\n]*\n"
    rb"Received: (?:from|by) [^\n]*\n(?:[ \t][^\n]*\n)*"
)


class PostfixServer:
    """
    A Postfix that listens.

    @ivar port: where.
    """

    def __init__(
        self,
        options: Mapping[str, str] | None = None,
        address: str = "127.0.0.1",
        services: str = "",
    ) -> None:
        """
        Start it, and wait until it listens.

        @param options: more of its C{main.cf}.
        @param address: where it listens.
        @param services: more of its C{master.cf}.
        @raise SkipTest: there is no Postfix, or it cannot be started.
        """
        self.port = freePort()
        account = pwd.getpwnam("nobody")
        settings = {
            "virtual_mailbox_base": "$queue_directory/../mail",
            "virtual_mailbox_domains": DOMAIN,
            # It makes no message whole: what comes is what lies there.
            "local_header_rewrite_clients": "",
            "virtual_mailbox_maps": "static:box/",
            "virtual_uid_maps": f"static:{account.pw_uid}",
            "virtual_gid_maps": f"static:{account.pw_gid}",
            "smtpd_recipient_restrictions": (
                f"check_recipient_access inline:{{{{eve@{DOMAIN}=550 5.1.1 No such"
                " user}}, reject_unauth_destination"
            ),
            "smtpd_peername_lookup": "no",
            "virtual_mailbox_limit": "0",
            "smtputf8_enable": "yes",
            "smtpd_tls_security_level": "none",
        }
        services += (
            f"{address}:{self.port} inet n - n - - smtpd\n"
            "virtual unix - n n - - virtual\n"
        )
        settings |= options or {}
        self._postfix = PostfixClient(freePort(), settings, services)
        mail = self._postfix.folder / "mail"
        (mail / "box").mkdir(parents=True)
        shutil.chown(mail / "box", account.pw_uid, account.pw_gid)
        waitFor(lambda: "daemon started" in self.log(), "Postfix listens")

    def log(self) -> str:
        """Its log."""
        return self._postfix.log()

    def close(self) -> None:
        """Stop it, and remove all its files."""
        self._postfix.remove()

    def messages(self) -> dict[bytes, bytes]:
        """What it has taken, by recipient, with CRLF line ends."""
        found: dict[bytes, bytes] = {}
        for path in (self._postfix.folder / "mail" / "box" / "new").glob("*"):
            octets = path.read_bytes()
            above = _ABOVE.match(octets)
            assert above is not None, octets[:500]
            found[above["recipient"]] = octets[above.end() :].replace(b"\n", b"\r\n")
        return found

    def connections(self) -> int:
        """How many connections there were that something was sent over."""
        return len(re.findall(r" disconnect from .* mail=", self.log()))
