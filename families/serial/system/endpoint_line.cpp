// SPDX-License-Identifier: Apache-2.0
// The part of Endpoint that is about the user's settings of the line. They are kept with the
// terminal, so that they outlive drivers and opendextd.
#include <utility>

#include "SerialDriverKit/IOUserSerial.system.h"
#include "families/serial/system/client_rights.h"
#include "families/serial/system/endpoint.h"

namespace opendext::serial {
namespace {

using daemon::KeeperItem;
using daemon::kNoEntry;
using daemon::LogLevel;
using std::chrono::milliseconds;

constexpr std::string_view kControlKey = "SerialLineControl";

}  // namespace

Status Endpoint::control_line(const Dictionary& properties, const daemon::ClientProgram& program) {
    const std::string* words = find_string(properties, kControlKey);
    if (words == nullptr || properties.size() != 1)
        return Error{Errc::invalid, 0,
                     "of a serial port only the string " + std::string(kControlKey) +
                         " can be set, such as \"bits=7 parity=even\""};
    if (!may_write(path_, program))
        return Error{
            Errc::not_permitted, 0,
            "only who may write to " + path_ + " may set its line: join its group, or be root"};
    const LineControl before = control_;
    uint32_t break_ms = 0;
    OD_TRY(control_.apply(*words, break_ms));
    if (control_ != before) {
        send_control();
        keep_control();
        publish_control();
    }
    if (break_ms != 0) {
        send_break(true);
        break_end_ = host_.after(milliseconds{break_ms}, [this] { send_break(false); });
    }
    return success();
}

void Endpoint::publish_control() {
    if (host_.entry(client_) != nullptr)
        host_.set_property(client_, std::string(kControlKey), Value(control_.text()));
}

/// The driver half of this moment learns what the user wants.
void Endpoint::send_control() {
    if (object_ == kNoEntry) return;
    const LineControl::Packed packed = control_.packed();
    host_.call(system::IOUserSerial__ControlLine::encode(
                   object_, {packed.data_bits, packed.parity, packed.half_stop_bits, packed.flow,
                             packed.dtr, packed.rts}),
               {}, milliseconds{0}, "", {});
}

void Endpoint::send_break(bool on) {
    if (object_ == kNoEntry) return;
    host_.call(system::IOUserSerial__SendBreak::encode(object_, {on}), {}, milliseconds{0}, "", {});
}

void Endpoint::keep_control() {
    if (!held_) return;
    const auto failed = [this](const Error& error) {
        host_.log(
            LogLevel::error, object_,
            "serial port " + identity_.name + ": its line settings are not kept: " + error.text());
    };
    host_.fetch(identity_.key(), current([this, failed](Result<KeeperItem> item) {
                    if (!item.ok()) return failed(item.error());
                    host_.hold(identity_.key(), notes(), std::move(item->fds),
                               current([failed](Status status) {
                                   if (!status.ok()) failed(status.error());
                               }));
                }));
}

/// What was set while another opendextd ran.
void Endpoint::restore_control(const Dictionary& notes) {
    const std::string* words = find_string(notes, kLineNote);
    if (words == nullptr || control_ != LineControl{}) return;
    uint32_t break_ms = 0;
    if (const Status status = control_.apply(*words, break_ms); !status.ok())
        host_.log(LogLevel::error, object_,
                  "serial port " + identity_.name + ": kept settings: " + status.error().text());
}

}  // namespace opendext::serial
