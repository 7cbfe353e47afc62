#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh [TARGET] [SECONDS] - libFuzzer from the seeds; what it finds stays in build-fuzz/corpus/TARGET,
# an input that breaks the target in build-fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${2:-60}
tools/build.sh fuzz fuzzers
mkdir -p build-fuzz/found
for source in tests/fuzz/fuzz_${1:-*}.c; do
    name=$(basename "$source" .c)
    parser=${name#fuzz_}
    mkdir -p "build-fuzz/corpus/$parser" "tests/fuzz/seeds/$parser"
    echo "fuzz: $parser for $seconds s"
    "build-fuzz/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build-fuzz/found/$parser-" -print_final_stats=1 \
        "build-fuzz/corpus/$parser" "tests/fuzz/seeds/$parser" 2>"build-fuzz/$parser.log" || {
        tail -40 "build-fuzz/$parser.log"
        exit 1
    }
    grep -E '^(stat::number_of_executed_units|Done)' "build-fuzz/$parser.log" || true
done
