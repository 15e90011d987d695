// SPDX-License-Identifier: Apache-2.0
#include "families/serial/preload/port_lines.h"

#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOBSD.h>
#include <IOKit/serial/IOSerialKeys.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <climits>
#include <map>

namespace opendext::serial_preload {
namespace {

constexpr unsigned kFirstPtyMajor = 136;
constexpr unsigned kLastPtyMajor = 143;
constexpr int kOutgoing = TIOCM_DTR | TIOCM_RTS;

std::mutex all_mutex;

/// Never destroyed: threads of the program may still use it while the process ends.
std::map<dev_t, std::shared_ptr<PortLines>>& all() {
    static auto* lines = new std::map<dev_t, std::shared_ptr<PortLines>>;
    return *lines;
}

/// The number of the pseudo-terminal that a descriptor is; nothing if it is something else.
std::optional<dev_t> pseudo_terminal(int fd) {
    struct stat node{};
    if (::fstat(fd, &node) != 0 || !S_ISCHR(node.st_mode)) return std::nullopt;
    const unsigned number = major(node.st_rdev);
    if (number < kFirstPtyMajor || number > kLastPtyMajor) return std::nullopt;
    return node.st_rdev;
}

/// The terminal of an IOSerialBSDClient entry.
std::optional<dev_t> terminal_of(io_registry_entry_t client) {
    CFTypeRef value =
        IORegistryEntryCreateCFProperty(client, CFSTR(kIOCalloutDeviceKey), kCFAllocatorDefault, 0);
    if (value == nullptr) return std::nullopt;
    char path[PATH_MAX];
    struct stat node{};
    const bool found = CFGetTypeID(value) == CFStringGetTypeID() &&
                       CFStringGetCString(static_cast<CFStringRef>(value), path, sizeof path,
                                          kCFStringEncodingUTF8) &&
                       ::stat(path, &node) == 0;
    CFRelease(value);
    if (!found) return std::nullopt;
    return node.st_rdev;
}

/// The entry of the port with this terminal; IO_OBJECT_NULL if there is none.
io_registry_entry_t find_client(dev_t terminal) {
    io_iterator_t clients = IO_OBJECT_NULL;
    if (IOServiceGetMatchingServices(kIOMainPortDefault,
                                     IOServiceMatching(kIOSerialBSDServiceValue),
                                     &clients) != KERN_SUCCESS) {
        return IO_OBJECT_NULL;
    }
    io_registry_entry_t found = IO_OBJECT_NULL;
    while (found == IO_OBJECT_NULL) {
        const io_registry_entry_t client = IOIteratorNext(clients);
        if (client == IO_OBJECT_NULL) break;
        if (terminal_of(client) == terminal) {
            found = client;
        } else {
            IOObjectRelease(client);
        }
    }
    IOObjectRelease(clients);
    return found;
}

}  // namespace

std::shared_ptr<PortLines> PortLines::of(int fd) {
    const auto terminal = pseudo_terminal(fd);
    if (!terminal) return nullptr;
    const std::lock_guard lock(all_mutex);
    std::shared_ptr<PortLines>& entry = all()[*terminal];
    // The number of a terminal that has gone can be another's.
    if (entry && terminal_of(entry->client_) != terminal) entry.reset();
    if (!entry) {
        if (const io_registry_entry_t client = find_client(*terminal); client != IO_OBJECT_NULL)
            entry.reset(new PortLines(client));
    }
    return entry;
}

std::shared_ptr<PortLines> PortLines::known(int fd) {
    const auto terminal = pseudo_terminal(fd);
    if (!terminal) return nullptr;
    const std::lock_guard lock(all_mutex);
    const auto found = all().find(*terminal);
    return found == all().end() ? nullptr : found->second;
}

PortLines::~PortLines() {
    IOObjectRelease(client_);
}

bool PortLines::say(const std::string& words) {
    CFStringRef value =
        CFStringCreateWithCString(kCFAllocatorDefault, words.c_str(), kCFStringEncodingUTF8);
    const kern_return_t code =
        IORegistryEntrySetCFProperty(client_, CFSTR("SerialLineControl"), value);
    CFRelease(value);
    return code == KERN_SUCCESS;
}

int PortLines::flag(const char* dictionary, const char* key, int bit, bool otherwise) {
    bool set = otherwise;
    CFStringRef name =
        CFStringCreateWithCString(kCFAllocatorDefault, dictionary, kCFStringEncodingUTF8);
    CFTypeRef value =
        IORegistryEntrySearchCFProperty(client_, kIOServicePlane, name, kCFAllocatorDefault,
                                        kIORegistryIterateRecursively | kIORegistryIterateParents);
    CFRelease(name);
    if (value == nullptr) return otherwise ? bit : 0;
    if (CFGetTypeID(value) == CFDictionaryGetTypeID()) {
        CFStringRef field =
            CFStringCreateWithCString(kCFAllocatorDefault, key, kCFStringEncodingUTF8);
        CFTypeRef found = CFDictionaryGetValue(static_cast<CFDictionaryRef>(value), field);
        if (found != nullptr && CFGetTypeID(found) == CFBooleanGetTypeID())
            set = CFBooleanGetValue(static_cast<CFBooleanRef>(found)) != 0;
        CFRelease(field);
    }
    CFRelease(value);
    return set ? bit : 0;
}

int PortLines::modem() {
    const std::lock_guard lock(mutex_);
    // A driver that has said nothing has all lines up, as IOUserSerial has.
    int bits =
        flag("SerialModem", "CTS", TIOCM_CTS, true) | flag("SerialModem", "DSR", TIOCM_DSR, true) |
        flag("SerialModem", "DCD", TIOCM_CD, true) | flag("SerialModem", "RI", TIOCM_RI, false);
    bits |= modem_ ? *modem_
                   : flag("SerialLine", "DTR", TIOCM_DTR, true) |
                         flag("SerialLine", "RTS", TIOCM_RTS, true);
    return bits;
}

bool PortLines::set_modem(int bits, int mask) {
    mask &= kOutgoing;
    if (mask == 0) return true;
    const std::lock_guard lock(mutex_);
    std::string words;
    if ((mask & TIOCM_DTR) != 0) words += (bits & TIOCM_DTR) != 0 ? "dtr=1 " : "dtr=0 ";
    if ((mask & TIOCM_RTS) != 0) words += (bits & TIOCM_RTS) != 0 ? "rts=1 " : "rts=0 ";
    if (!say(words)) return false;
    modem_ = (modem_.value_or(kOutgoing) & ~mask) | (bits & mask);
    return true;
}

bool PortLines::set_frame(tcflag_t flags) {
    flags &= kFrame;
    const std::lock_guard lock(mutex_);
    if (frame_ == flags || (!frame_ && flags == CS8)) return true;
    std::string words = "bits=";
    const tcflag_t size = flags & CSIZE;
    words += size == CS5 ? "5" : size == CS6 ? "6" : size == CS7 ? "7" : "8";
    const bool odd = (flags & PARODD) != 0;
    if ((flags & PARENB) == 0) {
        words += " parity=none";
    } else if ((flags & CMSPAR) != 0) {
        words += odd ? " parity=mark" : " parity=space";
    } else {
        words += odd ? " parity=odd" : " parity=even";
    }
    if (!say(words)) return false;
    frame_ = flags;
    return true;
}

std::optional<tcflag_t> PortLines::frame() {
    const std::lock_guard lock(mutex_);
    return frame_;
}

bool PortLines::send_break(int milliseconds) {
    const std::lock_guard lock(mutex_);
    return say("break=" + std::to_string(milliseconds) + "ms");
}

void PortLines::give_back_all() {
    const std::lock_guard lock(all_mutex);
    for (auto& [terminal, lines] : all()) {
        if (!lines || terminal_of(lines->client_) != terminal) continue;
        std::string words;
        if (lines->modem_) words += "dtr=auto rts=auto ";
        if (lines->frame_) words += "bits=auto parity=auto ";
        if (!words.empty()) lines->say(words);
    }
}

}  // namespace opendext::serial_preload
