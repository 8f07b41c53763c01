#include "motion.h"

#include "limits.h"

#define INTEGRAL_LIMIT ((int32_t)TRIM_MM_S << INTEGRAL_SHIFT)

void motion_halt(struct motion *motion) {
    *motion = (struct motion){.target_mm_s = 0};
}

void motion_aim(struct motion *motion, uint16_t target_mm_s, uint16_t rate_mm_s2) {
    motion->target_mm_s = target_mm_s;
    motion->rate_mm_s2 = rate_mm_s2;
}

void motion_ramp(struct motion *motion) {
    uint32_t target_um_s = (uint32_t)motion->target_mm_s * 1000u;
    uint32_t step_um_s = motion->rate_mm_s2; /* 1 mm/s2 is 1 um/s in a millisecond */
    if (motion->set_point_um_s < target_um_s) {
        uint32_t missing = target_um_s - motion->set_point_um_s;
        motion->set_point_um_s += missing < step_um_s ? missing : step_um_s;
    } else {
        uint32_t excess = motion->set_point_um_s - target_um_s;
        motion->set_point_um_s -= excess < step_um_s ? excess : step_um_s;
    }
}

static int32_t limited(int32_t value, int32_t limit) {
    if (value > limit) {
        return limit;
    }
    return value < -limit ? -limit : value;
}

uint16_t motion_control(struct motion *motion, int16_t measured_mm_s) {
    int32_t set_point_mm_s = (int32_t)motion_set_point_mm_s(motion);
    int32_t error_mm_s = set_point_mm_s - measured_mm_s;
    motion->integral = limited(motion->integral + error_mm_s, INTEGRAL_LIMIT);
    if (motion->set_point_um_s == 0u) {
        motion->integral = 0; /* at rest duty 0 short-circuits the motor: nothing is left to wind up */
    }
    int32_t trim = error_mm_s * PROPORTIONAL_GAIN + motion->integral / (1 << INTEGRAL_SHIFT);
    motion->trim_mm_s = (int16_t)limited(trim, TRIM_MM_S);
    int32_t effort_mm_s = set_point_mm_s + motion->trim_mm_s;
    if (motion->set_point_um_s == 0u || effort_mm_s <= 0) {
        return 0;
    }
    uint32_t duty = (uint32_t)effort_mm_s * DUTY_FULL / MOTOR_FULL_DUTY_MM_S;
    return (uint16_t)(duty < DUTY_FULL ? duty : DUTY_FULL);
}

uint16_t motion_set_point_mm_s(const struct motion *motion) {
    return (uint16_t)(motion->set_point_um_s / 1000u);
}

bool motion_effort_is_at_limit(const struct motion *motion) {
    return motion->trim_mm_s >= TRIM_MM_S || motion->trim_mm_s <= -TRIM_MM_S;
}
