/* SPDX-License-Identifier: Apache-2.0
 * sim.c - `aire sim`: the built-in provider on a thread of its own while this one waits for
 * signals.
 */
#include "cli/cli.h"
#include "config/yaml.h"
#include "provider/provider.h"
#include "provider/script.h"
#include "sys/file.h"
#include "sys/net.h"
#include "sys/notify.h"
#include "sys/thread.h"

#define WAIT_MS 3600000

static void run(void *loop)
{
    loop_run(loop);
}

/* A script that does not hold is the user's; the provider would only say that it cannot start. */
static int check_script(const struct cli *cli, const char *path, struct buf *text)
{
    struct script *script = NULL;
    struct fault fault = {0};
    enum err code = file_read(path, text);
    if (code != ERR_OK) {
        return cli_fail(cli, CLI_USAGE, "%.200s: %s", path, err_text(code));
    }
    if (script_new(buf_str(text), &script, &fault) != ERR_OK) {
        return cli_fail(cli, CLI_USAGE, "%.200s:%u:%u: %s", path, fault.line, fault.column,
                        fault.words);
    }
    script_drop(script);
    return CLI_OK;
}

static int serve(const struct cli *cli, const struct provider *provider, struct loop *loop)
{
    struct thread thread;
    char shown[ADDRESS_TEXT_BYTES];
    if (thread_start(&thread, "provider", run, loop) != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "cannot start a thread");
    }
    int exit_code = cli_printf("listening on http://%s\n",
                               address_show(provider_address(provider), shown));
    bool stopping = exit_code != CLI_OK;
    while (!stopping) {
        stopping = notify_wait(WAIT_MS) == SIGNAL_STOP; /* there is nothing to reload */
    }
    loop_stop(loop);
    thread_join(&thread);
    return exit_code;
}

int cmd_sim(const struct cli *cli)
{
    struct provider_options options = {.required_key = str_of(cli_option(cli, "--key", NULL))};
    struct fault fault = {0};
    struct buf script;
    const char *listen = cli_option(cli, "--listen", "");
    const char *path = cli_option(cli, "--script", NULL);
    if (address_parse(str_of(listen), &options.listen) != ERR_OK) {
        return cli_fail(cli, CLI_USAGE, "--listen: '%.80s' is not HOST:PORT with a literal address",
                        listen);
    }
    buf_init(&script, SCRIPT_BYTES_MAX);
    int exit_code = path != NULL ? check_script(cli, path, &script) : CLI_OK;
    if (exit_code == CLI_OK) {
        notify_init(); /* before any thread is there */
        (void)net_files_max();
        options.loop = loop_new(cli->env);
        options.script = buf_str(&script);
        struct provider *provider = provider_new(&options, &fault);
        exit_code = provider != NULL ? serve(cli, provider, options.loop)
                                     : cli_fail(cli, CLI_BROKEN, "%s: %s", listen, fault.words);
        provider_free(provider);
        loop_free(options.loop);
    }
    buf_end(&script);
    return exit_code;
}
