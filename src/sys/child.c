/* SPDX-License-Identifier: Apache-2.0
 * child.c - fork, exec, and the certainty that no child outlives us.
 *
 * Invariants: between fork and exec only async-signal-safe calls are made; a failure to exec comes
 * back over a close-on-exec pipe as the result of child_start. The kernel ends the child when the
 * *thread* that started it ends, so children are started from threads that live as long as they
 * should.
 */
#include "sys/child.h"

#include "base/must.h"
#include "base/str.h"
#include "sys/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX 65536

struct child {
    pid_t id;
    int output; /* read end of its standard output, or -1 */
    bool ended; /* its output has ended */
    size_t len; /* bytes waiting in held */
    char held[OUTPUT_MAX];
};

static uint64_t now_ms(void)
{
    struct timespec now;
    must(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct starting {
    const char *const *arguments;
    char **environment; /* NULL: ours; else arguments[0] is looked for along PATH */
    int output;         /* -1: ours */
    int report;
    pid_t parent;
};

/* In the child: never returns. */
static _Noreturn void become(const struct starting *s)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != s->parent) {
        _exit(127); /* the parent was gone before the kernel knew of our wish */
    }
    if (s->output < 0 || dup2(s->output, STDOUT_FILENO) >= 0) {
        char *const *list;
        memcpy(&list, &s->arguments, sizeof list); /* execv's prototype predates const */
        if (s->environment != NULL) {
            (void)execvpe(s->arguments[0], list, s->environment);
        } else {
            (void)execv(s->arguments[0], list);
        }
    }
    int number = errno;
    ssize_t ignored = write(s->report, &number, sizeof number);
    (void)ignored;
    _exit(127);
}

/* 0, or the errno of a failed exec. */
static int exec_outcome(int report)
{
    int number = 0;
    ssize_t got;
    do {
        got = read(report, &number, sizeof number);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof number ? number : 0;
}

static void reap(pid_t id, int *status)
{
    while (waitpid(id, status, 0) < 0 && errno == EINTR) {
    }
}

static void forget(struct child *child)
{
    if (child->output >= 0) {
        (void)close(child->output);
    }
    free(child);
}

static void close_pair(const int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            (void)close(pair[i]);
        }
    }
}

static enum err start(const char *const *arguments, char **environment, bool capture,
                      struct child **child)
{
    int report[2] = {-1, -1};
    int output[2] = {-1, -1};
    pid_t parent = getpid();
    if (pipe2(report, O_CLOEXEC) != 0 || (capture && pipe2(output, O_CLOEXEC) != 0)) {
        enum err err = os_err(errno);
        close_pair(report);
        return err;
    }
    pid_t id = fork();
    if (id == 0) {
        const struct starting starting = {arguments, environment, output[1], report[1], parent};
        become(&starting);
    }
    int number = id < 0 ? errno : 0;
    (void)close(report[1]);
    if (id > 0) {
        number = exec_outcome(report[0]);
    }
    (void)close(report[0]);
    if (number != 0) {
        if (id > 0) {
            reap(id, &(int){0});
        }
        close_pair(output);
        return os_err(number);
    }
    if (capture) {
        (void)close(output[1]);
    }
    *child = must_have(calloc(1, sizeof **child));
    (*child)->id = id;
    (*child)->output = output[0];
    return ERR_OK;
}

enum err child_start(const char *const *arguments, bool capture, struct child **child)
{
    return start(arguments, NULL, capture, child);
}

/* ---- in the foreground ---- */

static sigset_t passed_on(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        (void)sigaddset(&set, signals[i]);
    }
    return set;
}

static bool same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return strncmp(a, b, len + 1) == 0;
}

/* Ours, with `settings` in place of what has their names; the strings are borrowed. */
static char **environment_with(const char *const *settings)
{
    size_t ours = 0;
    size_t added = 0;
    while (environ[ours] != NULL) {
        ours++;
    }
    while (settings[added] != NULL) {
        added++;
    }
    char **all = must_have(calloc(ours + added + 1, sizeof *all));
    size_t count = 0;
    for (size_t i = 0; i < ours; i++) {
        bool replaced = false;
        for (size_t k = 0; k < added; k++) {
            replaced = replaced || same_name(settings[k], environ[i]);
        }
        if (!replaced) {
            all[count++] = environ[i];
        }
    }
    for (size_t k = 0; k < added; k++) {
        memcpy(&all[count++], &settings[k], sizeof *all); /* execve's prototype predates const */
    }
    return all;
}

enum err child_start_foreground(const char *const *arguments, const char *const *settings,
                                struct child **child)
{
    sigset_t set = passed_on();
    must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    char **environment = environment_with(settings);
    enum err code = start(arguments, environment, false, child);
    free(environment);
    return code;
}

/* The terminal has sent its signal to all of the foreground: only those of others are passed on. */
int child_attend(struct child *child, bool *stopped)
{
    sigset_t set = passed_on();
    int status = 0;
    while (waitpid(child->id, &status, WNOHANG) != child->id) {
        siginfo_t info;
        int number = sigwaitinfo(&set, &info);
        if (number > 0 && number != SIGCHLD) {
            *stopped = *stopped || number == SIGTERM || number == SIGINT;
            if (info.si_code != SI_KERNEL) {
                (void)kill(child->id, number);
            }
        }
    }
    forget(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- its output ---- */

/* Moves one line out of held; false when there is none yet. */
static bool take_line(struct child *child, char *to, size_t room, enum err *err)
{
    struct str held = {child->held, child->len};
    size_t end = str_find_byte(held, '\n');
    size_t used = end + 1;
    if (end == SIZE_MAX) {
        bool last = child->ended && child->len > 0;
        if (!last && child->len < sizeof child->held) {
            return false;
        }
        end = child->len;
        used = child->len;
    }
    *err = str_copy(str_cut(held, 0, end), to, room) ? ERR_OK : ERR_LIMIT;
    child->len -= used;
    memmove(child->held, child->held + used, child->len);
    return true;
}

/* Waits for more output at most until `until`. */
static enum err more_output(struct child *child, uint64_t until)
{
    struct pollfd wait = {.fd = child->output, .events = POLLIN};
    uint64_t now = now_ms();
    int ready = poll(&wait, 1, until > now ? (int)(until - now) : 0);
    if (ready < 0) {
        return errno == EINTR ? ERR_OK : os_err(errno);
    }
    if (ready == 0) {
        return ERR_TIMEOUT;
    }
    ssize_t got = read(child->output, child->held + child->len, sizeof child->held - child->len);
    if (got < 0) {
        return errno == EINTR ? ERR_OK : os_err(errno);
    }
    child->ended = got == 0;
    child->len += (size_t)got;
    return ERR_OK;
}

enum err child_line(struct child *child, char *to, size_t room, unsigned timeout_ms)
{
    uint64_t until = now_ms() + timeout_ms;
    enum err err = ERR_OK;
    must(child->output >= 0 && room > 0);
    while (!take_line(child, to, room, &err)) {
        if (child->ended) {
            return ERR_CLOSED;
        }
        err = more_output(child, until);
        if (err != ERR_OK) {
            return err;
        }
    }
    return err;
}

/* Has it ended, at most grace_ms from now? */
static bool ended_within(pid_t id, unsigned grace_ms, int *status)
{
    const struct timespec nap = {.tv_nsec = 2000000};
    uint64_t until = now_ms() + grace_ms;
    for (;;) {
        pid_t got = waitpid(id, status, WNOHANG);
        if (got == id) {
            return true;
        }
        if (now_ms() >= until) {
            return false;
        }
        (void)nanosleep(&nap, NULL);
    }
}

int child_stop(struct child *child, unsigned grace_ms)
{
    int status = 0;
    (void)kill(child->id, SIGTERM);
    if (!ended_within(child->id, grace_ms, &status)) {
        (void)kill(child->id, SIGKILL);
        reap(child->id, &status);
    }
    forget(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void child_kill(struct child *child)
{
    (void)kill(child->id, SIGKILL);
    reap(child->id, &(int){0});
    forget(child);
}

enum err child_self(char *to, size_t room)
{
    ssize_t len = readlink("/proc/self/exe", to, room);
    if (len < 0) {
        return os_err(errno);
    }
    if ((size_t)len >= room) {
        return ERR_LIMIT;
    }
    to[len] = '\0';
    return ERR_OK;
}
