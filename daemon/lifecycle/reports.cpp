// SPDX-License-Identifier: Apache-2.0
// Reports of a driver that a client program asks for: the request and the data travel, what they
// say is between the two.
#include <algorithm>
#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/io_return.h"
#include "daemon/lifecycle/lifecycle.h"
#include "rpc/log_format/return_name.h"

namespace opendext::daemon {

namespace {

constexpr uint64_t kElementBytes = 64;  // of one IOReportElement
constexpr uint64_t kMaxReport = uint64_t{1} << 20;
constexpr uint64_t kDirectionInOut = 3;

protocol::Ref bytes_reference(std::vector<uint8_t> bytes) {
    protocol::Ref ref;
    ref.kind = protocol::RefKind::value;
    ref.value = std::move(bytes);
    return ref;
}

std::vector<uint8_t> read(const UniqueFd& memory, uint64_t length) {
    const Result<Mapping> mapping =
        Mapping::map(memory.get(), 0, length, Mapping::Access::read_only);
    if (!mapping.ok()) return {};
    const auto* bytes = mapping->at<uint8_t>(0);
    return {bytes, bytes + length};
}

/// The code that the driver returned, as an error; success if it is 0.
Status outcome(const Result<CallAnswer>& answer, const char* method) {
    if (!answer.ok()) return Error{answer.error()};
    if (answer->result.io_return == 0) return success();
    return Error::kern(answer->result.io_return,
                       std::string(method) + " returned " + return_words(answer->result.io_return));
}

}  // namespace

void Lifecycle::report(const protocol::client::Report& request, ReportDone done) {
    const Instance* instance = find(request.entry);
    if (instance == nullptr || !instance->running())
        return done(Error::kern(kIOReturnNotReady, "it is no driver's object that runs"));
    const auto deadline = context_.deadlines.of(Deadline::report);
    const std::string what(to_string(Deadline::report));
    if (!request.update) {
        system::IOService_ConfigureReport::In in;
        in.channels = bytes_reference(request.channels);
        in.action = request.action;
        call(system::IOService_ConfigureReport::encode(request.entry, in), {}, deadline, what,
             [done = std::move(done)](const Result<CallAnswer>& answer) {
                 Status status = outcome(answer, "ConfigureReport");
                 if (!status.ok()) return done(std::move(status).error());
                 const auto out = system::IOService_ConfigureReport::decode_result(answer->result);
                 if (!out.ok()) return done(Error{out.error()});
                 protocol::client::Reported reported;
                 reported.count = out->outCount;
                 done(std::move(reported));
             });
        return;
    }
    if (request.capacity == 0 || request.capacity > kMaxReport)
        return done(
            Error::kern(kIOReturnBadArgument, "the room for a report must be 1 B to 1 MiB"));
    Result<UniqueFd> memory = make_sealed_memory("opendext-report", request.capacity);
    if (!memory.ok()) return done(std::move(memory).error());
    Result<UniqueFd> copy = memory->duplicate();
    if (!copy.ok()) return done(std::move(copy).error());
    system::IOService_UpdateReport::In in;
    in.channels = bytes_reference(request.channels);
    in.action = request.action;
    in.capacity = request.capacity;
    in.buffer.kind = protocol::RefKind::memory;
    in.buffer.length = request.capacity;
    in.buffer.options = kDirectionInOut;
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(copy).value());
    auto kept = std::make_shared<UniqueFd>(std::move(memory).value());
    call(system::IOService_UpdateReport::encode(request.entry, in), std::move(fds), deadline, what,
         [done = std::move(done), kept,
          capacity = request.capacity](const Result<CallAnswer>& answer) {
             Status status = outcome(answer, "UpdateReport");
             if (!status.ok()) return done(std::move(status).error());
             const auto out = system::IOService_UpdateReport::decode_result(answer->result);
             if (!out.ok()) return done(Error{out.error()});
             protocol::client::Reported reported;
             reported.count = out->outElementCount;
             const uint64_t used =
                 std::min<uint64_t>(uint64_t{reported.count} * kElementBytes, capacity);
             if (used > 0) reported.data = read(*kept, used);
             done(std::move(reported));
         });
}

}  // namespace opendext::daemon
