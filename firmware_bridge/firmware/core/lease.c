#include "lease.h"

#include "counting.h"
#include "limits.h"

/* Control C-LEASE. */
bool lease_tick_is_fresh(uint32_t now_ms, uint32_t echoed_ms) {
    return (uint32_t)(now_ms - echoed_ms) <= LEASE_MS;
}

bool lease_is_repeated(const struct lease *lease, uint8_t sequence) {
    return lease->has_sequence && lease->last_sequence == sequence;
}

void lease_renew(struct lease *lease, uint8_t sequence) {
    lease->since_renewal_ms = 0;
    lease->has_sequence = true;
    lease->last_sequence = sequence;
}

void lease_step(struct lease *lease) {
    count_up(&lease->since_renewal_ms);
}

bool lease_has_ended(const struct lease *lease) {
    return lease->since_renewal_ms > LEASE_MS;
}
