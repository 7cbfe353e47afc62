#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sim.sh [SEED] [SECONDS] - builds the simulator with sanitizers; replays one seed, or tries new ones.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh asan sim
if [ -n "${1:-}" ]; then
    exec build-asan/sim --seed "$1"
fi
exec build-asan/sim --seconds "${2:-60}"
