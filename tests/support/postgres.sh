#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# postgres.sh - a PostgreSQL server of the tests' own, on a loopback port and a socket in its folder.
#
#   postgres.sh start FOLDER [SETTING=VALUE...]   makes the cluster when FOLDER has none; prints its port
#   postgres.sh stop FOLDER                       at once, as a crash would
#   postgres.sh kill FOLDER                       SIGKILL to the server; its children follow
#   postgres.sh remove FOLDER                     stops it and removes the folder
#
# User aire is trusted on the socket (FOLDER itself) and needs its password, "secret", on 127.0.0.1.
# Exit 3: there is no PostgreSQL here. The server refuses root, so root runs it as user postgres.
set -euo pipefail
verb=$1
folder=$2
shift 2
data=$folder/data
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1) || true
[ -x "$bin/initdb" ] || bin=$(dirname "$(command -v initdb || echo /none/initdb)")
[ -x "$bin/initdb" ] || exit 3
as=()
if [ "$(id -u)" -eq 0 ]; then
    user=postgres
    id -u $user >/dev/null 2>&1 || user=nobody
    as=(setpriv --reuid=$user --regid="$(id -g $user)" --clear-groups)
fi

make() {
    mkdir -p "$folder"
    chmod 711 "$folder"
    [ ${#as[@]} -eq 0 ] || chown $user "$folder"
    echo secret >"$folder/password"
    chmod 644 "$folder/password"
    "${as[@]}" "$bin/initdb" -D "$data" -U aire -E UTF8 --locale=C --no-sync --pwfile="$folder/password" \
        --auth-local=trust --auth-host=scram-sha-256 >"$folder/initdb.log" 2>&1 || return 1
    "${as[@]}" tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 60
shared_buffers = 32MB
deadlock_timeout = 50ms
autovacuum = off
log_min_messages = fatal
CONF
}

start() {
    local tries port options=''
    [ -d "$data" ] || make || { # a machine short of memory for a moment
        cat "$folder/initdb.log" >&2
        rm -rf "$data"
        make
    }
    if [ -e "$data/postmaster.pid" ]; then # it runs
        cat "$folder/port"
        return
    fi
    for setting in "$@"; do options+=" -c $setting"; done
    for tries in {1..40}; do # its port may be taken, or children of a killed one may still be ending
        port=$(cat "$folder/port" 2>/dev/null || echo $((20000 + RANDOM % 12000)))
        if "${as[@]}" "$bin/pg_ctl" -D "$data" -l "$data/log" -w -t 60 -o "-p $port$options" start >/dev/null 2>&1 </dev/null; then
            echo "$port" >"$folder/port"
            echo "$port"
            return
        fi
        sleep 0.05
    done
    cat "$data/log" >&2
    return 1
}

case $verb in
start) start "$@" ;;
stop) "${as[@]}" "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true ;;
kill)
    kill -9 "$(head -1 "$data/postmaster.pid")"
    rm "$data/postmaster.pid" # a dead one may still be a zombie, which the next start would take for alive
    ;;
remove)
    "${as[@]}" "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$folder"
    ;;
esac
