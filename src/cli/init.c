/* SPDX-License-Identifier: Apache-2.0
 * init.c - `aire init`: a starter file that is valid as it is, and explains itself. */
#include "cli/cli.h"
#include "sys/file.h"

static const char starter[] =
    "# aire.yaml - see `aire config schema` for all keys, `aire config check` for mistakes.\n"
    "# Durations: 250ms, 5s, 2m. Sizes: 64KiB, 32MiB. Money: $0.10. Rates: 10/min.\n"
    "# ${NAME} reads an environment variable, file:PATH a file beside this one.\n"
    "version: 1\n"
    "listen: 127.0.0.1:8080        # any other address demands keys: aire key create NAME\n"
    "\n"
    "providers:\n"
    "  sim:                        # aire sim --listen 127.0.0.1:9100: answers without a model\n"
    "    dialect: openai\n"
    "    base_url: http://127.0.0.1:9100/v1\n"
    "  # openai:\n"
    "  #   dialect: openai\n"
    "  #   base_url: https://api.openai.com/v1\n"
    "  #   keys: [\"${OPENAI_API_KEY}\"]\n"
    "  # anthropic:\n"
    "  #   dialect: anthropic\n"
    "  #   base_url: https://api.anthropic.com\n"
    "  #   keys: [\"${ANTHROPIC_API_KEY}\"]\n"
    "\n"
    "targets:                      # a model at a provider; prices per million tokens\n"
    "  main:  {provider: sim, model: sim-large, price: {input: $2.50, output: $10.00}}\n"
    "  spare: {provider: sim, model: sim-small, price: {input: $0.15, output: $0.60}}\n"
    "\n"
    "routes:                       # the name that a client puts into \"model\"\n"
    "  support:\n"
    "    path: [main, spare, human]  # tiers in order; `rules` needs a rules file\n"
    "    timeouts: {connect: 2s, first_token: 10s, total: 120s}\n"
    "    retries: {attempts: 2, budget: 20%}\n"
    "    breaker: {failures: 5, open: 60s}\n"
    "\n"
    "agents:\n"
    "  refund-agent:\n"
    "    owner: payments-team\n"
    "    route: support\n"
    "    rate: 600/min\n"
    "    spend: {day: $50, month: $900}\n";

int cmd_init(const struct cli *cli)
{
    const char *path = cli_word(cli, 0) != NULL ? cli_word(cli, 0) : "aire.yaml";
    if (file_exists(path)) {
        return cli_fail(cli, CLI_USAGE, "%.200s is there already; nothing was changed", path);
    }
    enum err code = file_write_atomic(path, str_of(starter), 0644);
    if (code != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "%.200s: %s", path, err_text(code));
    }
    return cli_printf("wrote %s; next: aire sim --listen 127.0.0.1:9100 and aire serve\n", path);
}
