/* SPDX-License-Identifier: Apache-2.0 */
/* The part that is plain C. */
#ifndef StylesTable_h
#define StylesTable_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct styles_row {
    uint16_t code;
    const char* name;
};

extern const struct styles_row styles_table[];
extern const size_t styles_rows;

const char* styles_name(uint16_t code);
/* Calls `visit` for each row until it gives false; the number of rows that were visited. */
size_t styles_visit(bool (^visit)(const struct styles_row* row));
void* styles_copy(const void* bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
