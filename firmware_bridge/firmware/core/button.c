#include "button.h"

#include "counting.h"
#include "limits.h"

void button_reset(struct button *button) {
    *button = (struct button){.closed = false};
}

static bool debounced_change(struct button *button, bool contact_closed) {
    if (contact_closed == button->closed) {
        button->disagreeing_ms = 0;
        return false;
    }
    button->disagreeing_ms++;
    if (button->disagreeing_ms < DEBOUNCE_MS) {
        return false;
    }
    button->disagreeing_ms = 0;
    button->closed = contact_closed;
    return true;
}

static enum button_event closing(struct button *button, uint16_t open_before_ms) {
    button->was_open_before = button->open_ms >= open_before_ms;
    button->closed_ms = 0;
    return button->was_open_before ? BUTTON_CLOSED : BUTTON_QUIET;
}

/* Control C-FRESH-START. */
static enum button_event releasing(struct button *button) {
    button->open_ms = 0;
    bool long_enough = button->closed_ms >= PRESS_MINIMUM_MS && button->closed_ms <= PRESS_MAXIMUM_MS;
    return long_enough && button->was_open_before ? BUTTON_PRESSED : BUTTON_QUIET;
}

enum button_event button_step(struct button *button, bool contact_closed, uint16_t open_before_ms) {
    count_up(button->closed ? &button->closed_ms : &button->open_ms);
    if (!debounced_change(button, contact_closed)) {
        return BUTTON_QUIET;
    }
    return button->closed ? closing(button, open_before_ms) : releasing(button);
}

bool button_is_stuck(const struct button *button) {
    return button->closed && button->closed_ms > PRESS_MAXIMUM_MS;
}
