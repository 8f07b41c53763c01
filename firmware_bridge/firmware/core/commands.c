#include "commands.h"

#include "limits.h"
#include "states.h"

/* Braking may be harder than speeding up; at the set-point itself the deceleration of the slow-down that led there is still
 * in the host's frames and must not cost it the lease. */
/* Control C-CEILINGS. */
static uint16_t rate_ceiling_mm_s2(const struct drive *drive, uint16_t target_mm_s) {
    bool slows = (uint32_t)target_mm_s * 1000u <= drive->motion.set_point_um_s;
    return slows ? MAXIMUM_DECELERATION_MM_S2 : MAXIMUM_ACCELERATION_MM_S2;
}

/* A target counts as a grant's use from the moment it is accepted: a rise that took minutes would be a grant kept for minutes. */
static bool rises_too_slowly(const struct drive *drive, const struct host_message *run) {
    bool rises = (uint32_t)run->target_mm_s * 1000u > drive->motion.set_point_um_s;
    return rises && run->acceleration_mm_s2 < MINIMUM_RISE_MM_S2;
}

/* Control C-GRANT, C-LEASE, C-FRAMES. */
static enum refusal reason_to_refuse(const struct drive *drive, const struct host_message *run) {
    if (run->nonce != drive->nonce || !lease_tick_is_fresh(drive->tick_ms, run->tick_ms)) {
        return REFUSAL_STALE;
    }
    if (drive->state != STATE_GRANTED && drive->state != STATE_RUNNING) {
        return REFUSAL_NOT_GRANTED;
    }
    if (lease_is_repeated(&drive->lease, run->sequence)) {
        return REFUSAL_REPEATED;
    }
    if (run->target_mm_s > MAXIMUM_SPEED_MM_S || run->acceleration_mm_s2 == 0u ||
        run->acceleration_mm_s2 > rate_ceiling_mm_s2(drive, run->target_mm_s)) {
        return REFUSAL_ABOVE_CEILING;
    }
    if (rises_too_slowly(drive, run)) {
        return REFUSAL_ABOVE_CEILING;
    }
    return run->target_mm_s > drive->grant.ceiling_mm_s ? REFUSAL_ABOVE_GRANTED : REFUSAL_NONE;
}

static void run(struct drive *drive, const struct host_message *message) {
    enum refusal refusal = reason_to_refuse(drive, message);
    drive->refusal = (uint8_t)refusal;
    if (refusal != REFUSAL_NONE) {
        drive->refusals++;
        return;
    }
    lease_renew(&drive->lease, message->sequence);
    grant_note_target(&drive->grant, message->target_mm_s);
    states_run(drive);
    motion_aim(&drive->motion, message->target_mm_s, message->acceleration_mm_s2);
}

static void stop(struct drive *drive, const struct host_message *message) {
    if (message->flags & STOP_FLAG_CATEGORY_0) {
        states_cut(drive);
    } else {
        states_brake(drive, message->deceleration_mm_s2);
    }
}

/* A cause that is still there would only fault again; a closed START could turn into a grant. */
static bool may_clear(const struct drive *drive) {
    const struct drive_inputs *inputs = &drive->inputs;
    bool hands_off = !inputs->start_closed && !drive->start.closed && !inputs->faster_closed && !drive->faster.closed;
    bool relay_agrees = inputs->relay_closed == drive->relay_commanded;
    bool power_can_be_cut = relay_agrees && !drive->contactor_suspect;
    return drive->state == STATE_FAULT && hands_off && power_can_be_cut && inputs->stop_input_closed && states_at_standstill(drive);
}

void command_obey(struct drive *drive, const struct host_message *message) {
    drive->echo_sequence = message->sequence;
    switch (message->type) {
        case MESSAGE_HELLO:
            drive->transmitter.ident_due = true;
            break;
        case MESSAGE_RUN:
            run(drive, message);
            break;
        case MESSAGE_STOP:
            stop(drive, message);
            break;
        case MESSAGE_CLEAR:
            if (may_clear(drive)) {
                states_clear(drive);
            }
            break;
        default:
            break;
    }
}
