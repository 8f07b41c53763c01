/* The belt and its motor, for every simulated drive: inertia, friction, a half-bridge motor drive, a relay, an encoder, and faults.
 *
 * Speeds are m/s, positive in the backward-gait direction; forces N on the belt; currents A. One call is one millisecond.
 */
#ifndef STERNWAY_PLANT_H
#define STERNWAY_PLANT_H

#include <stdbool.h>
#include <stdint.h>

struct plant_faults {
    double encoder_slip; /* share of counts lost: 0 healthy .. 1 stuck */
    bool relay_welded;   /* contacts that have closed stay closed */
    bool relay_open;     /* contacts never close */
    bool motor_runaway;  /* shorted transistor: full duty whatever is asked */
    bool motor_reversed;
    bool brake_failed;   /* the duty follows upwards only: slowing is not obeyed */
};

struct plant {
    struct plant_faults faults;
    double position_m;
    double speed_m_s;
    double current_a;
    bool relay_closed; /* the contacts, as the read-back sees them */
    uint8_t relay_moving_ms;
    double held_duty;
    double encoder_m; /* position as the encoder has seen it */
    int64_t encoder_counts;
};

struct plant_drive {
    double duty; /* 0..1 */
    bool relay_commanded;
    bool contactors_closed; /* the hardware chain's contactors in series with the relay */
};

/* Moves the belt on by 1 ms. `force_n`: what pushes the belt, also from rest. `drag_n` >= 0: friction on top of the belt's
 * own (a standing patient's weight), which only ever slows. Returns the encoder counts of this millisecond. */
int32_t plant_step_1ms(struct plant *plant, const struct plant_drive *drive, double force_n, double drag_n);

/* Magnitude, as the current sensor gives it. */
uint16_t plant_current_ma(const struct plant *plant);

#endif
