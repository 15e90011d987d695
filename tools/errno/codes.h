// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/result.h"
#include "rpc/value.h"

/// Codes and their meaning: results of calls, messages of notifications, errors of requests for
/// system extensions. The table is written from docs/facts when OpenDext is built.
namespace opendext::errno_tool {

/// A number with a name. Several may have the same number: a result, a message, an error of a
/// request.
struct Code {
    uint32_t number;
    const char* group;  ///< "IOReturn", "kern_return_t", "IOMessage", …
    bool is_result;     ///< of a call; else a message
    const char* name;
    const char* meaning;  ///< "" where the name says it all
};

/// All that a number may stand for, in the order of docs/facts/ioreturn.csv.
[[nodiscard]] std::vector<const Code*> codes_of(uint32_t number);

/// The number that somebody typed: decimal with or without sign, 0x and hexadecimal, hexadecimal
/// without 0x where it cannot be decimal, or a name, also without its prefix kIOReturn. An error
/// says what is wrong with it and which names come near.
[[nodiscard]] Result<uint32_t> read_code(const std::string& text);

/// What a number is made of.
struct Fields {
    uint32_t system;     ///< bits 26 to 31
    uint32_t subsystem;  ///< bits 14 to 25
    uint32_t code;       ///< bits 0 to 13
};
[[nodiscard]] Fields fields_of(uint32_t number);
/// "kernel", "IOKit", …; "" for a number without a name.
[[nodiscard]] std::string_view system_name(const Fields& fields);
/// "sub_iokit_usb" and so on; "" for a number without a name.
[[nodiscard]] std::string_view subsystem_name(const Fields& fields);
/// The errno of Linux that is wrapped in the number, "" if none is: system 0, subsystem 3.
[[nodiscard]] std::string wrapped_errno(const Fields& fields);

/// The usual reasons in OpenDext and what to do, one sentence each; empty where nothing is special.
[[nodiscard]] std::vector<std::string> advice_for(std::string_view name);

[[nodiscard]] std::string to_text(uint32_t number);
[[nodiscard]] Value to_value(const std::string& typed, uint32_t number);

}  // namespace opendext::errno_tool
