#include "framing.h"

#define CRC_START 0xFFFFu

uint16_t crc16(uint16_t crc, const uint8_t *bytes, uint8_t length) {
    for (uint8_t i = 0; i < length; i++) {
        /* Eight shifts of polynomial 0x1021 at once: needs no table, which the AVR has no room for. */
        uint8_t high = (uint8_t)((crc >> 8) ^ bytes[i]);
        high = (uint8_t)(high ^ (high >> 4));
        crc = (uint16_t)((uint16_t)(crc << 8) ^ (uint16_t)((uint16_t)high << 12) ^ (uint16_t)((uint16_t)high << 5) ^ high);
    }
    return crc;
}

void frame_receiver_reset(struct frame_receiver *receiver) {
    receiver->length = 0;
    receiver->overlong = false;
}

/* Decodes in place: what is written never overtakes what is read. Returns the decoded length, 0 for malformed input. */
static uint8_t cobs_decode_in_place(uint8_t *bytes, uint8_t length) {
    uint8_t read = 0;
    uint8_t write = 0;
    while (read < length) {
        uint8_t code = bytes[read];
        uint8_t copies = (uint8_t)(code - 1u);
        read++;
        if (code == 0u || copies > length - read) {
            return 0;
        }
        for (; copies > 0; copies--) {
            bytes[write++] = bytes[read++];
        }
        if (code != 0xFFu && read < length) {
            bytes[write++] = 0;
        }
    }
    return write;
}

/* Control C-FRAMES. */
static bool crc_is_right(const uint8_t *bytes, uint8_t body_length) {
    uint16_t sent = (uint16_t)(bytes[body_length] | (uint16_t)((uint16_t)bytes[body_length + 1u] << 8));
    return crc16(CRC_START, bytes, body_length) == sent;
}

enum frame_event frame_receive(struct frame_receiver *receiver, uint8_t byte, uint8_t *body_length) {
    if (byte != 0u) {
        if (receiver->length < ENCODED_LIMIT) {
            receiver->bytes[receiver->length++] = byte;
        } else {
            receiver->overlong = true;
        }
        return FRAME_NONE;
    }
    uint8_t length = receiver->length;
    bool overlong = receiver->overlong;
    frame_receiver_reset(receiver);
    if (length == 0u) {
        return FRAME_NONE; /* repeated delimiters are how a host resynchronises */
    }
    if (overlong) {
        return FRAME_DROPPED;
    }
    uint8_t decoded = cobs_decode_in_place(receiver->bytes, length);
    if (decoded <= CRC_LENGTH || !crc_is_right(receiver->bytes, (uint8_t)(decoded - CRC_LENGTH))) {
        return FRAME_DROPPED;
    }
    *body_length = (uint8_t)(decoded - CRC_LENGTH);
    return FRAME_COMPLETE;
}

struct cobs_writer {
    uint8_t *frame;
    uint8_t length;
    uint8_t code_at;
};

static void cobs_put(struct cobs_writer *writer, uint8_t byte) {
    if (byte == 0u) {
        writer->frame[writer->code_at] = (uint8_t)(writer->length - writer->code_at);
        writer->code_at = writer->length;
    } else {
        writer->frame[writer->length] = byte;
    }
    writer->length++;
}

uint8_t frame_encode(const uint8_t *body, uint8_t body_length, uint8_t *frame) {
    if (body_length > BODY_LIMIT) {
        return 0;
    }
    uint16_t crc = crc16(CRC_START, body, body_length);
    struct cobs_writer writer = {frame, 1, 0};
    for (uint8_t i = 0; i < body_length; i++) {
        cobs_put(&writer, body[i]);
    }
    cobs_put(&writer, (uint8_t)(crc & 0xFFu));
    cobs_put(&writer, (uint8_t)(crc >> 8));
    frame[writer.code_at] = (uint8_t)(writer.length - writer.code_at);
    frame[writer.length++] = 0;
    return writer.length;
}
