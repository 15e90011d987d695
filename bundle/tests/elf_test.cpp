// SPDX-License-Identifier: Apache-2.0
#include "bundle/elf.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <sstream>

namespace opendext::bundle {
namespace {

namespace fs = std::filesystem;

/// A library that this test is linked with.
fs::path some_library() {
    Dl_info info{};
    ::dladdr(reinterpret_cast<void*>(&std::terminate), &info);
    return fs::canonical(info.dli_fname);
}

std::string content(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

TEST(Elf, SaysWhichLibrariesAreNamed) {
    const auto libraries = needed_libraries(some_library());
    ASSERT_TRUE(libraries.ok()) << libraries.error().text();
    EXPECT_NE(std::ranges::find(*libraries, "libc.so.6"), libraries->end());
}

TEST(Elf, NamesTheFunctionAtAPlace) {
    Dl_info info{};
    ASSERT_NE(::dladdr(reinterpret_cast<void*>(&std::terminate), &info), 0);
    // In a library of the system, addresses of code are offsets in the file or near: the first
    // segment says by how much. That of a symbol is its address less that of the library.
    const auto address = reinterpret_cast<uintptr_t>(info.dli_saddr);
    const uint64_t offset = address - reinterpret_cast<uintptr_t>(info.dli_fbase);
    EXPECT_EQ(function_at(some_library(), offset + 1), "std::terminate()");
    EXPECT_EQ(function_at(some_library(), 1), "");
}

TEST(Elf, DamagedFilesAreErrorsAndNothingWorse) {
    char folder[] = "/tmp/opendext-elf-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    const fs::path file = fs::path(folder) / "damaged.so";
    const std::string whole = content(some_library());
    // Cut off anywhere, and with every byte of the tables at the beginning changed.
    for (size_t size = 0; size < whole.size(); size += whole.size() / 40 + 1) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
        static_cast<void>(needed_libraries(file));
        EXPECT_EQ(function_at(file, 1), "");
    }
    for (size_t place = 0; place < 64 + 12 * 56; ++place) {
        std::string changed = whole.substr(0, 64 << 10);
        changed[place] = static_cast<char>(~changed[place]);
        std::ofstream(file, std::ios::binary | std::ios::trunc) << changed;
        static_cast<void>(needed_libraries(file));
        static_cast<void>(function_at(file, 0x1000));
    }
    EXPECT_FALSE(needed_libraries(fs::path(folder) / "absent.so").ok());
    fs::remove_all(folder);
}

}  // namespace
}  // namespace opendext::bundle
