/* SPDX-License-Identifier: Apache-2.0
 * happenings.h - what is worth happening in stories.
 */
#ifndef AIRE_TESTS_RUNS_HAPPENINGS_H
#define AIRE_TESTS_RUNS_HAPPENINGS_H

/* Counted over all seeds: what never happened was not tested. */
#define HAPPENINGS(X)                                                                              \
    X(replayed)                                                                                    \
    X(replayed_after_restart)                                                                      \
    X(same_try_after_restart)                                                                      \
    X(fenced)                                                                                      \
    X(in_doubt)                                                                                    \
    X(probe_found)                                                                                 \
    X(probe_denied)                                                                                \
    X(sent_again)                                                                                  \
    X(skipped)                                                                                     \
    X(key_used_again)                                                                              \
    X(killed_before_commit)                                                                        \
    X(killed_behind_commit)                                                                        \
    X(commit_failed)                                                                               \
    X(commit_unknown_written)                                                                      \
    X(commit_unknown_lost)                                                                         \
    X(agent_died)                                                                                  \
    X(zombie)                                                                                      \
    X(calm)                                                                                        \
    X(twin)                                                                                        \
    X(refused_by_journal)
enum happening {
#define X(name) HAPPENED_##name,
    HAPPENINGS(X)
#undef X
        HAPPENINGS_COUNT
};

#endif
