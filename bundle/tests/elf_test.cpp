// SPDX-License-Identifier: Apache-2.0
#include "bundle/elf.h"

#include <dlfcn.h>
#include <elf.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
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

/// Copies of a small shared object, with changes.
class ElfDamage : public ::testing::Test {
  protected:
    ElfDamage() : whole_(content(ELF_SAMPLE)) {
        char folder[] = "/tmp/opendext-elf-XXXXXX";
        EXPECT_NE(::mkdtemp(folder), nullptr);
        file_ = fs::path(folder) / "damaged.so";
    }
    ~ElfDamage() override { fs::remove_all(file_.parent_path()); }

    void write(const std::string& bytes) {
        std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    }
    /// What is said of a copy in which `change` has changed the tables.
    std::string said(const std::function<void(Elf64_Ehdr&, Elf64_Phdr*, char*)>& change) {
        std::string bytes = whole_;
        auto* header = reinterpret_cast<Elf64_Ehdr*>(bytes.data());
        change(*header, reinterpret_cast<Elf64_Phdr*>(bytes.data() + header->e_phoff),
               bytes.data());
        write(bytes);
        const auto object = read_shared_object(file_);
        return object.ok() ? "accepted" : object.error().text();
    }
    /// The same with one entry of the dynamic section.
    std::string said_of(int64_t tag, uint64_t value, int64_t new_tag = -1) {
        return said([&](Elf64_Ehdr& header, Elf64_Phdr* segments, char* bytes) {
            for (int i = 0; i < header.e_phnum; ++i) {
                if (segments[i].p_type != PT_DYNAMIC) continue;
                auto* entry = reinterpret_cast<Elf64_Dyn*>(bytes + segments[i].p_offset);
                while (entry->d_tag != tag && entry->d_tag != DT_NULL) ++entry;
                ASSERT_EQ(entry->d_tag, tag);
                entry->d_un.d_val = value;
                if (new_tag != -1) entry->d_tag = new_tag;
            }
        });
    }
    /// Loads the file in a child. True if that comes to an end, whatever comes of it.
    bool loads_or_is_refused() {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(::dlopen(file_.c_str(), RTLD_NOW) == nullptr ? 1 : 0);
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status);
    }

    std::string whole_;
    fs::path file_;
};

Elf64_Phdr& first(Elf64_Phdr* segments, Elf64_Word kind) {
    while (segments->p_type != kind) ++segments;
    return *segments;
}

TEST(Elf, SaysWhichLibrariesAreNamed) {
    for (const fs::path& file : {some_library(), fs::path(ELF_SAMPLE)}) {
        const auto object = read_shared_object(file);
        ASSERT_TRUE(object.ok()) << object.error().text();
        EXPECT_NE(std::ranges::find(object->libraries, "libc.so.6"), object->libraries.end());
    }
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

TEST_F(ElfDamage, FilesThatAreCutShortAreRefusedUnlessNothingOfWhatIsLoadedIsGone) {
    size_t refused = 0;
    for (size_t size = 0; size <= whole_.size(); size += 56) {
        write(whole_.substr(0, size));
        const auto object = read_shared_object(file_);
        EXPECT_EQ(function_at(file_, 1), "");
        if (object.ok()) {
            EXPECT_TRUE(loads_or_is_refused()) << "cut to " << size;
            continue;
        }
        ++refused;
        EXPECT_NE(object.error().text().find(file_.string() + ": is "), std::string::npos);
        EXPECT_NE(object.error().text().find("opendext build"), std::string::npos)
            << object.error().text();
    }
    EXPECT_GT(refused, 20U);
    EXPECT_NE(said([](Elf64_Ehdr&, Elf64_Phdr*, char*) {}).find("accepted"), std::string::npos);
    write(whole_.substr(0, 1500));
    EXPECT_NE(read_shared_object(file_).error().text().find("it was cut short"), std::string::npos);
}

TEST_F(ElfDamage, EachTableIsCheckedBeforeTheLoaderFollowsIt) {
    EXPECT_NE(said([](Elf64_Ehdr& header, auto, auto) {
                  header.e_machine = EM_S390;
              }).find("is built for another processor"),
              std::string::npos);
    EXPECT_NE(said([](Elf64_Ehdr& header, auto, auto) {
                  header.e_type = ET_EXEC;
              }).find("must be a shared object"),
              std::string::npos);
    EXPECT_NE(said([](Elf64_Ehdr& header, auto, auto) {
                  header.e_phnum = 0;
              }).find("it has 0 program headers"),
              std::string::npos);
    EXPECT_NE(said([](Elf64_Ehdr& header, auto, auto) {
                  header.e_phoff = ~uint64_t{0} - 8;
              }).find("program header 0 lies beyond its end"),
              std::string::npos);
    EXPECT_NE(said([&](auto&, Elf64_Phdr* segments, auto) {
                  first(segments, PT_LOAD).p_filesz = ~uint64_t{0};
              }).find("it was cut short"),
              std::string::npos);
    EXPECT_NE(said([&](auto&, Elf64_Phdr* segments, auto) {
                  first(segments, PT_LOAD).p_memsz = 1;
              }).find("is larger than memory"),
              std::string::npos);
    EXPECT_NE(said([&](auto&, Elf64_Phdr* segments, auto) {
                  first(segments, PT_LOAD).p_vaddr += 8;
              }).find("is not aligned"),
              std::string::npos);
    EXPECT_NE(said([&](auto&, Elf64_Phdr* segments, auto) {
                  first(segments, PT_LOAD).p_memsz += 1 << 20;
              }).find("overlaps the one before"),
              std::string::npos);
    EXPECT_NE(said([&](auto&, Elf64_Phdr* segments, auto) {
                  first(segments, PT_DYNAMIC).p_vaddr += 1 << 20;
              }).find("lies outside of what is loaded"),
              std::string::npos);
    EXPECT_NE(said([&](auto&, Elf64_Phdr* segments, auto) {
                  first(segments, PT_DYNAMIC).p_type = PT_NULL;
              }).find("it has no dynamic section"),
              std::string::npos);
    EXPECT_NE(said([&](auto&, Elf64_Phdr* segments, auto) {
                  first(segments, PT_DYNAMIC).p_filesz = 32;
              }).find("its dynamic section has no end"),
              std::string::npos);
    EXPECT_NE(said_of(DT_STRTAB, 1 << 30).find("table of strings"), std::string::npos);
    EXPECT_NE(said_of(DT_STRSZ, 5).find("table of strings"), std::string::npos);
    EXPECT_NE(said_of(DT_NEEDED, 1 << 30).find("the name of a library"), std::string::npos);
    EXPECT_NE(said_of(DT_SYMTAB, 1 << 30).find("table of symbols"), std::string::npos);
    EXPECT_NE(said_of(DT_GNU_HASH, 1 << 30).find("hash table"), std::string::npos);
    EXPECT_NE(said_of(DT_GNU_HASH, 0, DT_DEBUG).find("--hash-style=gnu"), std::string::npos);
    EXPECT_NE(said_of(DT_RELA, 1 << 30).find("relocation table"), std::string::npos);
    EXPECT_NE(said_of(DT_VERNEED, 1 << 30).find("versions"), std::string::npos);
    EXPECT_NE(said_of(DT_INIT_ARRAY, 1 << 30).find("constructors"), std::string::npos);
}

/// Every byte of what a loader reads first.
TEST_F(ElfDamage, NoChangedByteHurtsWhoChecks) {
    for (size_t place = 0; place < std::min<size_t>(whole_.size(), 3000); ++place) {
        std::string changed = whole_;
        changed[place] = static_cast<char>(~changed[place]);
        static_cast<void>(ElfObject::parse({changed.begin(), changed.end()}));
        if (place % 16 != 0) continue;
        write(changed);
        static_cast<void>(function_at(file_, 0x1000));
    }
    EXPECT_FALSE(read_shared_object(file_.parent_path() / "absent.so").ok());
}

TEST_F(ElfDamage, AStampTellsThatAFileWasChanged) {
    write(whole_);
    const FileStamp before = stamp_of(file_);
    EXPECT_EQ(before.size, whole_.size());
    EXPECT_EQ(stamp_of(file_), before);
    fs::resize_file(file_, 100);
    EXPECT_NE(stamp_of(file_), before);
    EXPECT_EQ(stamp_of(file_).inode, before.inode);
    fs::remove(file_);
    EXPECT_EQ(stamp_of(file_), FileStamp{});
}

}  // namespace
}  // namespace opendext::bundle
