/* SPDX-License-Identifier: Apache-2.0
 * generation_settings.c - every setting of aire.yaml once: key, type, default, bounds, help.
 *
 * Defaults are the standard's own where it names one. A LATER row refuses its key with the reason;
 * only the value in its default column is accepted. */
#include "gateway/generation_settings.h"

#include "gateway/tool_settings.h"

#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define AT(type, member) .offset = offsetof(struct type, member)

static const struct setting limits_settings[] = {
    {"body_max", SETTING_SIZE_BYTES, AT(limits_conf, body_max), "32MiB", 1024, 1073741824.0,
     .help = "largest request body; beyond it 413"},
    {"answer_max", SETTING_SIZE_BYTES, AT(limits_conf, answer_max), "16MiB", 1024, 1073741824.0,
     .help = "largest plain answer that is buffered for checking; beyond it the attempt fails"},
    {"connections", SETTING_U64, AT(limits_conf, connections), "20000", 1, 1000000,
     .help = "client connections over all threads; beyond it 503"},
    {"buffered", SETTING_SIZE_BYTES, AT(limits_conf, buffered), "1GiB", 1048576, 1e12,
     .help = "bytes held for all clients and providers together; beyond it 503"},
};
static const struct section limits_section = {"limits", limits_settings, COUNT(limits_settings),
                                              sizeof(struct limits_conf),
                                              "what one process takes on at most"};

static const struct setting log_settings[] = {
    {"level", SETTING_CHOICE, AT(log_conf, level), "info", .choices = "error|warn|info|debug",
     .help = "messages above this level are dropped"},
    {"form", SETTING_CHOICE, AT(log_conf, form), "plain", .choices = "plain|json",
     .help = "one line a message, for people or for programs"},
};
static const struct section log_section = {"log", log_settings, COUNT(log_settings),
                                           sizeof(struct log_conf), "messages of the process"};

static const struct setting keys_settings[] = {
    {"master", SETTING_TEXT, AT(keys_conf, master), "", .standard = "S7",
     .help = "file:PATH or ${NAME}, 32 bytes; default ${AIRE_MASTER_KEY} where it is set, else "
             "master.key in the data folder, made at the first start; taken at the start"},
};
static const struct section keys_section = {"keys", keys_settings, COUNT(keys_settings),
                                            sizeof(struct keys_conf),
                                            "under which what is stored is sealed"};

#define DIVERGENCE_CHOICES "relaxed|live|stop"
static const struct setting divergence_settings[] = {
    {"model", SETTING_CHOICE, AT(divergence_conf, model), "relaxed", .choices = DIVERGENCE_CHOICES,
     .help = "a call of a model that fits no recorded step while one waits; relaxed: the recorded "
             "answer is used if the conversation is the same, else the call is made"},
    {"read", SETTING_CHOICE, AT(divergence_conf, read), "live", .choices = DIVERGENCE_CHOICES,
     .help = "a read; live: the call is made"},
    {"effect", SETTING_CHOICE, AT(divergence_conf, effect), "stop", .choices = DIVERGENCE_CHOICES,
     .help = "a call with an effect; stop: the run stands still until a person decides"},
    {"budget", SETTING_U64, AT(divergence_conf, budget), "3", 0, 1000,
     .help = "calls of one run that may be made although they diverged; one more stops it"},
};
static const struct section divergence_section = {
    "divergence", divergence_settings, COUNT(divergence_settings), sizeof(struct divergence_conf),
    "what to do with a call that fits no recorded step"};

static const struct setting retention_settings[] = {
    {"bodies", SETTING_DURATION_MS, AT(retention_conf, bodies_ms), "7d", 3600000, 4e11,
     .standard = "S2", .help = "requests and answers of a run, since it was last used"},
    {"meta", SETTING_DURATION_MS, AT(retention_conf, meta_ms), "90d", 3600000, 4e11,
     .standard = "S2", .help = "that it was, and its steps without their words"},
};
static const struct section retention_section = {
    "retention", retention_settings, COUNT(retention_settings), sizeof(struct retention_conf),
    "how long runs are kept"};

static const struct setting runs_settings[] = {
    {"lease", SETTING_LATER, .otherwise = "3s",
     .help = "several servers with one store are not built yet"},
    {"divergence", SETTING_SECTION, AT(runs_conf, divergence), .section = &divergence_section,
     .standard = "R6", .help = "what to do with a call that fits no recorded step"},
    {"mask", SETTING_TEXT_LIST, AT(runs_conf, mask), NULL, 0, JSON_MASKS_MAX,
     .help = "JSON pointers of a request's parts that do not tell steps apart; * is any member or "
             "element; default /metadata and /user"},
    {"retention", SETTING_SECTION, AT(runs_conf, retention), .section = &retention_section,
     .standard = "S2", .help = "how long runs are kept"},
};
static const struct section runs_section = {"runs", runs_settings, COUNT(runs_settings),
                                            sizeof(struct runs_conf), "durable runs of agents"};

static const struct setting file_settings[] = {
    {"version", SETTING_U64, AT(file_conf, version), NULL, 1, 1, .required = true,
     .help = "version of this format"},
    {"listen", SETTING_TEXT_LIST, AT(file_conf, listen), "127.0.0.1:8080", 1, 16,
     .help = "addresses to serve on; any other than loopback demands keys"},
    {"store", SETTING_TEXT, AT(file_conf, store), "",
     .help = "sqlite:PATH, or postgres://USER@HOST:PORT/DATABASE?OPTIONS (docs/store.md); ${NAME}"
             " and file:PATH are resolved; default is aire.db in the data folder"},
    {"store_unsafe", SETTING_BOOL, AT(file_conf, store_unsafe), "false",
     .help = "serve from a PostgreSQL server with fsync or full_page_writes off, too"},
    {"auth", SETTING_CHOICE, AT(file_conf, auth), "auto", .choices = "auto|keys|none",
     .standard = "S1",
     .help = "keys: demanded; none: loopback only; auto: demanded off loopback or once one exists"},
    {"limits", SETTING_SECTION, AT(file_conf, limits), .section = &limits_section,
     .help = "what one process takes on at most"},
    {"log", SETTING_SECTION, AT(file_conf, log), .section = &log_section,
     .help = "messages of the process"},
    {"keys", SETTING_SECTION, AT(file_conf, keys), .section = &keys_section, .standard = "S7",
     .help = "under which what is stored is sealed (docs/encryption.md)"},
    {"providers", SETTING_TREE, AT(file_conf, providers), .section = &provider_section,
     .help = "endpoints with their credentials, by name"},
    {"targets", SETTING_TREE, AT(file_conf, targets), .section = &target_section,
     .help = "models at providers, by name"},
    {"routes", SETTING_TREE, AT(file_conf, routes), .section = &route_section, .standard = "R5",
     .help = "the names that clients put into \"model\"; \"*\" catches the rest"},
    {"agents", SETTING_TREE, AT(file_conf, agents), .section = &agent_section, .standard = "O3",
     .help = "registered agents, by name"},
    {"guardrails", SETTING_TREE, AT(file_conf, guardrails), .section = &guardrails_section,
     .standard = "S3", .help = "sets of guardrails by name; `default` is every route's own"},
    {"injection_model", SETTING_TEXT, AT(file_conf, injection_model), "", .standard = "S6",
     .help = "file of the injection classifier; default: the one that is built in"},
    {"tools", SETTING_TREE, AT(file_conf, tools), .section = &tool_section, .standard = "R3",
     .help = "what agents may call below /tools/NAME, by name (docs/tools.md)"},
    {"runs", SETTING_SECTION, AT(file_conf, runs), .section = &runs_section, .standard = "R6",
     .help = "calls below /run/RUN/TRY: how they are known again, and how long they are kept"},
    {"audit", SETTING_LATER, .help = "the history of records has no settings yet"},
};
const struct section generation_section = {"", file_settings, COUNT(file_settings),
                                           sizeof(struct file_conf), "aire.yaml"};

static const struct setting provider_settings[] = {
    {"dialect", SETTING_CHOICE, AT(provider_conf, dialect), NULL, .choices = "openai|anthropic",
     .required = true, .help = "wire format that the endpoint speaks"},
    {"base_url", SETTING_TEXT, AT(provider_conf, base_url), NULL, .required = true,
     .help = "http:// or https:// with optional port and path"},
    {"keys", SETTING_SECRET_LIST, AT(provider_conf, keys), NULL, 0, 32,
     .help = "credentials; the next one is used when one is refused or exhausted"},
    {"auth", SETTING_CHOICE, AT(provider_conf, auth), "stored", .choices = "stored|client",
     .help = "whose credential goes upstream: ours, or the client's own"},
    {"ca_file", SETTING_TEXT, AT(provider_conf, ca_file), "",
     .help = "PEM bundle to trust in place of the system's"},
    {"proxy", SETTING_TEXT, AT(provider_conf, proxy), "",
     .help = "http://[user:password@]host:port; default HTTPS_PROXY for https"},
};
const struct section provider_section = {"providers.NAME", provider_settings,
                                         COUNT(provider_settings), sizeof(struct provider_conf),
                                         "an endpoint with its credentials"};

static const struct setting price_settings[] = {
    {"input", SETTING_MONEY, AT(price_conf, input), NULL, .help = "per million input tokens"},
    {"cached", SETTING_MONEY, AT(price_conf, cached), NULL,
     .help = "per million tokens read from the provider's prompt cache; default: like input"},
    {"cache_write", SETTING_MONEY, AT(price_conf, cache_write), NULL,
     .help = "per million tokens written to it; default: like input"},
    {"output", SETTING_MONEY, AT(price_conf, output), NULL, .help = "per million output tokens"},
};
static const struct section price_section = {"price", price_settings, COUNT(price_settings),
                                             sizeof(struct price_conf), "per million tokens"};

static const struct setting target_settings[] = {
    {"provider", SETTING_TEXT, AT(target_conf, provider), NULL, .required = true,
     .help = "name of a provider"},
    {"model", SETTING_TEXT, AT(target_conf, model), "",
     .help = "model name sent upstream; default: the client's"},
    {"price", SETTING_SECTION, AT(target_conf, price), .section = &price_section, .standard = "M1",
     .help = "per million tokens"},
    {"context", SETTING_U64, AT(target_conf, context), "0", 0, 1e9,
     .help = "context window in tokens; 0: not told"},
    {"weight", SETTING_U64, AT(target_conf, weight), "1", 1, 1000,
     .help = "share within a tier of several targets"},
    {"inject_usage", SETTING_BOOL, AT(target_conf, inject_usage), "true",
     .help = "ask for usage in streams where the client did not, and hide the extra chunk"},
};
const struct section target_section = {"targets.NAME", target_settings, COUNT(target_settings),
                                       sizeof(struct target_conf), "a model at a provider"};

static const struct setting timeouts_settings[] = {
    {"connect", SETTING_DURATION_MS, AT(route_timeouts, connect_ms), "2s", 1, 600000,
     .help = "name, connection and TLS together"},
    {"head", SETTING_DURATION_MS, AT(route_timeouts, head_ms), "30s", 1, 3600000,
     .help = "request sent to response head; a plain answer comes with its head, so allow for it"},
    {"first_token", SETTING_DURATION_MS, AT(route_timeouts, first_token_ms), "10s", 1, 3600000,
     .help =
         "head to first content of a stream (text, reasoning or tool call; pings do not count)"},
    {"idle", SETTING_DURATION_MS, AT(route_timeouts, idle_ms), "20s", 1, 3600000,
     .help = "between two contents of a stream"},
    {"idle_reasoning", SETTING_DURATION_MS, AT(route_timeouts, idle_reasoning_ms), "60s", 1,
     3600000, .help = "the same while the model reasons or sends pings"},
    {"total", SETTING_DURATION_MS, AT(route_timeouts, total_ms), "120s", 1, 86400000,
     .help = "the whole exchange, all attempts together"},
};
static const struct section timeouts_section = {
    "timeouts", timeouts_settings, COUNT(timeouts_settings), sizeof(struct route_timeouts),
    "deadlines of an attempt and of the exchange"};

static const struct setting retries_settings[] = {
    {"attempts", SETTING_U64, AT(route_retries, attempts), "2", 1, 10,
     .help = "tries per target, the first included"},
    {"backoff", SETTING_DURATION_MS, AT(route_retries, backoff_ms), "200ms", 0, 60000,
     .help = "first back-off; doubles, with full jitter"},
    {"backoff_max", SETTING_DURATION_MS, AT(route_retries, backoff_max_ms), "5s", 0, 600000,
     .help = "longest back-off, and longest Retry-After that is waited for"},
    {"budget", SETTING_PERCENT, AT(route_retries, budget), "20%", 0, 1,
     .help = "retries as a share of requests, beside 10 a second"},
};
const struct section retries_section = {"retries", retries_settings, COUNT(retries_settings),
                                        sizeof(struct route_retries),
                                        "trying the same target again"};

static const struct setting breaker_settings[] = {
    {"failures", SETTING_U64, AT(breaker_conf, failures), "5", 1, 1000, .standard = "R4",
     .help = "consecutive failures that open it"},
    {"open", SETTING_DURATION_MS, AT(breaker_conf, open_ms), "60s", 1, 3600000, .standard = "R4",
     .help = "longest time before the next probe; probing begins after 5 s and backs off to it"},
    {"probes", SETTING_U64, AT(breaker_conf, probes), "3", 1, 100, .standard = "R4",
     .help = "calls let through while half-open"},
    {"close", SETTING_U64, AT(breaker_conf, close), "2", 1, 100, .standard = "R4",
     .help = "successes among them that close it"},
};
const struct section breaker_section = {"breaker", breaker_settings, COUNT(breaker_settings),
                                        sizeof(struct breaker_conf),
                                        "when to leave a failing target alone"};

static const struct setting modes_settings[] = {
    {"limits", SETTING_CHOICE, AT(modes_conf, limits), "enforce", .choices = MODE_CHOICES,
     .standard = "S3", .help = "rates, tokens and money on this route"},
    {"rules", SETTING_CHOICE, AT(modes_conf, rules), "enforce", .choices = MODE_CHOICES,
     .standard = "R5", .help = "the rules tier"},
    {"human", SETTING_CHOICE, AT(modes_conf, human), "enforce", .choices = MODE_CHOICES,
     .standard = "C4", .help = "the human tier"},
};
static const struct section modes_section = {"modes", modes_settings, COUNT(modes_settings),
                                             sizeof(struct modes_conf),
                                             "off, observe (record what would have been), enforce"};

static const struct setting route_settings[] = {
    {"path", SETTING_TREE, AT(route_conf, path), NULL, .required = true, .standard = "R5",
     .help = "tiers in order: a target, [targets] balanced by weight, rules, human"},
    {"rules", SETTING_TEXT, AT(route_conf, rules), "", .standard = "R5",
     .help = "file of the rules tier"},
    {"timeouts", SETTING_SECTION, AT(route_conf, timeouts), .section = &timeouts_section,
     .help = "deadlines"},
    {"retries", SETTING_SECTION, AT(route_conf, retries), .section = &retries_section,
     .help = "trying the same target again"},
    {"breaker", SETTING_SECTION, AT(route_conf, breaker), .section = &breaker_section,
     .standard = "R4", .help = "of each target on the path"},
    {"modes", SETTING_SECTION, AT(route_conf, modes), .section = &modes_section,
     .help = "off, observe or enforce"},
    {"refusals", SETTING_CHOICE, AT(route_conf, refusals), "answer", .choices = "answer|fallback",
     .help = "whether a content-filter refusal is an answer or goes to the next tier"},
    {"record", SETTING_CHOICE, AT(route_conf, record), "fact", .choices = "fact|before_release",
     .standard = "S2", .help = "whether the record must be durable before the answer's end leaves"},
    {"capture", SETTING_CHOICE, AT(route_conf, capture), "none", .choices = "none|meta|full",
     .standard = "S2", .help = "what of the bodies is recorded"},
    {"ephemeral", SETTING_BOOL, AT(route_conf, ephemeral), "false", .standard = "S7",
     .help = "no word of a body is kept anywhere; excludes capture"},
    {"continuation", SETTING_LATER, .otherwise = "off",
     .help = "continuing a broken answer is not built yet"},
    {"hedge", SETTING_LATER, .otherwise = "off", .help = "hedging is not built yet"},
    {"cache", SETTING_LATER, .otherwise = "off", .help = "answer caches are not built yet"},
    {"guardrails", SETTING_TEXT, AT(route_conf, guardrails), "default", .standard = "S3",
     .help = "name of a set of guardrails, or off"},
};
const struct section route_section = {"routes.NAME", route_settings, COUNT(route_settings),
                                      sizeof(struct route_conf), "a name that clients ask for"};

static const struct setting spend_settings[] = {
    {"day", SETTING_MONEY, AT(spend_conf, day), NULL, 1, 1e15, .standard = "S5",
     .help = "per UTC day"},
    {"month", SETTING_MONEY, AT(spend_conf, month), NULL, 1, 1e15, .help = "per UTC month"},
    {"user_day", SETTING_MONEY, AT(spend_conf, user_day), NULL, 1, 1e15,
     .help = "per end user and day"},
    {"user_month", SETTING_MONEY, AT(spend_conf, user_month), NULL, 1, 1e15,
     .help = "per end user and month"},
    {"day_tokens", SETTING_U64, AT(spend_conf, day_tokens), "0", 0, 1e15,
     .help = "tokens per day; 0: no limit"},
    {"month_tokens", SETTING_U64, AT(spend_conf, month_tokens), "0", 0, 1e15,
     .help = "tokens per month; 0: no limit"},
    {"user_day_tokens", SETTING_U64, AT(spend_conf, user_day_tokens), "0", 0, 1e15,
     .help = "tokens per end user and day; 0: no limit"},
};
static const struct section spend_section = {"spend", spend_settings, COUNT(spend_settings),
                                             sizeof(struct spend_conf), "money and tokens"};

static const struct setting agent_settings[] = {
    {"owner", SETTING_TEXT, AT(agent_conf, owner), "", .standard = "O3",
     .help = "the team that owns the agent"},
    {"route", SETTING_TEXT, AT(agent_conf, route), "",
     .help = "the only route that the agent may use; default: any"},
    {"rate", SETTING_RATE, AT(agent_conf, rate), NULL, 1, 1e9, .standard = "S3",
     .help = "requests per principal"},
    {"user_rate", SETTING_RATE, AT(agent_conf, user_rate), NULL, 1, 1e9, .standard = "S3",
     .help = "requests per end user"},
    {"spend", SETTING_SECTION, AT(agent_conf, spend), .section = &spend_section, .standard = "S5",
     .help = "money and tokens"},
    {"limits", SETTING_CHOICE, AT(agent_conf, limits), "enforce", .choices = MODE_CHOICES,
     .help = "whether this agent's limits are enforced"},
};
const struct section agent_section = {"agents.NAME", agent_settings, COUNT(agent_settings),
                                      sizeof(struct agent_conf), "a registered agent"};
