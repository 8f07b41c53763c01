#!/bin/sh
# Runs the test steps one after the other, prints each one's time, and fails with the first that fails.
set -eu
bin=$1
workers=$2
began=$(date +%s)
step() {
    name=$1
    shift
    echo "=== $name"
    started=$(date +%s)
    "$@"
    echo "=== $name: $(($(date +%s) - started)) s"
}
rm -rf build/evidence
step check make --no-print-directory check
step tests "$bin/python" -m pytest tests -n "$workers" --dist loadfile -q -m "not real_time"
step drive "$bin/python" -m pytest hil_tests -q
step "real time" "$bin/python" -m pytest tests -q -m real_time
step trace "$bin/python" scripts/trace_hazards.py --proven build/evidence
echo "=== all steps: $(($(date +%s) - began)) s"
