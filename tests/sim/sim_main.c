/* SPDX-License-Identifier: Apache-2.0
 * sim_main.c - the simulator: `sim --seed N` replays one run, `--count N` runs N seeds from there,
 * `--seconds S` new ones until the time is over; `--story 1` prints all that happened. The last
 * line is "N passed, N failed".
 */
#include "sim/world.h"

#include "base/must.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Written before each run, read when it dies. */
static char last_words[80];

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
};

static int usage(void)
{
    (void)fputs("usage: sim [--seed N] [--count N] [--seconds S] [--story 1]\n", stderr);
    return 2;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    bool counted = false;
    for (int i = 1; i < argc; i += 2) {
        uint64_t *value = strcmp(argv[i], "--seed") == 0      ? &options->seed
                          : strcmp(argv[i], "--count") == 0   ? &options->count
                          : strcmp(argv[i], "--seconds") == 0 ? &options->seconds
                          : strcmp(argv[i], "--story") == 0   ? &options->story
                                                              : NULL;
        if (value == NULL || i + 1 == argc || num_u64(str_of(argv[i + 1]), value) != ERR_OK) {
            return false;
        }
        counted = counted || value == &options->count;
    }
    if (options->seconds > 0 && !counted) {
        options->count = UINT64_MAX;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct env env;
    env_init_real(&env);
    struct instant start = env_instant(&env);
    struct options options = {.count = 1};
    env_entropy(&env, &options.seed, 4); /* short seeds are easier to type */
    if (!read_options(argc, argv, &options)) {
        return usage();
    }
    (void)signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(say_seed);
    }
    uint64_t passed = 0;
    uint64_t failed = 0;
    for (uint64_t i = 0; i < options.count; i++) {
        uint64_t seed = options.seed + i;
        (void)snprintf(last_words, sizeof last_words, "sim: seed %llu failed: it crashed\n",
                       (unsigned long long)seed);
        const char *broken = world_run(seed, options.story > 0);
        if (broken[0] != '\0') {
            printf("sim: seed %llu failed: %s\n", (unsigned long long)seed, broken);
            (void)fflush(stdout);
        }
        *(broken[0] == '\0' ? &passed : &failed) += 1;
        uint64_t elapsed_us = instant_since_us(env_instant(&env), start);
        if (options.seconds > 0 && elapsed_us >= options.seconds * US_PER_S) {
            break;
        }
    }
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed > 0 ? 1 : 0;
}
