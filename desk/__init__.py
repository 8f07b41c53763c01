"""The clinic's desk: patients, plans, preparation, progression and reports. It has no network; what it proposes, hands confirm."""
