// SPDX-License-Identifier: Apache-2.0
#include "rpc/change_board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <utility>

namespace opendext {

Result<std::unique_ptr<ChangeBoard>> ChangeBoard::create() {
    constexpr size_t kSize = sizeof(ChangeCounters);
    UniqueFd memory(::memfd_create("opendext-changes", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory || ::ftruncate(memory.get(), kSize) != 0)
        return Error::system("cannot make the counters of changes");
    void* pages = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
    if (pages == MAP_FAILED) return Error::system("cannot map the counters of changes");
    // Our mapping is the last one that can be written.
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    if (::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) {
        const Error error = Error::system("cannot seal the counters of changes");
        ::munmap(pages, kSize);
        return error;
    }
    return std::unique_ptr<ChangeBoard>(
        new ChangeBoard(std::move(memory), static_cast<ChangeCounters*>(pages)));
}

ChangeBoard::~ChangeBoard() {
    ::munmap(counters_, sizeof(ChangeCounters));
}

Result<UniqueFd> ChangeBoard::duplicate() const {
    UniqueFd copy(::fcntl(memory_.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return Error::system("cannot duplicate the counters of changes");
    return copy;
}

Result<std::shared_ptr<ChangeView>> ChangeView::map(const UniqueFd& memory) {
    if (OD_TRY(sealed_memory_size(memory.get())) != sizeof(ChangeCounters))
        return Error{Errc::malformed, 0, "the counters of changes have the wrong size"};
    void* pages = ::mmap(nullptr, sizeof(ChangeCounters), PROT_READ, MAP_SHARED, memory.get(), 0);
    if (pages == MAP_FAILED) return Error::system("cannot map the counters of changes");
    return std::shared_ptr<ChangeView>(new ChangeView(static_cast<const ChangeCounters*>(pages)));
}

ChangeView::~ChangeView() {
    ::munmap(const_cast<ChangeCounters*>(counters_), sizeof(ChangeCounters));
}

}  // namespace opendext
