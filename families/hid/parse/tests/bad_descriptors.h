// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "families/hid/parse/tests/descriptors.h"
#include "rpc/result.h"

/// Report descriptors that are refused, and what the message has to say.
namespace opendext::hid::tests {

struct Bad {
    std::string_view name;
    Bytes bytes;
    Errc code = Errc::malformed;
    std::string_view says;
};

inline const std::vector<Bad> bad_descriptors = {
    {"empty", {}, Errc::malformed, "empty"},
    {"item-cut-short",
     {0x05, 0x01, 0x26, 0xff},
     Errc::malformed,
     "ends at offset 4 in the middle of Logical Maximum"},
    {"four-bytes-cut-short", {0x27, 0, 0, 0}, Errc::malformed, "in the middle of Logical Maximum"},
    {"long-item-cut-short",
     {0xfe, 0x05, 0x10, 1, 2},
     Errc::malformed,
     "in the middle of long item"},
    {"long-item-without-size", {0xfe}, Errc::malformed, "in the middle of long item"},
    {"collection-not-ended",
     {0xa1, 0x01, 0xa1, 0x00, 0xc0},
     Errc::malformed,
     "1 collections of the report descriptor are not ended"},
    {"end-without-collection",
     {0x05, 0x01, 0xc0},
     Errc::malformed,
     "offset 2, End Collection: no collection is open"},
    {"pop-without-push",
     {0xa1, 0x01, 0xb4, 0xc0},
     Errc::malformed,
     "offset 2, Pop: there is no Push before it"},
    {"report-id-0",
     {0xa1, 0x01, 0x85, 0x00, 0xc0},
     Errc::malformed,
     "offset 2, Report ID: 0 is not within 1 to 255"},
    {"report-id-256",
     {0xa1, 0x01, 0x86, 0x00, 0x01, 0xc0},
     Errc::malformed,
     "Report ID: 256 is not within 1 to 255"},
    {"usage-page-of-17-bits",
     {0x07, 0x00, 0x00, 0x01, 0x00},
     Errc::malformed,
     "Usage Page: pages have 16 bits"},
    {"range-downwards",
     {0x05, 0x07, 0x19, 0x09, 0x29, 0x08, 0xa1, 0x01, 0xc0},
     Errc::malformed,
     "Usage Maximum: the range goes from 0x0009 down to 0x0008"},
    {"range-over-pages",
     {0x1b, 0x01, 0x00, 0x07, 0x00, 0x2b, 0x02, 0x00, 0x08, 0x00, 0xa1, 0x01, 0xc0},
     Errc::malformed,
     "from page 0x0007 to page 0x0008"},
    {"delimiter-never-opened",
     {0xa9, 0x00, 0xa1, 0x01, 0xc0},
     Errc::malformed,
     "Delimiter: no set is open"},
    {"delimiter-twice",
     {0xa9, 0x01, 0xa9, 0x01, 0xa1, 0x01, 0xc0},
     Errc::malformed,
     "Delimiter: a set is open already"},
    {"delimiter-of-2",
     {0xa9, 0x02, 0xa1, 0x01, 0xc0},
     Errc::malformed,
     "neither 1 (open) nor 0 (close)"},
    {"delimiter-not-closed",
     {0xa1, 0x01, 0x75, 0x08, 0x95, 0x01, 0xa9, 0x01, 0x09, 0x01, 0x81, 0x02, 0xc0},
     Errc::malformed,
     "Input: a set of usages is open"},
    {"logical-extent-upside-down",
     {0x05, 0x01, 0xa1, 0x01, 0x09, 0x30, 0x15, 0x05, 0x25, 0x04, 0x75, 0x08, 0x95, 0x01, 0x81,
      0x02, 0xc0},
     Errc::malformed,
     "offset 14, Input: Logical Minimum 5 is above Logical Maximum 4"},
    {"report-count-2-to-32",
     {0x05, 0x01, 0xa1, 0x01, 0x09, 0x30, 0x75, 0x08, 0x97, 0xff, 0xff, 0xff, 0xff, 0x81, 0x02,
      0xc0},
     Errc::unsupported,
     "Report Size 8 times Report Count 4294967295 makes the input report 0 longer than 65535 "
     "bytes"},
    {"report-size-2-to-32",
     {0xa1, 0x01, 0x77, 0xff, 0xff, 0xff, 0xff, 0x97, 0xff, 0xff, 0xff, 0xff, 0x91, 0x03, 0xc0},
     Errc::unsupported,
     "makes the output report 0 longer"},
    {"report-grows-too-long",
     {0xa1, 0x01, 0x76, 0x00, 0x40, 0x96, 0x1f, 0x00, 0xb1, 0x03, 0xb1, 0x03, 0xc0},
     Errc::unsupported,
     "makes the feature report 0 longer"},
    {"array-of-too-many-usages",
     {0x05, 0x0c, 0xa1, 0x01, 0x19, 0x00, 0x2a, 0xff, 0xff, 0x15, 0x00, 0x27,
      0xff, 0xff, 0x00, 0x00, 0x75, 0x10, 0x95, 0x01, 0x81, 0x00, 0xc0},
     Errc::unsupported,
     "the device has more than 32768 elements"},
    {"too-many-fields",
     {0x06, 0x00, 0xff, 0xa1, 0x01, 0x19, 0x00, 0x2a, 0xff, 0xff, 0x75, 0x01, 0x96, 0xff, 0xff,
      0x81, 0x02, 0xc0},
     Errc::unsupported,
     "the device has more than 32768 elements"},
};

}  // namespace opendext::hid::tests
