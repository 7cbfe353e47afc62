/* SPDX-License-Identifier: Apache-2.0
 * fuzz_address.c - what parses as an address is shown as text that parses to the same address.
 */
#include "base/must.h"
#include "sys/net.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct address address;
    struct address again;
    struct str host;
    uint16_t port = 0;
    char shown[ADDRESS_TEXT_BYTES];
    if (address_split(text, &host, &port) == ERR_OK) {
        must(host.len > 0 && host.len <= size);
    }
    if (address_parse(text, &address) != ERR_OK) {
        return 0;
    }
    enum err err = address_parse(str_of(address_show(&address, shown)), &again);
    must(err == ERR_OK);
    must(address.len == again.len && memcmp(address.bytes, again.bytes, address.len) == 0);
    return 0;
}
