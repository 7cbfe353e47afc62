#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_docs.sh - docs/standard.md has one row for each ID of the standard, and what a row names exists:
# paths, commands, metrics, tests. Relative links of all pages lead somewhere. The last line is
# "N passed, N failed"; a row and a page are a test each.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
page=docs/standard.md
ids=(P{1..5} R{1..7} C{1..6} Q{1..6} S{1..8} O{1..6} M{1..3} phases)
states='built|partly|not yet'
passed=0 failed=0

verdict() { # NAME PROBLEMS
    if [ -z "$2" ]; then
        ((++passed))
    else
        ((++failed))
        printf '%s\n' "$2" | sed "s|^|$1: |"
    fi
}

# What stands in `backticks` in a cell, one a line.
quoted() { grep -oE '`[^`]+`' <<<"$1" | tr -d '`'; }

check_name() { # a path, file:test, command or metric
    case $1 in
    make\ *) grep -qE "^${1#make }:" Makefile || echo "no target '$1'" ;;
    aire\ *)
        # Words in lower case are the command, what follows are arguments.
        local command
        command=$(sed -E 's/^aire //; s/ [^a-z].*//' <<<"$1")
        grep -q "^COMMAND(\"$command\"," src/cli/commands.def 2>/dev/null || echo "no command '$1'"
        ;;
    aire_*) grep -rqE "^METRIC\(${1#aire_}," src --include='*.def' || echo "no metric '$1'" ;;
    *:*) grep -qw "${1#*:}" "${1%%:*}" 2>/dev/null || echo "no test '$1'" ;;
    *) [ -e "$1" ] || echo "no file '$1'" ;;
    esac
}

check_row() { # ID
    local rows cells problems='' name
    rows=$(grep -E "^\| *$1 *\|" $page 2>/dev/null)
    [ -z "$rows" ] && echo "no row in $page" && return
    [ "$(wc -l <<<"$rows")" -gt 1 ] && echo "more than one row in $page" && return
    IFS='|' read -ra cells <<<"$rows"
    [ ${#cells[@]} -ge 9 ] || { echo "a row has 8 cells, this one ${#cells[@]}"; return; }
    local state=${cells[8]}
    grep -qE "^ *($states)( *| *[:;,(].*)$" <<<"$state" || echo "state '$state' is none of $states"
    grep -q 'not yet' <<<"$state" && return
    [ -n "$(quoted "${cells[3]}")" ] || echo "says not where it lives"
    [ -n "$(quoted "${cells[7]}")" ] || echo "names no test"
    while read -r name; do
        [ -n "$name" ] && check_name "$name"
    done < <(quoted "${cells[3]} ${cells[5]} ${cells[6]} ${cells[7]}")
}

for id in "${ids[@]}"; do
    verdict "$id" "$(check_row "$id")"
done
if [ -f ../shared/standard.md ]; then
    verdict "IDs" "$(grep -oE '^\| [PRCQSO][0-9]+ ' ../shared/standard.md | tr -d '| ' |
        grep -vxF "$(printf '%s\n' "${ids[@]}")" | sed 's/$/ is in the standard, not in this check/')"
fi

# [words](path#part) and ![words](path), without addresses on the network.
while read -r file; do
    verdict "$file" "$(grep -oE '\]\([^)# ]+' "$file" | sed 's/^](//' | grep -vE '^(https?|mailto):' |
        while read -r link; do
            [ -e "$(dirname "$file")/$link" ] || echo "no file '$link'"
        done)"
done < <(find . -maxdepth 1 -name '*.md' -o -path './docs/*' -name '*.md' | sort)

# Reference pages come from the program's tables.
if [ -d docs/reference ]; then
    verdict docs/reference "$(build/aire docs docs/reference --check 2>&1 || echo "stale: aire docs docs/reference")"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
