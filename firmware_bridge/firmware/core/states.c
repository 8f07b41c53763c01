#include "states.h"

#include "counting.h"
#include "limits.h"

/* A button held too long is a hand's doing, not the motor's: the belt slows under control. */
#define FAULTS_THAT_BRAKE ((uint16_t)(FAULT_START_STUCK | FAULT_FASTER_STUCK))

bool states_has_latching_fault(const struct drive *drive) {
    return (drive->faults & (uint16_t)~FAULTS_ENDED_BY_START) != 0u;
}

bool states_at_standstill(const struct drive *drive) {
    /* Rest under power proves little: the time that counts is that of a belt which nothing holds. */
    bool open_long = drive->relay_open_ms >= (drive->encoder_suspect ? COASTING_MS : STANDSTILL_MS);
    return !drive->relay_commanded && open_long && drive->measurement.resting_ms >= STANDSTILL_MS;
}

static void enter(struct drive *drive, enum drive_state state) {
    if (drive->state != state) {
        drive->state = state;
        drive->transmitter.status_due = true; /* the host hears of a change without waiting for the period */
    }
}

static void open_relay(struct drive *drive) {
    if (drive->relay_commanded) {
        drive->relay_commanded = false;
        drive->rested = false;
        drive->relay_open_ms = 0;
    }
    motion_halt(&drive->motion);
    grant_revoke(&drive->grant);
}

static void rest_latched(struct drive *drive) {
    open_relay(drive);
    enter(drive, states_has_latching_fault(drive) ? STATE_FAULT : STATE_LATCHED);
}

void states_grant(struct drive *drive) {
    drive->faults = 0;
    grant_first_speed(&drive->grant);
    enter(drive, STATE_GRANTED);
}

void states_run(struct drive *drive) {
    if (drive->state == STATE_RUNNING) {
        return;
    }
    drive->still_ms = 0;
    drive->creep_ms = 0;
    drive->runs_on_ms = 0;
    drive->relay_commanded = true;
    enter(drive, STATE_RUNNING);
}

/* v/a + margin in ms; mm/s over mm/s2 is seconds, um/s over mm/s2 is milliseconds. */
static uint16_t brake_deadline_ms(const struct drive *drive, uint16_t deceleration_mm_s2) {
    uint32_t measured_um_s = (uint32_t)measurement_magnitude_mm_s(&drive->measurement) * 1000u;
    uint32_t set_point_um_s = drive->motion.set_point_um_s;
    uint32_t speed_um_s = measured_um_s > set_point_um_s ? measured_um_s : set_point_um_s;
    uint32_t time_ms = speed_um_s / deceleration_mm_s2 + BRAKE_MARGIN_MS;
    return (uint16_t)(time_ms < UINT16_MAX ? time_ms : UINT16_MAX);
}

static void begin_braking(struct drive *drive, uint16_t deceleration_mm_s2) {
    grant_revoke(&drive->grant);
    motion_aim(&drive->motion, 0, deceleration_mm_s2);
    drive->brake_left_ms = brake_deadline_ms(drive, deceleration_mm_s2);
    enter(drive, STATE_BRAKING);
}

static void brake_harder(struct drive *drive, uint16_t deceleration_mm_s2) {
    if (deceleration_mm_s2 <= drive->motion.rate_mm_s2) {
        return;
    }
    uint16_t deadline_ms = brake_deadline_ms(drive, deceleration_mm_s2);
    motion_aim(&drive->motion, 0, deceleration_mm_s2);
    if (deadline_ms < drive->brake_left_ms) {
        drive->brake_left_ms = deadline_ms;
    }
}

static uint16_t within_stop_range(uint16_t deceleration_mm_s2) {
    if (deceleration_mm_s2 < MINIMUM_STOP_DECELERATION_MM_S2) {
        return MINIMUM_STOP_DECELERATION_MM_S2;
    }
    return deceleration_mm_s2 < MAXIMUM_DECELERATION_MM_S2 ? deceleration_mm_s2 : MAXIMUM_DECELERATION_MM_S2;
}

void states_brake(struct drive *drive, uint16_t deceleration_mm_s2) {
    uint16_t deceleration = within_stop_range(deceleration_mm_s2);
    switch (drive->state) {
        case STATE_RUNNING:
            begin_braking(drive, deceleration);
            break;
        case STATE_BRAKING:
            brake_harder(drive, deceleration);
            break;
        case STATE_GRANTED:
            rest_latched(drive);
            break;
        default:
            break;
    }
}

/* Control C-STOP-INPUT. */
void states_stop_input(struct drive *drive) {
    drive->faults |= FAULT_STOP_INPUT;
    if (drive->state == STATE_IDLE) {
        enter(drive, STATE_LATCHED);
    }
    states_brake(drive, STOP_INPUT_DECELERATION_MM_S2);
}

void states_cut(struct drive *drive) {
    if (drive->state != STATE_IDLE) {
        rest_latched(drive);
    }
}

void states_fault(struct drive *drive, uint16_t faults) {
    drive->faults |= faults;
    if (faults & FAULT_STALL) {
        drive->encoder_suspect = true;
    }
    if (faults & FAULT_CONTACTOR) {
        drive->contactor_suspect = true;
    }
    bool moving = drive->state == STATE_RUNNING || drive->state == STATE_BRAKING;
    if (moving && (faults & (uint16_t)~FAULTS_THAT_BRAKE) == 0u) {
        states_brake(drive, LEASE_DECELERATION_MM_S2);
    } else {
        rest_latched(drive);
    }
}

void states_clear(struct drive *drive) {
    drive->faults &= FAULTS_ENDED_BY_START;
    drive->encoder_suspect = false;
    enter(drive, drive->faults != 0u ? STATE_LATCHED : STATE_IDLE);
}

static void granted_step(struct drive *drive) {
    if (grant_has_expired(&drive->grant)) {
        grant_revoke(&drive->grant);
        enter(drive, STATE_IDLE);
    }
}

/* A set-point that no standing belt shows would keep the grant for later: then a press of FASTER would start it again. One
 * measurement at rest is enough after GRANT_CREEP_MS, for a set-point just below rest is now and then measured just above. */
static bool stands_still(struct drive *drive) {
    uint32_t set_point_um_s = drive->motion.set_point_um_s;
    bool at_rest = drive->measurement.resting_ms > 0u;
    bool still_long = held_for(&drive->still_ms, set_point_um_s == 0u && at_rest, GRANT_REST_MS);
    bool creeps_long = held_for(&drive->creep_ms, set_point_um_s < REST_SPEED_MM_S * 1000u, GRANT_CREEP_MS);
    return still_long || (creeps_long && at_rest);
}

/* A host that slows the belt by RUN has set no deadline for it. */
static bool runs_on(struct drive *drive) {
    bool moves = drive->motion.set_point_um_s == 0u && drive->measurement.resting_ms == 0u;
    return held_for(&drive->runs_on_ms, moves, RUN_TO_REST_MS);
}

static void running_step(struct drive *drive) {
    lease_step(&drive->lease);
    if (lease_has_ended(&drive->lease)) {
        drive->faults |= FAULT_LEASE;
        states_brake(drive, LEASE_DECELERATION_MM_S2);
        return;
    }
    if (runs_on(drive)) {
        states_fault(drive, FAULT_BRAKE);
        return;
    }
    if (stands_still(drive)) {
        open_relay(drive);
        enter(drive, STATE_IDLE);
    }
}

static void braking_step(struct drive *drive) {
    bool at_rest = drive->motion.set_point_um_s == 0u && drive->measurement.resting_ms >= REST_PROOF_MS;
    if (at_rest) {
        rest_latched(drive);
        return;
    }
    if (drive->brake_left_ms == 0u) {
        states_fault(drive, FAULT_BRAKE);
        return;
    }
    drive->brake_left_ms--;
}

void states_step(struct drive *drive) {
    grant_step(&drive->grant);
    if (!drive->relay_commanded) {
        count_up(&drive->relay_open_ms);
        drive->rested = drive->rested || states_at_standstill(drive);
    }
    switch (drive->state) {
        case STATE_GRANTED:
            granted_step(drive);
            break;
        case STATE_RUNNING:
            running_step(drive);
            break;
        case STATE_BRAKING:
            braking_step(drive);
            break;
        default:
            break;
    }
}
