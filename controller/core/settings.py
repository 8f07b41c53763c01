"""Everything the core may be told by configuration, with unit, range and default. Sources: see each key.

`[O]` marks clinical opinion without a trial behind it; `[unverified]` a number that no stored source confirms.
"""

from __future__ import annotations

from typing import Annotated

import msgspec


def _meta(lowest: float, highest: float, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=lowest, le=highest, description=description)


class SpeedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Belt speeds and what a hand may add."""

    first_m_s: Annotated[float, _meta(0.05, 0.30, "speed that START grants; stroke trials enter at > 0.3 km/h")] = 0.10
    increment_low_m_s: Annotated[float, _meta(0.01, 0.05, "one FASTER below 0.5 m/s [O]")] = 0.05
    increment_high_m_s: Annotated[float, _meta(0.01, 0.10, "one FASTER from 0.5 m/s [O]")] = 0.10
    increment_interval_s: Annotated[float, _meta(10, 300, "time between two rises [O]")] = 30.0
    offer_s: Annotated[float, _meta(3, 30, "how long a rise is offered; silence declines [O]")] = 10.0
    ceiling_m_s: Annotated[
        float, _meta(0.1, 1.6, "nothing runs faster; walking ceiling 1.2 less the 0.8 m of travel after a fall [O]")
    ] = 1.0
    first_session_ceiling_m_s: Annotated[float, _meta(0.1, 0.6, "first session, speed unmeasured [O]")] = 0.25


class RampSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How gently the belt changes its speed. All are magnitudes."""

    acceleration_m_s2: Annotated[float, _meta(0.03, 0.15, "up; a start is a backward-fall perturbation [O]")] = 0.10
    first_session_acceleration_m_s2: Annotated[float, _meta(0.03, 0.15, "up, in a first session [O]")] = 0.05
    jerk_m_s3: Annotated[float, _meta(0.05, 1.0, "change of acceleration, starting and rising [O]")] = 0.20
    planned_deceleration_m_s2: Annotated[float, _meta(0.15, 0.5, "planned stop, SLOWER and slow [O]")] = 0.15
    pause_deceleration_m_s2: Annotated[float, _meta(0.15, 0.5, "pause, symptom or rail [O]")] = 0.30
    protective_deceleration_m_s2: Annotated[float, _meta(0.15, 1.0, "latched stop, harness not loaded [O]")] = 0.50
    loaded_deceleration_m_s2: Annotated[float, _meta(0.5, 1.5, "latched stop, harness loaded [O]")] = 1.00


class DriveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the controller expects of the drive."""

    lease_ms: Annotated[int, _meta(100, 250, "age of the echoed tick that the firmware takes; never off")] = 150
    status_limit_ms: Annotated[int, _meta(40, 100, "a STATUS older than this is unknown")] = 80
    overspeed_m_s: Annotated[float, _meta(0.05, 0.30, "measured above asked: runaway")] = 0.15
    overspeed_time_ms: Annotated[int, _meta(20, 500, "for so long")] = 150
    wrong_direction_time_ms: Annotated[int, _meta(0, 200, "the wrong way for so long")] = 40
    stall_time_ms: Annotated[int, _meta(200, 3000, "asked to move and does not")] = 1000
    braking_margin_s: Annotated[float, _meta(0.2, 1.0, "beyond v/a before braking has failed")] = 0.5
    standstill_m_s: Annotated[float, _meta(0.005, 0.05, "below this the belt may be at rest")] = 0.02
    standstill_time_s: Annotated[float, _meta(0.2, 3.0, "for so long it is at rest")] = 1.0
    coasting_time_s: Annotated[float, _meta(1.0, 20.0, "worst measured coasting; used when the encoder is unknown")] = 6.0


class RailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Handrails: a grace, then slow, then pause."""

    one_hand_grace_s: Annotated[float, _meta(0, 3.0, "one hand off [O]")] = 1.0
    both_hands_grace_s: Annotated[float, _meta(0, 1.0, "both hands off [O]")] = 0.4
    slow_time_s: Annotated[float, _meta(0, 10.0, "slow for so long, then pause [O]")] = 2.0


class AttendantSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Vigilance of whoever stands by."""

    guard_grace_s: Annotated[float, _meta(0, 2.0, "contact guard: pedal released [O]")] = 0.5
    slow_time_s: Annotated[float, _meta(0, 30.0, "slow for so long, then pause [O]")] = 3.0
    stand_by_interval_s: Annotated[float, _meta(10, 120, "stand-by: a press at least so often")] = 60.0
    supervision_interval_s: Annotated[float, _meta(60, 600, "supervision: a press at least so often")] = 300.0


class SessionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time limits around a session."""

    prepared_lapse_s: Annotated[float, _meta(60, 900, "a prepared session lapses")] = 300.0
    pause_limit_s: Annotated[float, _meta(60, 900, "a longer pause ends the session [O]")] = 300.0
    harness_recheck_pause_s: Annotated[float, _meta(30, 600, "a longer pause needs the harness check again")] = 120.0
    bout_rest_s: Annotated[float, _meta(10, 300, "standing so long is a rest after the longest bout; 1-2 min [O]")] = 60.0
    belt_time_limit_s: Annotated[float, _meta(60, 3600, "belt time of one session")] = 1800.0
    first_session_belt_time_s: Annotated[float, _meta(60, 1200, "belt time of a first session; 10 min: knee trial PMC6456984")] = (
        600.0
    )
    slack_pitch_m: Annotated[float, _meta(0.005, 0.1, "distance of the marks on the strap")] = 0.025
    slack_maximum_m: Annotated[float, _meta(0.02, 0.2, "more slack is refused")] = 0.15
    slack_minimum_m: Annotated[float, _meta(0.0, 0.1, "a taut strap is refused: a bounce already adds 36 % BW")] = 0.03
    running_slack_minimum_m: Annotated[
        float, _meta(0.05, 0.2, "less is refused for a plan that runs: its bounce stops the belt; level machine: 0.10")
    ] = 0.15
    tare_limit_n: Annotated[float, _meta(5, 200, "an empty hook may weigh so much")] = 50.0


class CheckSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The symptom check at the panel: how long a question waits, and when it is asked again."""

    answer_s: Annotated[float, _meta(5, 60, "a question unanswered for so long: slow [O]")] = 20.0
    slow_time_s: Annotated[float, _meta(0, 30, "slow for so long, then pause [O]")] = 10.0
    confirm_s: Annotated[float, _meta(1, 10, "one press of SYMPTOM counts as an answer after so long without OK [O]")] = 3.0
    hold_s: Annotated[float, _meta(0.5, 3, "SYMPTOM held for so long is much [O]")] = 1.0
    pain_again_s: Annotated[float, _meta(20, 300, "raised pain is asked for again [O]")] = 60.0
    dizziness_again_s: Annotated[float, _meta(60, 280, "dizziness is asked for again, before one restart [O]")] = 120.0


class HandsFreeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The window in which a patient may walk without the rails."""

    hold_s: Annotated[float, _meta(1, 4, "OK held for so long at steady speed opens it; at 5 s a button is stuck [O]")] = 2.0
    window_s: Annotated[float, _meta(3, 60, "how long it stays open [O]")] = 10.0
    return_s: Annotated[float, _meta(1, 10, "its last seconds: rails are taken back, no longer grabbed as an escape [O]")] = 3.0


class SupervisionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The machine's watch over itself."""

    late_record_ms: Annotated[float, _meta(5, 40, "a later scan is recorded")] = 20.0
    late_stop_ms: Annotated[float, _meta(30, 100, "a later scan stops the belt")] = 50.0
    discrepancy_ms: Annotated[int, _meta(20, 500, "two channels may differ so long; ABB ACQ80: 200")] = 200
    chatter_edges_per_s: Annotated[int, _meta(5, 100, "more edges than this is chatter")] = 30
    telemetry_timeout_s: Annotated[float, _meta(1, 10, "no heartbeat for so long: telemetry is away")] = 2.0


class CalibrationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the load cell's counts to newtons."""

    zero_counts: Annotated[int, _meta(-8388608, 8388607, "counts with nothing on the cell (tare)")] = 0
    newtons_per_count: Annotated[float, _meta(1e-5, 1.0, "span")] = 3.58722e-3
    maximum_n: Annotated[float, _meta(500, 20000, "the cell's range")] = 10000.0
    cell_serial: Annotated[
        str,
        msgspec.Meta(max_length=40, description="the cell's serial number, up to 40 characters; `sternway calibrate` asks for it"),
    ] = ""


class CoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them. `load` and `balance` settings stand beside their rules and are composed in `controller.configuration`."""

    speed: SpeedSettings = SpeedSettings()
    ramp: RampSettings = RampSettings()
    drive: DriveSettings = DriveSettings()
    rails: RailSettings = RailSettings()
    attendant: AttendantSettings = AttendantSettings()
    session: SessionSettings = SessionSettings()
    checks: CheckSettings = CheckSettings()
    hands_free: HandsFreeSettings = HandsFreeSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    calibration: CalibrationSettings = CalibrationSettings()
