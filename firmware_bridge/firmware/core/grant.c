#include "grant.h"

#include "counting.h"
#include "limits.h"

void grant_revoke(struct grant *grant) {
    *grant = (struct grant){.age_ms = GRANT_LIFE_MS};
}

void grant_first_speed(struct grant *grant) {
    *grant = (struct grant){.ceiling_mm_s = FIRST_SPEED_MM_S};
}

/* Control C-GRANT. */
void grant_increment(struct grant *grant) {
    /* From what is in use, not from the ceiling: presses that nothing followed must not pile up to one leap. */
    uint16_t increment = grant->last_target_mm_s < INCREMENT_BOUNDARY_MM_S ? INCREMENT_LOW_MM_S : INCREMENT_HIGH_MM_S;
    uint16_t raised = (uint16_t)(grant->last_target_mm_s + increment);
    uint16_t bounded = raised < MAXIMUM_SPEED_MM_S ? raised : MAXIMUM_SPEED_MM_S;
    if (bounded > grant->ceiling_mm_s) {
        grant->ceiling_mm_s = bounded;
    }
    /* What was asked before this press stays used: losing the increment must not slow a walking patient. */
    grant->used_mm_s = grant->last_target_mm_s;
    grant->age_ms = 0;
}

void grant_note_target(struct grant *grant, uint16_t target_mm_s) {
    if (target_mm_s < grant->last_target_mm_s) {
        grant->ceiling_mm_s = target_mm_s;
    }
    if (target_mm_s > grant->used_mm_s) {
        grant->used_mm_s = target_mm_s;
    }
    grant->last_target_mm_s = target_mm_s;
}

void grant_step(struct grant *grant) {
    if (grant_has_expired(grant)) {
        return;
    }
    count_up(&grant->age_ms);
    if (grant_has_expired(grant) && grant->used_mm_s < grant->ceiling_mm_s) {
        grant->ceiling_mm_s = grant->used_mm_s;
    }
}

bool grant_has_expired(const struct grant *grant) {
    return grant->age_ms >= GRANT_LIFE_MS;
}
