// SPDX-License-Identifier: Apache-2.0
#include <mach/mach_port.h>
#include <mach/vm_map.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

/// `size` up to the next page; 0 if there is none.
uint64_t whole_pages(uint64_t size) {
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    return (size + page - 1) & ~(page - 1);
}

}  // namespace

kern_return_t mach_vm_allocate(vm_map_t target, mach_vm_address_t* address, mach_vm_size_t size,
                               int flags) {
    if (target != mach_task_self() || address == nullptr) return KERN_INVALID_ARGUMENT;
    const bool anywhere = (flags & VM_FLAGS_ANYWHERE) != 0;
    if (size == 0) {
        *address = 0;
        return KERN_SUCCESS;
    }
    const uint64_t length = whole_pages(size);
    if (length == 0) return KERN_NO_SPACE;
    void* memory = ::mmap(
        anywhere ? nullptr : reinterpret_cast<void*>(*address), length, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | (anywhere ? 0 : MAP_FIXED_NOREPLACE), -1, 0);
    if (memory == MAP_FAILED) return KERN_NO_SPACE;
    *address = reinterpret_cast<mach_vm_address_t>(memory);
    return KERN_SUCCESS;
}

kern_return_t mach_vm_deallocate(vm_map_t target, mach_vm_address_t address, mach_vm_size_t size) {
    if (target != mach_task_self()) return KERN_INVALID_ARGUMENT;
    if (size == 0) return KERN_SUCCESS;
    const uint64_t begin = address & ~(whole_pages(1) - 1);
    const uint64_t length = whole_pages(size + (address - begin));
    if (length == 0 || ::munmap(reinterpret_cast<void*>(begin), length) != 0)
        return KERN_INVALID_ADDRESS;
    return KERN_SUCCESS;
}

kern_return_t vm_allocate(vm_map_t target_task, vm_address_t* address, vm_size_t size, int flags) {
    if (address == nullptr) return KERN_INVALID_ARGUMENT;
    mach_vm_address_t found = *address;
    const kern_return_t code = mach_vm_allocate(target_task, &found, size, flags);
    if (code == KERN_SUCCESS) *address = found;
    return code;
}

kern_return_t vm_deallocate(vm_map_t target_task, vm_address_t address, vm_size_t size) {
    return mach_vm_deallocate(target_task, address, size);
}
