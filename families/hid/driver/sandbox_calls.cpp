// SPDX-License-Identifier: Apache-2.0
// What a process with a HID driver may call beyond what every driver process may.
#include "rpc/sandbox_calls.h"

#include <linux/hidraw.h>
#include <linux/uinput.h>
#include <sys/ioctl.h>

#include <iterator>

namespace {

using opendext::argument_is;
using opendext::CallRule;

/// A hidraw request carries its size in bits 16 to 29: it is left out of the comparison.
constexpr opendext::CallCondition hidraw(unsigned number) {
    constexpr uint32_t kWithoutSize = ~(uint32_t{_IOC_SIZEMASK} << _IOC_SIZESHIFT);
    return {1, kWithoutSize, _IOC(_IOC_WRITE | _IOC_READ, 'H', number, 0)};
}

/// hidraw: get and set of reports. uinput: making an input device on a descriptor that was handed
/// in. uhid needs read and write only.
constexpr CallRule kCalls[] = {
    {"ioctl", hidraw(0x06)},  // HIDIOCSFEATURE
    {"ioctl", hidraw(0x07)},  // HIDIOCGFEATURE
    {"ioctl", hidraw(0x09)},  // HIDIOCSINPUT
    {"ioctl", hidraw(0x0a)},  // HIDIOCGINPUT
    {"ioctl", hidraw(0x0b)},  // HIDIOCSOUTPUT
    {"ioctl", hidraw(0x0c)},  // HIDIOCGOUTPUT
    {"ioctl", argument_is(1, UI_SET_EVBIT)},
    {"ioctl", argument_is(1, UI_SET_KEYBIT)},
    {"ioctl", argument_is(1, UI_SET_RELBIT)},
    {"ioctl", argument_is(1, UI_SET_LEDBIT)},
    {"ioctl", argument_is(1, UI_SET_PROPBIT)},
    {"ioctl", argument_is(1, UI_ABS_SETUP)},
    {"ioctl", argument_is(1, UI_DEV_SETUP)},
    {"ioctl", argument_is(1, UI_DEV_CREATE)},
    {"ioctl", argument_is(1, UI_DEV_DESTROY)},
};

}  // namespace

extern "C" [[gnu::visibility("default")]] const opendext::SandboxCalls opendext_sandbox_calls;
const opendext::SandboxCalls opendext_sandbox_calls = {sizeof(opendext::SandboxCalls), "hid",
                                                       kCalls, std::size(kCalls)};
