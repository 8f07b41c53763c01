/* The ceiling that hands have granted. Only START and FASTER raise it; time, slowing and every stop lower it. */
#ifndef STERNWAY_GRANT_H
#define STERNWAY_GRANT_H

#include <stdbool.h>
#include <stdint.h>

struct grant {
    uint16_t ceiling_mm_s;
    uint16_t used_mm_s;       /* highest target accepted since the last press */
    uint16_t last_target_mm_s; /* target of the last accepted RUN of this grant */
    uint16_t age_ms;          /* since the last press */
};

void grant_revoke(struct grant *grant);

/* A START that keeps all the rules: first speed. */
void grant_first_speed(struct grant *grant);

/* A press of FASTER while running: one increment above what is in use, up to the absolute ceiling. Never lowers the ceiling. */
void grant_increment(struct grant *grant);

/* A RUN was accepted: notes the use, and takes away what it slowed down from. */
void grant_note_target(struct grant *grant, uint16_t target_mm_s);

/* One millisecond. At GRANT_LIFE_MS the ceiling falls to what was used of it (0 if nothing was). */
void grant_step(struct grant *grant);

bool grant_has_expired(const struct grant *grant);

#endif
