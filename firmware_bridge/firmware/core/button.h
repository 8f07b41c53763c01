/* A push-button at the treadmill: debounced, and only a press as a hand makes it counts. */
#ifndef STERNWAY_BUTTON_H
#define STERNWAY_BUTTON_H

#include <stdbool.h>
#include <stdint.h>

enum button_event {
    BUTTON_QUIET,
    BUTTON_CLOSED,  /* closed just now, after having been open long enough */
    BUTTON_PRESSED  /* released after a press of the right length */
};

struct button {
    bool closed;            /* debounced */
    bool was_open_before;   /* this press began after the open time asked for */
    uint8_t disagreeing_ms; /* how long the raw contact has disagreed with `closed` */
    uint16_t open_ms;
    uint16_t closed_ms;
};

/* The state at power-up: taken as open, yet for 0 ms, so a button held while booting is no press. */
void button_reset(struct button *button);

/* One millisecond with the raw contact. `open_before_ms`: how long it must have been open for its press to count. */
enum button_event button_step(struct button *button, bool contact_closed, uint16_t open_before_ms);

/* Closed longer than any press. */
bool button_is_stuck(const struct button *button);

#endif
