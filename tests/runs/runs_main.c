/* SPDX-License-Identifier: Apache-2.0
 * runs_main.c - `sim_runs --seed N` plays one story again, `--count N` plays N of them from there,
 * `--seconds S` new ones until the time is over; `--story 1` prints all that happens, `--lie 1`
 * gives them a disk that tells what it has not written: then stories must break.
 * The last line is "N passed, N failed".
 */
#include "runs/world.h"

#include "base/must.h"
#include "base/num.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENOUGH 2000 /* stories in which everything should have happened */

static char last_words[80]; /* written before each story, read when it dies */

static void say_seed(void)
{
    (void)!write(STDERR_FILENO, last_words, strlen(last_words));
}

static void on_abort(int number)
{
    say_seed();
    (void)signal(number, SIG_DFL);
}

/* Of the sanitizers, where they are linked. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct options {
    uint64_t seed;
    uint64_t count;
    uint64_t seconds;
    uint64_t story;
    uint64_t lie;
};

static bool read_options(int argc, char **argv, struct options *options)
{
    const struct {
        const char *name;
        uint64_t *value;
    } known[] = {{"--seed", &options->seed},
                 {"--count", &options->count},
                 {"--seconds", &options->seconds},
                 {"--story", &options->story},
                 {"--lie", &options->lie}};
    for (int i = 1; i < argc; i += 2) {
        bool read = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0] && i + 1 < argc; k++) {
            read = read || (strcmp(argv[i], known[k].name) == 0 &&
                            num_u64(str_of(argv[i + 1]), known[k].value) == ERR_OK);
        }
        if (!read) {
            return false;
        }
    }
    options->count = options->count > 0 ? options->count : options->seconds > 0 ? UINT64_MAX : 1;
    return true;
}

/* What never happened was not tested. */
static bool all_happened(const uint64_t happened[HAPPENINGS_COUNT], uint64_t stories)
{
    static const char *const names[] = {
#define X(name) #name,
        HAPPENINGS(X)
#undef X
    };
    bool all = true;
    for (size_t i = 0; i < HAPPENINGS_COUNT; i++) {
        printf("%s%s %llu", i == 0 ? "happened: " : ", ", names[i],
               (unsigned long long)happened[i]);
        all = all && happened[i] > 0;
    }
    printf("\n");
    if (!all && stories >= ENOUGH) {
        printf("runs: of %llu stories none had all of it\n", (unsigned long long)stories);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct env env;
    static uint64_t happened[HAPPENINGS_COUNT];
    env_init_real(&env);
    struct instant start = env_instant(&env);
    struct options options = {0};
    env_entropy(&env, &options.seed, 4); /* short seeds are easier to type */
    if (!read_options(argc, argv, &options)) {
        (void)fputs("usage: sim_runs [--seed N] [--count N] [--seconds S] [--story 1] [--lie 1]\n",
                    stderr);
        return 2;
    }
    (void)signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(say_seed);
    }
    uint64_t failed = 0;
    uint64_t played = 0;
    while (played < options.count) {
        const struct world_options story = {.seed = options.seed + played,
                                            .story = options.story > 0,
                                            .lying = options.lie > 0,
                                            .happened = happened};
        (void)snprintf(last_words, sizeof last_words, "runs: seed %llu failed: it crashed\n",
                       (unsigned long long)story.seed);
        const char *broken = world_run(&story);
        played++;
        if (broken[0] != '\0') {
            printf("runs: seed %llu failed: %s\n", (unsigned long long)story.seed, broken);
            (void)fflush(stdout);
            failed++;
        }
        uint64_t elapsed_us = instant_since_us(env_instant(&env), start);
        if (options.seconds > 0 && elapsed_us >= options.seconds * US_PER_S) {
            break;
        }
    }
    bool enough = options.lie > 0 || all_happened(happened, played);
    printf("%llu passed, %llu failed\n", (unsigned long long)(played - failed),
           (unsigned long long)failed);
    return failed > 0 || !enough ? 1 : 0;
}
