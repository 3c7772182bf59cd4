"""
A worker without a house: a spool of several processes, and a server before it that
remembers what its clients have named.  It says on which port it listens, and serves
until it is killed.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IAddress

from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.checkpoint import Checkpoint, CheckpointSettings
from smtpx.extensions.checkpointserver import Recall
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.pipeconnect import PipeConnect
from smtpx.extensions.pipelining import Pipelining
from smtpx.net.factory import Open, Silence, SMTPServerFactory
from smtpx.service.elsewhere import Elsewhere
from smtpx.service.receiving import SpoolReceiver
from smtpx.service.remembering import RememberingReceiver
from smtpx.service.transactions import Transactions
from smtpx.service.workers.worker import Alone
from smtpx.spool import store
from smtpx.spool.sqlite import SQLiteSpool


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("number", type=int)
    parser.add_argument("workers", type=int)
    options = parser.parse_args()
    store.LOG_OCTETS = 1 << 20
    # What there is in Twisted has the type of a module.
    clock: Any = reactor
    spool = SQLiteSpool(
        clock,
        options.folder,
        queueProfileStamps={},
        number=options.number,
        workers=options.workers,
        lowWaterOctets=0,
    )
    settings = CheckpointSettings()
    # Nobody asks anybody: it has to be safe without.
    memory = Transactions(clock, time.time, settings, elsewhere=Elsewhere(Alone()))
    loaded = [
        Pipelining(),
        PipeConnect(),
        Chunking(),
        Checkpoint(settings, memory=memory),
    ]
    receiver = SpoolReceiver(spool, Silence(), lambda envelope: True, None, memory)
    factory = SMTPServerFactory(
        clock,
        RememberingReceiver(receiver, memory),
        extensions=loaded,
        policy=Open(),
        answers={Recall: memory.recall},
    )

    def listen(_: None) -> None:
        memory.open(spool.names, QueueProfile().load(loaded).stamps)
        port = clock.listenTCP(0, factory, interface="127.0.0.1")
        address: Any = IAddress(port.getHost())
        os.write(1, b"%d\n" % address.port)

    spool.open().addCallback(listen)
    clock.run()


if __name__ == "__main__":
    main()
