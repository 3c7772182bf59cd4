"""
Who is next: legs of messages under way, each in the lane of its destination.

A lane has so many attempts at once, its I{window}, which begins small, grows with
each success and is halved when a host will not have so many; and it uses only as
many as it has something for, so that a burst to one host goes over few connections
and fills them; where an attempt takes its time, there are more of them, so that
nobody waits for much longer than a second.  Lanes do not wait for each other, but
for the bound on all attempts, for which they take turns.

Memory is shared too.  While messages move, any lane may have as many as there are.
When they do not, L{Lanes.press} takes from the fullest what is above its share:
the spool keeps that for the lane, by its key, and gives it back when there is room
again (C{parked}).

A lane may have a pace, too: the least time between the beginnings of two attempts.

Where other processes have lanes for the same destination, width and pace hold for all
of them (L{smtpx.queue.laneplaces}): a lane may have to wait for their attempts to end.

Nothing here knows what a delivery is: a L{Task} starts one, L{Lanes.ended} is told when
it has come to an end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from typing import Protocol

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..spool.format import SpooledMessage
from .laneplaces import ILanePlaces, Retire

#: Another attempt at once for so many legs that wait.
_FILL = 8

#: A window at its beginning.
_FIRST = 2


class Task(Protocol):
    """
    What waits its turn in a lane.

    @ivar message: the message that it is of.
    @ivar priority: higher ones are first.
    @ivar tries: how often it was begun.
    """

    message: SpooledMessage
    priority: int
    tries: int

    def begin(self, lane: Lane) -> None:
        """
        Start an attempt.  When that has come to an end, L{Lanes.ended} is to be told.
        """

    def end(self, results: None) -> None:
        """There is no room for it, or the end has come."""


@define(eq=False)
class Lane:
    """
    What goes to one destination.

    @ivar key: see L{Leg}.
    @ivar width: the most attempts at once.
    @ivar gathers: is an attempt the cheaper, the more there are one behind the
        other?
    @ivar pauseSeconds: the least time between the beginnings of two attempts.
    @ivar window: how many attempts at once it may have now.
    @ivar waiting: what is not begun yet.
    @ivar active: how many attempts there are.
    @ivar parked: does the spool have more for it?  Set by L{Lanes.mark}.
    @ivar drawing: is the spool asked for that just now?
    @ivar more: was something parked since it was asked?
    @ivar drawn: how many of those that it gave are under way, here or, where hosts
        have changed meanwhile, in other lanes.
    @ivar capped: does it have no more than its share, as others had to wait for it?
    @ivar seconds: how long an attempt takes that succeeds, as the last ones did.
    @ivar succeeded: when an attempt last did, in seconds of the clock.
    @ivar common: do other processes have lanes like it, whose attempts count, too?
    @ivar retire: closes connections that nobody uses; L{None}: there are none.
    @ivar relay: the transport that it was last asked for by; L{None}: that is not
        known.
    @ivar where: what that wants to know again (L{Leg}).
    """

    key: bytes
    width: int
    gathers: bool
    window: int
    pauseSeconds: float = 0.0
    waiting: deque[Task] = field(factory=deque)
    active: int = 0
    parked: bool = False
    drawing: bool = False
    more: bool = False
    drawn: int = 0
    capped: bool = False
    seconds: float = 0.0
    succeeded: float = float("-inf")
    common: bool = False
    retire: Retire | None = None
    relay: object = None
    where: object = None
    queued: bool = field(default=False, init=False)
    #: Fires when the next attempt may begin; L{None}: it may.
    timer: IDelayedCall | None = field(default=None, init=False)
    #: Asks again for a place that others have; L{None}: there was one.
    asking: IDelayedCall | None = field(default=None, init=False)

    @property
    def idle(self) -> bool:
        """Is there nothing to remember of it?"""
        if self.waiting or self.active or self.parked or self.drawing:
            return False
        return not self.drawn and self.timer is None and self.asking is None

    @property
    def held(self) -> int:
        """How many messages it has in memory that are not being tried by it."""
        return max(len(self.waiting), self.drawn - self.active)


@frozen
class Destination:
    """
    A lane, as operators see it.

    @ivar key: its key.
    @ivar active: how many attempts there are.
    @ivar waiting: how many messages wait for it in memory.
    @ivar parked: are there more in the spool?
    """

    key: bytes
    active: int
    waiting: int
    parked: bool


class Lanes:
    """
    All lanes.

    @ivar active: how many attempts there are.
    @ivar waiting: how many legs are not begun yet.
    @ivar find: a lane that there is, by its key.
    @ivar parkedLanes: those of which the spool has more.
    """

    def __init__(
        self,
        refill: Callable[[Lane], None],
        attempts: int,
        clock: IReactorTime,
        places: ILanePlaces | None = None,
    ) -> None:
        """
        @param refill: called where a lane, of which the spool has more, could do
            with it.
        @param attempts: the most attempts at once.
        @param clock: for lanes that have a pace.
        @param places: says whether an attempt may begin in a lane that other processes
            have, too; L{None}: there are no others.
        """
        self._refill = refill
        self._attempts = attempts
        self._clock = clock
        self._places = places
        self._lanes: dict[bytes, Lane] = {}
        self.find: Callable[[bytes], Lane | None] = self._lanes.get
        self.parkedLanes: set[Lane] = set()
        #: Lanes that can begin something, in the order of their turns.
        self._queue: deque[Lane] = deque()
        self._turning = False
        self.active = 0
        self.waiting = 0

    @property
    def common(self) -> bool:
        """Are there other processes that have lanes, too?"""
        return self._places is not None

    def __len__(self) -> int:
        """How many there are."""
        return len(self._lanes)

    def lane(
        self,
        key: bytes,
        width: int = _FIRST,
        gathers: bool = True,
        pauseSeconds: float = 0.0,
    ) -> Lane:
        """
        A lane, made when first asked for.

        @param width: see L{Lane}; the widest that was asked for holds.
        @param gathers: see L{Lane}.
        @param pauseSeconds: see L{Lane}; what was asked for last holds.
        """
        found = self._lanes.get(key)
        if found is None:
            window = min(width, _FIRST) if gathers else width
            found = self._lanes[key] = Lane(key, width, gathers, window)
        elif found.width < width:
            found.width = width
        if found.gathers and not gathers:
            # It was made for what the spool has, which does not say what it is.
            found.gathers, found.window = False, found.width
        found.pauseSeconds = pauseSeconds
        return found

    def parked(self, key: bytes) -> Lane:
        """The lane of that name, whatever it is like: the spool has more for it."""
        lane = self._lanes.get(key) or self.lane(key)
        lane.more = True
        self.mark(lane, True)
        return lane

    def mark(self, lane: Lane, parked: bool) -> None:
        """
        @param parked: does the spool have more for it?
        """
        lane.parked = parked
        if parked:
            self.parkedLanes.add(lane)
        else:
            self.parkedLanes.discard(lane)

    def isParked(self, key: bytes) -> bool:
        """Does the spool have more for that lane?"""
        lane = self._lanes.get(key)
        return lane is not None and lane.parked

    def share(self, most: int) -> int:
        """
        A lane's share of the memory.

        @param most: how many messages it has room for.
        """
        busy = sum(1 for lane in self._lanes.values() if lane.waiting or lane.parked)
        return max(1, most // (2 * max(1, busy) + 2))

    def add(self, lane: Lane, task: Task) -> None:
        """Let C{task} wait its turn in C{lane}."""
        waiting = lane.waiting
        if not waiting or waiting[-1].priority >= task.priority:
            waiting.append(task)
        else:
            place = len(waiting)
            while place and waiting[place - 1].priority < task.priority:
                place -= 1
            waiting.insert(place, task)
        self.waiting += 1
        self._wants(lane)

    def again(self, lane: Lane, task: Task) -> None:
        """
        An attempt has come to an end without result, since the host would not
        have so many at once: it is the next one, of fewer.
        """
        self._less(lane)
        lane.window = max(1, min(lane.window, lane.active))
        lane.waiting.appendleft(task)
        self.waiting += 1
        self._wants(lane)

    def ended(self, lane: Lane, good: bool | None, seconds: float, now: float) -> None:
        """
        An attempt has come to an end.

        @param good: did the destination take something?  L{None}: it did not, but
            it is none the worse for that.
        @param seconds: how long it took.
        @param now: in seconds of the clock.
        """
        self._less(lane)
        if good:
            lane.seconds += (seconds - lane.seconds) / 4
            lane.succeeded = now
            if lane.window < lane.width:
                lane.window += 1
        elif good is not None and lane.gathers:
            lane.window = max(1, lane.window // 2)
        if lane.waiting or self._queue:
            self._wants(lane)
        if lane.parked or not lane.active:
            self.settle(lane)

    def _less(self, lane: Lane) -> None:
        """There is an attempt less."""
        self.active -= 1
        lane.active -= 1
        if self._places is not None and lane.common:
            self._places.ended(lane.key)
            if lane.asking is not None:
                # Its place can be had again, by whoever waits here.
                lane.asking.cancel()
                lane.asking = None
                if not lane.waiting:
                    self._places.leave(lane.key)

    def settle(self, lane: Lane) -> None:
        """See whether a lane wants more of the spool, or is to be forgotten."""
        if lane.parked and not lane.drawing:
            self._refill(lane)
        if lane.idle and self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]

    def press(self, share: int) -> list[Task]:
        """
        Nothing moves: take from lanes what is above their share, the last first.
        """
        taken: list[Task] = []
        for lane in self._lanes.values():
            if len(lane.waiting) > share:
                lane.capped = True
                while len(lane.waiting) > share:
                    taken.append(lane.waiting.pop())
        self.waiting -= len(taken)
        taken.reverse()
        return taken

    def withdraw(self, ids: Container[str]) -> list[Task]:
        """Somebody wants these messages: take what is not begun of them."""
        taken: list[Task] = []
        for lane in self._lanes.values():
            left: deque[Task] = deque()
            for task in lane.waiting:
                (taken if task.message.id in ids else left).append(task)
            lane.waiting = left
        self.waiting -= len(taken)
        return taken

    def drop(self) -> list[Task]:
        """The end: take whatever is not begun."""
        taken: list[Task] = []
        for lane in self._lanes.values():
            taken += lane.waiting
            lane.waiting.clear()
            for timer in (lane.timer, lane.asking):
                if timer is not None:
                    timer.cancel()
            lane.timer = lane.asking = None
        self.waiting = 0
        return taken

    def destinations(self) -> list[Destination]:
        """What there is, for operators; the fullest first."""
        found = [
            Destination(lane.key, lane.active, len(lane.waiting), lane.parked)
            for lane in self._lanes.values()
        ]
        found.sort(key=lambda each: (-each.waiting - each.active, each.key))
        return found

    def _wants(self, lane: Lane) -> None:
        """
        A lane may be able to begin something: it is its turn, after the others.  Each
        that is to have its turn begins one attempt, if it may.
        """
        queue = self._queue
        if lane.waiting and not lane.queued:
            # Whether it may is seen when it is its turn.
            lane.queued = True
            queue.append(lane)
        if self._turning:
            # An attempt that is through at once: the loop below goes on.
            return
        self._turning = True
        try:
            while queue and self.active < self._attempts:
                lane = queue.popleft()
                waiting, active = lane.waiting, lane.active
                count = len(waiting)
                if (
                    active >= lane.window
                    or not count
                    or lane.gathers
                    and active > count // _FILL
                    and active > count * lane.seconds
                    or lane.asking is not None
                    or lane.timer is not None
                    and lane.pauseSeconds
                    or lane.common
                    and not self._hasPlace(lane)
                ):
                    lane.queued = False
                    continue
                task = waiting.popleft()
                self.waiting -= 1
                self.active += 1
                lane.active = active + 1
                task.tries += 1
                if lane.pauseSeconds:
                    lane.timer = self._clock.callLater(
                        lane.pauseSeconds, self._woken, lane
                    )
                task.begin(lane)
                if lane.waiting:
                    queue.append(lane)
                else:
                    lane.queued = False
        finally:
            self._turning = False

    def _hasPlace(self, lane: Lane) -> bool:
        """Is there a place for another attempt, or do others have them all?"""
        if self._places is None:
            return True
        wait = self._places.begin(lane.key, lane.width, lane.pauseSeconds, lane.retire)
        if wait is not None:
            lane.asking = self._clock.callLater(wait, self._asked, lane)
        return wait is None

    def _asked(self, lane: Lane) -> None:
        """Ask again for a place, if there still is something for it."""
        lane.asking = None
        if self._places is not None and not lane.waiting:
            self._places.leave(lane.key)
        self._wants(lane)
        self.settle(lane)

    def _woken(self, lane: Lane) -> None:
        """The pause is over: a lane goes on, or is forgotten."""
        lane.timer = None
        if self._places is not None and lane.common:
            self._places.woken(lane.key)
        self._wants(lane)
        self.settle(lane)


__all__ = ["Destination", "Lane", "Lanes", "Task"]
