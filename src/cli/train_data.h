/* SPDX-License-Identifier: Apache-2.0
 * train_data.h - labelled texts from JSON lines, plain or compressed (gzip).
 *
 * A line is {text, label: benign | injection | jailbreak | harmful, source, kind?, lang?,
 * attack_span?: [start, end)}. `harmful` asks for harm without giving orders to the model: left
 * out.
 */
#ifndef AIRE_CLI_TRAIN_DATA_H
#define AIRE_CLI_TRAIN_DATA_H

#include "crypto/digest.h"
#include "security/injection_corpus.h"

#define TRAIN_FILE_BYTES_MAX ((size_t)256 << 20)

struct train_file {
    char name[64];
    struct digest digest; /* of the file's bytes */
    size_t rows;
};

/* `file` receives what was read. A bad line is an error that names it. */
enum err train_data_read(const char *path, struct corpus *corpus, struct train_file *file,
                         struct fault *fault) MUST_USE;

/* Texts that a grammar (text/grammar.h) makes: source "own-..." as named. */
enum err train_data_make(const char *path, struct str source, struct corpus *corpus,
                         struct train_file *file, struct fault *fault) MUST_USE;

#endif
