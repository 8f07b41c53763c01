/* Set-point ramp and speed control. Whether the belt may move at all is decided elsewhere. */
#ifndef STERNWAY_MOTION_H
#define STERNWAY_MOTION_H

#include <stdbool.h>
#include <stdint.h>

struct motion {
    uint32_t set_point_um_s;
    uint16_t target_mm_s;
    uint16_t rate_mm_s2;
    int32_t integral; /* of the speed error, mm/s * ms */
    int16_t trim_mm_s; /* what the controller adds to the feed-forward */
};

/* Set-point, target and controller to zero, at once. */
void motion_halt(struct motion *motion);

/* rate_mm_s2 must be at least 1 to get anywhere; it is kept for slowing and for speeding up. */
void motion_aim(struct motion *motion, uint16_t target_mm_s, uint16_t rate_mm_s2);

/* One millisecond of the ramp. */
void motion_ramp(struct motion *motion);

/* One millisecond of speed control. Returns the duty, 0..DUTY_FULL. */
uint16_t motion_control(struct motion *motion, int16_t measured_mm_s);

uint16_t motion_set_point_mm_s(const struct motion *motion);

/* The trim is at either of its limits: the belt does not do what the motor's effort says it should. */
bool motion_effort_is_at_limit(const struct motion *motion);

#endif
