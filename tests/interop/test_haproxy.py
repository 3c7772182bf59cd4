"""
HAProxy before the server: it says whom it brings, in both versions of the PROXY
protocol.
"""

from __future__ import annotations

import json
import re
import smtplib
import socket
import ssl
from contextlib import chdir
from pathlib import Path

from tests.service.test_manual import blocks

from .cases import CLIENT_SECONDS, InteropTestCase, findPeer
from .running import RunningProgram, RunningServer, freePort, waitFor

#: Where the client connects from, which is not where HAProxy does.
CLIENT = "127.0.0.2"

#: Listeners that only HAProxy may use, and all events.
PROXIED = """
[[listener]]
port = 0
address = "127.0.0.1"
proxy_hosts = ["127.0.0.1"]

[[listener]]
port = 0
address = "127.0.0.1"
tls = "implicit"
proxy_hosts = ["127.0.0.1"]

[log]
selectors = ["+proxy"]
json = "events.json"
"""

_CONFIGURATION = """\
global
    stats socket unix@admin.sock

defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout check 5s

listen smtp
    bind {bind}
    {checking}
    server smtpx {server} {options}
"""

MESSAGE = b"Subject: hello\r\n\r\nIt works.\r\n"


class HAProxy(RunningProgram):
    """
    HAProxy, with one server behind it.

    @ivar port: where it listens.
    """

    def __init__(
        self,
        folder: Path,
        server: str,
        options: str,
        checking: str = "",
        address: str = "127.0.0.1",
    ) -> None:
        """
        @param server: where the server is.
        @param options: of the C{server} line.
        @param checking: a line more, about health checks.
        @raise SkipTest: there is no HAProxy.
        """
        program = findPeer("haproxy", "haproxy")
        folder.mkdir()
        self._address, self.port = address, freePort(address)
        bind = f"{address}:{self.port}"
        (folder / "haproxy.cfg").write_text(
            _CONFIGURATION.format(
                bind=bind, server=server, options=options, checking=checking
            )
        )
        # In the foreground, and a single process.
        super().__init__(folder, [program, "-db", "-f", "haproxy.cfg"])
        waitFor(self._listens, "HAProxy")

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.said()
        try:
            self.ask("show info")
        except OSError:
            return False
        return True

    def ask(self, command: str) -> str:
        """What it says to a command on its socket."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(CLIENT_SECONDS)
            # The whole path may be too long for a socket's.
            with chdir(self.folder):
                admin.connect("admin.sock")
            admin.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def check(self) -> tuple[str, str]:
        """How the server is, and what the last health check came to."""
        lines = self.ask("show stat").removeprefix("# ").splitlines()
        names = lines[0].split(",")
        for line in lines[1:]:
            row = dict(zip(names, line.split(","), strict=False))
            if row.get("svname") == "smtpx":
                # With a star while the next check is under way.
                return row["status"], row["check_status"].removeprefix("* ")
        raise AssertionError(lines)


class HAProxyTests(InteropTestCase):
    """C{haproxy} in TCP mode."""

    def before(
        self,
        server: str,
        options: str,
        checking: str = "",
        address: str = "127.0.0.1",
        folder: Path | None = None,
    ) -> HAProxy:
        """
        HAProxy before a server.

        @param folder: where it runs; L{None}: in one of its own.
        """
        folder = (folder or Path(self.mktemp()).absolute()) / "haproxy"
        folder.parent.mkdir(exist_ok=True)
        proxy = HAProxy(folder, server, options, checking, address)
        self.running(proxy)
        return proxy

    def events(self, server: RunningServer, name: str) -> list[dict[str, object]]:
        """All events of a name that were told until now."""
        file = server.folder / "events.json"
        if not file.exists():
            return []
        read = map(json.loads, file.read_text().splitlines())
        return [event for event in read if event["event"] == name]

    def told(self, server: RunningServer, name: str) -> list[dict[str, object]]:
        """Wait until there is an event of a name."""
        waitFor(lambda: bool(self.events(server, name)), name)
        return self.events(server, name)

    def arrives(self, server: RunningServer, address: str = CLIENT) -> None:
        """
        The one message came from the client, and not from HAProxy: in its Received
        field, and in both logs.
        """
        [message] = server.delivered(1)
        literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        self.assertIn(f"({literal})".encode(), message.received)
        [line] = server.accepted()
        self.assertIn(f" [{address}]", line)
        self.assertIn(" PRX=127.0.0.1 ", line)
        connected = self.events(server, "session.connected")
        [client] = [each for each in connected if each["address"] == address]
        self.assertNotEqual(client["port"], 0)
        self.assertEqual(client["local"], "::1" if ":" in address else "127.0.0.1")

    def test_versions(self) -> None:
        """A message by STARTTLS, in each version of the header."""
        for options in (
            "send-proxy",
            "send-proxy-v2",
            "send-proxy-v2 proxy-v2-options crc32c,unique-id",
        ):
            server = self.serve(PROXIED)
            proxy = self.before(f"127.0.0.1:{server.port}", options)
            context = ssl.create_default_context(cafile=str(server.authority))
            with smtplib.SMTP(
                "localhost", proxy.port, "c.example", 30, (CLIENT, 0)
            ) as client:
                client.starttls(context=context)
                client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
            [event] = self.told(server, "session.connected")
            self.assertEqual(event["proxy"], "127.0.0.1")
            self.assertEqual(event["localPort"], proxy.port)
            self.arrives(server)

    def test_implicitTLS(self) -> None:
        """The ClientHello comes with the header, and goes to TLS."""
        for options in ("send-proxy", "send-proxy-v2"):
            server = self.serve(PROXIED)
            proxy = self.before(f"127.0.0.1:{server.tlsPort}", options)
            context = ssl.create_default_context(cafile=str(server.authority))
            with smtplib.SMTP_SSL(
                "localhost",
                proxy.port,
                "c.example",
                timeout=30,
                source_address=(CLIENT, 0),
                context=context,
            ) as client:
                client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
            self.arrives(server)

    def test_IPv6(self) -> None:
        """A client of IPv6, whom HAProxy brings over IPv4."""
        for options in ("send-proxy", "send-proxy-v2"):
            server = self.serve(PROXIED)
            proxy = self.before(f"127.0.0.1:{server.port}", options, "", address="::1")
            with smtplib.SMTP("::1", proxy.port, "c.example", 30) as client:
                client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
            self.arrives(server, "::1")

    def test_earlyTalk(self) -> None:
        """
        A client that does not wait for the greeting, so that its first words come
        with the header.
        """
        server = self.serve(PROXIED)
        proxy = self.before(f"127.0.0.1:{server.port}", "send-proxy-v2")
        with socket.create_connection(
            ("127.0.0.1", proxy.port), 30, (CLIENT, 0)
        ) as client:
            client.sendall(b"EHLO c.example\r\n")
            client.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: client.recv(65536), b""))
        self.assertRegex(said, rb"^220 [^\n]*\r\n250-mx.example.org")
        [event] = self.told(server, "session.closed")
        self.assertEqual((event["address"], event["helo"]), (CLIENT, "c.example"))

    def test_UNIXSocket(self) -> None:
        """
        HAProxy reaches the server over a UNIX socket, where everybody is a proxy.
        """
        server = self.serve(
            PROXIED.replace(
                "[log]",
                '[[listener]]\nendpoint = "unix:smtp.sock"\nproxy_hosts = ["*"]\n[log]',
            )
        )
        # The path is relative, for a socket's may not be long.
        proxy = self.before("unix@../smtp.sock", "send-proxy-v2", folder=server.folder)
        with smtplib.SMTP(
            "127.0.0.1", proxy.port, "c.example", 30, (CLIENT, 0)
        ) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        [event] = self.told(server, "session.connected")
        self.assertEqual((event["address"], event["proxy"]), (CLIENT, ""))
        [message] = server.delivered(1)
        self.assertIn(f"([{CLIENT}])".encode(), message.received)

    def test_healthChecks(self) -> None:
        """
        HAProxy's health checks find the server up, however they are made, and
        nothing is logged that looks like trouble.
        """
        for options, checking, result in (
            ("send-proxy", "", "L4OK"),
            ("send-proxy-v2", "", "L4OK"),
            ("send-proxy", "option smtpchk EHLO check.example", "L7OK"),
            ("send-proxy-v2", "option smtpchk EHLO check.example", "L7OK"),
            ("check-send-proxy send-proxy-v2", "option smtpchk", "L7OK"),
        ):
            server = self.serve(PROXIED)
            proxy = self.before(
                f"127.0.0.1:{server.port}",
                f"{options} check inter 100ms rise 3 fall 1",
                checking,
            )
            waitFor(
                lambda proxy=proxy, result=result: (  # type: ignore[misc]  # bound
                    proxy.check() == ("UP", result)
                ),
                f"{options}, {checking}: {result}",
            )
            with smtplib.SMTP(
                "127.0.0.1", proxy.port, "c.example", 30, (CLIENT, 0)
            ) as client:
                client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
            waitFor(
                lambda server=server: (  # type: ignore[misc]  # bound
                    len(self.events(server, "session.closed")) > 5
                ),
                "several checks",
            )
            self.assertEqual(proxy.check(), ("UP", result))
            proxy.stop()
            self.arrives(server)
            self.assertEqual(self.events(server, "proxy.refused"), [])
            self.assertEqual(self.events(server, "session.trouble"), [])

    def test_noHeader(self) -> None:
        """
        HAProxy without its option, which says nothing, is not served; nor is it
        where it is not listed and sends a header.
        """
        server = self.serve(
            PROXIED.replace("proxy_hosts", "proxy_seconds = 1\nproxy_hosts")
        )
        proxy = self.before(f"127.0.0.1:{server.port}", "")
        with socket.create_connection(("127.0.0.1", proxy.port), 30) as client:
            self.assertEqual(client.recv(100), b"")
        [event] = self.told(server, "proxy.refused")
        self.assertEqual(event["why"], "no whole header within 1 seconds")

        for options in ("send-proxy", "send-proxy-v2"):
            server = self.serve('[log]\njson = "events.json"\n')
            proxy = self.before(f"127.0.0.1:{server.port}", options)
            with socket.create_connection(("127.0.0.1", proxy.port), 30) as client:
                said = b"".join(iter(lambda: client.recv(65536), b""))
            self.assertIsNone(re.match(rb"(?s)220 .*\n.", said), said)
            [event] = self.told(server, "proxy.refused")
            self.assertEqual(event["why"], "not a listed proxy")

    def test_manual(self) -> None:
        """HAProxy takes the configuration of our guide."""
        program = findPeer("haproxy", "haproxy")
        [text, *_] = blocks("howto/behind-a-proxy.rst", "text")
        file = Path(self.mktemp())
        file.write_text(text)
        self.run_([program, "-c", "-f", str(file)])
