#include "protocol.h"

#include "limits.h"

enum { HEADER_LENGTH = 3, RUN_LENGTH = 12, STOP_LENGTH = 3 };

static uint16_t get_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | (uint16_t)((uint16_t)bytes[1] << 8));
}

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)get_u16(bytes) | ((uint32_t)get_u16(bytes + 2) << 16);
}

static void decode_run(const uint8_t *payload, struct host_message *message) {
    message->nonce = get_u32(payload);
    message->tick_ms = get_u32(payload + 4);
    message->target_mm_s = get_u16(payload + 8);
    message->acceleration_mm_s2 = get_u16(payload + 10);
}

static void decode_stop(const uint8_t *payload, struct host_message *message) {
    message->deceleration_mm_s2 = get_u16(payload);
    message->flags = payload[2];
}

bool protocol_decode(const uint8_t *body, uint8_t length, struct host_message *message) {
    if (length < HEADER_LENGTH || body[0] != PROTOCOL_VERSION) {
        return false;
    }
    const uint8_t *payload = body + HEADER_LENGTH;
    uint8_t payload_length = (uint8_t)(length - HEADER_LENGTH);
    *message = (struct host_message){.type = body[1], .sequence = body[2]};
    switch (message->type) {
        case MESSAGE_HELLO:
        case MESSAGE_CLEAR:
            return payload_length == 0;
        case MESSAGE_RUN:
            if (payload_length != RUN_LENGTH) {
                return false;
            }
            decode_run(payload, message);
            return true;
        case MESSAGE_STOP:
            if (payload_length != STOP_LENGTH) {
                return false;
            }
            decode_stop(payload, message);
            return true;
        default:
            return false;
    }
}

static uint8_t *put_u16(uint8_t *at, uint16_t value) {
    *at++ = (uint8_t)(value & 0xFFu);
    *at++ = (uint8_t)(value >> 8);
    return at;
}

static uint8_t *put_u32(uint8_t *at, uint32_t value) {
    at = put_u16(at, (uint16_t)(value & 0xFFFFu));
    return put_u16(at, (uint16_t)(value >> 16));
}

static uint8_t *put_header(uint8_t *at, uint8_t type, uint8_t sequence) {
    *at++ = PROTOCOL_VERSION;
    *at++ = type;
    *at++ = sequence;
    return at;
}

uint8_t protocol_encode_ident(uint8_t sequence, const struct ident_report *report, uint8_t *body) {
    uint8_t *at = put_header(body, MESSAGE_IDENT, sequence);
    *at++ = report->target;
    *at++ = FIRMWARE_VERSION_MAJOR;
    *at++ = FIRMWARE_VERSION_MINOR;
    *at++ = FIRMWARE_VERSION_PATCH;
    at = put_u32(at, report->nonce);
    at = put_u16(at, LEASE_MS);
    at = put_u16(at, MAXIMUM_SPEED_MM_S);
    at = put_u16(at, MAXIMUM_ACCELERATION_MM_S2);
    at = put_u16(at, MAXIMUM_DECELERATION_MM_S2);
    at = put_u16(at, FIRST_SPEED_MM_S);
    at = put_u16(at, INCREMENT_LOW_MM_S);
    at = put_u16(at, INCREMENT_HIGH_MM_S);
    return (uint8_t)(at - body);
}

uint8_t protocol_encode_status(uint8_t sequence, const struct status_report *report, uint8_t *body) {
    uint8_t *at = put_header(body, MESSAGE_STATUS, sequence);
    at = put_u32(at, report->nonce);
    at = put_u32(at, report->tick_ms);
    *at++ = report->state;
    at = put_u16(at, report->measured_mm_s);
    *at++ = report->direction;
    at = put_u16(at, report->commanded_mm_s);
    at = put_u16(at, report->granted_mm_s);
    at = put_u32(at, report->distance_mm);
    at = put_u16(at, report->current_ma);
    at = put_u16(at, report->faults);
    *at++ = report->inputs;
    *at++ = report->refusal;
    *at++ = report->refusals;
    *at++ = report->echo_sequence;
    return (uint8_t)(at - body);
}
