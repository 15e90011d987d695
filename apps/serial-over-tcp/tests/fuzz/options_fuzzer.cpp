// SPDX-License-Identifier: Apache-2.0
// The texts of a link: what is read is written in a form that reads the same.
#include <cstdlib>
#include <string>

#include "apps/serial-over-tcp/agent/link_options.h"
#include "apps/serial-over-tcp/agent/remote.h"

using namespace opendext::serial_tcp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    if (const auto options = LinkOptions::parse(text); options.ok()) {
        const auto again = LinkOptions::parse(options->text());
        if (!again.ok() || !(*again == *options)) std::abort();
    }
    if (const auto remote = Remote::parse(text); remote.ok()) {
        const auto again = Remote::parse(remote->text());
        if (!again.ok() || again->text() != remote->text()) std::abort();
    }
    if (const auto list = AllowList::parse(text); list.ok()) {
        const auto again = AllowList::parse(list->text());
        if (!again.ok() || !(*again == *list)) std::abort();
    }
    (void)parse_size(text);
    return 0;
}
