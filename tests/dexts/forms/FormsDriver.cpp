/* SPDX-License-Identifier: Apache-2.0 */
#include "FormsDriver.iig"
#include <DriverKit/IOLib.h>
#include <DriverKit/OSString.h>
#include <DriverKit/IODispatchQueue.iig>
#include "Check.h"
#include "FormsHelpers.h"

// Facts: IMPL, SUPERDISPATCH
kern_return_t IMPL(FormsDriver, Scale) {
    kern_return_t ret = Scale(record, result, factor, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) result->value += 1;
    return ret;
}

uint32_t FormsDriver::Weight(const FormsPair<uint32_t>& pair) {
    return super::Weight(pair) + 100;
}

const char* FormsDriver::Label() const {
    return "driver";
}

// Facts: IOService.CopyDispatchQueue, IODispatchQueue.OnQueue
kern_return_t IMPL(FormsDriver, Elsewhere) {
    IODispatchQueue* queue = nullptr;
    kern_return_t ret = CopyDispatchQueue("Extra", &queue);
    if (ret != kIOReturnSuccess) return ret;
    *onQueue = queue->OnQueue() && value == 9;
    queue->release();
    return kIOReturnSuccess;
}

static void tryMessages(FormsDriver* driver, Checks* checks) {
    CHECK(checks, driver->Nothing() == kIOReturnBusy);

    FormsRecord record = {7, 10, "text"};
    FormsRecord scaled = {};
    CHECK(checks, driver->Scale(record, &scaled) == kIOReturnSuccess && scaled.value == 31);
    CHECK(checks, driver->Scale(record, &scaled, 2) == kIOReturnSuccess && scaled.value == 21 &&
                      scaled.key == 7);
    CHECK(checks, strcmp(scaled.text, "text") == 0);

    const FormsTable table = {{1, 2, 3}, {4, 5, 6}};
    uint64_t sum = 1;
    CHECK(checks, driver->Sum(table, &sum) == kIOReturnSuccess && sum == 22);

    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(checks, driver->Fill(bytes) == kIOReturnSuccess && bytes[7] == 16);
    CHECK(checks, driver->Fill(bytes, limits::Mode::plain) == kIOReturnSuccess && bytes[7] == 16);

    FormsName previous = "left alone on failure";
    CHECK(checks, driver->Rename("first", previous) == kIOReturnSuccess && previous[0] == 0);
    CHECK(checks,
          driver->Rename("second", previous) == kIOReturnSuccess && strcmp(previous, "first") == 0);
    CHECK(checks, driver->Rename("twenty-four characters..", previous) == kIOReturnOverrun);

    const FormsBase::Entry entry = {1, {10, 20, 30, 40}};
    FormsDriver::Entry stored = {};
    CHECK(checks, driver->Store(&entry, &stored) == kIOReturnSuccess && stored.values[3] == 41);
    const FormsBase::Entry none = {};
    CHECK(checks, driver->Store(&none, &stored) == kIOReturnNoSpace && stored.values[3] == 41);

    OSString* text = nullptr;
    CHECK(checks, driver->MakeText("the ", &text) == kIOReturnSuccess && text &&
                      text->isEqualTo("the second"));
    OSSafeReleaseNULL(text);

    IOService* const choices[2] = {driver, nullptr};
    IOService* picked = nullptr;
    CHECK(checks, driver->Pick(choices, 0, &picked) == kIOReturnSuccess && picked == driver);
    OSSafeReleaseNULL(picked);
    CHECK(checks, driver->Pick(choices, 2, &picked) == kIOReturnBadArgument && !picked);

    CHECK(checks, driver->IsLong("a long name") && !driver->IsLong("short"));
    CHECK(checks, driver->CurrentMode() == limits::Mode::doubled);

    uint32_t seen = 0;
    CHECK(checks, driver->Hidden(0x0f, &seen) == kIOReturnSuccess && seen == 0x5a);
}

static void tryPlainMethods(FormsDriver* driver, Checks* checks) {
    CHECK(checks, driver->Weight({1, 2}) == 103);
    FormsBase* base = driver;
    CHECK(checks, strcmp(FormsLabel(base), "driver") == 0);
    CHECK(checks, *driver->PhasePointer() == FormsBase::kBusy);
    OSString* string = nullptr;
    int numbers[3] = {1, 2, 3};
    CHECK(checks,
          driver->Replace(string, numbers) && string->isEqualTo("replaced") && numbers[2] == -3);
    OSSafeReleaseNULL(string);
    OSString* other = OSString::withCString("no FormsBase");
    CHECK(checks, FormsBase::From(driver) == driver && FormsBase::From(other) == nullptr);
    OSSafeReleaseNULL(other);
    CHECK(checks, FormsBase::Instances() == 1);
    CHECK(checks, driver->Plain() == 43 && driver->Twice(2.5) == 5.0);
    static_assert(FormsDriver::kAnswer == 42);
}

// Facts: IOService.Start, IOService.SetDispatchQueue, IODispatchQueue.Create
// Facts: IODispatchQueue.DispatchAsync, IMPL, SUPERDISPATCH
kern_return_t IMPL(FormsDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;

    Checks checks = {"forms", 0, 0};
    tryMessages(this, &checks);
    tryPlainMethods(this, &checks);

    IODispatchQueue* queue = nullptr;
    CHECK(&checks, IODispatchQueue::Create("forms.extra", 0, 0, &queue) == kIOReturnSuccess);
    CHECK(&checks, SetDispatchQueue("Extra", queue) == kIOReturnSuccess);
    OSSafeReleaseNULL(queue);
    bool onQueue = false;
    CHECK(&checks, Elsewhere(9, &onQueue) == kIOReturnSuccess && onQueue);

    /* A message without an answer is run when its queue comes to it. */
    ret = CopyDispatchQueue(kIOServiceDefaultQueueName, &queue);
    CHECK(&checks, ret == kIOReturnSuccess && Total() == 22);
    if (ret != kIOReturnSuccess) return ret;
    Note(5);
    queue->DispatchAsync(^{
      Checks whole = checks;
      CHECK(&whole, Total() == 27);
      check_done(&whole);
    });
    OSSafeReleaseNULL(queue);
    return RegisterService();
}
