/* SPDX-License-Identifier: Apache-2.0 */
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <Block.h>
#include <os/log.h>

#include <DriverKit/DriverKit.h>
#include <DriverKit/OSSharedPtr.h>

#include "Check.h"
#include "StylesDriver.h"
#include "StylesTable.h"

#define Log(fmt, ...) os_log(OS_LOG_DEFAULT, "StylesDriver - " fmt, ##__VA_ARGS__)

struct StylesDriver_IVars {
    IOService* provider;
    OSArray* names;
    IODispatchQueue* queue;
    Checks checks = {"styles", 0, 0};
    uint32_t order[4];
};

// Facts: IONewZero, IOService.init
bool StylesDriver::init() {
    if (!super::init()) return false;

    ivars = IONewZero(StylesDriver_IVars, 1);
    if (ivars == nullptr) return false;
    return ivars->provider == nullptr && ivars->checks.passed == 0;
}

// Facts: IOSafeDeleteNULL, IOService.free, OSSafeReleaseNULL
void StylesDriver::free() {
    if (ivars) {
        OSSafeReleaseNULL(ivars->names);
        OSSafeReleaseNULL(ivars->queue);
    }
    Log("free");
    IOSafeDeleteNULL(ivars, StylesDriver_IVars, 1);
    super::free();
}

/* The head of the definition by a macro … */
kern_return_t IMPL(StylesDriver, WithMacro) {
    *result = value + 1;
    return kIOReturnSuccess;
}

/* … and in full. */
kern_return_t StylesDriver::InFull_Impl(uint32_t value, uint32_t* result) {
    uint32_t half = 0;
    kern_return_t ret = WithMacro(value, &half);
    if (ret != kIOReturnSuccess) goto Exit;
    *result = half * 2;
Exit:
    return ret;
}

static OSSharedPtr<OSString> makeName(const char* text) {
    return OSSharedPtr<OSString>(OSString::withCString(text), OSNoRetain);
}

typedef size_t (^LengthBlock)(void);

static LengthBlock lengthOf(OSSharedPtr<OSString> name) {
    return Block_copy(^{
      return name->getLength();
    });
}

// Facts: IODispatchQueue.DispatchAsync, IODispatchQueue.DispatchAsync_f
// Facts: IODispatchQueue.DispatchSync, IODispatchQueue.DispatchSync_f
void StylesDriver::RunBlocks() {
    Checks* checks = &ivars->checks;
    __block int calls = 0;
    int seen = 5;
    int (^add)(int) = ^(int value) {
      ++calls;
      return value + seen;
    };
    seen = 6; /* the block has the value of before */
    CHECK(checks, add(1) == 6 && calls == 1);

    /* A block that outlives its scope holds on to a smart pointer. */
    OSSharedPtr<OSString> name = makeName("held");
    OSString* raw = name.get();
    const uint32_t before = raw->getRetainCount();
    LengthBlock later = lengthOf(name);
    CHECK(checks, raw->getRetainCount() == before + 1);
    name.reset();
    CHECK(checks, later() == 4);
    raw->retain();
    Block_release(later);
    CHECK(checks, raw->getRetainCount() == 1);
    raw->release();

    /* Blocks of a queue run in order; a lambda is a block's cousin. */
    IODispatchQueue* queue = ivars->queue;
    auto order = [this](uint32_t place) { return ivars->order[place]; };
    __block uint32_t next = 0;
    uint32_t* places = ivars->order;
    for (uint32_t i = 0; i < 3; ++i) {
        queue->DispatchAsync(^{
          places[next++] = i + 10;
        });
    }
    queue->DispatchSync(^{
      places[next++] = 99;
    });
    CHECK(checks, order(0) == 10 && order(1) == 11 && order(2) == 12 && order(3) == 99);
    queue->DispatchAsync_f(&places[3], [](void* context) { *static_cast<uint32_t*>(context) = 7; });
    queue->DispatchSync_f(places, [](void* context) { *static_cast<uint32_t*>(context) += 1; });
    CHECK(checks, order(3) == 7 && order(0) == 11);
}

void StylesDriver::UseTable() {
    Checks* checks = &ivars->checks;
    CHECK(checks, std::string_view(styles_name(0x20)) == "twenty");
    CHECK(checks, styles_name(0x99) == nullptr);
    OSArray* names = ivars->names;
    const size_t visited = styles_visit(^bool(const styles_row* row) {
      OSSharedPtr<OSString> name = makeName(row->name);
      return names->setObject(name.get()) && row->code != 0x20;
    });
    CHECK(checks, visited == 2 && names->getCount() == 2);
    const uint8_t bytes[3] = {1, 2, 3};
    if (auto* copy = static_cast<uint8_t*>(styles_copy(bytes, sizeof bytes)); copy != nullptr) {
        CHECK(checks, copy[2] == 3);
        IOFree(copy, sizeof bytes);
    }
}

/* What the language has since C++17. */
static std::optional<uint32_t> find(std::string_view wanted) {
    constexpr std::array<std::pair<std::string_view, uint32_t>, 2> known = {
        {{"one", 1}, {"two", 2}}};
    for (const auto& [name, number] : known) {
        if (name == wanted) return number;
    }
    return std::nullopt;
}

template <typename... Numbers>
constexpr auto sum(Numbers... numbers) {
    return (numbers + ... + 0);
}

// Facts: IOService.Start, IOService.GetProvider, OSArray.withCapacity, IODispatchQueue.Create
kern_return_t IMPL(StylesDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        Log("super's Start failed: 0x%08x", ret);
        return ret;
    }
    ivars->provider = provider;
    ivars->names = OSArray::withCapacity(4);
    ret = IODispatchQueue::Create("styles", 0, 0, &ivars->queue);
    if (ret != kIOReturnSuccess || ivars->names == nullptr) return kIOReturnNoMemory;

    Checks* checks = &ivars->checks;
    CHECK(checks, GetProvider() == provider && provider != nullptr);
    uint32_t result = 0;
    CHECK(checks, InFull(4, &result) == kIOReturnSuccess && result == 10);
    CHECK(checks, find("two").value_or(0) == 2 && !find("three"));
    static_assert(sum(1, 2, 3) == 6);
#if STYLES_CPLUSPLUS
    CHECK(checks, __cplusplus == STYLES_CPLUSPLUS);
#endif
    RunBlocks();
    UseTable();
    Log("C++ %ld", static_cast<long>(__cplusplus));
    check_done(checks);
    return RegisterService();
}

// Facts: IOService.Stop, IODispatchQueue.Cancel
kern_return_t IMPL(StylesDriver, Stop) {
    /* The super class's Stop is called when the last block has run. */
    Log("stop");
    IODispatchQueue* queue = ivars->queue;
    if (queue == nullptr) return Stop(provider, SUPERDISPATCH);
    retain();
    provider->retain();
    return queue->Cancel(^{
      Log("cancelled");
      kern_return_t ret = Stop(provider, SUPERDISPATCH);
      Log("stopped: 0x%x", ret);
      provider->release();
      release();
    });
}
