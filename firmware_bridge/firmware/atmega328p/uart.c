#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#define RING_SIZE 64u
#define RING_MASK (RING_SIZE - 1u)
_Static_assert((RING_SIZE & RING_MASK) == 0u, "indices wrap by mask");

struct ring {
    volatile uint8_t bytes[RING_SIZE];
    volatile uint8_t write; /* moved only by the side that puts */
    volatile uint8_t read;  /* moved only by the side that takes */
};

static struct ring received;
static struct ring to_send;

static bool ring_is_empty(const struct ring *ring) {
    return ring->write == ring->read;
}

static bool ring_is_full(const struct ring *ring) {
    return (uint8_t)(ring->write - ring->read) == RING_SIZE;
}

static void ring_put(struct ring *ring, uint8_t byte) {
    ring->bytes[ring->write & RING_MASK] = byte;
    ring->write++;
}

static uint8_t ring_take(struct ring *ring) {
    uint8_t byte = ring->bytes[ring->read & RING_MASK];
    ring->read++;
    return byte;
}

void uart_start(void) {
    UCSR0A = _BV(U2X0); /* before the divisor: simavr works its rate out when that is written */
    UBRR0 = 16;         /* double speed: 117647 baud, 2.1 % fast, the usual setting at 16 MHz */
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
}

ISR(USART_RX_vect) {
    uint8_t byte = UDR0;
    if (!ring_is_full(&received)) {
        ring_put(&received, byte);
    }
}

ISR(USART_UDRE_vect) {
    if (ring_is_empty(&to_send)) {
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
    } else {
        UDR0 = ring_take(&to_send);
    }
}

bool uart_has_received(void) {
    return !ring_is_empty(&received);
}

bool uart_receive(uint8_t *byte) {
    if (ring_is_empty(&received)) {
        return false;
    }
    *byte = ring_take(&received);
    return true;
}

bool uart_has_room(void) {
    return !ring_is_full(&to_send);
}

void uart_send(uint8_t byte) {
    uint8_t interrupts = SREG;
    ring_put(&to_send, byte);
    cli(); /* the interrupt handler switches this bit off: read, change and write must not be torn */
    UCSR0B |= _BV(UDRIE0);
    SREG = interrupts;
}
