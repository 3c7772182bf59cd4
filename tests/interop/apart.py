"""
Two network namespaces, joined by a line that takes its time.

Every IP packet goes through this process, which hands it on when it has been under way
for long enough, and writes down when it left.  TCP is end to end: handshakes, Fast
Open, acknowledgements and congestion control are the kernel's own.  (C{netem} would do
the delay as well, but is not in every kernel, and writes nothing down.)

It takes root, on Linux.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import field, frozen

#: The addresses at the two ends.
NEAR, FAR = "10.99.0.1", "10.99.0.2"

_NEWNET = 0x40000000
_SETIFF, _TUN, _NO_PI = 0x400454CA, 0x0001, 0x1000
_MTU = 1500

_FIN, _SYN, _RST = 0x01, 0x02, 0x04


@frozen
class Packet:
    """
    A TCP segment.

    @ivar seconds: when it left; it is at the other end half a round trip later.
    @ivar outgoing: did it leave from the near end?
    @ivar near: the port at the near end.
    @ivar far: the port at the far end.
    @ivar number: its sequence number.
    @ivar syn: does it ask for the connection?
    @ivar ends: does it end the connection, well or not?
    @ivar payload: what is in it.
    @ivar octets: all of it, from the header of IP on.
    """

    seconds: float
    outgoing: bool
    near: int
    far: int
    number: int
    syn: bool
    ends: bool
    payload: bytes
    octets: bytes = field(default=b"", repr=False)

    @classmethod
    def read(cls, octets: bytes, seconds: float, outgoing: bool) -> Packet | None:
        """
        A segment of an IPv4 packet.

        @return: L{None}: it is something else.
        """
        if octets[0] >> 4 != 4 or octets[9] != 6:
            return None
        start = (octets[0] & 15) * 4
        source, target, number = struct.unpack_from("!HHI", octets, start)
        offset = start + (octets[start + 12] >> 4) * 4
        flags = octets[start + 13]
        (length,) = struct.unpack_from("!H", octets, 2)
        near, far = (source, target) if outgoing else (target, source)
        return cls(
            seconds,
            outgoing,
            near,
            far,
            number,
            bool(flags & _SYN),
            bool(flags & (_FIN | _RST)),
            octets[offset:length],
            octets[:length],
        )


class Apart:
    """
    The two ends.

    @ivar delaySeconds: how long a packet takes from one to the other.
    @ivar packets: all segments since it was last emptied, in the order in which they
        left.
    """

    def __init__(self, delaySeconds: float) -> None:
        """
        Make both.

        @raise OSError: this machine does not have it, or we are not root.
        """
        self.delaySeconds = delaySeconds
        self.packets: list[Packet] = []
        self._names = [f"smtpx-{end}-{os.getpid()}" for end in ("near", "far")]
        self._ends: list[int] = []
        self._stopping = False
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            for name, address in zip(self._names, (NEAR, FAR), strict=True):
                _run("ip", "netns", "add", name)
                with self.inside(name):
                    self._ends.append(_openTunnel())
                    _run("ip", "addr", "add", f"{address}/24", "dev", "apart0")
                    _run("ip", "link", "set", "apart0", "mtu", str(_MTU), "up")
                    _run("ip", "link", "set", "lo", "up")
                    # Both ends may open connections fast, and take such.
                    _run("sysctl", "-qw", "net.ipv4.tcp_fastopen=3")
        except BaseException:
            self._remove()
            raise
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    @contextmanager
    def near(self) -> Iterator[None]:
        """What is begun within is at the near end."""
        with self.inside(self._names[0]):
            yield

    @contextmanager
    def far(self) -> Iterator[None]:
        """What is begun within is at the far end."""
        with self.inside(self._names[1]):
            yield

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """
        Have this thread, and the processes that it starts, in a namespace.
        """
        number = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            _enter(number)
            try:
                yield
            finally:
                _enter(self._home)
        finally:
            os.close(number)

    def call(self, seen: int) -> list[Packet]:
        """
        The packets of the first connection from the near end behind so many packets;
        the end of the one before may be among those that follow.
        """
        packets = self.packets[seen:]
        ports = [each.near for each in packets if each.syn and each.outgoing]
        return [each for each in packets if each.near in ports[:1]]

    def inject(self, octets: bytes) -> None:
        """Have an IP packet come to the far end that nobody has sent from the near."""
        os.write(self._ends[1], octets)

    def close(self) -> None:
        """Take both away.  Their processes have ended by then."""
        self._stopping = True
        self._thread.join()
        self._remove()

    def _remove(self) -> None:
        for number in self._ends:
            os.close(number)
        for name in self._names:
            if os.path.exists(f"/run/netns/{name}"):
                _run("ip", "netns", "del", name)
        os.close(self._home)

    def _carry(self) -> None:
        """In a thread: hand on what comes."""
        underWay: list[tuple[float, int, int, bytes]] = []
        count = 0
        while not self._stopping:
            wait = 0.1
            if underWay:
                wait = max(0.0, underWay[0][0] - time.monotonic())
            found, _, _ = select.select(self._ends, [], [], min(wait, 0.1))
            for number in found:
                outgoing = number == self._ends[0]
                octets = os.read(number, 65536)
                now = time.monotonic()
                count += 1
                to = self._ends[1 if outgoing else 0]
                heapq.heappush(underWay, (now + self.delaySeconds, count, to, octets))
                packet = Packet.read(octets, now, outgoing)
                if packet is not None:
                    self.packets.append(packet)
            while underWay and underWay[0][0] <= time.monotonic():
                _, _, to, octets = heapq.heappop(underWay)
                os.write(to, octets)


def _enter(number: int) -> None:
    """
    Have this thread in a namespace.

    @raise OSError: it may not be.
    """
    # os.setns is there from Python 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(number, _NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _openTunnel() -> int:
    """
    A network device whose other end we are.

    @raise OSError: there is none to be had.
    """
    number = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        wanted = struct.pack("16sH22x", b"apart0", _TUN | _NO_PI)
        fcntl.ioctl(number, _SETIFF, wanted)
    except BaseException:
        os.close(number)
        raise
    return number


def _run(*words: str) -> None:
    """
    @raise OSError: it did not work.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


__all__ = ["FAR", "NEAR", "Apart", "Packet"]
