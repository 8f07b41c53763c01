/* The host's proof of life: motion goes on only while fresh echoes of the drive's own tick keep coming. */
#ifndef STERNWAY_LEASE_H
#define STERNWAY_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct lease {
    uint16_t since_renewal_ms;
    bool has_sequence;
    uint8_t last_sequence; /* of the last accepted RUN */
};

/* A tick is fresh when it is at most LEASE_MS old; one from the future looks very old, because the difference wraps. */
bool lease_tick_is_fresh(uint32_t now_ms, uint32_t echoed_ms);

bool lease_is_repeated(const struct lease *lease, uint8_t sequence);

void lease_renew(struct lease *lease, uint8_t sequence);

void lease_step(struct lease *lease);

/* More than LEASE_MS: a frame comes between two steps, so ">=" could brake up to a millisecond early. */
bool lease_has_ended(const struct lease *lease);

#endif
