// SPDX-License-Identifier: Apache-2.0
// What memory, reporters, DMA commands and files of the bundle do together with opendextd.
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "RuntimeTestDriver.h"
#include "rpc/mapped_range.h"
#include "rpc/protocol/driver.h"
#include "runtime/family.h"
#include "runtime/tests/events.h"
#include "runtime/tests/fake_daemon.h"

using namespace opendext;
using namespace opendext::protocol;

namespace {

constexpr uint64_t kDriver = 100;
constexpr uint64_t kProvider = 7;

class DriverObjects : public testing::Test {
  protected:
    DriverObjects() {
        Events::shared().clear();
        Hooks::shared() = {};
        daemon_.on(IOService_RegisterService_ID,
                   [](const Invocation&) { return InvocationResult{}; });
        daemon_.load();
        driver_ = start(kDriver);
    }
    ~DriverObjects() override {
        for (const uint64_t entry : started_) daemon_.send(encode(driver::Drop{entry}));
        EXPECT_TRUE(Events::shared().wait_for("free", started_.size()));
        Hooks::shared() = {};
    }
    RuntimeTestDriver* start(uint64_t entry) {
        EXPECT_EQ(daemon_.instantiate(entry, "RuntimeTestDriver"), kIOReturnSuccess);
        EXPECT_EQ(daemon_.start(entry, kProvider, "IOService"), kIOReturnSuccess);
        started_.push_back(entry);
        return OSDynamicCast(RuntimeTestDriver, Hooks::shared().started);
    }
    /// A file with this content, as opendextd would send it.
    static UniqueFd file_of(const std::string& content) {
        UniqueFd fd(memfd_create("resource", MFD_CLOEXEC));
        EXPECT_EQ(write(fd.get(), content.data(), content.size()),
                  static_cast<ssize_t>(content.size()));
        return fd;
    }
    /// Answers with `content` for this one path.
    void serve(const std::string& path, const std::string& content) {
        daemon_.on_open_file([path, content](const std::string& asked, std::vector<UniqueFd>& fds) {
            driver::FileOpened answer;
            if (asked == path) {
                fds.push_back(file_of(content));
            } else {
                answer.outcome = {kIOReturnNotFound, "\"" + asked + "\" is not in the bundle"};
            }
            return answer;
        });
    }

    FakeDaemon daemon_;
    std::vector<uint64_t> started_;
    RuntimeTestDriver* driver_ = nullptr;
};

TEST_F(DriverObjects, JoinedMemoryTravelsBothWaysWithAllItsParts) {
    // Two files, the second one twice: three parts, two descriptors.
    auto first = make_sealed_memory("first", 4096);
    auto second = make_sealed_memory("second", 12288);
    ASSERT_TRUE(first.ok() && second.ok());
    Invocation echo;
    echo.object = kDriver;
    echo.msgid = RuntimeTestDriver_EchoMemory_ID;
    Ref memory;
    memory.kind = RefKind::memory;
    memory.length = 4096;
    memory.options = kIOMemoryDirectionInOut;
    memory.more = {{1, 8192, 4096}, {1, 0, 100}};
    echo.refs = {memory};
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(*first));
    fds.push_back(std::move(*second));
    const auto result = daemon_.call(std::move(echo), std::move(fds));
    ASSERT_EQ(result.io_return, kIOReturnSuccess);
    ASSERT_EQ(result.refs.size(), 1u);
    const Ref& back = result.refs[0];
    EXPECT_EQ(back.kind, RefKind::memory);
    EXPECT_EQ(back.length, 4096u);
    ASSERT_EQ(back.more.size(), 2u);
    EXPECT_EQ(back.more[0].offset, 8192u);
    EXPECT_EQ(back.more[1].length, 100u);
    EXPECT_EQ(back.more[0].fd_index, back.more[1].fd_index);
    EXPECT_NE(back.fd_index, back.more[0].fd_index);
    EXPECT_EQ(daemon_.result_fds.size(), 2u);
}

TEST(JoinedMemory, ThatLiesEndsTheProcess) {
    for (const MemoryPart part : {MemoryPart{2, 0, 4096}, MemoryPart{1, 4096, 1},
                                  MemoryPart{1, 0, 0}, MemoryPart{1, UINT64_MAX, 2}}) {
        FakeDaemon daemon;
        daemon.load();
        ASSERT_EQ(daemon.instantiate(kDriver, "RuntimeTestDriver"), kIOReturnSuccess);
        driver::Call call;
        call.invocation.object = kDriver;
        call.invocation.msgid = RuntimeTestDriver_EchoMemory_ID;
        Ref memory;
        memory.kind = RefKind::memory;
        memory.length = 4096;
        memory.more = {part};
        call.invocation.refs = {memory};
        Message message = encode(std::move(call), driver::kDaemonSerial | 999);
        for (int i = 0; i < 2; ++i)
            message.fds.push_back(std::move(make_sealed_memory("part", 4096)).value());
        daemon.send(message);
        EXPECT_EQ(daemon.wait_for_end(), 70);
    }
}

// Facts: IOReportLegend.addReporterLegend
TEST_F(DriverObjects, AReportersLegendIsAddedToWhatTheServicePublishes) {
    daemon_.on(IOService_CopyProperties_ID, [](const Invocation&) {
        InvocationResult result;
        Ref properties;
        properties.kind = RefKind::value;
        properties.value = Value(Dictionary{
            {kIOReportLegendKey, Value(Array{Value(Dictionary{{"there", Value(true)}})})}});
        result.refs = {properties};
        return result;
    });
    daemon_.on(IOService_SetLegend_ID, [](const Invocation&) { return InvocationResult{}; });
    const OSSharedPtr<IOSimpleReporter> reporter(
        IOSimpleReporter::with(driver_, kIOReportCategoryTraffic, kIOReportUnitPackets),
        OSNoRetain);
    ASSERT_EQ(reporter->addChannel(5, "packets"), kIOReturnSuccess);
    EXPECT_EQ(reporter->ivars->elements[0].provider_id, kDriver);
    ASSERT_EQ(IOReportLegend::addReporterLegend(driver_, reporter.get(), "Net", "Rx"),
              kIOReturnSuccess);
    const auto calls = daemon_.calls_of(IOService_SetLegend_ID);
    ASSERT_EQ(calls.size(), 1u);
    ASSERT_EQ(calls[0].refs.size(), 1u);
    const Array* legend = calls[0].refs[0].value.array();
    ASSERT_NE(legend, nullptr);
    ASSERT_EQ(legend->size(), 2u);
    const Dictionary* entry = (*legend)[1].dictionary();
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->at(kIOReportLegendGroupNameKey), Value("Net"));
    EXPECT_EQ(entry->at(kIOReportLegendSubGroupNameKey), Value("Rx"));
    ASSERT_FALSE(calls[0].plain.empty());
    EXPECT_EQ(calls[0].plain[0], 1);  // public
    EXPECT_EQ(IOReportLegend::addReporterLegend(nullptr, reporter.get(), "Net", "Rx"),
              kIOReturnBadArgument);
    EXPECT_EQ(IOReportLegend::addReporterLegend(driver_, nullptr, "Net", "Rx"),
              kIOReturnBadArgument);
    EXPECT_EQ(IOReportLegend::addReporterLegend(driver_, reporter.get(), nullptr, "Rx"),
              kIOReturnBadArgument);
}

TEST_F(DriverObjects, ADeviceDoesNotReachWhatIsPreparedForAnother) {
    RuntimeTestDriver* other = start(101);
    ASSERT_NE(other, driver_);
    IOBufferMemoryDescriptor* buffer = nullptr;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionOut, 100, 0, &buffer),
              kIOReturnSuccess);
    const IODMACommandSpecification specification{0, 64};
    IODMACommand* command = nullptr;
    ASSERT_EQ(IODMACommand::Create(driver_, 0, &specification, &command), kIOReturnSuccess);
    IOAddressSegment segments[32] = {};
    uint32_t count = 1;
    ASSERT_EQ(command->PrepareForDMA(0, buffer, 0, 0, nullptr, &count, segments), kIOReturnSuccess);
    EXPECT_TRUE(family::memory_at_bus_address(driver_, segments[0].address).ok());
    EXPECT_FALSE(family::memory_at_bus_address(other, segments[0].address).ok());
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    command->release();
    buffer->release();
}

// Facts: OSMappedFile.createFromPath, OSMappedFile.data, OSMappedFile.size, OSMappedFile.init,
// Facts: OSMappedFile.free
TEST_F(DriverObjects, AFileOfTheBundleIsMapped) {
    // init() runs when the object is made, free() with its last reference.
    serve("sub/table.bin", std::string(5000, 'x') + "end");
    for (const char* path : {"sub/table.bin", "/nowhere/Test.dext/sub/table.bin"}) {
        OSMappedFile* file = nullptr;
        ASSERT_EQ(OSMappedFile::createFromPath(path, 0, 0, &file), kIOReturnSuccess);
        ASSERT_EQ(file->size(), 5003u);
        const auto* bytes = static_cast<const char*>(file->data());
        EXPECT_EQ(bytes[0], 'x');
        EXPECT_EQ(memcmp(bytes + 5000, "end", 3), 0);
        file->release();
    }
    serve("empty", "");
    OSMappedFile* empty = nullptr;
    ASSERT_EQ(OSMappedFile::createFromPath("empty", 0, 0, &empty), kIOReturnSuccess);
    EXPECT_EQ(empty->size(), 0u);
    EXPECT_EQ(empty->data(), nullptr);
    empty->release();
}

TEST_F(DriverObjects, AFileIsReadOnlyAndGuarded) {
    serve("file", std::string(4096, 'x'));
    OSMappedFile* file = nullptr;
    ASSERT_EQ(OSMappedFile::createFromPath("file", 0, 100, &file), kIOReturnSuccess);
    // What is mapped where: as the kernel says it, since this process has threads.
    const auto access_at = [](const volatile char* address) {
        int ends[2];
        EXPECT_EQ(pipe(ends), 0);
        const bool readable =
            write(ends[1], const_cast<const char*>(address), 1) == 1;  // EFAULT where it faults
        close(ends[0]);
        close(ends[1]);
        return readable;
    };
    const auto* bytes = static_cast<const char*>(file->data());
    EXPECT_TRUE(access_at(bytes));
    EXPECT_TRUE(access_at(bytes + 4095));
    EXPECT_FALSE(access_at(bytes - 1));
    EXPECT_FALSE(access_at(bytes - 4096));
    EXPECT_FALSE(access_at(bytes + 4096));
    EXPECT_FALSE(access_at(bytes + 8191));
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    ASSERT_EQ(write(ends[1], "y", 1), 1);
    EXPECT_EQ(read(ends[0], const_cast<char*>(bytes), 1), -1);
    EXPECT_EQ(errno, EFAULT);
    close(ends[0]);
    close(ends[1]);
    file->release();
    EXPECT_EQ(OSMappedFile::createFromPath("file", 0, SIZE_MAX / 2, &file), kIOReturnBadArgument);
    EXPECT_EQ(OSMappedFile::createFromPath("file", 1, 0, &file), kIOReturnBadArgument);
    EXPECT_EQ(OSMappedFile::createFromPath(nullptr, 0, 0, &file), kIOReturnBadArgument);
    EXPECT_EQ(OSMappedFile::createFromPath("file", 0, 0, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(file, nullptr);
}

TEST_F(DriverObjects, FilesOutsideOfTheBundleAreNotEvenAskedFor) {
    std::vector<std::string> asked;
    daemon_.on_open_file([&](const std::string& path, std::vector<UniqueFd>&) {
        asked.push_back(path);
        return driver::FileOpened{{kIOReturnNotPermitted, "refused"}};
    });
    OSMappedFile* file = nullptr;
    for (const char* path : {"/etc/passwd", "/nowhere/Test.dextra/x", "/nowhere", "/"})
        EXPECT_EQ(OSMappedFile::createFromPath(path, 0, 0, &file), kIOReturnNotPermitted) << path;
    EXPECT_TRUE(asked.empty());
    // What opendextd refuses comes back as it says.
    EXPECT_EQ(OSMappedFile::createFromPath("../other", 0, 0, &file), kIOReturnNotPermitted);
    EXPECT_EQ(asked, std::vector<std::string>{"../other"});
    EXPECT_EQ(file, nullptr);
}

// Facts: OSBundle.mainBundle, OSBundle.createFromPath, OSBundle.loadResource, OSBundle.init,
// Facts: OSBundle.free
TEST_F(DriverObjects, BundlesLoadTheirResources) {
    // init() runs when a bundle is made, free() with the last reference.
    OSBundle* main = OSBundle::mainBundle();
    ASSERT_NE(main, nullptr);
    EXPECT_EQ(OSBundle::mainBundle(), main);
    main->release();
    main->release();
    EXPECT_EQ(OSBundle::mainBundle(), main);  // whoever releases it
    serve("logo.png", "logo");
    OSMappedFile* file = nullptr;
    ASSERT_EQ(main->loadResource("logo.png", 0, 0, &file), kIOReturnSuccess);
    EXPECT_EQ(file->size(), 4u);
    OSSafeReleaseNULL(file);
    EXPECT_EQ(main->loadResource("other.png", 0, 0, &file), kIOReturnNotFound);
    EXPECT_EQ(main->loadResource("/nowhere/Test.dext/logo.png", 0, 0, &file),
              kIOReturnNotPermitted);
    EXPECT_EQ(main->loadResource(nullptr, 0, 0, &file), kIOReturnBadArgument);
    EXPECT_EQ(main->loadResource("logo.png", 0, 0, nullptr), kIOReturnBadArgument);

    serve("PlugIns/P.bundle/Info.plist", "<plist/>");
    EXPECT_EQ(OSBundle::createFromPath("PlugIns"), nullptr);
    EXPECT_EQ(OSBundle::createFromPath("/etc"), nullptr);
    EXPECT_EQ(OSBundle::createFromPath(nullptr), nullptr);
    OSBundle* inner = OSBundle::createFromPath("/nowhere/Test.dext/PlugIns/P.bundle/");
    ASSERT_NE(inner, nullptr);
    serve("PlugIns/P.bundle/x.txt", "inner");
    ASSERT_EQ(inner->loadResource("x.txt", 0, 0, &file), kIOReturnSuccess);
    EXPECT_EQ(memcmp(file->data(), "inner", 5), 0);
    OSSafeReleaseNULL(file);
    inner->release();
}

TEST_F(DriverObjects, AFileIsSentWithItsDescriptorOrNotAtAll) {
    daemon_.on_open_file([](const std::string&, std::vector<UniqueFd>&) {
        return driver::FileOpened{};  // success, but no descriptor
    });
    OSMappedFile* file = nullptr;
    EXPECT_EQ(OSMappedFile::createFromPath("file", 0, 0, &file), kIOReturnIPCError);
    daemon_.on_open_file([](const std::string&, std::vector<UniqueFd>& fds) {
        int ends[2];
        EXPECT_EQ(pipe(ends), 0);
        fds.emplace_back(ends[0]);
        close(ends[1]);
        return driver::FileOpened{};
    });
    EXPECT_EQ(OSMappedFile::createFromPath("pipe", 0, 0, &file), kIOReturnNotReadable);
}

TEST(WithoutADriverProcess, ThereAreNoFiles) {
    OSMappedFile* file = nullptr;
    EXPECT_EQ(OSMappedFile::createFromPath("file", 0, 0, &file), kIOReturnNotReady);
    EXPECT_EQ(OSBundle::mainBundle(), nullptr);
    EXPECT_EQ(OSBundle::createFromPath("x"), nullptr);
}

}  // namespace
