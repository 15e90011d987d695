// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/tidy.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace opendext::runtime {

[[gnu::noinline]] void tidy_memory() {
    ::malloc_trim(0);
    // Nothing else lies so close below the main thread's stack: the kernel keeps a wide gap there.
    constexpr uintptr_t kDepth = 128 << 10;
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    // One page for what this function and madvise() have below.
    const uintptr_t end =
        (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & ~(page - 1)) - page;
    // ENOMEM where the stack was never so deep: what there is was given back all the same.
    ::madvise(reinterpret_cast<void*>(end - kDepth), kDepth, MADV_DONTNEED);
}

}  // namespace opendext::runtime
