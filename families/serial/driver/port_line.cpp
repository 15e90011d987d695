// SPDX-License-Identifier: Apache-2.0
// The part of Port that is about the line: what the application and the user want of it goes to the
// driver, what the driver says of it becomes properties.
#include <DriverKit/OSCollections.h>

#include "families/serial/driver/port.h"
#include "runtime/family.h"

namespace opendext::serial {
namespace {

void set_flag(OSDictionary* dictionary, const char* key, bool value) {
    OSDictionarySetValue(dictionary, key, value ? kOSBooleanTrue : kOSBooleanFalse);
}

/// `properties` below `key` of the object. The driver's own SetProperties is not asked.
void publish(IOUserSerial* object, const char* key, OSDictionary* properties) {
    OSDictionary* all = OSDictionary::withCapacity(1);
    OSDictionarySetValue(all, key, properties);
    {
        const family::Unanswered call;  // bytes wait for the thread that opens the port
        (void)object->SetProperties(all, &OSDispatchAs<IOService>);
    }
    OSSafeReleaseNULL(all);
    OSSafeReleaseNULL(properties);
}

}  // namespace

/// `up`: as open and close, or speed 0, have it; what the user said goes before.
void Port::set_modem_lines(bool up) {
    dtr_ = control_.dtr.value_or(up);
    rts_ = control_.rts.value_or(up);
    object_->HwProgramMCR(dtr_, rts_);
}

/// Tells the driver what is different from before.
void Port::follow(const LineSettings& line, const LineControl& control) {
    const LineSettings before = control_.over(line_);
    const LineSettings after = control.over(line);
    line_ = line;
    control_ = control;
    if (!active_) return;
    const bool up = line_.baud != 0;
    if (control_.dtr.value_or(up) != dtr_ || control_.rts.value_or(up) != rts_) set_modem_lines(up);
    if (!before.same_uart(after) && after.baud != 0) {
        const bool speed_only = before.half_stop_bits == after.half_stop_bits &&
                                before.data_bits == after.data_bits &&
                                before.parity == after.parity;
        if (speed_only) {
            object_->HwProgramBaudRate(after.baud);
        } else {
            object_->HwProgramUART(after.baud, after.data_bits, after.half_stop_bits, after.parity);
        }
    }
    if (!before.same_flow(after))
        object_->HwProgramFlowControl(after.flow_bits(), after.xon, after.xoff);
    publish_line();
}

void Port::control(const LineControl& control) {
    if (pump_ && pump_->stopped()) return;
    follow(line_, control);
}

void Port::send_break(bool on) {
    if (!active_ || break_ == on) return;
    break_ = on;
    object_->HwSendBreak(on);
    publish_line();
}

void Port::publish_line() {
    const LineSettings line = control_.over(line_);
    OSDictionary* properties = OSDictionary::withCapacity(9);
    OSDictionarySetUInt64Value(properties, "BaudRate", line.baud);
    OSDictionarySetUInt64Value(properties, "DataBits", line.data_bits);
    OSDictionarySetStringValue(properties, "Parity", parity_word(line.parity).c_str());
    OSDictionarySetStringValue(properties, "StopBits", stop_bits_word(line.half_stop_bits).c_str());
    OSDictionarySetStringValue(properties, "FlowControl", flow_word(line).c_str());
    set_flag(properties, "DTR", dtr_);
    set_flag(properties, "RTS", rts_);
    set_flag(properties, "Break", break_);
    set_flag(properties, "Open", active_);
    publish(object_, "SerialLine", properties);
}

void Port::set_modem(Modem modem) {
    if (modem_.exchange(modem) == modem && modem_told_.exchange(true)) return;
    modem_told_ = true;
    OSDictionary* properties = OSDictionary::withCapacity(4);
    set_flag(properties, "CTS", modem.cts);
    set_flag(properties, "DSR", modem.dsr);
    set_flag(properties, "RI", modem.ri);
    set_flag(properties, "DCD", modem.dcd);
    publish(object_, "SerialModem", properties);
}

void Port::count_errors(bool overrun, bool got_break, bool framing, bool parity) {
    OSDictionary* properties = OSDictionary::withCapacity(4);
    const std::lock_guard lock(errors_mutex_);
    OSDictionarySetUInt64Value(properties, "Overrun", errors_.overrun += overrun);
    OSDictionarySetUInt64Value(properties, "Break", errors_.got_break += got_break);
    OSDictionarySetUInt64Value(properties, "Framing", errors_.framing += framing);
    OSDictionarySetUInt64Value(properties, "Parity", errors_.parity += parity);
    publish(object_, "SerialErrors", properties);
}

}  // namespace opendext::serial
