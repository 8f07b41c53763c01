/* Counters of milliseconds that saturate instead of wrapping: a condition that lasts for ever must not look new again. */
#ifndef STERNWAY_COUNTING_H
#define STERNWAY_COUNTING_H

#include <stdbool.h>
#include <stdint.h>

static inline void count_up(uint16_t *milliseconds) {
    if (*milliseconds < UINT16_MAX) {
        (*milliseconds)++;
    }
}

/* Counts how long `condition` has held without a break; true once it has for `limit_ms`. */
static inline bool held_for(uint16_t *milliseconds, bool condition, uint16_t limit_ms) {
    if (!condition) {
        *milliseconds = 0;
        return false;
    }
    count_up(milliseconds);
    return *milliseconds >= limit_ms;
}

#endif
