#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_calls.sh - what object files of the release build ask of the system: only src/sys may reach the
# kernel's clock, entropy, files, sockets, processes, threads. Adapters of libraries call the library.
# base/must.c alone may speak and abort elsewhere. Some functions are allowed nowhere.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
objects=build/CMakeFiles

# With link-time optimisation an object's table leaves out what the compiler knows itself (fork, abort,
# printf), so each is compiled to the end once more, when it is newer than what we have of it.
native() { # OBJECT
    local to=build/calls/${1#build/CMakeFiles/}
    [ "$to" -nt "$1" ] && return
    mkdir -p "$(dirname "$to")"
    gcc -O0 -flto -r -flinker-output=nolto-rel "$1" -o "$to"
}
export -f native
if grep -q -e -flto build/compile_commands.json; then
    find $objects/core.dir/src $objects/aire.dir/src -name '*.o' | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'native {}'
    objects=build/calls
fi

# Names as extended regular expressions, after the C library's decorations (__, _chk, 64, _2) are off.
kernel='clock_gettime|clock_nanosleep|clock|gettimeofday|time|timespec_get|nanosleep|u?sleep|alarm|timer_(create|settime|gettime|delete)
getrandom|getentropy|s?rand(_r)?|s?random|[dejlmn]rand48
open|openat|creat|f?d?open|freopen|fopencookie|close|read|write|p?readv?|p?writev?|lseek|fread|fwrite|fclose
fgets|fgetc|getc|getchar|getline|getdelim|fputs|fputc|putc|puts|putchar|v?f?printf|v?dprintf|perror|fflush
stdin|stdout|stderr|popen|system|tmpfile|mkstemps?|mkostemps?|mkdtemp
rename|renameat2?|unlink|unlinkat|remove|mkdir|mkdirat|rmdir|link|symlink|realpath|opendir|readdir|chdir|getcwd
[fl]?stat|fstatat|[fl]?chmod|[fl]?chown|access|fsync|fdatasync|f?truncate|flock|lockf|isatty|mmap|munmap|mprotect
socket|socketpair|connect|bind|listen|accept4?|recv(from|m?msg)?|send(to|m?msg|file)?|shutdown|[gs]etsockopt|getpeername|getsockname
getaddrinfo|gethostby.*|p?poll|p?select|epoll_.*|eventfd|timerfd_.*|signalfd|inotify_.*|fcntl|ioctl|dup[23]?|pipe2?
fork|vfork|clone|exec[lv].*|fexecve|posix_spawn.*|wait|waitpid|waitid|kill|tgkill|raise|signal|sigaction|sigprocmask
abort|exit|_exit|_Exit|quick_exit|atexit|on_exit|prctl|[gs]etrlimit|getrusage|syscall|sysconf
getenv|secure_getenv|setenv|putenv|unsetenv|environ|getpid|getppid|gettid|[gs]ete?[ug]id|gethostname|uname
pthread_.*|thrd_.*|mtx_.*|cnd_.*|sem_.*|sched_.*|localtime_r|mktime|tzset|setlocale|dlopen|dlsym'
banned='strcpy|stpcpy|strcat|sprintf|vsprintf|gets|strtok(_r)?|ato[ifl]|atoll|s?rand|localtime|gmtime|ctime|asctime|alloca|setjmp|longjmp'
join() { tr '\n' '|' <<<"$1" | sed 's/|$//'; }

bad=0
while read -r source; do
    object=$objects/core.dir/$source.o
    [ "$source" = src/main.c ] && object=$objects/aire.dir/$source.o
    if [ ! -f "$object" ]; then
        echo "$source: not compiled in the release build"
        bad=1
        continue
    fi
    names=$(gcc-nm -u "$object" | sed -E 's/^ *[Uw] //; s/@.*//; s/^__(isoc99_)?//; s/_chk$//; s/64$//; s/_2$//')
    forbidden=$banned
    case $source in
    src/sys/*) ;;
    src/base/must.c) names=$(grep -vxE 'abort|stderr|fprintf|fputs|fwrite' <<<"$names") ;;&
    *) forbidden="$forbidden|$(join "$kernel")" ;;
    esac
    if found=$(grep -xE "$forbidden" <<<"$names" | sort -u | paste -sd' '); [ -n "$found" ]; then
        echo "$source: calls $found"
        bad=1
    fi
done < <(find src -name '*.c' | sort)

# A compiler may have put something else in place of these, so the sources are read as well.
if grep -rnE "(^|[^_a-zA-Z0-9>.])($banned) *\(" src --include='*.[ch]'; then
    echo "these functions are allowed nowhere"
    bad=1
fi
exit $bad
