/* SPDX-License-Identifier: Apache-2.0
 * sim.c - `aire sim`: the built-in provider on a thread of its own while this one waits for
 * signals.
 */
#include "base/must.h"
#include "cli/cli.h"
#include "config/yaml.h"
#include "provider/provider.h"
#include "provider/script.h"
#include "sys/file.h"
#include "sys/net.h"
#include "sys/notify.h"
#include "sys/thread.h"

#define WAIT_MS 3600000

enum sim_state { SIM_STARTING, SIM_READY, SIM_ENDED };

struct sim {
    const struct env *env;
    struct provider_options options;
    struct mutex mutex; /* guards what follows */
    struct condition changed;
    enum sim_state state;
    struct loop *loop;
    struct address bound;
    struct fault fault;
};

static void on_ready(void *object, struct loop *loop, const struct address *bound)
{
    struct sim *sim = object;
    mutex_lock(&sim->mutex);
    sim->loop = loop;
    sim->bound = *bound;
    sim->state = SIM_READY;
    condition_wake(&sim->changed);
    mutex_unlock(&sim->mutex);
}

static void run(void *object)
{
    struct sim *sim = object;
    const struct provider_ready ready = {on_ready, sim};
    struct fault fault = {0};
    /* It only fails before it is ready, and then says why. */
    err_ignore(provider_run(sim->env, &sim->options, &ready, &fault));
    mutex_lock(&sim->mutex);
    sim->state = SIM_ENDED;
    sim->fault = fault;
    condition_wake(&sim->changed);
    mutex_unlock(&sim->mutex);
}

static bool became_ready(struct sim *sim)
{
    mutex_lock(&sim->mutex);
    while (sim->state == SIM_STARTING) {
        (void)condition_wait(&sim->changed, &sim->mutex, UINT64_MAX);
    }
    bool ready = sim->state == SIM_READY;
    mutex_unlock(&sim->mutex);
    return ready;
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

static int serve(const struct cli *cli, struct sim *sim)
{
    struct thread thread;
    char shown[ADDRESS_TEXT_BYTES];
    notify_init();
    (void)net_files_max();
    if (thread_start(&thread, "provider", run, sim) != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "cannot start a thread");
    }
    if (!became_ready(sim)) {
        thread_join(&thread);
        return cli_fail(cli, CLI_BROKEN, "%s: %s", cli_option(cli, "--listen", ""),
                        sim->fault.words);
    }
    int exit_code = cli_printf("listening on http://%s\n", address_show(&sim->bound, shown));
    bool stopping = exit_code != CLI_OK;
    while (!stopping) {
        stopping = notify_wait(WAIT_MS) == SIGNAL_STOP; /* there is nothing to reload */
    }
    loop_stop(sim->loop);
    thread_join(&thread);
    return exit_code;
}

int cmd_sim(const struct cli *cli)
{
    struct sim sim = {.env = cli->env};
    struct buf script;
    const char *listen = cli_option(cli, "--listen", "");
    const char *path = cli_option(cli, "--script", NULL);
    if (address_parse(str_of(listen), &sim.options.listen) != ERR_OK) {
        return cli_fail(cli, CLI_USAGE, "--listen: '%.80s' is not HOST:PORT with a literal address",
                        listen);
    }
    buf_init(&script, SCRIPT_BYTES_MAX);
    int exit_code = path != NULL ? check_script(cli, path, &script) : CLI_OK;
    if (exit_code == CLI_OK) {
        sim.options.script = buf_str(&script);
        sim.options.required_key = str_of(cli_option(cli, "--key", NULL));
        mutex_init(&sim.mutex);
        condition_init(&sim.changed);
        exit_code = serve(cli, &sim);
        condition_end(&sim.changed);
        mutex_end(&sim.mutex);
    }
    buf_end(&script);
    return exit_code;
}
