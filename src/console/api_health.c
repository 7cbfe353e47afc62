/* SPDX-License-Identifier: Apache-2.0
 * api_health.c - alive, ready, metrics, and the page that names what is here. */
#include "console/routes.h"

#include "base/must.h"
#include "sys/file.h"

void api_healthz(struct asked *asked)
{
    json_begin_object(&asked->w);
    json_member_cstr(&asked->w, "status", "alive");
    json_member_cstr(&asked->w, "version", AIRE_VERSION);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_readyz(struct asked *asked)
{
    struct console *console = asked->console;
    struct store_health store;
    store_health(console->options.commons->store, &store);
    bool draining = atomic_load(console->options.draining);
    bool ready = store.open && store.facts_lost == 0 && !draining;
    struct json_writer *w = &asked->w;
    json_begin_object(w);
    json_member_cstr(w, "status", ready ? "ready" : "not ready");
    json_key(w, "why");
    json_begin_array(w);
    if (!store.open) {
        json_put_str(w, arena_printf(asked->arena, "the store is %s: %s",
                                     store.away ? "away" : "closed", store.why));
    }
    if (store.facts_lost > 0) {
        json_put_str(w, arena_printf(asked->arena, "%llu facts were lost since the start",
                                     (unsigned long long)store.facts_lost));
    }
    if (draining) {
        json_put_cstr(w, "it drains");
    }
    json_end_array(w);
    json_member_cstr(w, "durability", store.durability);
    json_end_object(w);
    asked_answer(asked, ready ? 200 : 503);
}

/* ---- metrics ---- */

static void collect_breaker(struct metric_sink *sink, const struct target *target,
                            struct instant now)
{
    static const double values[] = {
        [BREAKER_CLOSED] = 0, [BREAKER_OPEN] = 1, [BREAKER_HALF_OPEN] = 0.5};
    struct breaker_view view;
    if (target->state != NULL) {
        breaker_look(target->state->breaker, now, &view);
        metric_gauge(sink, "breaker_open", &target->name, values[view.state]);
    }
}

static void collect_breakers(struct metric_sink *sink, struct commons *commons)
{
    struct generation *generation = commons_current(commons);
    struct instant now = env_instant(commons->env);
    for (size_t i = 0; i < generation->target_count; i++) {
        collect_breaker(sink, &generation->targets[i], now);
    }
    for (size_t kind = 0; kind < 2; kind++) {
        if (generation->plain[kind] != NULL) {
            collect_breaker(sink, generation->plain[kind]->tiers[0].targets[0], now);
        }
    }
    for (size_t i = 0; i < generation->tool_count; i++) {
        collect_breaker(sink, &generation->tools[i].target, now);
    }
    metric_gauge(sink, "configuration_generation", NULL, generation->number);
    generation_unref(generation);
}

static void collect(struct metric_sink *sink, void *object)
{
    const struct console *console = object;
    struct commons *commons = console->options.commons;
    struct store_health store;
    store_health(commons->store, &store);
    collect_breakers(sink, commons);
    metric_gauge(sink, "exchanges_in_flight", NULL, (double)atomic_load(&commons->in_flight));
    metric_gauge(sink, "connections_open", NULL, (double)cap_used(&commons->connections));
    metric_gauge(sink, "buffered_bytes", NULL, (double)cap_used(&commons->memory));
    metric_gauge(sink, "store_queued_bytes", NULL, (double)store.queued_bytes);
    metric_gauge(sink, "store_facts_lost_total", NULL, (double)store.facts_lost);
    metric_gauge(sink, "store_commit_seconds", NULL, (double)store.commit_us_last / 1e6);
    metric_gauge(sink, "resident_memory_bytes", NULL, (double)file_memory_bytes());
    metric_gauge(sink, "cpu_seconds_total", NULL, file_cpu_s());
}

void api_metrics(struct asked *asked)
{
    const struct console_options *options = &asked->console->options;
    const struct metrics_scrape scrape = {.shards = options->shards,
                                          .shard_count = options->shard_count,
                                          .collect = collect,
                                          .object = asked->console};
    if (metrics_write(&scrape, &asked->out) != ERR_OK) {
        asked_refuse(asked, 500, "answer_too_large", "the metrics are too large");
        return;
    }
    asked_answer_text(asked, STR("text/plain; version=0.0.4; charset=utf-8"), STR(""));
}

/* ---- descriptions ---- */

void api_openapi(struct asked *asked)
{
    routes_describe(&asked->w);
    asked_answer(asked, 200);
}

static enum err write_page(struct buf *to)
{
    enum err code = buf_add(
        to, STR("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<title>AIRE Governor</title>\n<style>\n"
                ":root{color-scheme:light dark}\n"
                "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
                "padding:0 1rem}\n"
                "table{border-collapse:collapse;width:100%}\n"
                "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid gray;"
                "vertical-align:top}\na:focus{outline:3px solid}\n</style>\n</head>\n<body>\n"
                "<main>\n<h1>AIRE Governor</h1>\n<p>It runs. Point a client of OpenAI or Anthropic "
                "at this address; what follows is for people and programs that watch over it.</p>\n"
                "<table>\n<caption>Management API</caption>\n<thead><tr><th scope=\"col\">Method"
                "</th><th scope=\"col\">Path</th><th scope=\"col\">What it does</th></tr></thead>\n"
                "<tbody>\n"));
    for (size_t i = 0; i < api_route_count && code == ERR_OK; i++) {
        const struct api_route *route = &api_routes[i];
        bool link = route->method[0] == 'G' && str_find_byte(str_of(route->path), '{') == SIZE_MAX;
        code = link ? buf_printf(to,
                                 "<tr><td>%s</td><td><a href=\"%s\">%s</a></td><td>%s</td></tr>\n",
                                 route->method, route->path, route->path, route->help)
                    : buf_printf(to, "<tr><td>%s</td><td>%s</td><td>%s</td></tr>\n", route->method,
                                 route->path, route->help);
    }
    return code == ERR_OK ? buf_add(to, STR("</tbody>\n</table>\n</main>\n</body>\n</html>\n"))
                          : code;
}

void api_page(struct asked *asked)
{
    enum err code = write_page(&asked->out);
    must(code == ERR_OK);
    asked_answer_text(asked, STR("text/html; charset=utf-8"),
                      STR("default-src 'none'; style-src 'unsafe-inline'; "
                          "frame-ancestors 'none'; base-uri 'none'"));
}
