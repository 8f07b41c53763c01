#include "clock.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <stdint.h>

#include "limits.h"

static volatile uint8_t ticks; /* taken by subtraction from the last seen: one writer a variable */
static uint8_t taken;

void clock_start(void) {
    OCR2A = (uint8_t)(F_CPU / 64u / 1000u - 1u);
    TCCR2A = _BV(WGM21);
    TCCR2B = _BV(CS22); /* 1/64 */
    TIMSK2 = _BV(OCIE2A);
}

ISR(TIMER2_COMPA_vect) {
    ticks++;
}

bool clock_has_ticked(void) {
    return ticks != taken;
}

bool clock_take_tick(void) {
    if (!clock_has_ticked()) {
        return false;
    }
    taken++;
    return true;
}

bool clock_lags(void) {
    return (uint8_t)(ticks - taken) > CLOCK_LAG_MS;
}
