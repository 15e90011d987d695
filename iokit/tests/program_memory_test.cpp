// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/program_memory.h"

#include <IOKit/IOReturn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace opendext::client {
namespace {

namespace uc = protocol::user_client;

constexpr size_t kPage = 4096;

class ProgramMemoryTest : public testing::Test {
  protected:
    ~ProgramMemoryTest() override { ::munmap(pages_, 4 * kPage); }

    uc::MemoryCopied ask(std::vector<uc::Segment> segments, bool share) {
        uc::CopyMemory request;
        request.segments = std::move(segments);
        request.share = share;
        Message message = ProgramMemory::instance().answer(request, 7);
        EXPECT_EQ(message.serial, 7U);
        fds_ = std::move(message.fds);
        return decode<uc::MemoryCopied>(message).value();
    }
    [[nodiscard]] uint64_t at(size_t offset) const {
        return reinterpret_cast<uint64_t>(pages_) + offset;
    }
    /// A byte of the memory that the driver gets.
    char seen(size_t fd, uint64_t offset) {
        char byte = 0;
        EXPECT_EQ(::pread(fds_.at(fd).get(), &byte, 1, static_cast<off_t>(offset)), 1);
        return byte;
    }
    char* const pages_ = static_cast<char*>(
        ::mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::vector<UniqueFd> fds_;
};

TEST_F(ProgramMemoryTest, CopiesLieOneBehindTheOtherAndStayAsTheyWere) {
    pages_[5] = 'a';
    pages_[kPage] = 'b';
    const auto answer = ask({{at(5), 10}, {at(kPage), 3}}, false);
    ASSERT_EQ(answer.io_return, kIOReturnSuccess);
    ASSERT_EQ(answer.parts.size(), 1U);
    EXPECT_EQ(answer.parts[0].length, 13U);
    EXPECT_TRUE(sealed_memory_size(fds_.at(0).get()).ok());
    pages_[5] = 'z';
    EXPECT_EQ(seen(0, 0), 'a');
    EXPECT_EQ(seen(0, 10), 'b');
}

TEST_F(ProgramMemoryTest, WhatADriverCannotHaveIsRefusedAndHarmsNothing) {
    EXPECT_EQ(ask({{4096, 10}}, false).io_return, kIOReturnVMError) << "nothing is mapped there";
    EXPECT_EQ(ask({}, false).io_return, kIOReturnBadArgument);
    EXPECT_EQ(ask({{at(0), 0}}, false).io_return, kIOReturnBadArgument);
    EXPECT_EQ(ask({{UINT64_MAX, 10}}, false).io_return, kIOReturnBadArgument);
    EXPECT_EQ(ask({{at(0), ProgramMemory::kMaxBytes + 1}}, false).io_return, kIOReturnBadArgument);
    EXPECT_EQ(ask(std::vector<uc::Segment>(33, {at(0), 1}), false).io_return, kIOReturnBadArgument);
    EXPECT_EQ(ask({{at(1), kPage}}, true).io_return, kIOReturnNotAligned);
    EXPECT_EQ(ask({{at(0), 10}}, true).io_return, kIOReturnNotAligned);
    // Not a variable, which AddressSanitizer keeps elsewhere.
    const uint64_t stack = reinterpret_cast<uint64_t>(__builtin_frame_address(0)) & ~(kPage - 1);
    EXPECT_EQ(ask({{stack, kPage}}, true).io_return, kIOReturnUnsupported);
    EXPECT_TRUE(fds_.empty());
}

TEST_F(ProgramMemoryTest, SharedPagesAreTheProgramsOwn) {
    std::memset(pages_, 'p', 2 * kPage);
    const auto answer = ask({{at(0), 2 * kPage}}, true);
    ASSERT_EQ(answer.io_return, kIOReturnSuccess);
    EXPECT_EQ(seen(0, kPage), 'p') << "what was there stays";
    pages_[1] = 'q';
    EXPECT_EQ(seen(0, 1), 'q');
    const char byte = 'd';
    ASSERT_EQ(::pwrite(fds_.at(0).get(), &byte, 1, 2), 1);
    EXPECT_EQ(pages_[2], 'd');

    const auto part = ask({{at(kPage), kPage}}, true);
    ASSERT_EQ(part.io_return, kIOReturnSuccess);
    EXPECT_EQ(part.parts.at(0).offset, kPage) << "the same memory, further on";
    EXPECT_EQ(ask({{at(kPage), 2 * kPage}}, true).io_return, kIOReturnUnsupported)
        << "half of it is shared as something else";
}

TEST_F(ProgramMemoryTest, OtherMemoryInTheSamePlaceIsSharedAnew) {
    ASSERT_EQ(ask({{at(0), kPage}}, true).io_return, kIOReturnSuccess);
    const std::vector<UniqueFd> before = std::move(fds_);
    ASSERT_NE(::mmap(pages_, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                     -1, 0),
              MAP_FAILED);
    ASSERT_EQ(ask({{at(0), kPage}}, true).io_return, kIOReturnSuccess);
    pages_[0] = 'n';
    EXPECT_EQ(seen(0, 0), 'n');
    char old = 0;
    EXPECT_EQ(::pread(before.at(0).get(), &old, 1, 0), 1);
    EXPECT_EQ(old, 0);
}

}  // namespace
}  // namespace opendext::client
