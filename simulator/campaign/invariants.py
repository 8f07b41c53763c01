"""The invariants, judged on the belt, the relay and the contacts; each with its tolerance and why it is what it is.

A judge knows which accidents last (it must, to be just: a belt whose motor runs away is faster than asked for the moment that the
firmware needs), and never what the controller believes. Only `LatchOpensByHandAlone` reads the controller's state: that is its
subject.
"""

from __future__ import annotations

from collections import deque

from controller.core.inputs import Input
from messages.plan import PhaseKind, Plan
from simulator.campaign.observation import Invariant, Observation
from simulator.campaign.stops import StopsInTime

S = 1_000_000_000
REST_M_S = 0.01
"""Below this the belt rests: half of what firmware and core call standstill."""
MOTION_M_S = 0.03
"""From here the belt moves. Feet on an unpowered belt shift it by less."""
FIRST_M_S, LOW_M_S, HIGH_M_S, BOUNDARY_M_S, HIGHEST_M_S = 0.10, 0.05, 0.10, 0.50, 1.60
"""What START and FASTER grant: docs/drive-protocol.md."""


_GRANTING = Input.START.bit | Input.FASTER.bit
_CLIP, _RESET = Input.CLIP.bit, Input.RESET.bit


class Released:
    """The speed that hands have released so far, counted at the contacts as strictly as a person would count.

    A press counts when it was longer than 40 ms (the firmware asks for 50), gaps below 10 ms are bounce.
    """

    def __init__(self) -> None:
        self.m_s = 0.0
        self.start_ns = -(10 * S)
        """When START was last let go."""
        self._pressed_ns: dict[Input, int] = {}
        self._let_go_ns: dict[Input, int] = {}
        self._moved_ns = -(10 * S)

    def follow(self, seen: Observation) -> None:
        """Call it at every instant."""
        if seen.speed_m_s > REST_M_S:
            self._moved_ns = seen.now_ns
        elif self.m_s and seen.now_ns - max(self._moved_ns, self.start_ns) > 6 * S:
            self.m_s = 0.0  # a grant lives for 5 s
        if not (seen.contacts & _GRANTING or self._pressed_ns):
            return  # nobody presses, and nobody has just let go
        if self._released(Input.START, seen):
            if seen.now_ns - self._moved_ns > S // 2:
                self.m_s = FIRST_M_S
            self.start_ns = seen.now_ns
        if self._released(Input.FASTER, seen) and self.m_s:
            rise = LOW_M_S if self.m_s < BOUNDARY_M_S - 1e-9 else HIGH_M_S
            self.m_s = min(HIGHEST_M_S, self.m_s + rise)

    def _released(self, name: Input, seen: Observation) -> bool:
        now_ns = seen.now_ns
        if seen.contacts & name.bit:
            let_go = self._let_go_ns.pop(name, None)
            if let_go is None or now_ns - let_go >= 10_000_000:
                self._pressed_ns.setdefault(name, now_ns)
            return False
        pressed_ns = self._pressed_ns.get(name)
        if pressed_ns is None:
            return False
        let_go_ns = self._let_go_ns.setdefault(name, now_ns)
        if now_ns - let_go_ns < 8_000_000:
            return False
        del self._pressed_ns[name], self._let_go_ns[name]
        return let_go_ns - pressed_ns >= 40_000_000


class MovesOnlyAfterAHand:
    """Law 1. A belt at rest moves only within 6 s of a hand's letting go of START: a grant lives 5 s, then the relay closes and
    the first centimetre takes its time. While the power stage is broken with its relay welded a bystander has the mushroom.
    """

    name = "moves only after a hand"
    reason = "law 1: START grants, for 5 s; 1 s for relay and first motion; 0.03 m/s is more than feet shift an unpowered belt"

    def __init__(self, released: Released) -> None:
        self._released = released
        self._rests = True

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if seen.speed_m_s <= REST_M_S:
            self._rests = True
        elif seen.speed_m_s > MOTION_M_S and self._rests:
            self._rests = False
            since_s = (seen.now_ns - self._released.start_ns) / 1e9
            if since_s > 6.0 and not seen.power_stage_hurt:
                return f"the belt began to move {since_s:.1f} s after START was last let go"
        return None


class NeverTheWrongWay:
    """Direction. 4 mm is what a stride's push may take back while the belt rests. A motor that turns the wrong way with all its
    force (1 kN on 120 kg) has 0.57 m/s after the firmware's 20 mm, 0.64 with the relay open: an empty belt coasts 0.48 m. With the
    relay welded besides only the contactors end it, 2 s after the chain has opened, a bystander's second before that: 3.6 s at
    2.4 m/s and the coasting from there.
    """

    name = "never the wrong way"
    reason = (
        "4 mm for feet on a resting belt; motor reversed: 20 mm, then coasting from 0.6 m/s at 0.4 m/s2, in all 0.55 m; and the "
        "relay welded besides: 16 m"
    )
    _SOUND_M, _REVERSED_M, _WELDED_M = 0.004, 0.55, 16.0

    def __init__(self) -> None:
        self._furthest_m = 0.0
        self._without_relay = False
        """Since the belt last went forward or rested the motor was reversed behind a welded relay."""

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if seen.travel_m >= self._furthest_m:
            self._furthest_m = seen.travel_m
            self._without_relay = False
            return None
        self._without_relay = self._without_relay or (seen.welded and seen.motor_reversed)
        back_m = self._furthest_m - seen.travel_m
        allowed_m = self._REVERSED_M if seen.power_stage_hurt else self._SOUND_M
        if back_m > (self._WELDED_M if self._without_relay else allowed_m):
            return f"the belt ran {back_m * 1000:.0f} mm the wrong way"
        if abs(seen.speed_m_s) < REST_M_S and not seen.relay_closed:
            self._without_relay = False
            self._furthest_m = seen.travel_m  # at rest again: what a broken motor took back is told, and counted anew
        return None


class NeverFasterThanReleased:
    """Law 1. Foot strikes swing the regulated belt by 0.03-0.05 m/s, its regulator overshoots by less.

    A slipping encoder hides at most the firmware's trim of 0.2 m/s until its stall rule acts. A power stage that runs away may pass
    the bound for as long as firmware and relay need (20 ms of gross overspeed, a 20 ms window, 8 ms of relay; less gross: 100 ms),
    0.25 s with margin, must be without power then, and is below the bound again by coasting. With the relay welded the
    bystander's hand (1 s) and the off-delay relay (2 s) come in between.
    """

    name = "never faster than hands released"
    reason = "0.06 m/s for strides and regulation; power stage broken: powered above the bound for 0.25 s at most (welded: 3.6 s)"
    _TOLERANCE_M_S, _TRIM_M_S = 0.06, 0.26
    _CUT_NS, _CUT_WELDED_NS = S // 4, 36 * S // 10

    def __init__(self, released: Released) -> None:
        self._released = released
        self._over_ns = 0

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        over_m_s = seen.speed_m_s - self._released.m_s
        if over_m_s <= self._TOLERANCE_M_S:
            self._over_ns = 0
            return None
        bound = self._released.m_s
        if not seen.power_stage_hurt:
            return f"{seen.speed_m_s:.3f} m/s, and hands released {bound:.2f} m/s"
        if over_m_s <= self._TRIM_M_S:
            return None
        if not seen.powered:
            return None
        self._over_ns = self._over_ns or seen.now_ns
        limit_ns = self._CUT_WELDED_NS if seen.welded else self._CUT_NS
        if seen.now_ns - self._over_ns > limit_ns:
            return f"{seen.speed_m_s:.3f} m/s under power for {(seen.now_ns - self._over_ns) / 1e9:.2f} s, released {bound:.2f} m/s"
        return None


class KeepsThePrescription:
    """The plan's highest speed, and its belt time. A belt that stops goes on for v/a after its time has ended, once a stop.

    A host that is not ours is bound by hands alone, not by a plan that the drive does not know.
    """

    name = "never beyond the prescription"
    reason = "0.06 m/s for strides and regulation; belt time + 10 s for each stop's ramp (0.5-1.2 m/s at 0.15-0.3 m/s2)"
    _TOLERANCE_M_S = 0.06

    def __init__(self, plan: Plan, ceiling_m_s: float) -> None:
        self._highest_m_s = min(ceiling_m_s, max(phase.speed_m_s for phase in plan.phases))
        self._belt_time_ns = int(S * sum(phase.duration_s for phase in plan.phases if phase.kind is not PhaseKind.REST))
        self._walked_ns = 0
        self._allowed_ns = self._belt_time_ns
        self._moving = False
        self._before_ns = 0
        self._lives = 0
        self._clip_open = False

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        elapsed_ns, self._before_ns = seen.now_ns - self._before_ns, seen.now_ns
        self._watch_session(seen)
        if seen.speed_m_s <= 0.02:
            self._moving = False
            return None
        if not self._moving:
            self._moving = True
            self._allowed_ns += 10 * S
        if seen.hostile or seen.power_stage_hurt:
            return None
        self._walked_ns += min(elapsed_ns, S)
        if seen.speed_m_s > self._highest_m_s + self._TOLERANCE_M_S:
            return f"{seen.speed_m_s:.3f} m/s, prescribed are at most {self._highest_m_s:.2f} m/s"
        if self._walked_ns > self._allowed_ns:
            return f"the belt has run for {self._walked_ns / 1e9:.0f} s of a plan of {self._belt_time_ns / 1e9:.0f} s"
        return None

    def _watch_session(self, seen: Observation) -> None:
        """Another session begins, at the earliest, after a clip-open at rest or in another life of the controller."""
        clip_open = not seen.pins & _CLIP
        if (clip_open and not self._clip_open and abs(seen.speed_m_s) < REST_M_S) or seen.lives != self._lives:
            self._walked_ns = 0
            self._allowed_ns = self._belt_time_ns
        self._clip_open, self._lives = clip_open, seen.lives


class AcceleratesGently:
    """No 0.4 s gain more than the ceiling of 0.15 m/s2 allows, and no 0.5 s lose more than 1.5 m/s2 takes.

    The firmware's ceilings. A stride swings the regulated belt by 0.03-0.05 m/s at 0.8 m/s (recorded) and by less when slower;
    a fall's drag does more. A drive that resets, hangs or is broken lets its belt coast or short-circuits its motor: that is for
    the other invariants to judge.
    """

    name = "accelerates within limits"
    reason = "firmware's ceilings 0.15 and 1.5 m/s2, over 0.4 and 0.5 s; 5 % of the speed for strides, 0.10 m/s for falls"
    _UP_M_S2, _DOWN_M_S2 = 0.15, 1.5
    _SAMPLE_NS = S // 20

    def __init__(self) -> None:
        self._past: deque[tuple[int, float]] = deque(maxlen=11)
        self._next_ns = 0
        self._excused_ns = -S

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        now_ns, speed = seen.now_ns, seen.speed_m_s
        if seen.power_stage_hurt or seen.drive_away:
            self._excused_ns = now_ns
        if now_ns < self._next_ns:
            return None
        self._next_ns = now_ns + self._SAMPLE_NS
        past = self._past
        past.append((now_ns, speed))
        if len(past) < 11 or now_ns - self._excused_ns < S:
            return None
        then_ns, then = past[2]
        gained, span_s = speed - then, (now_ns - then_ns) / 1e9
        if gained > self._UP_M_S2 * span_s + 0.002 + 0.05 * speed:
            return f"{gained:.3f} m/s gained in {span_s:.2f} s"
        then_ns, then = past[0]
        lost, span_s = then - speed, (now_ns - then_ns) / 1e9
        if lost > self._DOWN_M_S2 * span_s + 0.10:
            return f"{lost:.3f} m/s lost in {span_s:.2f} s"
        return None


class LatchOpensByHandAlone:
    """A latched stop opens within 1 s of a press on RESET as the Pi's pin has it (a press waits 0.5 s for its effect), or never."""

    name = "a latch opens by a hand alone"
    reason = "RESET waits 0.5 s for its effect; 1 s with a late scan; a new life of the controller is a new latch"

    def __init__(self) -> None:
        self._pressed_ns = -(10 * S)
        self._was_latched = False
        self._lives = 0

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if seen.pins & _RESET:
            self._pressed_ns = seen.now_ns
        opened = self._was_latched and not seen.latched and seen.lives == self._lives and seen.alive
        self._was_latched, self._lives = seen.latched, seen.lives
        if opened and seen.now_ns - self._pressed_ns > S:
            return f"the latch opened {(seen.now_ns - self._pressed_ns) / 1e9:.1f} s after RESET was last pressed"
        return None


class RelayRests:
    """At rest without a grant the motor has no power: 7 s after belt and START the relay is open, unless it is welded.

    A drive may stand with its relay closed for 0.5 s at set-point 0 and 5 s of a grant; braking ends by v/a + 0.3 s.
    """

    name = "the relay opens at rest"
    reason = "0.5 s at rest, 5 s of a grant, v/a + 0.3 s of braking; 8 s in all"
    _LIMIT_NS = 8 * S

    def __init__(self, released: Released) -> None:
        self._released = released
        self._moved_ns = 0

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if abs(seen.speed_m_s) > REST_M_S or not seen.relay_closed or seen.welded:
            self._moved_ns = seen.now_ns
            return None
        if seen.now_ns - max(self._moved_ns, self._released.start_ns) > self._LIMIT_NS:
            return "the motor's relay has been closed for 8 s at a belt that rests"
        return None


class _Follow:
    """First in the row: counts hands for the others."""

    name = "hands"
    reason = ""

    def __init__(self, released: Released) -> None:
        self.released = released

    def look(self, seen: Observation) -> str | None:
        """Never complains."""
        self.released.follow(seen)
        return None


def all_invariants(plan: Plan, ceiling_m_s: float) -> list[Invariant]:
    """The judges of one run."""
    released = Released()
    return [
        _Follow(released),
        MovesOnlyAfterAHand(released),
        NeverTheWrongWay(),
        NeverFasterThanReleased(released),
        KeepsThePrescription(plan, ceiling_m_s),
        AcceleratesGently(),
        LatchOpensByHandAlone(),
        RelayRests(released),
        *StopsInTime.all_of(plan.mass_kg),
    ]
