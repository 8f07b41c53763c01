/* The drive's states and the only ways from one to another. Private to the core. */
#ifndef STERNWAY_STATES_H
#define STERNWAY_STATES_H

#include "drive.h"

/* Standstill as a grant or a CLEAR asks for it. */
bool states_at_standstill(const struct drive *drive);

bool states_has_latching_fault(const struct drive *drive);

void states_grant(struct drive *drive);

void states_run(struct drive *drive);

/* Ends a grant and slows the belt. While braking already: harder, never softer. Where nothing runs: only the grant ends. */
void states_brake(struct drive *drive, uint16_t deceleration_mm_s2);

/* The STOP input is open: brakes hard, latches whatever was waiting. */
void states_stop_input(struct drive *drive);

/* Category 0: opens the relay and lets the belt coast. */
void states_cut(struct drive *drive);

/* Notes faults and does what they call for: cut, or brake where a hand holds a button too long. */
void states_fault(struct drive *drive, uint16_t faults);

/* Forgets the faults that need a CLEAR. The caller has checked that it may. */
void states_clear(struct drive *drive);

/* One millisecond: what ends by itself (grant, lease, braking). */
void states_step(struct drive *drive);

#endif
