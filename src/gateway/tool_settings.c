/* SPDX-License-Identifier: Apache-2.0
 * tool_settings.c - every setting of a tool once: key, type, default, bounds, help. */
#include "gateway/tool_settings.h"

#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define AT(type, member) .offset = offsetof(struct type, member)

static const struct setting timeouts_settings[] = {
    {"connect", SETTING_DURATION_MS, AT(tool_timeouts, connect_ms), "2s", 1, 600000,
     .help = "name, connection and TLS together"},
    {"head", SETTING_DURATION_MS, AT(tool_timeouts, head_ms), "30s", 1, 3600000,
     .help = "request sent to head of the answer"},
    {"idle", SETTING_DURATION_MS, AT(tool_timeouts, idle_ms), "20s", 1, 3600000,
     .help = "between two pieces of the answer"},
    {"total", SETTING_DURATION_MS, AT(tool_timeouts, total_ms), "120s", 1, 86400000,
     .help = "the whole call, all attempts together"},
};
static const struct section timeouts_section = {
    "timeouts", timeouts_settings, COUNT(timeouts_settings), sizeof(struct tool_timeouts),
    "deadlines of an attempt and of the call"};

static const struct setting key_settings[] = {
    {"header", SETTING_TEXT, AT(key_conf, header), "", 0, 64,
     .help = "name of the header field that carries it"},
    {"json", SETTING_TEXT, AT(key_conf, json), "", 0, 256,
     .help = "JSON pointer (RFC 6901) to its place in the body"},
};
static const struct section key_section = {"idempotency", key_settings, COUNT(key_settings),
                                           sizeof(struct key_conf),
                                           "where the tool looks for the key of a call"};

static const struct setting action_settings[] = {
    {"effect", SETTING_CHOICE, AT(action_conf, effect), NULL,
     .choices = "read|idempotent|keyed|unsafe", .required = true, .standard = "R3",
     .help = "what a call does: nothing; the same when repeated; the same when repeated under its "
             "key; something each time"},
    {"idempotency", SETTING_SECTION, AT(action_conf, idempotency), .section = &key_section,
     .standard = "R3",
     .help = "where the key stands; of keyed actions by default the header "
             "Idempotency-Key"},
    {"match", SETTING_TEXT, AT(action_conf, match), "", 0, 512,
     .help = "METHOD /path behind NAME, {x} for any one segment; default: the first segment is the "
             "action's name"},
    {"probe", SETTING_TEXT, AT(action_conf, probe), "", 0, 512, .standard = "R3",
     .help = "METHOD /path with {key}: asks whether the call with this key happened"},
    {"amount", SETTING_TEXT, AT(action_conf, amount), "", 0, 256,
     .help = "JSON pointer to the money that a call moves; nothing acts on it yet"},
    {"resource", SETTING_TEXT, AT(action_conf, resource), "", 0, 256,
     .help = "JSON pointer to what a call is about; nothing acts on it yet"},
};
const struct section action_section = {"actions.NAME", action_settings, COUNT(action_settings),
                                       sizeof(struct action_conf), "one thing that the tool does"};

static const struct setting tool_settings[] = {
    {"mcp", SETTING_LATER, .help = "MCP tools are not built yet; http is"},
    {"mcp_command", SETTING_LATER, .help = "MCP tools are not built yet; http is"},
    {"http", SETTING_TEXT, AT(tool_conf, http), NULL, .required = true,
     .help = "http:// or https:// with optional port and path, in front of what is called"},
    {"actions", SETTING_TREE, AT(tool_conf, actions), .section = &action_section, .standard = "R3",
     .help = "what it does, by name; undeclared calls: GET, HEAD, OPTIONS read, others are unsafe"},
    {"rate", SETTING_RATE, AT(tool_conf, rate), "10/min", 1, 1e9, .standard = "S5",
     .help = "calls per principal"},
    {"limits", SETTING_CHOICE, AT(tool_conf, limits), "enforce", .choices = "off|observe|enforce",
     .standard = "S5", .help = "whether the limits of its callers are enforced"},
    {"keys", SETTING_SECRET_LIST, AT(tool_conf, keys), NULL, 0, 32,
     .help = "sent as Authorization: Bearer; the next one is used when one is refused (401)"},
    {"auth", SETTING_CHOICE, AT(tool_conf, auth), "stored", .choices = "stored|client",
     .help = "whose credential goes to the tool: ours, or the client's own"},
    {"headers", SETTING_TREE, AT(tool_conf, headers),
     .help = "header fields of our own by name, at most 16; ${NAME} and file:PATH are resolved"},
    {"ca_file", SETTING_TEXT, AT(tool_conf, ca_file), "",
     .help = "PEM bundle to trust in place of the system's"},
    {"proxy", SETTING_TEXT, AT(tool_conf, proxy), "",
     .help = "http://[user:password@]host:port; default HTTPS_PROXY for https"},
    {"timeouts", SETTING_SECTION, AT(tool_conf, timeouts), .section = &timeouts_section,
     .help = "deadlines"},
    {"retries", SETTING_SECTION, AT(tool_conf, retries), .section = &retries_section,
     .standard = "R3", .help = "of reads, idempotent and keyed calls; unsafe ones are sent once"},
    {"breaker", SETTING_SECTION, AT(tool_conf, breaker), .section = &breaker_section,
     .standard = "R4", .help = "when to leave the tool alone"},
    {"guardrails", SETTING_TEXT, AT(tool_conf, guardrails), "default", .standard = "S3",
     .help = "name of a set, or off: its output side judges arguments, its input side answers"},
    {"record", SETTING_CHOICE, AT(tool_conf, record), "fact", .choices = "fact|before_release",
     .standard = "S2", .help = "whether the record must be durable before the answer leaves"},
    {"capture", SETTING_CHOICE, AT(tool_conf, capture), "none", .choices = "none|meta|full",
     .standard = "S2", .help = "what of the bodies is recorded"},
    {"ephemeral", SETTING_BOOL, AT(tool_conf, ephemeral), "false", .standard = "S7",
     .help = "no word of a body is kept anywhere; excludes capture"},
};
const struct section tool_section = {"tools.NAME", tool_settings, COUNT(tool_settings),
                                     sizeof(struct tool_conf), "a tool behind /tools/NAME/"};
