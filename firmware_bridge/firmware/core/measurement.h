/* What the encoder says: speed, rest, distance. Positive is the backward-gait direction. */
#ifndef STERNWAY_MEASUREMENT_H
#define STERNWAY_MEASUREMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

struct measurement {
    int16_t window[SPEED_WINDOW_MS]; /* counts of each of the last milliseconds */
    uint8_t at;
    int16_t counts; /* of the last millisecond, implausible ones cut */
    int16_t window_sum;
    int16_t speed_mm_s;
    uint16_t resting_ms; /* how long |speed| has been below REST_SPEED_MM_S */
    int16_t counts_towards_mm;
    uint32_t distance_mm; /* since boot; wrong-way travel is taken off again, never below 0 */
};

/* One millisecond with the encoder's counts in it; implausible counts are cut to COUNTS_PER_STEP_LIMIT. */
void measurement_step(struct measurement *measurement, int16_t counts);

/* |speed| in mm/s. */
uint16_t measurement_magnitude_mm_s(const struct measurement *measurement);

#endif
