/* SPDX-License-Identifier: Apache-2.0
 * story.c - a run in words, for whoever looks into a failing seed. */
#include "sim/client.h"

#include "gateway/events.h"

#include <stdio.h>

static void tell_request(const struct sim_request *request)
{
    struct str line = str_cut(request->plan.bytes, 0, str_find(request->plan.bytes, STR("\r\n")));
    printf("  %s " STR_FMT "\n    body " STR_FMT "\n", request->plan.trace, STR_ARG(line),
           STR_ARG(str_cut(request->plan.body, 0, 160)));
    if (request->answered) {
        printf("    got %u from ex%016llx%s%s%s%s " STR_FMT "\n", request->status,
               (unsigned long long)request->number, request->streamed ? ", a stream" : "",
               request->complete ? ", complete" : ", cut",
               request->told.terminal ? ", terminal" : "", request->error_told ? ", error" : "",
               STR_ARG(str_cut(buf_str(&request->body), 0, 160)));
    }
}

static void tell_client(const struct sim_client *client, size_t number)
{
    printf("client %zu: %zu requests%s, %zu answered, %s, writing request %zu at byte %zu\n",
           number, client->count, client->pipelines ? " in a pipeline" : "", client->at,
           client->aborted ? "went away"
           : client->over  ? err_text(client->why)
                           : "still there",
           client->writing, client->written);
    for (size_t i = 0; i < client->count; i++) {
        tell_request(&client->requests[i]);
    }
}

static void tell_proof(const struct proof *proof)
{
    printf("exchange ex%016llx, ended %u times%s%s\n", (unsigned long long)proof->number,
           proof->ends, proof->durable ? ", durable" : "", proof->stored ? ", stored" : "");
    for (int class = 0; class < EVENT_CLASSES; class ++) {
        struct str rest = proof->events[class];
        while (rest.len > 0) {
            struct buf text;
            struct json_writer w;
            buf_init(&text, 65536);
            json_writer_init(&w, &text);
            bool read = event_decode(&gateway_events, &rest, NULL, true, &w) == ERR_OK &&
                        json_writer_end(&w) == ERR_OK;
            printf("  " STR_FMT "\n", STR_ARG(buf_str(&text)));
            buf_end(&text);
            if (!read) {
                return;
            }
        }
    }
}

void world_story(const struct world *world)
{
    printf(STR_FMT "\n" STR_FMT
                   "\n%s%s%s%zu loops, %zu bytes of memory, store %s, 1 in %llu records refused\n",
           STR_ARG(world->configuration), STR_ARG(world->script), world->judging ? "a judge, " : "",
           world->faulty ? "a bad network, " : "", world->abrupt ? "an abrupt end, " : "",
           world->station_count, world->commons.memory.max, world->store_closed ? "closed" : "open",
           (unsigned long long)world->records_refused);
    for (size_t i = 0; i < world->client_count; i++) {
        tell_client(world->clients[i], i);
    }
    for (const struct proof *proof = world->first_proof; proof != NULL; proof = proof->next) {
        tell_proof(proof);
    }
}
