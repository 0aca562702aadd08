"""How connections ended in; how many arrays to send at once, and which one to doubt, out.

An array that the broker cannot take (of more than its max_packet_size, say) ends the connection
again and again and holds up all behind it.  With two clients of one id, or on a bad network,
every array looks like that: only what happens to one array alone, and not to a small message in
its place, is the array's fault.  A broker that is starting, or a cluster that has lost a node, ends
connections for a while: so it must happen to the array once more behind the small message.
"""

from __future__ import annotations

IN_FLIGHT = 20
"""More than a broker takes unacknowledged from one client by default, and it drops some."""

BROKEN = 2
"""After so many connections that ended with arrays unacknowledged, one is sent at a time."""

TRIES = 5
"""So many connections must have ended while one array alone was in flight."""

HOLD_S = 5.0
HOLD_TIMES = 10.0
"""The small message passes when its connection holds for so long, and so many times as long as
any with the array did: a network that breaks now and then would have broken."""


class Caution:
    """Watches arrays by their numbers.

    ``suspect`` is the array that was alone in flight when the last connections ended, if any;
    ``reported`` is one that is known to be at fault, but could not be set aside.
    """

    def __init__(self) -> None:
        self.suspect: int | None = None
        self.reported: int | None = None
        self._broken = 0
        self._acknowledged = 0  # arrays since the last broken connection
        self._tries = 0
        self._longest_s = 0.0
        self._doubted = False  # whether a small message has passed in place of the suspect

    @property
    def window(self) -> int:
        """How many arrays may be in flight."""
        return IN_FLIGHT if self._broken < BROKEN else 1

    @property
    def tests(self) -> bool:
        """Whether a small message is to be sent in place of the suspect."""
        return self._tries >= TRIES

    @property
    def hold_s(self) -> float:
        """How long the connection must then hold."""
        return max(HOLD_S, HOLD_TIMES * self._longest_s)

    def acknowledged(self) -> None:
        """An array has arrived."""
        self.clear()
        self._acknowledged += 1
        if self._acknowledged >= IN_FLIGHT:
            self._broken = 0

    def passed(self) -> bool:
        """The small message has passed: whether the suspect is at fault.

        If not, it is sent once more.
        """
        if not self._doubted:
            self._doubted, self._tries = True, TRIES - 1
            return False
        return True

    def ended(self, in_flight: list[int], fair: bool, lasted_s: float) -> None:
        """A connection has ended with these arrays in flight.

        ``fair`` is whether it was closed from outside, and after the broker had acknowledged
        ``online`` in it; ``lasted_s`` is since the first of the arrays was sent.
        """
        if in_flight:
            self._broken += 1
            self._acknowledged = 0
        if not fair or len(in_flight) != 1:
            self.clear()
            return
        [number] = in_flight
        if number != self.suspect:
            self.clear()
            self.suspect = number
        self._tries += 1
        self._longest_s = max(self._longest_s, lasted_s)

    def clear(self) -> None:
        """There is no suspect any more."""
        self.suspect, self._tries, self._longest_s, self._doubted = None, 0, 0.0, False
