"""What must hold whoever comes: no input raises a cap, the order of rules shows nowhere, no plan exceeds a cap."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.session.admission import admit
from controller.session.caps import GENTLEST_RAMP_M_S2, SHORTEST_PHASE_S, judge_plan
from controller.session.facts import FIXED_FLAT
from controller.session.patient_plan import judge_plan_for_patient, stretches, walking_time_s
from controller.session.proposal import propose_plan
from controller.session.repetition import repeat_plan
from controller.session.rules import RULES
from controller.session.screening import rails_stage, screen, session_limits
from controller.session.verdict import ATTENDANTS, HIGHEST_WINS, Demand, Limit, Verdict
from messages.patient import Ending, Flag, FlagName, Grade, NextDay, Screening, UsableHand, WalkTest
from messages.plan import AttendantStage, Phase, PhaseKind, Plan, RailStage
from messages.progression import Proposal, Variable
from tests.session.records import CLINICAL, CLOCK, CORE, clearance, days_ago, past, records

EXAMPLES_A_TWIST = 80
LONGEST_REST_S = CORE.session.pause_limit_s

_grades = st.sampled_from(Grade)
_hands = st.sampled_from(
    [(UsableHand.BOTH, stage) for stage in RailStage] + [(UsableHand.LEFT, RailStage.LEFT), (UsableHand.RIGHT, RailStage.RIGHT)]
)
_walk_tests = st.none() | st.builds(WalkTest, on=st.integers(0, 200).map(days_ago), by=st.just("p"), time_s=st.floats(1, 14))
_sessions = st.builds(
    past,
    st.integers(8, 60),
    belt_time_s=st.floats(900, 1800),
    top_speed_m_s=st.floats(0, 1),
    balance_losses=st.integers(0, 2),
    ending=st.sampled_from(Ending),
    hands_free_s=st.sampled_from([0.0, 30.0]),
)


@st.composite
def flags(draw: st.DrawFn) -> tuple[Flag, ...]:
    names = draw(st.lists(st.sampled_from(FlagName), unique=True, max_size=5))
    return tuple(Flag(name=name, grade=draw(_grades), on=days_ago(draw(st.integers(0, 200))), by="p") for name in names)


@st.composite
def screenings(draw: st.DrawFn) -> Screening:
    hand, rails = draw(_hands)
    found = draw(flags())
    if hand is UsableHand.BOTH:
        found = tuple(each for each in found if each.name is not FlagName.HEMIPLEGIA)
    clearable = [each for each in found if each.name in (FlagName.VESTIBULAR, FlagName.CARDIAC)]
    profile: dict[str, Any] = {
        "flags": tuple(msgspec.structs.replace(each, on=days_ago(40)) if each in clearable else each for each in found),
        "clearances": tuple(clearance(each.name, draw(st.integers(0, 35))) for each in clearable),
        "usable_hand": hand,
        "rails": rails,
        "attendant": draw(st.sampled_from(AttendantStage)),
        "hands_free": draw(st.booleans()) and hand is UsableHand.BOTH,
        "ceiling_m_s": draw(st.none() | st.floats(0.1, 2)),
        "belt_time_s": draw(st.none() | st.floats(60, 3000)),
        "usual_forward_session_s": draw(st.none() | st.just(0.0) | st.floats(60, 7200)),
        "walk_test": draw(_walk_tests),
    }
    history = tuple(draw(st.lists(_sessions, max_size=4)))
    next_day = draw(st.sampled_from([NextDay.GOOD, NextDay.SORE, NextDay.WORSE]))
    pain, examined = draw(st.integers(0, 5)), draw(st.booleans())
    today = {"pain": pain, "next_day": next_day, "new_symptoms": examined, "examined_by": "doctor-2" if examined else None}
    return records(profile=profile, today=today, history=history)


def judged(screening: Screening) -> Verdict:
    return screen(screening, CLOCK, CORE, CLINICAL)


def with_profile(screening: Screening, **changes: Any) -> Screening:
    return msgspec.structs.replace(screening, profile=msgspec.structs.replace(screening.profile, **changes))


def with_today(screening: Screening, **changes: Any) -> Screening:
    return msgspec.structs.replace(screening, today=msgspec.structs.replace(screening.today, **changes))


def is_stricter(limit: Limit, value: float, than: float) -> bool:
    """Whether a value allows less than another."""
    return value > than if limit in HIGHEST_WINS else value < than


def assert_no_cap_raised(before: Verdict, after: Verdict) -> None:
    """Refused stays refused; else every cap is as strict or stricter, and every demand still stands."""
    if after.refusals:
        return
    assert not before.refusals
    for limit in Limit:
        assert not is_stricter(limit, before.cap(limit).value, after.cap(limit).value), limit
    assert all(after.asks_for(demand) for demand in Demand if before.asks_for(demand))


@settings(max_examples=200, deadline=None)
@given(screenings(), st.sampled_from(FlagName), _grades, st.integers(0, 200))
def test_a_further_finding_raises_no_cap(screening: Screening, name: FlagName, grade: Grade, days: int) -> None:
    assume(all(each.name is not name for each in screening.profile.flags))
    more = Flag(name=name, grade=grade, on=days_ago(days), by="p")
    after = judged(with_profile(screening, flags=(*screening.profile.flags, more)))
    assert_no_cap_raised(judged(screening), after)


@settings(max_examples=200, deadline=None)
@given(screenings(), st.data())
def test_no_symptom_and_no_restriction_raises_a_cap(screening: Screening, data: st.DataObject) -> None:
    before = judged(screening)
    profile, today = screening.profile, screening.today
    pain = data.draw(st.integers(today.pain, 10))
    worse = [NextDay.GOOD, NextDay.SORE, NextDay.WORSE]
    answer = data.draw(st.sampled_from(worse[worse.index(today.next_day) :]))
    changed = with_today(screening, pain=pain, next_day=answer, falls_since=data.draw(st.booleans()))
    assert_no_cap_raised(before, judged(changed))
    lower = data.draw(st.floats(0.05, profile.ceiling_m_s or 3))
    shorter = data.draw(st.floats(60, profile.belt_time_s or 3600))
    assert_no_cap_raised(before, judged(with_profile(screening, ceiling_m_s=lower, belt_time_s=shorter, hands_free=False)))
    nearer = data.draw(st.sampled_from(ATTENDANTS[: ATTENDANTS.index(profile.attendant) + 1]))
    assert_no_cap_raised(before, judged(with_profile(screening, attendant=nearer)))
    usual_s = profile.usual_forward_session_s
    if usual_s:
        assert_no_cap_raised(before, judged(with_profile(screening, usual_forward_session_s=data.draw(st.floats(60, usual_s)))))


@settings(max_examples=100, deadline=None)
@given(screenings(), st.integers(0, 2**32))
def test_the_order_of_rules_flags_and_sessions_changes_nothing(screening: Screening, seed: int) -> None:
    chance = random.Random(seed)
    rules, found, history = list(RULES), list(screening.profile.flags), list(screening.history)
    for each in (rules, found):
        chance.shuffle(each)
    other = with_profile(screening, flags=tuple(found))
    assert screen(other, CLOCK, CORE, CLINICAL, rules=tuple(rules)) == judged(screening)
    if len({session.on for session in history}) == len(history):
        chance.shuffle(history)
        assert judged(msgspec.structs.replace(screening, history=tuple(history))) == judged(screening)


def assert_within_caps(plan: Plan, screening: Screening, verdict: Verdict) -> None:
    """By itself, without the functions that judge plans."""
    walking = [phase for phase in plan.phases if phase.kind is not PhaseKind.REST]
    belt_time_s = sum(phase.duration_s for phase in walking)
    ends_s = sum(phase.duration_s for phase in walking if phase.kind is not PhaseKind.WORK)
    runs = [list(group) for rest, group in itertools.groupby(plan.phases, lambda phase: phase.kind is PhaseKind.REST) if not rest]
    value = {limit: verdict.cap(limit).value for limit in Limit}
    assert max(phase.speed_m_s for phase in walking) <= value[Limit.CEILING_M_S] + 1e-9
    assert min(phase.speed_m_s for phase in walking) >= CORE.speed.first_m_s - 1e-9
    assert max(phase.acceleration_m_s2 or CORE.ramp.acceleration_m_s2 for phase in walking) <= value[Limit.ACCELERATION_M_S2] + 1e-9
    assert belt_time_s <= value[Limit.BELT_TIME_S] + 1e-9
    assert ends_s <= value[Limit.ENDS_FRACTION] * belt_time_s + 1e-9
    assert len(runs) <= value[Limit.BOUTS]
    assert all(sum(phase.duration_s for phase in run) <= value[Limit.BOUT_S] + 1e-9 for run in runs)
    assert all(phase.duration_s >= value[Limit.REST_S] for phase in plan.phases if phase.kind is PhaseKind.REST)
    assert ATTENDANTS.index(plan.attendant) <= value[Limit.ATTENDANT]
    needed = rails_stage(screening.profile, verdict.cap(Limit.RAILS))
    assert needed is RailStage.ONE or plan.rails in (needed, RailStage.BOTH)
    assert plan.first_session or not verdict.asks_for(Demand.FAMILIARISATION)


_proposals = st.none() | st.builds(
    Proposal,
    variable=st.sampled_from(Variable),
    before=st.just(""),
    after=st.just(""),
    reason=st.just(""),
    value=st.none() | st.floats(0.1, 4000),
)


@settings(max_examples=300, deadline=None)
@given(screenings(), _proposals)
def test_a_proposed_plan_never_exceeds_a_cap_and_is_admitted(screening: Screening, proposal: Proposal | None) -> None:
    verdict = judged(screening)
    assume(not verdict.refusals)
    proposed = propose_plan(verdict, screening.profile, screening.history, CORE, CLINICAL, proposal)
    assert_within_caps(proposed.plan, screening, verdict)
    admission = admit(proposed.plan, screening, CLOCK, CORE, CLINICAL, FIXED_FLAT)
    assert admission.problems == ()
    assert admission.limits == session_limits(verdict, screening)
    assert all(row.what and row.value and row.rule for row in proposed.rows)


_phases = st.lists(
    st.builds(
        Phase,
        st.sampled_from([PhaseKind.WORK, PhaseKind.REST]),
        st.floats(1, 900),
        st.floats(0.1, 1.0),
        st.sampled_from([0.0, 0.05, 0.1]),
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans as a clinic has accepted them one day: in order, whatever their numbers."""
    phases = [Phase(PhaseKind.WARM_UP, draw(st.floats(10, 300)), draw(st.floats(0.1, 0.5)))]
    for phase in draw(_phases):
        if phase.kind is not PhaseKind.REST:
            phases.append(phase)
        elif phases[-1].kind is PhaseKind.WORK:
            phases.append(Phase(PhaseKind.REST, min(phase.duration_s, 300.0)))
    phases.append(Phase(PhaseKind.WORK, 60.0, 0.2))
    phases.append(Phase(PhaseKind.COOL_DOWN, draw(st.floats(10, 300)), 0.1))
    return Plan("p-017", 72.0, tuple(phases), draw(st.sampled_from(RailStage)), draw(st.sampled_from(AttendantStage)))


def any_plan(_: Plan, draw: st.DrawFn) -> Plan:
    return draw(plans())


def as_proposed(plan: Plan, _: st.DrawFn) -> Plan:
    return plan


def at_another_speed(plan: Plan, draw: st.DrawFn) -> Plan:
    """As fast as the treadmill goes, at most: what it refuses to everybody would hide whose cap has refused."""
    speed_m_s = draw(st.floats(CORE.speed.first_m_s, CORE.speed.ceiling_m_s))
    phases = (
        phase if phase.kind is PhaseKind.REST else msgspec.structs.replace(phase, speed_m_s=speed_m_s) for phase in plan.phases
    )
    return with_phases(plan, phases)


def longer(plan: Plan, draw: st.DrawFn) -> Plan:
    factor = draw(st.floats(0.5, 1.3))
    return with_phases(plan, (msgspec.structs.replace(phase, duration_s=factor * phase.duration_s) for phase in plan.phases))


def with_further_stretches(plan: Plan, draw: st.DrawFn) -> Plan:
    """More belt time, and no walk without a rest that is longer than before."""
    *before, work, cool_down = plan.phases
    further = [Phase(PhaseKind.REST, LONGEST_REST_S), work] * draw(st.integers(1, 3))
    return with_phases(plan, (*before, work, *further, cool_down))


def with_its_own_ramp(plan: Plan, draw: st.DrawFn) -> Plan:
    ramp_m_s2 = draw(st.floats(GENTLEST_RAMP_M_S2, CORE.ramp.acceleration_m_s2))
    return with_phases(plan, (msgspec.structs.replace(phase, acceleration_m_s2=ramp_m_s2) for phase in plan.phases))


def with_a_longer_end(plan: Plan, draw: st.DrawFn) -> Plan:
    """The warm-up takes over from the work beside it: belt time and stretches stay as they are."""
    warm_up, work, *after = plan.phases
    moved_s = draw(st.floats(0, 0.9)) * work.duration_s
    warm_up = msgspec.structs.replace(warm_up, duration_s=warm_up.duration_s + moved_s)
    return with_phases(plan, (warm_up, msgspec.structs.replace(work, duration_s=work.duration_s - moved_s), *after))


def with_fewer_rests(plan: Plan, draw: st.DrawFn) -> Plan:
    return with_phases(plan, (phase for phase in plan.phases if phase.kind is not PhaseKind.REST or draw(st.booleans())))


def with_more_rests(plan: Plan, draw: st.DrawFn) -> Plan:
    """The work in pieces."""
    count = draw(st.integers(2, 4))
    phases: list[Phase] = []
    for phase in plan.phases:
        if phase.kind is PhaseKind.WORK:
            piece = msgspec.structs.replace(phase, duration_s=phase.duration_s / count)
            phases += [piece, *[Phase(PhaseKind.REST, LONGEST_REST_S), piece] * (count - 1)]
        else:
            phases.append(phase)
    return with_phases(plan, phases)


def with_other_rests(plan: Plan, draw: st.DrawFn) -> Plan:
    rest = Phase(PhaseKind.REST, draw(st.floats(SHORTEST_PHASE_S, LONGEST_REST_S)))
    return with_phases(plan, (rest if phase.kind is PhaseKind.REST else phase for phase in plan.phases))


def with_other_rails(plan: Plan, draw: st.DrawFn) -> Plan:
    return msgspec.structs.replace(plan, rails=draw(st.sampled_from(RailStage)))


def with_another_attendant(plan: Plan, draw: st.DrawFn) -> Plan:
    return msgspec.structs.replace(plan, attendant=draw(st.sampled_from(AttendantStage)))


def not_as_a_first_session(plan: Plan, _: st.DrawFn) -> Plan:
    return msgspec.structs.replace(plan, first_session=False)


def for_another_patient(plan: Plan, draw: st.DrawFn) -> Plan:
    return msgspec.structs.replace(plan, patient=draw(st.sampled_from((plan.patient, "p-018"))))


def with_another_mass(plan: Plan, draw: st.DrawFn) -> Plan:
    return msgspec.structs.replace(plan, mass_kg=draw(st.floats(0.8, 1.2)) * plan.mass_kg)


def with_phases(plan: Plan, phases: Iterable[Phase]) -> Plan:
    return msgspec.structs.replace(plan, phases=tuple(phases))


TWISTS: tuple[Callable[[Plan, st.DrawFn], Plan], ...] = (
    any_plan,
    as_proposed,
    at_another_speed,
    longer,
    with_further_stretches,
    with_its_own_ramp,
    with_a_longer_end,
    with_fewer_rests,
    with_more_rests,
    with_other_rests,
    with_other_rails,
    with_another_attendant,
    not_as_a_first_session,
    for_another_patient,
    with_another_mass,
)
"""What is done to a proposed plan, which keeps every cap: one property each, so that the check of that one alone can refuse it."""


@pytest.mark.parametrize("twist", TWISTS)
@pytest.mark.hazard("H-23", "C-CAPS", "C-SCREENING")
@settings(max_examples=EXAMPLES_A_TWIST, deadline=None)
@given(screenings(), st.data())
def test_a_plan_from_outside_is_admitted_only_within_every_cap(
    twist: Callable[[Plan, st.DrawFn], Plan], screening: Screening, data: st.DataObject
) -> None:
    """Any plan at all, and plans near the caps; a refused patient's, too, so that nothing but the refusal stands against it."""
    verdict = judged(screening)
    unrefused = msgspec.structs.replace(verdict, refusals=())
    plan = twist(propose_plan(unrefused, screening.profile, screening.history, CORE, CLINICAL).plan, data.draw)
    admission = admit(plan, screening, CLOCK, CORE, CLINICAL, FIXED_FLAT)
    if admission.limits is None:
        assert admission.problems
        return
    assert not verdict.refusals
    assert plan.patient == screening.profile.patient
    assert abs(plan.mass_kg / screening.profile.mass_kg - 1) <= 0.1 + 1e-9
    gentle = with_phases(plan, (_as_run(phase, admission.limits.acceleration_m_s2) for phase in plan.phases))
    assert_within_caps(gentle, screening, verdict)


def _as_run(phase: Phase, cap_m_s2: float) -> Phase:
    """A phase without a ramp of its own is run with the limits' one."""
    return phase if phase.acceleration_m_s2 else msgspec.structs.replace(phase, acceleration_m_s2=cap_m_s2)


@settings(max_examples=300, deadline=None)
@given(screenings(), plans())
def test_a_repeated_plan_is_cut_down_to_every_cap(screening: Screening, plan: Plan) -> None:
    screening = with_profile(screening, accepted_plan=plan, accepted_by="physio-1")
    verdict = judged(screening)
    assume(not verdict.refusals)
    repeated = repeat_plan(screening.profile, verdict, CORE, CLINICAL)
    assert_within_caps(repeated.plan, screening, verdict)
    assert judge_plan_for_patient(repeated.plan, verdict, screening.profile) == ()
    assert judge_plan(repeated.plan, CORE, verdict.cap(Limit.CEILING_M_S).value) == ()
    assert max(phase.speed_m_s for phase in repeated.plan.phases) <= max(phase.speed_m_s for phase in plan.phases) + 1e-9
    assert walking_time_s(repeated.plan.phases) <= walking_time_s(plan.phases) + 1e-9
    assert stretches(repeated.plan.phases)
