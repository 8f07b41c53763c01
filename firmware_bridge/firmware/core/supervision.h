/* Watches whether the belt does what it was told. Each check names one fault bit; what a fault does is decided in states.c. */
#ifndef STERNWAY_SUPERVISION_H
#define STERNWAY_SUPERVISION_H

#include <stdbool.h>
#include <stdint.h>

struct supervision {
    uint16_t overspeed_ms;
    uint16_t gross_overspeed_ms;
    uint16_t stall_ms;
    uint16_t effort_ms;
    uint16_t wrong_way_ms;
    int16_t wrong_way_counts; /* travel the wrong way since the furthest point reached; 0 while at that point */
    uint16_t relay_ms;
    uint16_t unexpected_motion_ms;
    uint16_t over_current_ms;
    uint16_t contactor_ms;
};

/* What the checks look at, one millisecond of it. */
struct supervision_view {
    bool relay_commanded;
    bool relay_confirmed;
    bool rested; /* standstill was proven since the relay opened */
    bool effort_at_limit;
    uint16_t set_point_mm_s;
    int16_t measured_mm_s;
    int16_t counts;
    uint16_t current_ma;
    bool contactor_holds; /* the STOP input is open, and a contactor has not fallen */
};

/* One millisecond. Returns the fault bits of the checks that are failing now. */
uint16_t supervision_step(struct supervision *supervision, const struct supervision_view *view);

#endif
