/* SPDX-License-Identifier: Apache-2.0 */
#include "StylesTable.h"

#include <DriverKit/IOLib.h>
#include <os/log.h>
#include <string.h>

const struct styles_row styles_table[] = {
    {.code = 0x10, .name = "ten"},
    {.code = 0x20, .name = "twenty"},
    {.name = "thirty", .code = 0x30},
};
const size_t styles_rows = sizeof styles_table / sizeof styles_table[0];

const char* styles_name(uint16_t code) {
    for (size_t i = 0; i < styles_rows; i++)
        if (styles_table[i].code == code) return styles_table[i].name;
    os_log_error(OS_LOG_DEFAULT, "styles: no row 0x%x", code);
    return NULL;
}

size_t styles_visit(bool (^visit)(const struct styles_row* row)) {
    size_t visited = 0;
    while (visited < styles_rows && visit(&styles_table[visited++])) {
    }
    return visited;
}

void* styles_copy(const void* bytes, size_t size) {
    void* new = IOMalloc(size); /* a name that C++ would not take */
    if (new) memcpy(new, bytes, size);
    return new;
}
