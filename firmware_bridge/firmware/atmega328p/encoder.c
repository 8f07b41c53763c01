#include "encoder.h"

#include <avr/interrupt.h>
#include <stdbool.h>

#include "board.h"

#if ENCODER_DIRECTION != 1 && ENCODER_DIRECTION != -1
#error "ENCODER_DIRECTION is 1 or -1"
#endif

static volatile int16_t counts;

void encoder_start(void) {
    PORTD |= _BV(ENCODER_A_BIT) | _BV(ENCODER_B_BIT);
    EICRA = _BV(ISC00); /* both edges: a belt trembling on one edge counts to and fro, not onward */
    EIMSK = _BV(INT0);
}

ISR(INT0_vect) {
    uint8_t pins = PIND;
    bool a = (pins & _BV(ENCODER_A_BIT)) != 0;
    bool b = (pins & _BV(ENCODER_B_BIT)) != 0;
    counts += a != b ? ENCODER_DIRECTION : -ENCODER_DIRECTION;
}

int16_t encoder_take_counts(void) {
    uint8_t interrupts = SREG;
    cli();
    int16_t taken = counts;
    counts = 0;
    SREG = interrupts;
    return taken;
}
