// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "Everything.h"

/// What the driver of inputs/Everything.iig keeps in its instance variables, for the test to look
/// at.
namespace everything_test {

struct Notes {
    uint32_t sum;
    const char* text;
};
struct Finished {
    uint64_t count;
    kern_return_t status;
    uint32_t calls;
};

uint32_t start_of(EverythingBase* object);
Notes notes_of(EverythingBase* object);
Finished finished_of(EverythingDerived* object);

}  // namespace everything_test
