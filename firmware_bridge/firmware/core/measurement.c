#include "measurement.h"

#include "counting.h"

static int16_t plausible(int16_t counts) {
    if (counts > COUNTS_PER_STEP_LIMIT) {
        return COUNTS_PER_STEP_LIMIT;
    }
    return counts < -COUNTS_PER_STEP_LIMIT ? -COUNTS_PER_STEP_LIMIT : counts;
}

static void travel(struct measurement *measurement, int16_t counts) {
    int16_t pending = (int16_t)(measurement->counts_towards_mm + counts);
    while (pending >= COUNTS_PER_MM) {
        pending = (int16_t)(pending - COUNTS_PER_MM);
        measurement->distance_mm++;
    }
    while (pending <= -COUNTS_PER_MM) {
        pending = (int16_t)(pending + COUNTS_PER_MM);
        if (measurement->distance_mm > 0) {
            measurement->distance_mm--;
        }
    }
    measurement->counts_towards_mm = pending;
}

void measurement_step(struct measurement *measurement, int16_t counts) {
    counts = plausible(counts);
    measurement->counts = counts;
    int16_t *oldest = &measurement->window[measurement->at];
    measurement->window_sum = (int16_t)(measurement->window_sum + counts - *oldest);
    *oldest = counts;
    measurement->at = (uint8_t)((measurement->at + 1u) % SPEED_WINDOW_MS);
    measurement->speed_mm_s = (int16_t)(measurement->window_sum * SPEED_PER_COUNT_MM_S);
    if (measurement_magnitude_mm_s(measurement) < REST_SPEED_MM_S) {
        count_up(&measurement->resting_ms);
    } else {
        measurement->resting_ms = 0;
    }
    travel(measurement, counts);
}

uint16_t measurement_magnitude_mm_s(const struct measurement *measurement) {
    int16_t speed = measurement->speed_mm_s;
    return (uint16_t)(speed < 0 ? -speed : speed);
}
