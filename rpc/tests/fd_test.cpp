// SPDX-License-Identifier: Apache-2.0
#include "rpc/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace opendext {
namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(UniqueFdTest, ClosesOnceAndMoves) {
    UniqueFd first(::memfd_create("x", MFD_CLOEXEC));
    const int number = first.get();
    ASSERT_TRUE(is_open(number));
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): that is the point
    EXPECT_EQ(second.get(), number);
    UniqueFd& self = second;
    second = std::move(self);
    EXPECT_TRUE(is_open(number));
    second.reset();
    EXPECT_FALSE(is_open(number));
}

TEST(UniqueFdTest, ReleaseGivesTheDescriptorAway) {
    int number = -1;
    {
        UniqueFd fd(::memfd_create("x", MFD_CLOEXEC));
        number = fd.release();
        EXPECT_FALSE(fd.valid());
    }
    EXPECT_TRUE(is_open(number));
    ::close(number);
}

TEST(UniqueFdTest, DuplicateIsAnotherDescriptorOfTheSameFile) {
    const UniqueFd fd(::memfd_create("x", 0));
    const UniqueFd copy = std::move(fd.duplicate()).value();
    EXPECT_NE(copy.get(), fd.get());
    EXPECT_EQ(::fcntl(copy.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_FALSE(UniqueFd().duplicate().ok());
}

TEST(SealedMemoryTest, CanNeitherShrinkNorGrow) {
    const UniqueFd memory = std::move(make_sealed_memory("ring", 8192)).value();
    EXPECT_EQ(sealed_memory_size(memory.get()).value(), 8192u);
    EXPECT_EQ(::ftruncate(memory.get(), 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::ftruncate(memory.get(), 16384), -1);
    EXPECT_EQ(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE), -1)
        << "no peer can take our writing away";
}

TEST(SealedMemoryTest, WhatCouldShrinkUnderUsIsRefused) {
    const UniqueFd unsealed(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const Result<size_t> size = sealed_memory_size(unsealed.get());
    ASSERT_FALSE(size.ok());
    EXPECT_EQ(size.error().code, Errc::malformed);
    const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_FALSE(sealed_memory_size(file.get()).ok());
    EXPECT_FALSE(sealed_memory_size(-1).ok());
}

TEST(MappingTest, TwoMappingsShareBytes) {
    const UniqueFd memory = std::move(make_sealed_memory("ring", 8192)).value();
    const Mapping writer =
        std::move(Mapping::map(memory.get(), 0, 8192, Mapping::Access::read_write)).value();
    Mapping reader =
        std::move(Mapping::map(memory.get(), 4096, 4096, Mapping::Access::read_only)).value();
    *writer.at<uint32_t>(4096) = 4711;
    EXPECT_EQ(*reader.at<uint32_t>(0), 4711u);
    const Mapping moved = std::move(reader);
    EXPECT_EQ(reader.data(), nullptr);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(moved.size(), 4096u);
}

TEST(MappingTest, ABadDescriptorIsAnError) {
    EXPECT_FALSE(Mapping::map(-1, 0, 4096, Mapping::Access::read_only).ok());
}

}  // namespace
}  // namespace opendext
