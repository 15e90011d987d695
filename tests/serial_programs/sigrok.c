/* SPDX-License-Identifier: Apache-2.0 */
/* sigrok DEVICE: what libserialport can do with a port; a line "NAME: RESULT" for each. */
#include <libserialport.h>
#include <stdio.h>
#include <string.h>

static void say(const char* name, int result) {
    printf("%s: %d\n", name, result);
}

int main(int count, char** arguments) {
    struct sp_port** list = NULL;
    struct sp_port* port = NULL;
    int listed = 0;
    if (count != 2) return 2;
    say("list-call", sp_list_ports(&list));
    for (int i = 0; list && list[i]; ++i)
        listed |= strcmp(sp_get_port_name(list[i]), arguments[1]) == 0;
    say("list", listed);
    say("name", sp_get_port_by_name(arguments[1], &port));
    if (port == NULL) return 0;
    say("open", sp_open(port, SP_MODE_READ_WRITE));
    say("speed", sp_set_baudrate(port, 115200));
    say("write", sp_blocking_write(port, "hello", 5, 20000));
    char text[6] = "";
    say("read", sp_blocking_read(port, text, 5, 20000));
    printf("text: %s\n", text);
    say("drain", sp_drain(port));
    say("flush", sp_flush(port, SP_BUF_BOTH));
    say("close", sp_close(port));
    return 0;
}
