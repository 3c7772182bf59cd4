"""
unbound as the name server: a configuration and zones of its own, nothing of it asked
of the world.  One zone is signed, by keys made here; another was changed behind the
back of its signatures.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from dns.dnssec import make_dnskey, make_ds, sign_zone
from dns.dnssectypes import Algorithm
from dns.name import from_text
from dns.zone import from_text as zoneFromText

from .cases import findPeer
from .running import RunningProgram, freePort, removeFolder

_CONFIGURATION = """\
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  interface: 127.0.0.1@{port}
  interface: ::1@{port}
{more53}  do-daemonize: no
  num-threads: 1
  ede: yes
  module-config: "validator iterator"
{insecure}
{anchors}
  local-zone: "." static
  local-zone: "secure.example." transparent
  local-zone: "bogus.example." transparent
{signed}  local-zone: "alone.example." static
  local-data: "alone.example. 60 CNAME mx1.plain.example."
  local-data-ptr: "192.0.2.1 60 mx1.plain.example"
  local-zone: "127.in-addr.arpa." static
  local-data-ptr: "127.0.0.1 60 client.plain.example"
  local-zone: "more.example." static
{more}
remote-control:
  control-enable: no
{zones}
"""

_AUTH = """\
auth-zone:
  name: "{name}"
  zonefile: "{name}.zone"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
"""

_TRANSPARENT = '  local-zone: "{name}." transparent\n'

_SOA = (
    "@ 300 SOA ns hostmaster 1 7200 900 86400 300\n@ 300 NS ns\nns 300 A 192.0.2.53\n"
)

_PLAIN = (
    _SOA
    + """\
@       60 MX    10 mx1
@       60 MX    20 mx2
mx1     60 A     192.0.2.1
mx1     60 AAAA  2001:db8::1
mx2     60 A     192.0.2.2
www     60 CNAME mx2
null    60 MX    0 .
long    60 TXT   {long}
_smtp._tcp.service 60 SRV 0 0 2525 www
*.wild  60 A     192.0.2.7
client  60 A     127.0.0.1
"""
)

_SECURE = (
    _SOA
    + """\
@     60 MX    10 mx
mx    60 A     192.0.2.3
alias 60 CNAME mx
_25._tcp.mx 60 TLSA 3 1 1 {digest}
out   60 CNAME mx1.plain.example.
"""
)

_BOGUS = (
    _SOA + "@ 60 MX 10 mx\nmx 60 A 192.0.2.4\ntlsa 60 TLSA 3 1 1 " + "cd" * 32 + "\n"
)

_STARTED = re.compile("start of service")


class RunningUnbound(RunningProgram):
    """
    A resolver that checks DNSSEC, in a process of its own.

    @ivar port: where it answers, on 127.0.0.1 and ::1, over UDP and TCP.
    """

    def __init__(
        self,
        port: int | None = None,
        more: Sequence[str] = (),
        signed: Mapping[str, str] = MappingProxyType({}),
        plain: Mapping[str, str] = MappingProxyType({}),
        address: str | None = None,
    ) -> None:
        """
        Start it.

        @param port: of one that was stopped; L{None}: a new one.
        @param more: records under more.example, whose aliases are left to who asks.
        @param signed: records of more zones that are signed, by name.
        @param plain: and of more that are not.
        @param address: where it answers besides, at port 53; L{None}: nowhere.
        @raise SkipTest: there is no unbound.
        """
        program = findPeer("unbound", "unbound")
        self.port = port or freePort()
        folder = Path(tempfile.mkdtemp(prefix="smtpx-unbound-"))
        folder.chmod(0o755)
        long = " ".join(f'"{letter * 200}"' for letter in "abcdefghijklmnopqrst")
        zones = {"plain.example": _PLAIN.format(long=long)}
        zones.update((name, _SOA + text) for name, text in plain.items())
        insecure = [f'  domain-insecure: "{name}"' for name in zones]
        known = [*zones, *signed]
        anchors = []
        for name, text in (
            ("secure.example", _SECURE.format(digest="ab" * 32)),
            ("bogus.example", _BOGUS),
            *((name, _SOA + text) for name, text in signed.items()),
        ):
            zones[name], anchor = _signed(name, text)
            anchors.append(f'  trust-anchor: "{anchor}"')
        zones["bogus.example"] = zones["bogus.example"].replace(
            "192.0.2.4", "192.0.2.66"
        )
        zones["bogus.example"] = zones["bogus.example"].replace("cd" * 32, "ef" * 32)
        for name, text in zones.items():
            (folder / f"{name}.zone").write_text(text, "ascii")
        configuration = folder / "unbound.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                port=self.port,
                more53="" if address is None else f"  interface: {address}@53\n",
                insecure="\n".join(insecure),
                signed="".join(_TRANSPARENT.format(name=name) for name in known),
                anchors="\n".join(anchors),
                more="\n".join(f'  local-data: "{each}"' for each in more),
                zones="".join(_AUTH.format(name=name) for name in zones),
            ),
            "ascii",
        )
        super().__init__(folder, [program, "-d", "-p", "-c", str(configuration)])
        self.await_(_STARTED)

    def remove(self) -> None:
        """Take its folder away."""
        removeFolder(self.folder)


def _signed(name: str, text: str) -> tuple[str, str]:
    """
    Sign a zone.

    @return: the zone, and its key's DS record, as text.
    """
    origin = from_text(name)
    zone = zoneFromText(text, origin=origin, relativize=False)
    key = generate_private_key(SECP256R1())
    public = make_dnskey(key.public_key(), Algorithm.ECDSAP256SHA256, flags=257)
    with zone.writer() as transaction:
        sign_zone(zone, transaction, [(key, public)], lifetime=86_400, dnskey_ttl=300)
    anchor = make_ds(origin, public, "SHA256")
    return zone.to_text(relativize=False), f"{name}. DS {anchor.to_text()}"
