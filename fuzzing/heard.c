#include "heard.h"

#include "protocol.h"

/* docs/drive-protocol.md, bit by bit; slow, and written without a look at the core's. */
static uint16_t crc_of(const uint8_t *bytes, unsigned length) {
    uint32_t crc = 0xFFFFu;
    for (unsigned bit = 0; bit < length * 8u; bit++) {
        uint32_t feedback = ((crc >> 15) ^ (uint32_t)(bytes[bit / 8u] >> (7u - bit % 8u))) & 1u;
        crc = ((crc << 1) ^ (feedback ? 0x1021u : 0u)) & 0xFFFFu;
    }
    return (uint16_t)crc;
}

static uint32_t little_endian(const uint8_t *bytes, unsigned length) {
    uint32_t value = 0;
    while (length-- > 0) value = value << 8 | bytes[length];
    return value;
}

/* Returns the decoded length, 0 for what is no COBS. */
static unsigned without_zeros(const struct ear *ear, uint8_t *decoded) {
    unsigned length = 0;
    for (unsigned at = 0; at < ear->length;) {
        unsigned next = at + ear->bytes[at];
        if (next > ear->length) return 0;
        for (at++; at < next; at++) decoded[length++] = ear->bytes[at];
        if (at < ear->length) decoded[length++] = 0;
    }
    return length;
}

static bool understood(const uint8_t *body, unsigned length, struct heard *heard) {
    if (length < 3 || body[0] != PROTOCOL_VERSION) return false;
    *heard = (struct heard){.type = body[1], .sequence = body[2]};
    switch (heard->type) {
    case MESSAGE_HELLO:
    case MESSAGE_CLEAR: return length == 3;
    case MESSAGE_STOP:
        if (length != 6) return false;
        heard->rate_mm_s2 = (uint16_t)little_endian(body + 3, 2);
        heard->flags = body[5];
        return true;
    case MESSAGE_RUN:
        if (length != 15) return false;
        heard->nonce = little_endian(body + 3, 4);
        heard->tick_ms = little_endian(body + 7, 4);
        heard->target_mm_s = (uint16_t)little_endian(body + 11, 2);
        heard->rate_mm_s2 = (uint16_t)little_endian(body + 13, 2);
        return true;
    default: return false;
    }
}

bool ear_takes(struct ear *ear, uint8_t byte, struct heard *heard) {
    if (byte != 0) {
        if (ear->length < LONGEST_HEARD) ear->bytes[ear->length] = byte;
        if (ear->length <= LONGEST_HEARD) ear->length++;
        return false;
    }
    uint8_t decoded[LONGEST_HEARD];
    unsigned length = ear->length <= LONGEST_HEARD ? without_zeros(ear, decoded) : 0;
    ear->length = 0;
    if (length < 5 || crc_of(decoded, length - 2) != little_endian(decoded + length - 2, 2)) return false;
    return understood(decoded, length - 2, heard);
}
