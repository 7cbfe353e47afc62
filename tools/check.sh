#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check.sh [SUITE...] - builds and runs every suite, or these. Each prints one closing line; its output is
# in build/check/SUITE.log, of a failing one the failing part is printed. The last line adds them up:
# "N passed, N failed", with ", N skipped" where tests were skipped. Exit 1 when anything failed.
#
# A suite is a function that writes its output to the log, what failed to descriptor 3, and
# counts with `tally`. Nothing here installs: see deps.sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export JOBS="${JOBS:-$(nproc)}"
root=$PWD
out=$root/build/check
test_s=${TEST_S:-240} # one test program
suites=(build style docs unit fuzz tsan sim wire wire_asan e2e sdk agents)

# These use threads in earnest, so they run once more under the thread sanitizer.
threaded='io store security sim sys telemetry gateway app'

export UBSAN_OPTIONS=print_stacktrace=1
asan=abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1
# Address space randomisation of new kernels is more than gcc 12's tsan can map.
tsan() { setarch -R "$@" 2>/dev/null; }

# ---- counting ----

tally() { echo "$1 $2 ${3:-0}" >>"$out/$suite.tally"; } # PASSED FAILED [SKIPPED]

sum() { # FILE...
    awk '{ p += $1; f += $2; s += $3 }
         END { printf "%d passed, %d failed%s\n", p, f, s ? ", " s " skipped" : "" }' "$@"
}

run_suite() { # NAME
    suite=$1
    rm -f "$out/$suite".{log,tally,failed}
    : >"$out/$suite.tally"
    local start=$SECONDS
    "suite_$suite" >"$out/$suite.log" 2>&1 3>"$out/$suite.failed"
    [ -s "$out/$suite.tally" ] || return 0
    if [ -s "$out/$suite.failed" ]; then
        sed 's/^/  /' "$out/$suite.failed"
    fi
    printf '%-10s %s  (%d s)\n' "$suite:" "$(sum "$out/$suite.tally")" $((SECONDS - start))
}

# Runs FUNCTION ITEM for every item of standard input, JOBS at a time.
each() { # FUNCTION
    local running=0 item
    while read -r item; do
        "$@" "$item" &
        ((++running < JOBS)) || { wait -n; ((running--)); }
    done
    wait
}

# Runs a program with its output in the suite's folder; $log and $code tell what happened.
run() { # NAME COMMAND...
    local name=$1
    shift
    log=$out/$suite/$name.log
    mkdir -p "$out/$suite"
    timeout -k 5 "$test_s" "$@" >"$log" 2>&1 </dev/null
    code=$?
    echo "== $name: exit $code"
    [ $code -eq 124 ] && echo "$name: still running after $test_s s" >>"$log"
}

failing() { # NAME FILTER...: part of $log for the reader, as one piece; its end when the filter finds none
    local name=$1 part
    shift
    part=$("$@" "$log" | tail -120)
    [ -n "$part" ] || part=$(tail -20 "$log")
    printf '%s: exit %s, see %s\n%s\n' "$name" "$code" "${log#"$root"/}" "${part//$'\n'/$'\n'  }" >&3
}

# ---- cmocka: unit tests, again under the thread sanitizer ----

programs() { # FOLDER-PATTERN: names of test programs, slow ones are as good as any other first
    find tests -mindepth 2 -name 'test_*.c' | grep -E "^tests/($1)/" |
        sed -E 's|^tests/||; s|/test_(.*)\.c$|_\1|; s|^|test_|' | sort
}

cmocka() { # BUILD-FOLDER PREFIX NAME
    local name=$3 counts
    run "$name" $2 "$1/unit/$name"
    # Lines between "Running" and "run." count; the list that repeats failures after them does not.
    counts=$(awk '
        /^\[==========\].*Running/ { inside = 1; next }
        /^\[==========\].*run\.$/ { inside = 0; next }
        !inside { next }
        /^\[       OK \]/ { p++ }
        /^\[  FAILED  \]/ && !/GROUP SETUP/ { f++ }
        /^\[  ERROR   \]/ && !/ --- / { f++ }
        /^\[  SKIPPED \]/ { s++ }
        END { print p + 0, f + 0, s + 0 }' "$log")
    read -r p f s <<<"$counts"
    if [ $code -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1 # it crashed, a sanitizer ended it, or it is not there
    elif [ $((p + f + s)) -eq 0 ]; then
        f=1
        echo "no test ran" >>"$log"
    fi
    tally "$p" "$f" "$s"
    [ "$f" -eq 0 ] || failing "$name" grep -vE '^\[( RUN|       OK|=====|  PASSED)'
}

suite_unit() {
    export ASAN_OPTIONS=$asan
    each cmocka build-asan '' < <(programs '[^/]+')
}

suite_tsan() {
    local names prefix=''
    mapfile -t names < <(programs "${threaded// /|}")
    [ ${#names[@]} -gt 0 ] || return
    tools/build.sh tsan "${names[@]}" || true # a missing program fails below
    tsan true && prefix='setarch -R'
    export TSAN_OPTIONS=halt_on_error=1
    each cmocka build-tsan "$prefix" < <(printf '%s\n' "${names[@]}")
}

# ---- the other suites ----

# The builds whose errors no test would show.
suite_build() {
    local preset
    for preset in release asan; do
        local targets=()
        [ $preset = asan ] && targets=(aire sim sim_runs unit fuzzers)
        run $preset tools/build.sh $preset "${targets[@]}"
        if [ $code -eq 0 ]; then tally 1 0; else
            tally 0 1
            failing $preset grep -E -A3 'error:|undefined reference|multiple definition'
        fi
    done
}

# Scripts that end with a closing line of their own.
script() { # COMMAND...
    run "$(basename "$1" .sh)" "$@"
    local p f s
    read -r p _ f _ s _ < <(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
    if [ -z "${p:-}" ]; then # it has no closing line: one test, by its exit code
        p=$((code == 0))
        f=$((code != 0))
    elif [ $code -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
    fi
    tally "$p" "$f" "${s:-0}"
    [ "$f" -eq 0 ] || failing "$1" cat
}

suite_style() { test_s=600 script tools/style.sh; }
suite_docs() { script tools/check_docs.sh; }

replay() { # SOURCE
    local name seeds
    name=$(basename "$1" .c)
    mapfile -t seeds < <(find "tests/fuzz/seeds/${name#fuzz_}" -type f 2>/dev/null | sort)
    if [ ${#seeds[@]} -eq 0 ]; then
        run "$name" echo "no seeds in tests/fuzz/seeds/${name#fuzz_}"
        code=1
    else
        run "$name" "build-asan/fuzz/$name" "${seeds[@]}"
    fi
    if [ $code -eq 0 ]; then tally 1 0; else
        tally 0 1
        failing "$name" cat
    fi
}

suite_fuzz() {
    export ASAN_OPTIONS=$asan
    each replay < <(ls tests/fuzz/fuzz_*.c 2>/dev/null)
}

# The seeds follow from the commit, so that a clean clone repeats what its author saw; `make sim` looks for new
# ones. A failing seed is printed and can be replayed. However many ran, each simulator is one test.
suite_sim() {
    export ASAN_OPTIONS=$asan
    local commit name
    commit=$(git rev-parse --short=8 HEAD 2>/dev/null || echo 1)
    for name in sim sim_runs; do
        run $name build-asan/$name --seed $((16#$commit)) --count 2000
        tail -1 "$log"
        if [ $code -eq 0 ]; then tally 1 0; else
            tally 0 1
            failing $name grep -A60 -E 'failed: |ERROR|==ERROR|^runs: of'
        fi
    done
}

wire() { # FILE
    local name ran p f s
    name=$(basename "$1" .py)
    run "$name" python3 -m unittest -v "$name"
    ran=$(sed -nE 's/^Ran ([0-9]+) tests?.*/\1/p' "$log" | tail -1)
    f=$(grep -cE '^(FAIL|ERROR): ' "$log")
    s=$(sed -nE 's/^(OK|FAILED) .*skipped=([0-9]+).*/\2/p' "$log" | tail -1)
    if [ $code -ne 0 ] && [ "$f" -eq 0 ] || [ "${ran:-0}" -eq 0 ]; then f=$((f > 0 ? f : 1)); fi
    p=$((${ran:-0} - f - ${s:-0}))
    tally $((p > 0 ? p : 0)) "$f" "${s:-0}"
    [ "$f" -eq 0 ] || failing "$name" sed -n '/^=====/,$p'
}

wire_files() { find tests/wire -name 'test_*.py' 2>/dev/null | sort; }

run_wire() { # BINARY
    export AIRE_BIN=$root/$1 PYTHONPATH=tests/wire PYTHONDONTWRITEBYTECODE=1
    each wire < <(wire_files)
}

suite_wire() { run_wire build/aire; }

# The same against sanitizers; a report counts even where the client noticed nothing.
suite_wire_asan() {
    [ -n "$(wire_files)" ] || return
    local report
    mkdir -p "$out/$suite"
    rm -f "$out/$suite"/report.*
    export ASAN_OPTIONS=$asan:log_path=$out/$suite/report
    export UBSAN_OPTIONS=$UBSAN_OPTIONS:log_path=$out/$suite/report
    run_wire build-asan/aire
    for report in "$out/$suite"/report.*; do
        [ -f "$report" ] || continue
        tally 0 1
        log=$report code=1 failing sanitizer head -60
    done
}

npm_packages() { # FOLDER
    # npm writes this file last, so it stands for a whole installation of this very lock file.
    [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] && return
    run npm npm ci --prefix "$1" --no-audit --no-fund
    [ $code -eq 0 ]
}

pip_packages() { # FOLDER LOCK-FILE: a virtual environment with what the file names
    [ "$1/.installed" -nt "$2" ] && return
    test_s=600 run pip sh -c "python3 -m venv --clear '$1' && '$1/bin/pip' install -q -r '$2' && touch '$1/.installed'"
    [ $code -eq 0 ]
}

suite_e2e() {
    [ -f tests/e2e/package.json ] || return
    local major files
    major=$(node --version 2>/dev/null | sed -nE 's/^v([0-9]+)\..*/\1/p')
    if [ "${major:-0}" -lt 18 ]; then
        echo "node 18 or newer is needed, found: ${major:-none}" >&3
        tally 0 1
        return
    fi
    npm_packages tests/e2e || {
        failing 'npm ci' cat
        tally 0 1
        return
    }
    export AIRE_BIN=$root/build/aire
    mapfile -t files < <(grep -lE "node:test" tests/e2e/*.{js,mjs} 2>/dev/null)
    node_tests e2e node --test --test-reporter=tap "${files[@]}"
}

node_tests() { # NAME COMMAND...: which reports in TAP
    local p f s
    run "$@"
    p=$(sed -nE 's/^# pass ([0-9]+)$/\1/p' "$log" | tail -1)
    f=$(awk '/^# (fail|cancelled) [0-9]+$/ { n += $3 } END { print n + 0 }' "$log")
    s=$(awk '/^# (skipped|todo) [0-9]+$/ { n += $3 } END { print n + 0 }' "$log")
    if [ "$code" -ne 0 ] && [ "$f" -eq 0 ] || [ "${p:-0}" -eq 0 ]; then f=$((f > 0 ? f : 1)); fi
    tally "${p:-0}" "$f" "$s"
    [ "$f" -eq 0 ] || failing "$1" grep -A25 'not ok'
}

# Both SDKs: their types, and their tests. Without mypy from pip the types of Python are skipped.
suite_sdk() {
    export AIRE_BIN=$root/build/aire PYTHONDONTWRITEBYTECODE=1
    if pip_packages build/sdk sdk/python/requirements.lock; then
        run mypy sh -c "cd sdk/python && ../../build/sdk/bin/python -m mypy --cache-dir ../../build/sdk/mypy"
        if [ $code -eq 0 ]; then tally 1 0; else
            tally 0 1
            failing mypy cat
        fi
    else
        tally 0 0 1
        failing 'the registry has not given mypy; its check is skipped' tail -5
    fi
    PYTHONPATH=sdk/python/src:sdk/python/tests each wire < <(ls sdk/python/tests/test_*.py)
    if npm_packages sdk/typescript; then
        node_tests typescript npm test --prefix sdk/typescript
    else
        tally 0 0 1
        failing 'the registry has not given typescript; the tests of that SDK are skipped' tail -5
    fi
}

# The example agents, killed in the middle. What cannot be installed is skipped, and said to be.
suite_agents() {
    local here=examples/agents venv=build/agents
    local missing='the registry has not given it; the tests of these agents are skipped'
    if pip_packages $venv $here/python/requirements.lock; then
        export AIRE_AGENTS_PYTHON=$root/$venv/bin/python
    else
        failing "$missing: pip" tail -5
    fi
    if npm_packages $here/typescript; then
        run tsc npm run build --prefix $here/typescript
        if [ $code -eq 0 ]; then tally 1 0; else
            tally 0 1
            failing tsc cat
        fi
    else
        failing "$missing: npm" tail -5
    fi
    export AIRE_BIN=$root/build/aire PYTHONDONTWRITEBYTECODE=1
    PYTHONPATH=tests/wire:tests/e2e:$here wire tests/e2e/test_agents.py
}

# ---- all ----

mkdir -p "$out"
[ $# -gt 0 ] && suites=("$@")
for suite in "${suites[@]}"; do
    run_suite "$suite"
done
tallies=("${suites[@]/#/$out/}")
total=$(sum "${tallies[@]/%/.tally}")
echo "$total"
[[ $total == *" 0 failed"* ]]
