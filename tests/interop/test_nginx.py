"""
nginx before the server, by its C{stream} module: version 1 of the PROXY protocol.
"""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import InteropTestCase, findPeer
from .running import RunningProgram, freePort, waitFor
from .test_haproxy import CLIENT, MESSAGE, PROXIED

#: Where Debian has what the program does not have itself.
_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

_CONFIGURATION = """\
load_module {module};
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ }}
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass 127.0.0.1:{server};
        proxy_protocol on;
    }}
}}
"""


class NginxTests(InteropTestCase):
    """C{nginx} hands connections on."""

    def before(self, server: int) -> int:
        """
        nginx before a server.

        @param server: the server's port.
        @return: where nginx listens.
        """
        program = findPeer("nginx", "nginx")
        if not _MODULE.exists():
            raise SkipTest("peer missing: nginx (its stream module)")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        port = freePort()
        (folder / "nginx.conf").write_text(
            _CONFIGURATION.format(module=_MODULE, port=port, server=server)
        )
        words = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
        self.running(RunningProgram(folder, words))

        def listens() -> bool:
            with socket.socket() as looking:
                return looking.connect_ex(("127.0.0.1", port)) == os.EX_OK

        waitFor(listens, "nginx")
        return port

    def test_delivers(self) -> None:
        """A message by STARTTLS, and one under implicit TLS."""
        for implicit in (False, True):
            server = self.serve(PROXIED)
            port = self.before(server.tlsPort if implicit else server.port)
            context = ssl.create_default_context(cafile=str(server.authority))
            client: smtplib.SMTP
            if implicit:
                client = smtplib.SMTP_SSL(
                    "localhost",
                    port,
                    "c.example",
                    context=context,
                    timeout=30,
                    source_address=(CLIENT, 0),
                )
            else:
                client = smtplib.SMTP("localhost", port, "c.example", 30, (CLIENT, 0))
                client.starttls(context=context)
            with client:
                client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
            [message] = server.delivered(1)
            self.assertIn(f"([{CLIENT}])".encode(), message.received)
            [line] = server.accepted()
            self.assertIn(f" [{CLIENT}] ", line)
            self.assertIn(" PRX=127.0.0.1 ", line)
