#include "encoder.h"

#include <avr/interrupt.h>
#include <stdbool.h>

#include "board.h"
#include "limits.h"

#if ENCODER_DIRECTION != 1 && ENCODER_DIRECTION != -1
#error "ENCODER_DIRECTION is 1 or -1"
#endif

static volatile int16_t counts;
static volatile uint8_t interrupts_left; /* until the next step */
static bool a_before; /* channel A at the last count: the interrupt handler's own, once it runs */

static bool is_high(uint8_t pins, uint8_t bit) {
    return (pins & _BV(bit)) != 0;
}

void encoder_start(void) {
    PORTD |= _BV(ENCODER_A_BIT) | _BV(ENCODER_B_BIT);
    EICRA = _BV(ISC00); /* both edges: a belt trembling on one edge counts to and fro, not onward */
    a_before = is_high(PIND, ENCODER_A_BIT);
    interrupts_left = ENCODER_INTERRUPTS_PER_STEP;
    EIMSK = _BV(INT0);
}

ISR(INT0_vect) {
    uint8_t pins = PIND;
    uint8_t left = (uint8_t)(interrupts_left - 1u);
    interrupts_left = left;
    if (left == 0u) {
        EIMSK = 0; /* a line that never rests must not take the time that the steps need */
    }
    bool a = is_high(pins, ENCODER_A_BIT);
    if (a == a_before) {
        return; /* a pulse that is over already: the motor's switching in the wire, not the belt */
    }
    a_before = a;
    counts += a != is_high(pins, ENCODER_B_BIT) ? ENCODER_DIRECTION : -ENCODER_DIRECTION;
}

int16_t encoder_take_counts(void) {
    uint8_t interrupts = SREG;
    cli();
    bool is_storm = interrupts_left == 0u;
    int16_t taken = counts;
    counts = 0;
    interrupts_left = ENCODER_INTERRUPTS_PER_STEP;
    EIMSK = _BV(INT0);
    SREG = interrupts;
    return is_storm ? COUNTS_PER_STEP_LIMIT : taken;
}
