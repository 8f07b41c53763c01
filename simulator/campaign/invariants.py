"""The invariants, judged on the belt, the relay and the contacts; each with its tolerance and why it is what it is.

A judge knows which accidents last (it must, to be just: a belt whose motor runs away is faster than asked for the moment that the
firmware needs), and never what the controller believes. What the controller says for everybody to see is another matter: that it
has latched (`LatchOpensByHandAlone`, whose subject it is, and `AcceleratesGently`, for which it is a cause to brake harder), and
which phase begins (`KeepsThePrescription`).
"""

from __future__ import annotations

from collections import deque

from controller.core.inputs import Input
from controller.core.state import GRAVITY_M_S2
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
_OVERLOAD, _START, _RESET = Input.OVERLOAD.bit, Input.START.bit, Input.RESET.bit
_CHAIN = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit | Input.LANYARD.bit | Input.OVERLOAD.bit
SWING_M_S, SWING_SHARE = 0.02, 0.05
"""How far a sound belt is above its bound at one instant: 0.06 m/s at 0.8, where strides swing it by 0.03-0.05 (recorded), and less
when slower. Ten runs up to 0.4 m/s showed 0.006 m/s."""
MEAN_M_S, MEAN_SHARE = 0.01, 0.01
"""And over a second, where strides and ripple average out. The same runs showed 0.0013 m/s, and 0.7 %."""


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


class LastSecond:
    """The belt's mean speed over the last second, by its way. Strides and ripple average out; a constant error stays."""

    _SAMPLE_NS, _SAMPLES = S // 10, 11

    def __init__(self) -> None:
        self.mean_m_s = 0.0
        self._past: deque[tuple[int, float]] = deque(maxlen=self._SAMPLES)
        self._next_ns = 0

    def follow(self, seen: Observation) -> None:
        """Call it at every instant."""
        if seen.now_ns < self._next_ns:
            return
        self._next_ns = seen.now_ns + self._SAMPLE_NS
        past = self._past
        past.append((seen.now_ns, seen.travel_m))
        then_ns, then_m = past[0]
        if len(past) == self._SAMPLES:
            self.mean_m_s = (seen.travel_m - then_m) / ((seen.now_ns - then_ns) / 1e9)


def _with_feet(seen: Observation, bound_m_s: float) -> float:
    """The bound of a belt that feet may shift: without power a little more than none."""
    return bound_m_s if seen.powered else max(bound_m_s, MOTION_M_S)


def _above(seen: Observation, second: LastSecond, bound_m_s: float) -> str | None:
    """How a regulated belt is faster than its bound, in words; None where it is not."""
    if seen.speed_m_s > bound_m_s + SWING_M_S + SWING_SHARE * bound_m_s:
        return f"{seen.speed_m_s:.3f} m/s"
    if second.mean_m_s > bound_m_s + MEAN_M_S + MEAN_SHARE * bound_m_s:
        return f"{second.mean_m_s:.3f} m/s over a second"
    return None


class MovesOnlyAfterAHand:
    """Law 1. A belt at rest moves only within 6 s of a hand's letting go of START: a grant lives 5 s, then the relay closes and
    the first centimetre takes its time. While the drive's relay is welded, or was just now, a motor may run away by itself: a
    bystander has the mushroom.
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
            if since_s > 6.0 and not seen.welded:
                return f"the belt began to move {since_s:.1f} s after START was last let go"
        return None


class NeverTheWrongWay:
    """Direction. 4 mm is what a stride's push may take back while the belt rests. A motor that turns the wrong way with all its
    force (1 kN on 120 kg) has 0.57 m/s after the firmware's 20 mm, 0.64 with the relay open: an empty belt coasts 0.48 m. With the
    relay welded besides only the contactors end it, 2 s after the chain has opened, a bystander's second before that: 3.6 s at
    2.4 m/s and the coasting from there. With the firmware hung besides nobody watches for its watchdog's 120 ms: 0.85 m/s, and
    0.9 m of coasting.
    """

    name = "never the wrong way"
    reason = (
        "4 mm for feet on a resting belt; motor reversed: 20 mm, then coasting from 0.6 m/s at 0.4 m/s2, in all 0.55 m; and the "
        "relay welded besides: 16 m; and the firmware hung: 1.1 m"
    )
    _SOUND_M, _REVERSED_M, _UNWATCHED_M, _WELDED_M = 0.004, 0.55, 1.1, 16.0

    def __init__(self) -> None:
        self._furthest_m = 0.0
        self._without_relay = False
        """Since the belt last went forward or rested the motor was reversed behind a welded relay."""
        self._unwatched = False
        """The same, with a firmware that hung."""

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if seen.travel_m >= self._furthest_m:
            self._furthest_m = seen.travel_m
            self._without_relay = self._unwatched = False
            return None
        self._without_relay = self._without_relay or (seen.welded and seen.motor_reversed)
        self._unwatched = self._unwatched or (seen.drive_away and seen.motor_reversed)
        back_m = self._furthest_m - seen.travel_m
        allowed_m = self._SOUND_M
        if seen.motor_reversed:
            allowed_m = self._UNWATCHED_M if self._unwatched else self._REVERSED_M
        if back_m > (self._WELDED_M if self._without_relay else allowed_m):
            return f"the belt ran {back_m * 1000:.0f} mm the wrong way"
        if abs(seen.speed_m_s) < REST_M_S and not seen.relay_closed:
            self._without_relay = self._unwatched = False
            self._furthest_m = seen.travel_m  # at rest again: what a broken motor took back is told, and counted anew
        return None


class NeverFasterThanReleased:
    """Law 1. Foot strikes swing the regulated belt by 0.03-0.05 m/s, its regulator overshoots by less; over a second neither is
    seen, and what is left is far below one increment of a hand.

    A slipping encoder hides at most the firmware's trim of 0.2 m/s until its stall rule acts. A power stage that runs away may pass
    the bound for as long as firmware and relay need (20 ms of gross overspeed, a 20 ms window, 8 ms of relay; less gross: 100 ms),
    0.25 s with margin, must be without power then, and is below the bound again by coasting. With the relay welded the
    bystander's hand (1 s) and the off-delay relay (2 s) come in between.
    """

    name = "never faster than hands released"
    reason = (
        "0.02 m/s and 5 % for strides and regulation, over a second 0.01 m/s and 1 %; power stage broken: up to 0.26 m/s above "
        "(a slipping encoder's trim), powered above that for 0.25 s at most (welded: 3.6 s)"
    )
    _TRIM_M_S = 0.26
    _CUT_NS, _CUT_WELDED_NS = S // 4, 36 * S // 10

    def __init__(self, released: Released, second: LastSecond) -> None:
        self._released = released
        self._second = second
        self._over_ns = 0

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        bound = _with_feet(seen, self._released.m_s)
        if not seen.power_stage_hurt:
            self._over_ns = 0
            above = _above(seen, self._second, bound) if seen.speed_m_s > REST_M_S else None
            return f"{above}, and hands released {bound:.2f} m/s" if above else None
        over_m_s = seen.speed_m_s - bound
        if over_m_s <= SWING_M_S:
            self._over_ns = 0
            return None
        if over_m_s <= self._TRIM_M_S or not seen.powered:
            return None
        self._over_ns = self._over_ns or seen.now_ns
        limit_ns = self._CUT_WELDED_NS if seen.welded else self._CUT_NS
        if seen.now_ns - self._over_ns > limit_ns:
            return f"{seen.speed_m_s:.3f} m/s under power for {(seen.now_ns - self._over_ns) / 1e9:.2f} s, released {bound:.2f} m/s"
        return None


class KeepsThePrescription:
    """The present phase's speed, and the plan's belt time. A belt that stops goes on for v/a after its time has ended, once a stop.

    Which phase it is the event of its beginning says, and the display. It is believed as far as the belt's own time bears it out:
    no phase begins before the one before it has been walked. Only another session, which the events tell, counts anew.

    A host that is not ours is bound by hands alone, not by a plan that the drive does not know.
    """

    name = "never beyond the prescription"
    reason = (
        "0.02 m/s and 5 % for strides and regulation, over a second 0.01 m/s and 1 %, above the phase's speed, to which a faster "
        "phase before it is left at 0.15 m/s2; a phase's time less 2 s a start, which the controller counts while the relay "
        "closes; belt time + 10 s for each stop's ramp (0.5-1.2 m/s at 0.15-0.3 m/s2)"
    )
    _SLOWS_M_S2 = 0.15
    _START_NS, _STOP_NS = 2 * S, 10 * S

    def __init__(self, plan: Plan, ceiling_m_s: float, second: LastSecond) -> None:
        self._phases = plan.phases
        self._ceiling_m_s = ceiling_m_s
        self._second = second
        self._belt_time_ns = int(S * sum(phase.duration_s for phase in plan.phases if phase.kind is not PhaseKind.REST))
        self._walked_ns = self._phase_ns = 0
        self._allowed_ns = self._belt_time_ns
        self._starts = 0
        self._moving = False
        self._before_ns = 0
        self._sessions = 0
        self._phase = -1
        self._bound_m_s = self._left_m_s = ceiling_m_s
        self._entered_ns = 0

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        elapsed_ns, self._before_ns = seen.now_ns - self._before_ns, seen.now_ns
        if seen.phase != self._phase or seen.sessions != self._sessions:
            early = self._enter(seen)
            if early:
                return early
        if seen.speed_m_s <= 0.02:
            self._moving = False
            return None
        if not self._moving:
            self._moving = True
            self._starts += 1
            self._allowed_ns += self._STOP_NS
        self._phase_ns += min(elapsed_ns, S)
        if seen.hostile or seen.power_stage_hurt:
            return None
        self._walked_ns += min(elapsed_ns, S)
        bound = _with_feet(seen, self._bound_m_s)
        above = _above(seen, self._second, bound)
        if above and self._left_m_s > bound:
            bound = self._slowed_m_s(seen.now_ns)
            above = _above(seen, self._second, bound)
        if above:
            return f"{above}, prescribed are at most {bound:.2f} m/s"
        if self._walked_ns > self._allowed_ns:
            return f"the belt has run for {self._walked_ns / 1e9:.0f} s of a plan of {self._belt_time_ns / 1e9:.0f} s"
        return None

    def _slowed_m_s(self, now_ns: int) -> float:
        """What a belt may still have of the phase before: it slows at 0.15 m/s2, after a scan and the drive's regulation (0.25 s);
        the mean of a second is half a second behind.
        """
        slowed_s = (now_ns - self._entered_ns) / 1e9 - 0.75
        return max(self._bound_m_s, self._left_m_s - self._SLOWS_M_S2 * max(0.0, slowed_s))

    def _enter(self, seen: Observation) -> str | None:
        """Another phase, or session, begins."""
        before, before_ns, starts = self._phase, self._phase_ns, self._starts
        another = seen.sessions != self._sessions
        if another:
            self._walked_ns, self._allowed_ns = 0, self._belt_time_ns
        self._sessions, self._phase = seen.sessions, seen.phase
        self._left_m_s = 0.0 if another else self._bound_m_s
        self._bound_m_s = min(self._ceiling_m_s, self._phases[seen.phase].speed_m_s) if seen.phase >= 0 else 0.0
        self._entered_ns = seen.now_ns
        self._phase_ns, self._starts = 0, int(self._moving)
        if another or before < 0 or self._phases[before].kind is PhaseKind.REST:
            return None
        missing_ns = int(self._phases[before].duration_s * S) - before_ns
        if missing_ns > self._START_NS * max(1, starts):
            return f"phase {seen.phase} begins {missing_ns / 1e9:.1f} s of walking before the one before it has ended"
        return None


class AcceleratesGently:
    """No 0.4 s gain more than the ceiling of 0.15 m/s2 allows, and no 0.2 or 0.5 s lose more than what brakes the belt may take.

    What brakes it is the host, as its newest RUN and the STOP since the last rest ask, the drive by itself when the host is silent
    (0.3 m/s2), or the stop chain (1.0). But no more than there is a cause for: gently (0.3) where nothing has latched, 0.5 under a
    latched stop, 1.0 when the chain has opened or the patient hangs, by load or by the overload switch's pin; 1.5, the firmware's
    ceiling, where somebody else commands the drive. A brake that is under way is never made softer, so the hardest cause since the
    belt last rested counts.

    A belt that stood moves some 0.07 s after its set-point, and catches up with it: at 0.15 m/s2 by 0.01 m/s.

    A stride swings the regulated belt by 0.03-0.05 m/s at 0.8 m/s (recorded) and by less when slower. A belt without power coasts,
    and its motor is short-circuited for the 8 ms that a relay needs to open; a broken power stage does what it likes: both is for
    the other invariants to judge.
    """

    name = "accelerates within limits"
    reason = (
        "up 0.15 m/s2 over 0.4 s, 5 % of the speed for strides, 0.01 m/s in the first second after rest; down what host, "
        "lease or chain ask, at most 0.3 m/s2 without a cause, 0.5 latched, 1.0 with the chain open or the patient "
        "hanging, over 0.2 and 0.5 s, 0.03 m/s and 5 % of the speed for strides"
    )
    _UP_M_S2 = 0.15
    _CATCHES_UP_M_S = 0.01
    _GENTLE_M_S2, _LATCHED_M_S2, _EMERGENCY_M_S2, _HOSTILE_M_S2 = 0.3, 0.5, 1.0, 1.5
    _SWING_M_S, _SWING_SHARE = 0.03, 0.05
    _HANGS_SHARE = 0.10
    _SAMPLE_NS = S // 20
    _OPENS_NS = S // 20
    """A relay opens in 8 ms, and one sample."""

    def __init__(self, mass_kg: float) -> None:
        self._hangs_n = self._HANGS_SHARE * mass_kg * GRAVITY_M_S2
        self._past: deque[tuple[int, float]] = deque(maxlen=11)
        self._next_ns = 0
        self._excused_ns = -S
        self._unpowered_ns = -S
        self._rested_ns = 0
        self._cause_m_s2 = self._asked_m_s2 = self._GENTLE_M_S2

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        now_ns, speed = seen.now_ns, seen.speed_m_s
        if seen.power_stage_hurt or seen.drive_away:
            self._excused_ns = now_ns
        if not seen.powered:
            self._unpowered_ns = now_ns
        if not seen.chain_closed:
            self._cause_m_s2 = self._asked_m_s2 = self._EMERGENCY_M_S2
        elif not seen.pins & ~seen.chattering & _OVERLOAD:
            self._cause_m_s2 = self._EMERGENCY_M_S2
        if now_ns < self._next_ns:
            return None
        self._next_ns = now_ns + self._SAMPLE_NS
        past = self._past
        past.append((now_ns, speed))
        if speed < REST_M_S and past[0][1] < REST_M_S:
            self._rested_ns = now_ns
            self._cause_m_s2 = self._asked_m_s2 = self._GENTLE_M_S2
            return None
        self._weigh_causes(seen)
        if len(past) < 11:
            return None
        return self._gained(past, now_ns, speed) or self._lost(past, seen, now_ns, speed)

    def _weigh_causes(self, seen: Observation) -> None:
        host = seen.host
        if seen.hostile:
            self._cause_m_s2 = self._asked_m_s2 = self._HOSTILE_M_S2
        elif seen.latched:
            hangs = seen.load_n > self._hangs_n or seen.load_cell_hurt
            self._cause_m_s2 = max(self._cause_m_s2, self._EMERGENCY_M_S2 if hangs else self._LATCHED_M_S2)
        if host.stopped_ns > self._rested_ns:
            self._asked_m_s2 = max(self._asked_m_s2, host.stop_mm_s2 / 1000)

    def _gained(self, past: deque[tuple[int, float]], now_ns: int, speed: float) -> str | None:
        if now_ns - self._excused_ns < S:
            return None
        then_ns, then = past[2]
        gained, span_s = speed - then, (now_ns - then_ns) / 1e9
        catches_up = self._CATCHES_UP_M_S if now_ns - self._rested_ns < S else 0.0
        if gained > self._UP_M_S2 * span_s + 0.002 + 0.05 * speed + catches_up:
            return f"{gained:.3f} m/s gained in {span_s:.2f} s"
        return None

    def _lost(self, past: deque[tuple[int, float]], seen: Observation, now_ns: int, speed: float) -> str | None:
        allowed_m_s2 = min(self._cause_m_s2, max(self._asked_m_s2, seen.host.run_mm_s2 / 1000))
        for then_ns, then in (past[6], past[0]):
            lost, span_s = then - speed, (now_ns - then_ns) / 1e9
            if lost <= allowed_m_s2 * span_s + self._SWING_M_S + self._SWING_SHARE * then:
                continue
            if self._unpowered_ns < then_ns - self._OPENS_NS and not seen.power_stage_hurt:
                return f"{lost:.3f} m/s lost in {span_s:.2f} s, where {allowed_m_s2:.2f} m/s2 is the most that brakes it"
        return None


class LatchOpensByHandAlone:
    """A latched stop opens within 1 s of a press on RESET as the Pi's pin has it (a press waits 0.5 s for its effect), or never.

    A press begins under the latch: a RESET that was held before is no hand. What the design asks for besides must have been so for
    the last tenth of a second, as contacts, belt and strap have it: the chain closed, the belt at rest, nobody hanging, START open.

    A controller that begins anew latches before a belt moves under its power: nobody knows what the last life left behind.
    """

    name = "a latch opens by a hand alone"
    reason = (
        "RESET waits 0.5 s for its effect; 1 s with a late scan; chain, belt, strap (0.10 BW and 20 N of the cell's lag) and START "
        "for 0.1 s before; a new life latches before the belt moves under power"
    )
    _PASSES_NS = S // 10

    _SLOWS_NS = 6 * S
    """The lease brakes at 0.3 m/s2, from 1.6 m/s."""

    def __init__(self, mass_kg: float) -> None:
        self._hangs_n = 0.10 * mass_kg * GRAVITY_M_S2 + 20.0
        self._pressed_ns = 0
        """When RESET was last pressed under this latch; 0: it was not."""
        self._was_pressed = False
        self._was_latched = False
        self._lives = 0
        self._slows_until_ns = 0
        """Until when a belt may still move that the life before has left moving: its lease brakes it."""
        self._has_latched = False
        self._free_ns = 0
        """When nothing was last in the way."""

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if seen.lives != self._lives:
            self._lives, self._has_latched, self._was_latched = seen.lives, False, False
            self._slows_until_ns = seen.now_ns + self._SLOWS_NS
        if not seen.latched:
            return self._opened(seen) if self._was_latched else self._unlatched(seen)
        if not self._was_latched:
            self._was_latched = self._has_latched = True
            self._was_pressed = True
            self._pressed_ns = 0
            self._free_ns = seen.now_ns
        pressed = seen.pins & _RESET != 0
        if pressed and not self._was_pressed:
            self._pressed_ns = seen.now_ns
        self._was_pressed = pressed
        if not self._in_the_way(seen):
            self._free_ns = seen.now_ns
        return None

    def _opened(self, seen: Observation) -> str | None:
        self._was_latched = not seen.alive
        if not seen.alive:
            return None
        if not self._pressed_ns:
            return "the latch opened without a press of RESET that began under it"
        if seen.now_ns - self._pressed_ns > S:
            return f"the latch opened {(seen.now_ns - self._pressed_ns) / 1e9:.1f} s after RESET was last pressed"
        way = self._in_the_way(seen)
        if way and seen.now_ns - self._free_ns > self._PASSES_NS:
            return f"the latch opened with {way}"
        return None

    def _in_the_way(self, seen: Observation) -> str:
        if seen.contacts & _CHAIN != _CHAIN:
            return "the stop chain open"
        if abs(seen.speed_m_s) > 0.02:
            return f"the belt at {seen.speed_m_s:.3f} m/s"
        if seen.load_n > self._hangs_n and not seen.load_cell_hurt:
            return f"{seen.load_n:.0f} N in the strap"
        if seen.pins & _START:
            return "START pressed"
        return ""

    def _unlatched(self, seen: Observation) -> str | None:
        if seen.speed_m_s <= MOTION_M_S:
            self._slows_until_ns = 0
        elif seen.relay_closed and seen.alive and not self._has_latched and seen.now_ns > self._slows_until_ns:
            return "the belt moves in a life of the controller that began without a latch"
        return None


class RelayRests:
    """At rest without a grant the motor has no power: 8 s after belt and START the relay is open, unless it is welded.

    A drive may stand with its relay closed for 0.5 s at set-point 0 and 5 s of a grant; braking ends by v/a + 0.3 s. A belt that
    only creeps counts as resting: the slowest start is through with that in a second.
    """

    name = "the relay opens at rest"
    reason = "0.5 s at rest, 5 s of a grant, v/a + 0.3 s of braking; 8 s in all"
    _LIMIT_NS = 8 * S

    def __init__(self, released: Released) -> None:
        self._released = released
        self._moved_ns = 0

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if not seen.relay_closed or seen.welded or abs(seen.speed_m_s) > MOTION_M_S:
            self._moved_ns = seen.now_ns
            return None
        if seen.now_ns - max(self._moved_ns, self._released.start_ns) > self._LIMIT_NS:
            return "the motor's relay has been closed for 8 s at a belt that rests"
        return None


class _Follow:
    """First in the row: counts hands and the belt's way for the others."""

    name = "hands"
    reason = ""

    def __init__(self, released: Released, second: LastSecond) -> None:
        self.released = released
        self.second = second

    def look(self, seen: Observation) -> str | None:
        """Never complains."""
        self.released.follow(seen)
        self.second.follow(seen)
        return None


def all_invariants(plan: Plan, ceiling_m_s: float) -> list[Invariant]:
    """The judges of one run."""
    released, second = Released(), LastSecond()
    return [
        _Follow(released, second),
        MovesOnlyAfterAHand(released),
        NeverTheWrongWay(),
        NeverFasterThanReleased(released, second),
        KeepsThePrescription(plan, ceiling_m_s, second),
        AcceleratesGently(plan.mass_kg),
        LatchOpensByHandAlone(plan.mass_kg),
        RelayRests(released),
        *StopsInTime.all_of(plan.mass_kg),
    ]
