// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/tidy.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "rpc/peer_watch.h"
#include "runtime/dispatch/thread_pool.h"

namespace opendext::runtime {
namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

}  // namespace

[[gnu::noinline]] void tidy_memory() {
    join_ended_threads();
    PeerWatch::instance().rest();
    ::malloc_trim(0);
    // Nothing else lies so close below the main thread's stack: the kernel keeps a wide gap there.
    constexpr uintptr_t kDepth = 128 << 10;
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    // What this function and madvise() have below: next to nothing, but with a sanitizer.
    constexpr uintptr_t kOwn = kSanitized ? 8192 : 512;
    const uintptr_t end =
        (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - kOwn) & ~(page - 1);
    // ENOMEM where the stack was never so deep: what there is was given back all the same.
    ::madvise(reinterpret_cast<void*>(end - kDepth), kDepth, MADV_DONTNEED);
}

void map_code() {
    if (kSanitized) return;
    const auto map = [](dl_phdr_info* object, size_t, void*) {
        const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
        for (int i = 0; i < object->dlpi_phnum; ++i) {
            const ElfW(Phdr)& part = object->dlpi_phdr[i];
            if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
            const uintptr_t begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
            const uintptr_t end = object->dlpi_addr + part.p_vaddr + part.p_memsz;
            // Kernels before 5.14 do not know it.
            ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ);
        }
        return 0;
    };
    ::dl_iterate_phdr(map, nullptr);
}

}  // namespace opendext::runtime
