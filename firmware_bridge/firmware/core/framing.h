/* Frames on the wire: COBS(body || CRC-16) || 0x00. Knows bytes, not their meaning. */
#ifndef STERNWAY_FRAMING_H
#define STERNWAY_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#define BODY_LIMIT 48u
#define CRC_LENGTH 2u
/* COBS adds one byte to anything shorter than 254. */
#define ENCODED_LIMIT (BODY_LIMIT + CRC_LENGTH + 1u)
#define FRAME_LIMIT (ENCODED_LIMIT + 1u)

enum frame_event { FRAME_NONE, FRAME_COMPLETE, FRAME_DROPPED };

struct frame_receiver {
    uint8_t bytes[ENCODED_LIMIT]; /* encoded while it fills; the body once FRAME_COMPLETE was returned */
    uint8_t length;
    bool overlong;
};

void frame_receiver_reset(struct frame_receiver *receiver);

/* Takes one byte. On FRAME_COMPLETE the body is receiver->bytes[0 .. *body_length), valid until the next call. */
enum frame_event frame_receive(struct frame_receiver *receiver, uint8_t byte, uint8_t *body_length);

/* Writes the frame of `body` with its delimiter; `frame` holds FRAME_LIMIT bytes. Returns its length, 0 if body_length > BODY_LIMIT. */
uint8_t frame_encode(const uint8_t *body, uint8_t body_length, uint8_t *frame);

/* CRC-16/CCITT-FALSE of `length` bytes, continued from `crc` (0xFFFF to begin). */
uint16_t crc16(uint16_t crc, const uint8_t *bytes, uint8_t length);

#endif
