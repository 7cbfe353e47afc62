#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_layers.sh - who may include whom. A file includes its own folder and folders on lines above;
# folders on one line never see each other. Quoted includes start at src/, so each names its folder.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
layers='
base
json
stats crypto text
sys
io
store
config telemetry
domain
resilience cognition quality security operations
gateway
provider audit
console
app
cli
main.c
'
find src -name '*.[ch]' -o -name '*.def' | sort | xargs awk -v layers="$layers" '
    BEGIN {
        lines = split(layers, line, "\n")
        for (i = 1; i <= lines; i++) {
            folders = split(line[i], folder, " ")
            for (j = 1; j <= folders; j++) {
                rank[folder[j]] = i
            }
        }
    }
    FNR == 1 {
        split(FILENAME, part, "/")
        own = part[2]
        if (!(own in rank)) {
            print FILENAME ": folder " own " is on no line of the layers"
            bad = 1
        }
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quote, "\"")
        split(quote[2], part, "/")
        other = part[1]
        why = ""
        if (quote[2] !~ /\// || quote[2] ~ /\.\./) {
            why = "is not a path from src/"
        } else if (!(other in rank)) {
            why = "names a folder that is on no line of the layers"
        } else if (other != own && rank[other] > rank[own]) {
            why = "is above " own
        } else if (other != own && rank[other] == rank[own]) {
            why = "is a sibling of " own
        }
        if (why != "") {
            print FILENAME ":" FNR ": \"" quote[2] "\" " why
            bad = 1
        }
    }
    END { exit bad }'
