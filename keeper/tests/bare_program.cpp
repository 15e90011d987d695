// SPDX-License-Identifier: Apache-2.0
// The yardstick of keeper_spawn_time: a dynamically linked C++ program that says one byte.
#include <unistd.h>

#include <iostream>

int main() {
    std::cout << '.' << std::flush;
    return 0;
}
