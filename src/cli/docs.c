/* SPDX-License-Identifier: Apache-2.0
 * docs.c - `aire docs`: reference pages and schema from the tables that the program runs by, so
 * that they cannot say anything else. */
#include "base/must.h"
#include "cli/cli.h"
#include "console/routes.h"
#include "gateway/events.h"
#include "gateway/generation.h"
#include "sys/file.h"

#include <stdio.h>

#define PAGE_BYTES_MAX ((size_t)4 << 20)
#define PATH_BYTES     4352

static enum err write_settings(struct buf *to)
{
    enum err code = buf_add(to, STR("# Settings of aire.yaml\n\n"));
    return code == ERR_OK ? settings_document(&generation_section, to) : code;
}

static enum err write_events(struct buf *to)
{
    enum err code = buf_add(to, STR("# Events\n\n"));
    return code == ERR_OK ? event_document(&gateway_events, to) : code;
}

static enum err write_metrics(struct buf *to)
{
    enum err code = buf_add(to, STR("# Metrics\n\n"));
    return code == ERR_OK ? metrics_document(&gateway_metrics, to) : code;
}

static enum err write_schema(struct buf *to)
{
    enum err code = settings_schema(&generation_section, to);
    return code == ERR_OK ? buf_add_byte(to, '\n') : code;
}

static const struct page {
    const char *name;
    enum err (*write)(struct buf *to);
} pages[] = {
    {"settings.md", write_settings}, {"events.md", write_events},
    {"metrics.md", write_metrics},   {"commands.md", cli_document},
    {"api.md", routes_document},     {"aire.schema.json", write_schema},
};

/* Pages end with one line feed, whatever their owners ended with. */
static void render(const struct page *page, struct buf *to)
{
    buf_clear(to);
    enum err code = page->write(to);
    while (code == ERR_OK && to->len > 0 && to->at[to->len - 1] == '\n') {
        to->len--;
    }
    code = code == ERR_OK ? buf_add_byte(to, '\n') : code;
    must(code == ERR_OK);
}

static int check(const struct cli *cli, const char *path, struct str page)
{
    struct buf there;
    buf_init(&there, PAGE_BYTES_MAX);
    bool same = file_read(path, &there) == ERR_OK && str_equal(buf_str(&there), page);
    buf_end(&there);
    return same ? CLI_OK
                : cli_fail(cli, CLI_FAILED, "%.200s is stale; aire docs writes it anew", path);
}

static int write(const struct cli *cli, const char *path, struct str page)
{
    enum err code = file_write_atomic(path, page, 0644);
    return code == ERR_OK ? CLI_OK : cli_fail(cli, CLI_BROKEN, "%.200s: %s", path, err_text(code));
}

int cmd_docs(const struct cli *cli)
{
    const char *folder = cli_word(cli, 0);
    bool checks = cli_flag(cli, "--check");
    int exit_code = CLI_OK;
    if (!checks && file_make_folder(folder, 0755) != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "cannot make the folder %.200s", folder);
    }
    struct buf page;
    buf_init(&page, PAGE_BYTES_MAX);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        char path[PATH_BYTES];
        if (snprintf(path, sizeof path, "%s/%s", folder, pages[i].name) >= (int)sizeof path) {
            exit_code = cli_fail(cli, CLI_USAGE, "the path of the folder is too long");
            break;
        }
        render(&pages[i], &page);
        int code = checks ? check(cli, path, buf_str(&page)) : write(cli, path, buf_str(&page));
        exit_code = code != CLI_OK ? code : exit_code;
    }
    buf_end(&page);
    return exit_code;
}
