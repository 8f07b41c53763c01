/* A bounded queue of bytes: one direction of a simulated serial line. */
#ifndef STERNWAY_WIRE_H
#define STERNWAY_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#define WIRE_CAPACITY 65536u

struct wire {
    uint8_t bytes[WIRE_CAPACITY];
    uint32_t head; /* next to take */
    uint32_t count;
};

static inline bool wire_put(struct wire *wire, uint8_t byte) {
    if (wire->count == WIRE_CAPACITY) {
        return false;
    }
    wire->bytes[(wire->head + wire->count) % WIRE_CAPACITY] = byte;
    wire->count++;
    return true;
}

static inline bool wire_take(struct wire *wire, uint8_t *byte) {
    if (wire->count == 0) {
        return false;
    }
    *byte = wire->bytes[wire->head];
    wire->head = (wire->head + 1) % WIRE_CAPACITY;
    wire->count--;
    return true;
}

/* Makes room by forgetting the oldest byte: a reader that sleeps loses the past, not the present. */
static inline void wire_put_dropping_oldest(struct wire *wire, uint8_t byte) {
    uint8_t oldest;
    if (wire->count == WIRE_CAPACITY) {
        (void)wire_take(wire, &oldest);
    }
    (void)wire_put(wire, byte);
}

static inline uint32_t wire_put_all(struct wire *wire, const uint8_t *bytes, uint32_t length) {
    uint32_t taken = 0;
    while (taken < length && wire_put(wire, bytes[taken])) {
        taken++;
    }
    return taken;
}

static inline uint32_t wire_take_all(struct wire *wire, uint8_t *bytes, uint32_t capacity) {
    uint32_t taken = 0;
    while (taken < capacity && wire_take(wire, &bytes[taken])) {
        taken++;
    }
    return taken;
}

#endif
