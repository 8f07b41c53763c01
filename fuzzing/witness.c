#include "witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

enum { MARGIN_MS = 5, BRAKE_MARGIN_OF_TEST_MS = 10, PEAK_STRETCH_MS = 64 };
#define FAULTS_OF_HANDS (FAULT_START_STUCK | FAULT_FASTER_STUCK)

static void law(bool kept, const char *broken) {
    if (kept) return;
    fprintf(stderr, "finding: %s\n", broken);
    abort();
}

static void held(uint32_t *milliseconds, bool condition) { *milliseconds = condition ? *milliseconds + 1u : 0u; }

static uint32_t larger(uint32_t one, uint32_t other) { return one > other ? one : other; }

/* --- what hands grant ------------------------------------------------------------------------------------------------ */

static void ceiling_revoke(struct ceiling *ceiling) { *ceiling = (struct ceiling){.age_ms = GRANT_LIFE_MS + MARGIN_MS}; }

static void ceiling_note(struct ceiling *ceiling, uint16_t target_mm_s) {
    if (target_mm_s < ceiling->last_target_mm_s && target_mm_s < ceiling->mm_s) ceiling->mm_s = target_mm_s;
    ceiling->used_mm_s = (uint16_t)larger(ceiling->used_mm_s, target_mm_s);
    ceiling->last_target_mm_s = target_mm_s;
}

static void ceiling_step(struct ceiling *ceiling) {
    if (ceiling->age_ms < GRANT_LIFE_MS + MARGIN_MS && ++ceiling->age_ms == GRANT_LIFE_MS + MARGIN_MS) {
        if (ceiling->used_mm_s < ceiling->mm_s) ceiling->mm_s = ceiling->used_mm_s;
    }
}

static void ceiling_raise(struct ceiling *ceiling) {
    uint32_t step_mm_s = ceiling->last_target_mm_s < INCREMENT_BOUNDARY_MM_S ? INCREMENT_LOW_MM_S : INCREMENT_HIGH_MM_S;
    uint32_t raised_mm_s = larger(ceiling->mm_s, ceiling->last_target_mm_s + step_mm_s);
    ceiling->mm_s = (uint16_t)(raised_mm_s < MAXIMUM_SPEED_MM_S ? raised_mm_s : MAXIMUM_SPEED_MM_S);
    ceiling->used_mm_s = ceiling->last_target_mm_s;
    ceiling->age_ms = 0;
}

/* One millisecond of a button; true when it was released after a press that counts. */
static bool hand_pressed(struct hand *hand, bool contact_closed, bool may, uint32_t open_before_ms) {
    *(hand->closed ? &hand->closed_ms : &hand->open_ms) += 1u;
    hand->fresh = hand->fresh && may;
    if (contact_closed == hand->closed) {
        hand->disagreeing_ms = 0;
        return false;
    }
    if (++hand->disagreeing_ms < DEBOUNCE_MS) return false;
    hand->disagreeing_ms = 0;
    hand->closed = contact_closed;
    if (contact_closed) {
        hand->fresh = may && hand->open_ms + MARGIN_MS >= open_before_ms;
        hand->closed_ms = 0;
        return false;
    }
    hand->open_ms = 0;
    bool of_a_press = hand->closed_ms + MARGIN_MS >= PRESS_MINIMUM_MS && hand->closed_ms <= PRESS_MAXIMUM_MS + MARGIN_MS;
    return of_a_press && hand->fresh;
}

/* --- what ends it ---------------------------------------------------------------------------------------------------- */

/* A later cause counts only where it brakes harder. */
static void must_brake(struct witness *witness, bool relay_commanded, uint16_t rate_mm_s2) {
    ceiling_revoke(&witness->ceiling);
    if (!relay_commanded || rate_mm_s2 <= witness->brake_mm_s2) return;
    uint32_t deadline_ms =
        larger(witness->peak_mm_s[0], witness->peak_mm_s[1]) * 1000u / rate_mm_s2 + BRAKE_MARGIN_MS + BRAKE_MARGIN_OF_TEST_MS;
    if (witness->brake_mm_s2 == 0 || deadline_ms < witness->brake_left_ms) witness->brake_left_ms = deadline_ms;
    witness->brake_mm_s2 = rate_mm_s2;
}

static uint16_t stop_rate_mm_s2(uint16_t asked_mm_s2) {
    if (asked_mm_s2 < MINIMUM_STOP_DECELERATION_MM_S2) return MINIMUM_STOP_DECELERATION_MM_S2;
    return asked_mm_s2 < MAXIMUM_DECELERATION_MM_S2 ? asked_mm_s2 : MAXIMUM_DECELERATION_MM_S2;
}

/* --- the line -------------------------------------------------------------------------------------------------------- */

/* A RUN that the drive took: was it one that it may take? */
static void judge_accepted(struct witness *witness, const struct drive *before, const struct heard *run) {
    law(before->state == STATE_GRANTED || before->state == STATE_RUNNING, "a RUN was taken where nothing is granted");
    law(run->nonce == before->nonce, "a RUN of another boot was taken");
    law((uint32_t)(witness->now_ms - run->tick_ms) <= LEASE_MS, "a stale RUN was taken");
    law(!witness->accepted_any || run->sequence != witness->last_sequence, "a repeated RUN was taken");
    law(run->target_mm_s <= witness->ceiling.mm_s, "a RUN above what hands granted was taken");
    law(run->target_mm_s <= MAXIMUM_SPEED_MM_S, "a RUN above the ceiling was taken");
    bool rises = run->target_mm_s * 1000u > before->motion.set_point_um_s;
    uint16_t least = rises ? MINIMUM_RISE_MM_S2 : 1u;
    uint16_t most = rises ? MAXIMUM_ACCELERATION_MM_S2 : MAXIMUM_DECELERATION_MM_S2;
    law(run->rate_mm_s2 >= least && run->rate_mm_s2 <= most, "a RUN with a rate outside its range was taken");
    ceiling_note(&witness->ceiling, run->target_mm_s);
    witness->since_accepted_ms = 0;
    witness->accepted_any = true;
    witness->last_sequence = run->sequence;
}

/* Nothing but the receiver, and the count of what it dropped, may know of bytes that are no message. */
static void judge_unheard(struct drive *before, const struct drive *drive) {
    before->receiver = drive->receiver;
    before->dropped_frames = drive->dropped_frames;
    law(memcmp(before, drive, sizeof *drive) == 0, "bytes that are no message did something");
}

static void judge_heard(struct witness *witness, const struct drive *before, const struct drive *drive, const struct heard *heard) {
    law(drive->echo_sequence == heard->sequence, "a message was not noticed");
    if (heard->type == MESSAGE_RUN && drive->refusal == REFUSAL_NONE) {
        judge_accepted(witness, before, heard);
    } else if (heard->type == MESSAGE_STOP) {
        must_brake(witness, before->relay_commanded, stop_rate_mm_s2(heard->rate_mm_s2));
        if (heard->flags & STOP_FLAG_CATEGORY_0) witness->brake_left_ms = 1;
    } else {
        law(memcmp(&before->grant, &drive->grant, sizeof drive->grant) == 0, "a grant changed without hand, RUN or stop");
        law(memcmp(&before->motion, &drive->motion, sizeof drive->motion) == 0, "a refused message changed the motion");
        law(memcmp(&before->lease, &drive->lease, sizeof drive->lease) == 0, "a refused message renewed the lease");
        law(before->relay_commanded == drive->relay_commanded, "a refused message moved the relay");
    }
}

void witness_line(struct witness *witness, struct drive *drive, uint8_t byte) {
    struct heard heard;
    struct drive before;
    bool message = ear_takes(&witness->ear, byte, &heard);
    if (byte == 0) memcpy(&before, drive, sizeof before); /* with its padding: it is compared as bytes */
    drive_receive(drive, byte);
    if (byte != 0) return;
    if (message) {
        judge_heard(witness, &before, drive, &heard);
    } else {
        judge_unheard(&before, drive);
    }
}

/* --- a millisecond --------------------------------------------------------------------------------------------------- */

static void measure(struct witness *witness, int16_t counts) {
    int16_t *oldest = &witness->window[witness->now_ms % SPEED_WINDOW_MS];
    witness->measured_mm_s += (counts - *oldest) * SPEED_PER_COUNT_MM_S;
    *oldest = counts;
    held(&witness->lasting.resting, abs(witness->measured_mm_s) < REST_SPEED_MM_S);
}

static void note_peak(struct witness *witness, uint32_t set_point_mm_s) {
    if (witness->now_ms % PEAK_STRETCH_MS == 0) {
        witness->peak_mm_s[1] = witness->peak_mm_s[0];
        witness->peak_mm_s[0] = 0;
    }
    witness->peak_mm_s[0] = larger(witness->peak_mm_s[0], larger(set_point_mm_s + 1u, (uint32_t)abs(witness->measured_mm_s)));
}

static void hands_step(struct witness *witness, const struct drive *drive, const struct drive_inputs *inputs) {
    const struct lasting *lasting = &witness->lasting;
    bool waits = drive->state == STATE_IDLE || drive->state == STATE_LATCHED;
    bool still = lasting->relay_open + MARGIN_MS >= STANDSTILL_MS && lasting->resting + MARGIN_MS >= STANDSTILL_MS;
    bool may_start = waits && still && inputs->stop_input_closed && !inputs->relay_closed;
    if (hand_pressed(&witness->start, inputs->start_closed, may_start, START_OPEN_BEFORE_MS)) {
        witness->ceiling = (struct ceiling){.mm_s = FIRST_SPEED_MM_S};
    }
    if (hand_pressed(&witness->faster, inputs->faster_closed, drive->relay_commanded && witness->brake_mm_s2 == 0, 0)) {
        ceiling_raise(&witness->ceiling);
    }
}

static bool stuck(const struct hand *hand) { return hand->closed && hand->closed_ms > PRESS_MAXIMUM_MS + MARGIN_MS; }

static void causes_step(struct witness *witness, const struct drive *drive, const struct drive_inputs *inputs) {
    bool relay = drive->relay_commanded;
    if (!relay) witness->brake_mm_s2 = 0;
    held(&witness->since_accepted_ms, relay);
    /* What brakes already is no longer running, and takes no RUN: the lease ends nothing more. */
    bool lease_ended = relay && witness->brake_mm_s2 == 0 && witness->since_accepted_ms > LEASE_MS + 1u;
    if (lease_ended) must_brake(witness, relay, LEASE_DECELERATION_MM_S2);
    if (!inputs->stop_input_closed) must_brake(witness, relay, STOP_INPUT_DECELERATION_MM_S2);
    if (stuck(&witness->start) || stuck(&witness->faster)) must_brake(witness, relay, LEASE_DECELERATION_MM_S2);
}

/* What supervision looks at, as it was when it looked. */
static void note_lasting(struct witness *witness, const struct drive *before, const struct drive_inputs *inputs) {
    struct lasting *lasting = &witness->lasting;
    bool relay = before->relay_commanded;
    int32_t measured = witness->measured_mm_s, set_point = motion_set_point_mm_s(&before->motion);
    int32_t fifth = set_point / 5, half = set_point / 2;
    held(&lasting->relay_open, !relay);
    held(&lasting->relay_disagrees, relay != inputs->relay_closed);
    held(&lasting->over, relay && measured > set_point + (fifth > OVERSPEED_MARGIN_MM_S ? fifth : OVERSPEED_MARGIN_MM_S));
    held(&lasting->far_over,
         relay && measured > set_point + (half > GROSS_OVERSPEED_MARGIN_MM_S ? half : GROSS_OVERSPEED_MARGIN_MM_S));
    held(&lasting->still, relay && set_point > (int32_t)STALL_SET_POINT_MM_S && abs(measured) < REST_SPEED_MM_S);
    held(&lasting->backwards, relay && measured < -REST_SPEED_MM_S);
    held(&lasting->current, inputs->current_ma > OVER_CURRENT_MA);
    bool at_rest = abs(measured) < REST_SPEED_MM_S, running = before->state == STATE_RUNNING;
    held(&lasting->stands, running && before->motion.set_point_um_s == 0 && at_rest);
    held(&lasting->creeps, running && set_point < REST_SPEED_MM_S);
    held(&lasting->runs_on, running && before->motion.set_point_um_s == 0 && !at_rest);
    witness->rested = !relay && (witness->rested || (lasting->relay_open > COASTING_MS + MARGIN_MS &&
                                                     lasting->resting > STANDSTILL_MS + MARGIN_MS));
    held(&lasting->free_motion, witness->rested && !at_rest);
}

static void judge_outputs(const struct drive *drive, const struct drive_outputs *outputs) {
    bool moves = drive->state == STATE_RUNNING || drive->state == STATE_BRAKING;
    uint32_t set_point = motion_set_point_mm_s(&drive->motion);
    law(outputs->relay_closed == drive->relay_commanded, "the relay's output is not what was decided");
    law(!outputs->relay_closed || moves, "the relay is closed where nothing runs or brakes");
    law(outputs->duty == 0 || outputs->relay_closed, "duty with the relay open");
    law(outputs->duty == 0 || drive->motion.set_point_um_s > 0, "duty without a set-point");
    law(outputs->duty <= (set_point + TRIM_MM_S) * DUTY_FULL / MOTOR_FULL_DUTY_MM_S, "more effort than the control may add");
}

static void judge_ramp(const struct witness *witness, const struct drive *before, const struct drive *drive) {
    uint32_t was = before->motion.set_point_um_s, now = drive->motion.set_point_um_s;
    law(now <= was || drive->relay_commanded, "a set-point rises with the relay open");
    law(now <= was || now <= witness->ceiling.mm_s * 1000u, "a set-point rises above what hands granted");
    law(now <= was + MAXIMUM_ACCELERATION_MM_S2, "a set-point rises too fast");
    if (!drive->relay_commanded) return;
    law(now + MAXIMUM_DECELERATION_MM_S2 >= was, "a set-point falls too fast");
    law(witness->brake_mm_s2 == 0 || now == 0 || now + witness->brake_mm_s2 <= was, "the belt must brake, and does not");
}

static void judge_grant(const struct witness *witness, const struct drive *before, const struct drive *drive) {
    law(drive->grant.ceiling_mm_s <= witness->ceiling.mm_s, "more is granted than hands granted");
    law(drive->state != STATE_GRANTED || witness->ceiling.mm_s > 0, "granted, and no hand did it");
    law(before->relay_commanded || !drive->relay_commanded, "the relay closes without a RUN");
    bool latching = (drive->faults & (unsigned)~(FAULTS_ENDED_BY_START | FAULTS_OF_HANDS)) != 0;
    law(!latching || drive->state == STATE_FAULT, "a latched fault, and not in state fault");
}

/* Supervision's promises end in an open relay. */
static void judge_deadlines(struct witness *witness, const struct drive *drive) {
    const struct lasting *lasting = &witness->lasting;
    law(lasting->relay_disagrees <= RELAY_FOLLOW_MS + MARGIN_MS || drive->state == STATE_FAULT, "a relay that does not follow");
    law(lasting->free_motion <= UNEXPECTED_MOTION_MS + MARGIN_MS || drive->state == STATE_FAULT, "motion of a belt that rested");
    if (!drive->relay_commanded) return;
    law(lasting->over <= OVERSPEED_MS + MARGIN_MS, "an overspeed is not cut");
    law(lasting->far_over <= GROSS_OVERSPEED_MS + MARGIN_MS, "a gross overspeed is not cut");
    law(lasting->still <= STALL_MS + MARGIN_MS, "a stall is not cut");
    law(lasting->backwards <= WRONG_DIRECTION_MS + MARGIN_MS, "the wrong direction is not cut");
    law(lasting->current <= OVER_CURRENT_MS + MARGIN_MS, "an over-current is not cut");
    law(lasting->stands <= GRANT_REST_MS + MARGIN_MS, "a belt at rest keeps its grant");
    law(lasting->creeps <= GRANT_CREEP_MS + MARGIN_MS || lasting->resting < MARGIN_MS, "a set-point below rest keeps its grant");
    law(lasting->runs_on <= RUN_TO_REST_MS + MARGIN_MS, "a belt that does not come to rest keeps its power");
    law(witness->brake_mm_s2 == 0 || witness->brake_left_ms-- > 0, "braking took too long, and the relay is closed");
}

void witness_step(struct witness *witness, struct drive *drive, const struct drive_inputs *inputs, struct drive_outputs *outputs) {
    struct drive before = *drive;
    witness->now_ms++;
    measure(witness, inputs->encoder_counts);
    note_peak(witness, motion_set_point_mm_s(&drive->motion));
    hands_step(witness, drive, inputs);
    ceiling_step(&witness->ceiling);
    causes_step(witness, drive, inputs);
    note_lasting(witness, &before, inputs);
    drive_step_1ms(drive, inputs, outputs);
    if (before.relay_commanded && !drive->relay_commanded) ceiling_revoke(&witness->ceiling);
    judge_outputs(drive, outputs);
    judge_ramp(witness, &before, drive);
    judge_grant(witness, &before, drive);
    judge_deadlines(witness, drive);
}
