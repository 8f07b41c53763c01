#include "belt.h"

#include "limits.h"

/* As the simulated belt (simulator/plant.c): 48 ms of electrical and mechanical lag, 8 m/s2 at the motor's current limit, and
 * friction that brings a free belt from 0.8 m/s to rest in about two seconds. */
enum { LAG_MS = 48, MOTOR_UM_S_PER_MS = 8000, FRICTION_UM_S_PER_MS = 417, NM_PER_COUNT = ENCODER_UM_PER_COUNT * 1000 };

static int32_t within(int32_t value, int32_t limit) {
    if (value > limit) {
        return limit;
    }
    return value < -limit ? -limit : value;
}

static bool relay_is_closed(const struct belt *belt, bool commanded) {
    return belt->relay == CONTACT_STUCK_CLOSED || (belt->relay == CONTACT_FOLLOWS && commanded);
}

void belt_step(struct belt *belt, const struct drive_outputs *outputs, struct drive_inputs *inputs) {
    inputs->relay_closed = relay_is_closed(belt, outputs->relay_closed);
    if (inputs->relay_closed && inputs->contactor_1_closed && inputs->contactor_2_closed) {
        int32_t driven_um_s = (int32_t)(outputs->duty * MOTOR_FULL_DUTY_MM_S * 1000u / DUTY_FULL);
        belt->speed_um_s += within((driven_um_s - belt->speed_um_s) / LAG_MS, MOTOR_UM_S_PER_MS);
    }
    belt->speed_um_s -= within(belt->speed_um_s, FRICTION_UM_S_PER_MS);
    belt->travelled_nm += belt->speed_um_s; /* um/s in a millisecond are nm */
    int32_t counts = belt->travelled_nm / NM_PER_COUNT;
    belt->travelled_nm -= counts * NM_PER_COUNT;
    inputs->encoder_counts = (int16_t)(belt->encoder_lies ? belt->encoder_says : counts);
}
