/* SPDX-License-Identifier: Apache-2.0
 * serve.c - `aire serve`: a service between its first and its last signal.
 *
 * Standard output carries exactly one line, so that scripts can wait for it. */
#include "app/configure.h"
#include "app/service.h"
#include "cli/cli.h"
#include "sys/net.h"
#include "sys/notify.h"

/* The sanitizers' leak check looks at the process from outside, which protection forbids. */
#if defined(__SANITIZE_ADDRESS__)
#define MAY_PROTECT false
#else
#define MAY_PROTECT true
#endif

#define WAIT_MS 3600000

static void run(struct service *service)
{
    const struct log *log = service_log(service);
    for (;;) {
        enum signal_word word = notify_wait(WAIT_MS);
        if (word == SIGNAL_STOP) {
            log_say(log, LOG_INFO, "serve", "draining; a second signal ends it at once");
            bool all = service_drain(service, SERVICE_DRAIN_MS);
            log_say(log, LOG_INFO, "serve", all ? "drained" : "what still ran is cancelled");
            return;
        }
        if (word == SIGNAL_RELOAD) {
            struct fault fault = {0};
            err_ignore(service_reload(service, &fault)); /* it says how it went */
        }
    }
}

int cmd_serve(const struct cli *cli)
{
    uint64_t threads = 0;
    if (!cli_number(cli, "--threads", 1, 256, &threads)) {
        return CLI_USAGE;
    }
    const struct service_options options = {.config = cli_config(cli),
                                            .data = cli_data(cli),
                                            .listen = cli_option(cli, "--listen", NULL),
                                            .threads = (unsigned)threads,
                                            .unrecorded = cli_flag(cli, "--no-record")};
    struct service *service;
    struct fault fault = {0};
    int exit_code = CLI_BROKEN;
    notify_init();
    if (MAY_PROTECT) {
        notify_protect_memory();
    }
    (void)net_files_max();
    if (service_start(&options, &service, &exit_code, &fault) != ERR_OK) {
        return cli_fail(cli, exit_code, "%s", fault.words);
    }
    if (options.config == NULL) {
        log_say(service_log(service), LOG_INFO, "serve", "no aire.yaml: %s",
                configure_needs_builtin(NULL)
                    ? "the built-in provider answers where no key is in the environment"
                    : "calls go to the providers whose keys are in the environment");
    }
    if (cli_printf("listening on %s\n", service_url(service)) == CLI_OK) {
        run(service);
        exit_code = CLI_OK;
    } else {
        exit_code = cli_fail(cli, CLI_BROKEN, "standard output is closed");
    }
    service_stop(service);
    return exit_code;
}
