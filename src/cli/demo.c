/* SPDX-License-Identifier: Apache-2.0
 * demo.c - `aire demo`: the story, and the order in which it is played.
 *
 * What breaks is written in the providers' scripts (examples/refund-agent), found by the number of
 * the order that a conversation is about; the table here says it in words.
 */
#include "cli/demo.h"

#include "sys/notify.h"

#include <stdlib.h>

/* Longer than breaker.open of the example's aire.yaml: then the next call is a probe. */
#define PROBE_MS 1700

#define REFUND(order) "Please refund order " order " because it arrived broken."

const struct demo_scene demo_scenes[DEMO_SCENES] = {
    {DEMO_CHAT, false, REFUND("4101"), "nothing", CUE_NONE},
    {DEMO_CHAT, true, REFUND("4102"), "nothing", CUE_NONE},
    {DEMO_CHAT, false, REFUND("4103"), "one 500", CUE_NONE},
    {DEMO_MESSAGES, true, REFUND("4104"), "529 overloaded, twice", CUE_NONE},
    {DEMO_CHAT, false, REFUND("4105"), "429, retry in 300 ms", CUE_NONE},
    {DEMO_CHAT, true, REFUND("4106"), "429, retry in 30 s", CUE_NONE},
    {DEMO_RESPONSES, false, REFUND("4107"), "silent for 10 s", CUE_NONE},
    {DEMO_CHAT, true, REFUND("4108"), "no first token for 10 s", CUE_NONE},
    {DEMO_MESSAGES, false, REFUND("4109"), "connection reset, thrice", CUE_NONE},
    {DEMO_CHAT, true, REFUND("4110"), "stalls mid-answer", CUE_NONE},
    {DEMO_CHAT, false, REFUND("4111"), "half of the JSON, twice", CUE_NONE},
    {DEMO_MESSAGES, true, REFUND("4112"), "cut mid-answer", CUE_NONE},
    {DEMO_CHAT, false, REFUND("4113"), "200 with an HTML page", CUE_NONE},
    {DEMO_RESPONSES, true, REFUND("4114"), "ends early, politely", CUE_NONE},
    {DEMO_CHAT, false, REFUND("4115"), "primary killed", CUE_KILL_PRIMARY},
    {DEMO_CHAT, true, REFUND("4116"), "primary still dead", CUE_NONE},
    {DEMO_CHAT, false, "Where is my order 4117?", "primary dead, backup 503", CUE_NONE},
    {DEMO_CHAT, true, "I was charged twice for order 4118.", "primary dead, backup 503", CUE_NONE},
    {DEMO_CHAT, false, REFUND("4119"), "primary back, probed", CUE_REVIVE_PRIMARY},
    {DEMO_MESSAGES, true, REFUND("4120"), "nothing", CUE_NONE},
};

struct demo {
    const struct cli *cli;
    struct demo_stage *stage;
    struct demo_agent *agent;
    struct demo_summary summary;
    bool quiet; /* JSON: lines come at the end */
};

static enum err put_script(struct demo *demo, enum demo_part part, struct str script)
{
    struct buf answer;
    buf_init(&answer, DEMO_TEXT_MAX);
    demo_agent_point(demo->agent, demo_stage_authority(demo->stage, part));
    enum err code = demo_agent_ask(demo->agent, STR("POST"), STR("/sim/script"), script, &answer);
    buf_end(&answer);
    return code;
}

/* All counters of the scripts begin anew. */
static enum err reset_scripts(struct demo *demo)
{
    enum err code = ERR_OK;
    for (size_t i = DEMO_PRIMARY; i <= DEMO_BACKUP && code == ERR_OK; i++) {
        enum demo_part part = (enum demo_part)i;
        code = put_script(demo, part, demo_stage_script(demo->stage, part));
    }
    return code;
}

static enum err give_cue(struct demo *demo, enum demo_cue cue, struct fault *fault)
{
    if (cue == CUE_KILL_PRIMARY) {
        demo_stage_kill(demo->stage, DEMO_PRIMARY);
    } else if (cue == CUE_REVIVE_PRIMARY) {
        return demo_stage_revive(demo->stage, DEMO_PRIMARY, fault);
    }
    return ERR_OK;
}

static enum err stopped(const struct demo *demo, struct fault *fault)
{
    return demo_agent_stopped(demo->agent) ? fault_set(fault, ERR_CANCELLED, "stopped") : ERR_OK;
}

/* Nothing breaks: how long does each conversation take by itself? */
static enum err play_plain(struct demo *demo, struct fault *fault)
{
    enum err code = put_script(demo, DEMO_PRIMARY, STR("version: 1\n"));
    for (size_t i = 0; i < DEMO_SCENES && code == ERR_OK; i++) {
        struct demo_result result;
        demo_agent_play(demo->agent, &demo_scenes[i], &result);
        demo->summary.plain_us[i] = result.us;
        code = stopped(demo, fault);
        if (code == ERR_OK && result.outcome != DEMO_ANSWERED) {
            code = fault_set(fault, ERR_INVALID, "a healthy provider did not answer: %.200s",
                             result.words);
        }
    }
    return code;
}

static enum err play_with(struct demo *demo, struct fault *fault)
{
    struct buf metrics;
    enum err code = reset_scripts(demo);
    demo_agent_point(demo->agent, demo_stage_authority(demo->stage, DEMO_GOVERNOR));
    for (size_t i = 0; i < DEMO_SCENES && code == ERR_OK; i++) {
        const struct demo_scene *scene = &demo_scenes[i];
        code = give_cue(demo, scene->cue, fault);
        if (code == ERR_OK && scene->cue == CUE_REVIVE_PRIMARY) {
            demo_agent_rest(demo->agent, PROBE_MS);
        }
        if (code == ERR_OK) {
            demo_agent_play(demo->agent, scene, &demo->summary.with[i]);
            code = stopped(demo, fault);
        }
        if (code == ERR_OK && !demo->quiet) {
            demo_print_scene(i, &demo->summary);
        }
    }
    buf_init(&metrics, (size_t)16 << 20);
    if (code == ERR_OK) {
        code = demo_agent_ask(demo->agent, STR("GET"), STR("/metrics"), STR(""), &metrics);
        demo_summary_read(&demo->summary, buf_str(&metrics));
    }
    buf_end(&metrics);
    return code;
}

static enum err play_without(struct demo *demo, struct fault *fault)
{
    enum err code = reset_scripts(demo);
    demo_agent_point(demo->agent, demo_stage_authority(demo->stage, DEMO_PRIMARY));
    for (size_t i = 0; i < DEMO_SCENES && code == ERR_OK; i++) {
        code = give_cue(demo, demo_scenes[i].cue, fault);
        if (code == ERR_OK) {
            demo_agent_play(demo->agent, &demo_scenes[i], &demo->summary.without[i]);
            code = stopped(demo, fault);
        }
        if (code == ERR_OK && !demo->quiet) {
            demo_print_without(i, &demo->summary);
        }
    }
    return code;
}

static enum err play(struct demo *demo, struct fault *fault)
{
    struct instant began = env_instant(demo->cli->env);
    if (!demo->quiet) {
        demo_print_title();
    }
    enum err code = play_plain(demo, fault);
    code = code == ERR_OK ? play_with(demo, fault) : code;
    if (code == ERR_OK && !demo->quiet) {
        demo_print_summary(&demo->summary);
        demo_print_without_title();
    }
    code = code == ERR_OK ? play_without(demo, fault) : code;
    demo->summary.us = instant_since_us(env_instant(demo->cli->env), began);
    if (code != ERR_OK) {
        return code;
    }
    if (demo->quiet) {
        demo_print_json(&demo->summary);
    } else {
        demo_print_end(&demo->summary);
    }
    return ERR_OK;
}

int cmd_demo(const struct cli *cli)
{
    struct demo demo = {.cli = cli, .quiet = cli_flag(cli, "--json")};
    const char *data = cli_option(cli, "--data", NULL);
    struct fault fault = {0};
    notify_init();
    demo.stage = demo_stage_new(cli_option(cli, "--config", NULL), data, &fault);
    if (demo.stage == NULL) {
        return cli_fail(cli, fault.code == ERR_NOT_FOUND ? CLI_USAGE : CLI_BROKEN, "%s",
                        fault.words);
    }
    demo.agent = demo_agent_new(cli->env);
    enum err code = play(&demo, &fault);
    demo_agent_free(demo.agent);
    demo_stage_free(demo.stage);
    if (code != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "%s",
                        fault.words[0] != '\0' ? fault.words : err_text(code));
    }
    if (data != NULL && !demo.quiet) {
        (void)cli_printf("\nrecorded: aire exchanges --data %s\n", data);
    }
    return demo_usable_count(demo.summary.with) == DEMO_SCENES ? CLI_OK : CLI_FAILED;
}
