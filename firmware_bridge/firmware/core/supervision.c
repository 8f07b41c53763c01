#include "supervision.h"

#include "counting.h"
#include "limits.h"
#include "protocol.h"

#define WRONG_DIRECTION_COUNTS (WRONG_DIRECTION_MM * COUNTS_PER_MM)

_Static_assert(WRONG_DIRECTION_COUNTS + COUNTS_PER_STEP_LIMIT <= INT16_MAX, "wrong-way travel fits 16 bits");

static bool faster_than(const struct supervision_view *view, int16_t margin_mm_s, uint16_t percent) {
    int32_t share_mm_s = (int32_t)((uint32_t)view->set_point_mm_s * percent / 100u);
    int32_t tolerance_mm_s = share_mm_s > margin_mm_s ? share_mm_s : margin_mm_s;
    return view->relay_commanded && view->measured_mm_s > (int32_t)view->set_point_mm_s + tolerance_mm_s;
}

static bool overspeed(struct supervision *supervision, const struct supervision_view *view) {
    bool over = faster_than(view, OVERSPEED_MARGIN_MM_S, OVERSPEED_PERCENT);
    bool gross = faster_than(view, GROSS_OVERSPEED_MARGIN_MM_S, GROSS_OVERSPEED_PERCENT);
    bool over_long = held_for(&supervision->overspeed_ms, over, OVERSPEED_MS);
    bool gross_long = held_for(&supervision->gross_overspeed_ms, gross, GROSS_OVERSPEED_MS);
    return over_long || gross_long;
}

/* No motion where there should be some, or effort at its limit: a jammed belt, a dead or a slipping encoder. */
static bool stall(struct supervision *supervision, const struct supervision_view *view) {
    bool still = view->relay_commanded && view->set_point_mm_s > STALL_SET_POINT_MM_S && view->measured_mm_s < REST_SPEED_MM_S;
    bool straining = view->relay_commanded && view->effort_at_limit;
    bool still_long = held_for(&supervision->stall_ms, still, STALL_MS);
    bool straining_long = held_for(&supervision->effort_ms, straining, EFFORT_MS);
    return still_long || straining_long;
}

static bool wrong_direction(struct supervision *supervision, const struct supervision_view *view) {
    if (!view->relay_commanded) {
        supervision->wrong_way_counts = 0;
    } else {
        int16_t wrong_way = (int16_t)(supervision->wrong_way_counts - view->counts);
        supervision->wrong_way_counts = wrong_way > 0 ? wrong_way : 0;
    }
    bool backwards = view->relay_commanded && view->measured_mm_s < -REST_SPEED_MM_S;
    bool long_enough = held_for(&supervision->wrong_way_ms, backwards, WRONG_DIRECTION_MS);
    if (supervision->wrong_way_counts > WRONG_DIRECTION_COUNTS) {
        supervision->wrong_way_counts = WRONG_DIRECTION_COUNTS + 1;
        return true;
    }
    return long_enough;
}

static bool unexpected_motion(struct supervision *supervision, const struct supervision_view *view) {
    bool moving = view->measured_mm_s >= REST_SPEED_MM_S || view->measured_mm_s <= -REST_SPEED_MM_S;
    return held_for(&supervision->unexpected_motion_ms, moving && view->rested && !view->relay_commanded, UNEXPECTED_MOTION_MS);
}

uint16_t supervision_step(struct supervision *supervision, const struct supervision_view *view) {
    uint16_t faults = 0;
    if (overspeed(supervision, view)) {
        faults |= FAULT_OVERSPEED;
    }
    if (stall(supervision, view)) {
        faults |= FAULT_STALL;
    }
    if (wrong_direction(supervision, view)) {
        faults |= FAULT_WRONG_DIRECTION;
    }
    if (held_for(&supervision->relay_ms, view->relay_commanded != view->relay_confirmed, RELAY_FOLLOW_MS)) {
        faults |= FAULT_RELAY;
    }
    if (unexpected_motion(supervision, view)) {
        faults |= FAULT_UNEXPECTED_MOTION;
    }
    if (held_for(&supervision->over_current_ms, view->current_ma > OVER_CURRENT_MA, OVER_CURRENT_MS)) {
        faults |= FAULT_OVER_CURRENT;
    }
    if (held_for(&supervision->contactor_ms, view->contactor_holds, CONTACTORS_FALL_MS)) {
        faults |= FAULT_CONTACTOR;
    }
    return faults;
}
