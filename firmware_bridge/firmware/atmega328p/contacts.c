#include "contacts.h"

#include "board.h"

void contacts_start(void) {
    PORTD |= _BV(START_BIT) | _BV(FASTER_BIT) | _BV(STOP_INPUT_BIT) | _BV(RELAY_READBACK_BIT);
    PORTC |= _BV(CONTACTOR_1_BIT) | _BV(CONTACTOR_2_BIT);
}

void contacts_read(struct drive_inputs *inputs) {
    uint8_t port_d = PIND;
    uint8_t port_c = PINC;
    inputs->start_closed = !(port_d & _BV(START_BIT));
    inputs->faster_closed = !(port_d & _BV(FASTER_BIT));
    inputs->stop_input_closed = !(port_d & _BV(STOP_INPUT_BIT));
    inputs->relay_closed = !(port_d & _BV(RELAY_READBACK_BIT));
    inputs->contactor_1_closed = !(port_c & _BV(CONTACTOR_1_BIT));
    inputs->contactor_2_closed = !(port_c & _BV(CONTACTOR_2_BIT));
}
