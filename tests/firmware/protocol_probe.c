/* Lets a test look into framing and protocol. One command a line on stdin, one answer a line on stdout:
 *   feed HEX                        -> the host messages in it, "type sequence nonce tick target acceleration deceleration
 *                                      flags" each, separated by ';', then "dropped N" for this line
 *   status SEQUENCE F1 .. F14       -> the frame in hex, the fields in the byte table's order
 *   ident SEQUENCE TARGET NONCE     -> the frame in hex
 *   frame HEX                       -> the frame of any body in hex, "refused" where the body is too long
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framing.h"
#include "protocol.h"

enum { LINE_LIMIT = 400000, BODY_FIELDS = 14 };

static struct frame_receiver receiver;

static int hex_value(char digit) {
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

static size_t parse_hex(const char *text, uint8_t *bytes, size_t capacity) {
    size_t length = 0;
    for (; text[0] > ' ' && text[1] > ' ' && length < capacity; text += 2) {
        bytes[length++] = (uint8_t)(hex_value(text[0]) * 16 + hex_value(text[1]));
    }
    return length;
}

static void print_hex(const uint8_t *bytes, uint8_t length) {
    for (uint8_t i = 0; i < length; i++) {
        printf("%02x", (unsigned)bytes[i]);
    }
    printf("\n");
}

static void print_message(const struct host_message *m) {
    printf("%u %u %" PRIu32 " %" PRIu32 " %u %u %u %u;", (unsigned)m->type, (unsigned)m->sequence, m->nonce, m->tick_ms,
           (unsigned)m->target_mm_s, (unsigned)m->acceleration_mm_s2, (unsigned)m->deceleration_mm_s2, (unsigned)m->flags);
}

static void feed(const char *text) {
    static uint8_t bytes[LINE_LIMIT / 2];
    size_t length = parse_hex(text, bytes, sizeof bytes);
    unsigned dropped = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t body_length = 0;
        struct host_message message;
        enum frame_event event = frame_receive(&receiver, bytes[i], &body_length);
        if (event == FRAME_COMPLETE && protocol_decode(receiver.bytes, body_length, &message)) {
            print_message(&message);
        } else if (event != FRAME_NONE) {
            dropped++;
        }
    }
    printf("dropped %u\n", dropped);
}

static void print_frame(const uint8_t *body, uint8_t body_length) {
    uint8_t frame[FRAME_LIMIT];
    uint8_t length = frame_encode(body, body_length, frame);
    if (length == 0) {
        printf("refused\n");
    } else {
        print_hex(frame, length);
    }
}

static void any_frame(const char *text) {
    uint8_t body[UINT8_MAX];
    print_frame(body, (uint8_t)parse_hex(text, body, sizeof body));
}

static void status(char *text) {
    uint32_t field[BODY_FIELDS];
    uint8_t body[BODY_LIMIT];
    uint8_t sequence = (uint8_t)strtoul(text, &text, 10);
    for (int i = 0; i < BODY_FIELDS; i++) {
        field[i] = (uint32_t)strtoul(text, &text, 10);
    }
    struct status_report report = {
        .nonce = field[0],
        .tick_ms = field[1],
        .state = (uint8_t)field[2],
        .measured_mm_s = (uint16_t)field[3],
        .direction = (uint8_t)field[4],
        .commanded_mm_s = (uint16_t)field[5],
        .granted_mm_s = (uint16_t)field[6],
        .distance_mm = field[7],
        .current_ma = (uint16_t)field[8],
        .faults = (uint16_t)field[9],
        .inputs = (uint8_t)field[10],
        .refusal = (uint8_t)field[11],
        .refusals = (uint8_t)field[12],
        .echo_sequence = (uint8_t)field[13],
    };
    print_frame(body, protocol_encode_status(sequence, &report, body));
}

static void ident(char *text) {
    uint8_t body[BODY_LIMIT];
    uint8_t sequence = (uint8_t)strtoul(text, &text, 10);
    struct ident_report report = {.target = (uint8_t)strtoul(text, &text, 10)};
    report.nonce = (uint32_t)strtoul(text, &text, 10);
    print_frame(body, protocol_encode_ident(sequence, &report, body));
}

int main(void) {
    static char line[LINE_LIMIT];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *arguments = strchr(line, ' ');
        if (arguments == NULL) {
            return 2;
        }
        *arguments++ = '\0';
        if (strcmp(line, "feed") == 0) {
            feed(arguments);
        } else if (strcmp(line, "frame") == 0) {
            any_frame(arguments);
        } else if (strcmp(line, "status") == 0) {
            status(arguments);
        } else if (strcmp(line, "ident") == 0) {
            ident(arguments);
        } else {
            return 2;
        }
        fflush(stdout);
    }
    return 0;
}
