// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <vector>

/// A service that reports, and what is needed to ask its reporters as opendextd does.
class Reporters : public testing::Test {
  protected:
    static constexpr uint64_t kFirst = IOREPORT_MAKEID('F', 'i', 'r', 's', 't', ' ', ' ', ' ');
    static constexpr uint64_t kSecond = IOREPORT_MAKEID('S', 'e', 'c', 'o', 'n', 'd', ' ', ' ');
    static constexpr uint64_t kNobodys = 12345;

    Reporters() : service_(OSTypeAlloc(IOService), OSNoRetain) {}

    /// A list of channels, as ConfigureReport and UpdateReport get it.
    class List {
      public:
        List(std::initializer_list<uint64_t> ids) : words_(1 + 2 * ids.size()) {
            get()->nchannels = static_cast<uint32_t>(ids.size());
            size_t i = 0;
            for (const uint64_t id : ids) get()->channels[i++].channel_id = id;
        }
        IOReportChannelList* get() { return reinterpret_cast<IOReportChannelList*>(words_.data()); }
        OSSharedPtr<OSData> data() const {
            return OSSharedPtr<OSData>(OSData::withBytes(words_.data(), words_.size() * 8),
                                       OSNoRetain);
        }

      private:
        std::vector<uint64_t> words_;
    };

    template <typename Values>
    static Values values_of(const IOReportElement& element) {
        static_assert(sizeof(Values) == sizeof element.values);
        Values values;
        memcpy(&values, &element.values, sizeof values);
        return values;
    }
    /// What the reporter gives for these channels.
    static std::vector<IOReportElement> read(IOReporter* reporter, List list) {
        std::vector<IOReportElement> elements(64);
        auto* at = reinterpret_cast<uint8_t*>(elements.data());
        size_t room = elements.size() * sizeof(IOReportElement);
        uint32_t count = 0;
        EXPECT_EQ(reporter->updateReport(list.get(), kIOReportCopyChannelData, count, at, room),
                  kIOReturnSuccess);
        elements.resize(count);
        return elements;
    }

    OSSharedPtr<IOService> service_;
};
