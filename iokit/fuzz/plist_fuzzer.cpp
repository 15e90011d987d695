// SPDX-License-Identifier: Apache-2.0
// Property lists of client programs: no bytes may crash the reader, and what it accepts is written
// in both forms and read again to the same value.
#include <CoreFoundation/CoreFoundation.h>

#include <cstdlib>

#include "iokit/corefoundation/plist.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace opendext::cf;
    CFPropertyListFormat format{};
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto list = plist::read(bytes, size % 3, format);
    if (!list.ok()) {
        if (list.error().message.empty()) std::abort();
        return 0;
    }
    for (const auto form : {kCFPropertyListXMLFormat_v1_0, kCFPropertyListBinaryFormat_v1_0}) {
        // A control character has no XML form; "not a number" is not even equal to itself.
        if (!plist::check(list->get(), form).ok()) continue;
        const std::string written = form == kCFPropertyListXMLFormat_v1_0
                                        ? plist::write_xml(list->get())
                                        : plist::write_binary(list->get());
        const auto again = plist::read(written, 0, format);
        if (!again.ok() || format != form) std::abort();
        const std::string twice = form == kCFPropertyListXMLFormat_v1_0
                                      ? plist::write_xml(again->get())
                                      : plist::write_binary(again->get());
        if (twice != written) std::abort();
    }
    return 0;
}

#ifndef OPENDEXT_FUZZ
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

/// The corpus of bundle/, each file as it is and damaged in thousands of ways.
TEST(PropertyLists, WithDamageAreReadOrRefused) {
    namespace fs = std::filesystem;
    std::vector<std::string> seeds{"{a = (b, <00ff>, \"\\U00e9\"); /* c */ d;}"};
    for (const auto& file : fs::recursive_directory_iterator(OPENDEXT_PLIST_CORPUS)) {
        if (!file.is_regular_file()) continue;
        std::ifstream in(file.path(), std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    ASSERT_GT(seeds.size(), 5U);
    const size_t originals = seeds.size();
    for (size_t i = 0; i < originals; ++i) {
        CFPropertyListFormat format{};
        const auto list = opendext::cf::plist::read(seeds[i], 0, format);
        if (list.ok()) seeds.push_back(opendext::cf::plist::write_binary(list->get()));
    }
    std::mt19937 random(20261120);  // the same damage each time
    size_t read = 0;
    for (int round = 0; round < 4000; ++round) {
        std::string bytes = seeds[random() % seeds.size()];
        for (uint32_t n = random() % 4; n > 0 && !bytes.empty(); --n) {
            const size_t at = random() % bytes.size();
            switch (random() % 3) {
                case 0:
                    bytes[at] = static_cast<char>(random());
                    break;
                case 1:
                    bytes.erase(at, random() % 8);
                    break;
                default:
                    bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 16));
            }
        }
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
        ++read;
    }
    EXPECT_EQ(4000U, read);
}
#endif
