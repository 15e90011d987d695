// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IORPC.h>
#include <DriverKit/OSMetaClass.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rpc/fd.h"
#include "rpc/protocol/common.h"
#include "rpc/result.h"

class OSObject;

/// Between messages as generated code lays them out (addresses in object places) and as they travel
/// (docs/design/generated-code.md "Messages", docs/design/protocols.md "References").
namespace opendext::runtime {

class ObjectTable;

struct WireInvocation {
    protocol::Invocation invocation;
    std::vector<UniqueFd> fds;
};

/// The object as a reference; descriptors are added to `fds`. Errc::invalid for an object that
/// cannot leave the process.
Result<protocol::Ref> to_ref(ObjectTable& table, OSObject* object, std::vector<UniqueFd>& fds);
/// The object of a reference, retained for the caller (nullptr for null). Takes its descriptor out
/// of `fds`. Errc::malformed for what no peer of ours sends.
Result<OSObject*> from_ref(ObjectTable& table, const protocol::Ref& ref,
                           std::vector<UniqueFd>& fds);

/// The message of `rpc` for the receiver `object`. With `keep_receiver` reference 0 travels too
/// (calls of actions).
Result<WireInvocation> to_invocation(ObjectTable& table, uint64_t object, const IORPC& rpc,
                                     bool keep_receiver);
/// Fills the caller's reply. Returns the call's result code, or kIOReturnIPCError if the answer
/// does not fit.
kern_return_t store_reply(ObjectTable& table, const protocol::InvocationResult& result,
                          std::vector<UniqueFd>& fds, const IORPC& rpc);

/// A message that lives on its own: a call from another process, or a copy of a one-way call.
/// Retains every object in it.
class OwnedMessage {
  public:
    /// A copy of the request part; `reply_room` bytes of plain reply besides all references, if
    /// there is a reply.
    static OwnedMessage copy_of(const IORPC& rpc);
    /// From the wire. `receiver` becomes reference 0 unless the references include it (`receiver`
    /// null).
    static Result<OwnedMessage> from(ObjectTable& table, const protocol::Invocation& invocation,
                                     std::vector<UniqueFd>& fds, OSObject* receiver);
    OwnedMessage(OwnedMessage&&) = default;
    OwnedMessage& operator=(OwnedMessage&&) = delete;
    ~OwnedMessage();

    [[nodiscard]] IORPC rpc();
    [[nodiscard]] IORPCMessage* content() { return IORPCMessageFromMach(mach(), false); }
    [[nodiscard]] OSObject* object(size_t index);
    /// Puts another object into a place; retains it and releases what was there.
    void set_object(size_t index, OSObject* object);
    /// The reply as it travels; releases the references that it carries.
    Result<protocol::InvocationResult> result(ObjectTable& table, kern_return_t code,
                                              std::vector<UniqueFd>& fds);

  private:
    OwnedMessage() = default;
    IORPCMessageMach* mach() { return reinterpret_cast<IORPCMessageMach*>(request_.data()); }

    std::vector<uint64_t> request_;  // words: everything in a message is aligned to 8
    std::vector<uint64_t> reply_;
    uint32_t request_size_ = 0;
    uint32_t reply_size_ = 0;
};

/// Size of a message without references and plain arguments.
inline constexpr uint32_t kMessageHead = sizeof(IORPCMessageMach) + sizeof(IORPCMessage);
/// A peer that asks for more room for plain results is refused.
inline constexpr uint32_t kMaxReplyRoom = 1024 * 1024;

}  // namespace opendext::runtime
