/* What a host has said, read anew from the wire: an oracle that trusts neither the core's framing nor its decoding. */
#ifndef STERNWAY_FUZZING_HEARD_H
#define STERNWAY_FUZZING_HEARD_H

#include <stdbool.h>
#include <stdint.h>

enum { LONGEST_HEARD = 18 }; /* the longest message of a host as it stands on the wire, without its delimiter */

struct ear {
    uint8_t bytes[LONGEST_HEARD];
    uint16_t length; /* saturates one above LONGEST_HEARD */
};

struct heard {
    uint8_t type;
    uint8_t sequence;
    uint32_t nonce;
    uint32_t tick_ms;
    uint16_t target_mm_s;
    uint16_t rate_mm_s2; /* acceleration of a RUN, deceleration of a STOP */
    uint8_t flags;
};

/* Takes one byte of the line. True when it ended exactly one message of this version, with a right CRC. */
bool ear_takes(struct ear *ear, uint8_t byte, struct heard *heard);

#endif
