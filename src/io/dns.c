/* SPDX-License-Identifier: Apache-2.0
 * dns.c - name resolution by c-ares on a loop, with a cache in front.
 *
 * Invariants: a query waits at exactly one place, an entry of the cache or its own deferred call,
 * and is freed before its `done` runs. Entries with waiting queries or an answer under way are
 * never evicted. c-ares calls back from wherever it likes, so its answers only fill the entry and
 * defer the delivery. The channel is made by the first name that is not a literal: a process
 * without names has none.
 */
#include "io/dns.h"

#include "base/map.h"
#include "base/must.h"
#include "base/num.h"
#include "sys/net.h"

#include <ares.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NAME_BYTES   254 /* RFC 1035 section 2.3.4, with a NUL */
#define TTL_MIN_S    1
#define TTL_MAX_S    300
#define TTL_FAILED_S 1
#define QUERY_MS     2000 /* first try; c-ares doubles it */
#define QUERY_TRIES  3

struct answer {
    enum err code;
    size_t count;
    struct address addresses[DNS_ADDRESSES_MAX];
};

struct entry {
    struct dns *dns;
    struct link waiting;
    struct deferred deliver;
    bool asking; /* c-ares has not answered yet */
    struct instant until;
    struct answer answer;
    char name[NAME_BYTES];
};

struct dns_query {
    struct link link; /* in entry->waiting or dns->literals */
    struct dns *dns;
    dns_done *done;
    void *owner;
    uint16_t port;
    enum err code; /* literal: what is told */
    struct address literal;
};

/* A socket of c-ares. */
struct channel_sock {
    struct link link;
    struct watch watch;
    struct dns *dns;
};

struct dns {
    struct loop *loop;
    struct map *cache;
    struct link literals; /* queries that are answered without asking */
    struct deferred deliver_literals;
    ares_channel channel;
    bool has_channel;
    bool closing;
    struct link socks;
    struct timer timer;
};

/* ---- delivery ---- */

static void finish(struct dns_query *query, struct answer *answer)
{
    dns_done *done = query->done;
    void *owner = query->owner;
    for (size_t i = 0; i < answer->count; i++) {
        address_set_port(&answer->addresses[i], query->port);
    }
    free(query);
    done(owner, answer->code, answer->addresses, answer->count);
}

static void on_deliver_literals(struct deferred *deferred)
{
    struct dns *dns = LIST_OBJECT(deferred, struct dns, deliver_literals);
    struct link batch;
    list_init(&batch);
    list_splice_back(&batch, &dns->literals);
    struct link *link;
    while ((link = list_pop_front(&batch)) != NULL) {
        struct dns_query *query = LIST_OBJECT(link, struct dns_query, link);
        struct answer answer = {.code = query->code, .count = query->code == ERR_OK};
        answer.addresses[0] = query->literal;
        finish(query, &answer);
    }
}

static void on_deliver(struct deferred *deferred)
{
    struct entry *entry = LIST_OBJECT(deferred, struct entry, deliver);
    /* A copy: callbacks may resolve again and thereby evict this entry. */
    struct answer answer = entry->answer;
    struct link batch;
    list_init(&batch);
    list_splice_back(&batch, &entry->waiting);
    struct link *link;
    while ((link = list_pop_front(&batch)) != NULL) {
        finish(LIST_OBJECT(link, struct dns_query, link), &answer);
    }
}

/* ---- c-ares ---- */

static void rearm(struct dns *dns)
{
    struct timeval wait;
    if (ares_timeout(dns->channel, NULL, &wait) == NULL) {
        timer_disarm(&dns->timer);
        return;
    }
    timer_arm(dns->loop, &dns->timer, (uint64_t)wait.tv_sec * 1000 + (uint64_t)wait.tv_usec / 1000);
}

static void on_timer(struct timer *timer)
{
    struct dns *dns = LIST_OBJECT(timer, struct dns, timer);
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm(dns);
}

static struct channel_sock *find_sock(const struct dns *dns, int sock)
{
    for (struct link *at = dns->socks.next; at != &dns->socks; at = at->next) {
        struct channel_sock *found = LIST_OBJECT(at, struct channel_sock, link);
        if (found->watch.sock == sock) {
            return found;
        }
    }
    return NULL;
}

static void on_sock_ready(struct watch *watch, unsigned ready)
{
    struct dns *dns = LIST_OBJECT(watch, struct channel_sock, watch)->dns;
    int sock = watch->sock;
    ares_process_fd(dns->channel, (ready & READY_READ) != 0 ? sock : ARES_SOCKET_BAD,
                    (ready & READY_WRITE) != 0 ? sock : ARES_SOCKET_BAD);
    /* c-ares expects to be told again of what it left unread; our readiness comes once. */
    struct channel_sock *still = find_sock(dns, sock);
    if (still != NULL && (ready & READY_READ) != 0) {
        enum err ignored = loop_watch(dns->loop, &still->watch);
        (void)ignored; /* the query then times out */
    }
    rearm(dns);
}

/* c-ares opens a socket, wants another direction, or is about to close it (neither). */
static void on_sock_state(void *object, ares_socket_t sock, int readable, int writable)
{
    struct dns *dns = object;
    struct channel_sock *found = find_sock(dns, sock);
    if (!readable && !writable) {
        if (found != NULL) {
            loop_forget(dns->loop, &found->watch);
            list_remove(&found->link);
            free(found);
        }
        return;
    }
    if (found == NULL) {
        found = must_have(calloc(1, sizeof *found));
        found->dns = dns;
        found->watch = (struct watch){.run = on_sock_ready, .sock = sock};
        list_push_back(&dns->socks, &found->link);
    }
    enum err ignored = loop_watch(dns->loop, &found->watch);
    (void)ignored; /* as above */
}

static bool open_channel(struct dns *dns)
{
    struct ares_options options = {
        .timeout = QUERY_MS,
        .tries = QUERY_TRIES,
        .lookups = (char[]){'f', 'b', '\0'}, /* /etc/hosts, then the name servers */
        .sock_state_cb = on_sock_state,
        .sock_state_cb_data = dns,
    };
    if (!dns->has_channel) {
        dns->has_channel = ares_init_options(&dns->channel, &options,
                                             ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                                 ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB) ==
                           ARES_SUCCESS;
    }
    return dns->has_channel;
}

/* ---- the cache ---- */

static void settle(struct entry *entry, enum err code, uint64_t ttl_s)
{
    entry->asking = false;
    entry->answer.code = code;
    entry->until = instant_after_ms(loop_now(entry->dns->loop), ttl_s * 1000);
    loop_defer(entry->dns->loop, &entry->deliver);
}

static void on_answer(void *object, int status, int timeouts, struct ares_addrinfo *found)
{
    struct entry *entry = object;
    struct answer *answer = &entry->answer;
    uint64_t ttl_s = TTL_MAX_S;
    (void)timeouts;
    if (entry->dns->closing) {
        return;
    }
    answer->count = 0;
    const struct ares_addrinfo_node *node = status == ARES_SUCCESS ? found->nodes : NULL;
    for (; node != NULL && answer->count < DNS_ADDRESSES_MAX; node = node->ai_next) {
        if (address_of_sockaddr(node->ai_addr, (size_t)node->ai_addrlen,
                                &answer->addresses[answer->count]) == ERR_OK) {
            answer->count++;
            ttl_s = num_min(ttl_s, node->ai_ttl > 0 ? (uint64_t)node->ai_ttl : 0);
        }
    }
    if (answer->count > 0) {
        settle(entry, ERR_OK, num_max(ttl_s, TTL_MIN_S));
    } else {
        settle(entry, ERR_DNS, TTL_FAILED_S);
    }
    ares_freeaddrinfo(found);
}

static void ask(struct entry *entry)
{
    struct dns *dns = entry->dns;
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    entry->asking = true;
    if (!open_channel(dns)) {
        entry->answer.count = 0;
        settle(entry, ERR_DNS, TTL_FAILED_S);
        return;
    }
    ares_getaddrinfo(dns->channel, entry->name, NULL, &hints, on_answer, entry);
    rearm(dns);
}

static void entry_free(struct entry *entry)
{
    deferred_cancel(&entry->deliver);
    free(entry);
}

static bool make_room(struct dns *dns)
{
    size_t at = 0;
    struct str name;
    void *value;
    if (map_count(dns->cache) < DNS_CACHE_MAX) {
        return true;
    }
    while (map_next(dns->cache, &at, &name, &value)) {
        struct entry *entry = value;
        if (!entry->asking && list_empty(&entry->waiting)) {
            (void)map_remove(dns->cache, name);
            entry_free(entry);
            return true;
        }
    }
    return false;
}

/* The entry of a valid name, made if need be; NULL when all entries are in use. */
static struct entry *entry_of(struct dns *dns, struct str name)
{
    struct entry *entry = map_get(dns->cache, name);
    if (entry != NULL || !make_room(dns)) {
        return entry;
    }
    entry = must_have(calloc(1, sizeof *entry));
    entry->dns = dns;
    list_init(&entry->waiting);
    deferred_init(&entry->deliver, on_deliver);
    (void)str_copy(name, entry->name, sizeof entry->name);
    enum err err = map_put(dns->cache, name, entry);
    must(err == ERR_OK);
    return entry;
}

/* ---- interface ---- */

struct dns *dns_new(struct loop *loop)
{
    uint64_t seed[2];
    struct dns *dns = must_have(calloc(1, sizeof *dns));
    env_entropy(loop_env(loop), seed, sizeof seed);
    dns->loop = loop;
    dns->cache = map_new(seed, DNS_CACHE_MAX);
    list_init(&dns->literals);
    list_init(&dns->socks);
    deferred_init(&dns->deliver_literals, on_deliver_literals);
    timer_init(&dns->timer, on_timer);
    return dns;
}

enum err dns_use_servers(struct dns *dns, const char *servers)
{
    if (!open_channel(dns)) {
        return ERR_IO;
    }
    return ares_set_servers_ports_csv(dns->channel, servers) == ARES_SUCCESS ? ERR_OK : ERR_SYNTAX;
}

static void free_queries(struct link *list)
{
    struct link *next;
    for (struct link *at = list->next; at != list; at = next) {
        next = at->next;
        free(LIST_OBJECT(at, struct dns_query, link));
    }
    list_init(list);
}

void dns_free(struct dns *dns)
{
    size_t at = 0;
    struct str name;
    void *value;
    if (dns == NULL) {
        return;
    }
    dns->closing = true;
    if (dns->has_channel) {
        ares_destroy(dns->channel);
    }
    while (map_next(dns->cache, &at, &name, &value)) {
        free_queries(&((struct entry *)value)->waiting);
        entry_free(value);
    }
    map_free(dns->cache);
    free_queries(&dns->literals);
    deferred_cancel(&dns->deliver_literals);
    timer_disarm(&dns->timer);
    free(dns);
}

/* Lower case, within the length of a name and without NUL: the cache's key. */
static bool normalise(struct str host, char name[NAME_BYTES])
{
    if (host.len == 0 || str_find_byte(host, '\0') != SIZE_MAX ||
        !str_copy(host, name, NAME_BYTES)) {
        return false;
    }
    for (char *at = name; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z') {
            *at |= 0x20; /* the bit between the cases in ASCII */
        }
    }
    return true;
}

static void answer_at_once(struct dns_query *query, enum err code)
{
    query->code = code;
    list_push_back(&query->dns->literals, &query->link);
    loop_defer(query->dns->loop, &query->dns->deliver_literals);
}

struct dns_query *dns_resolve(struct dns *dns, struct str host, uint16_t port, dns_done *done,
                              void *owner)
{
    char name[NAME_BYTES];
    struct dns_query *query = must_have(calloc(1, sizeof *query));
    must(done != NULL);
    query->dns = dns;
    query->done = done;
    query->owner = owner;
    query->port = port;
    if (address_of_ip(host, port, &query->literal) == ERR_OK) {
        answer_at_once(query, ERR_OK);
        return query;
    }
    struct entry *entry = normalise(host, name) ? entry_of(dns, str_of(name)) : NULL;
    if (entry == NULL) {
        answer_at_once(query, ERR_DNS);
        return query;
    }
    list_push_back(&entry->waiting, &query->link);
    if (entry->asking) {
        return query;
    }
    if (entry->until.ns > loop_now(dns->loop).ns) {
        loop_defer(dns->loop, &entry->deliver);
    } else {
        ask(entry);
    }
    return query;
}

void dns_cancel(struct dns_query *query)
{
    if (query != NULL) {
        list_remove(&query->link);
        free(query);
    }
}
