// SPDX-License-Identifier: Apache-2.0
// Any bytes as the body of every message of the protocols: the first byte chooses. What decodes
// encodes to a body that decodes again to the same bytes.
#include <cstdlib>

#include "rpc/fields.h"
#include "rpc/protocol/client.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/keeper.h"
#include "rpc/protocol/user_client.h"

using namespace opendext;

namespace {

template <typename T>
void check(const std::vector<uint8_t>& body) {
    Message message;
    message.kind = static_cast<uint32_t>(T::kKind);
    message.body = body;
    const Result<T> content = decode<T>(message);
    if (!content.ok()) return;
    const Message first = encode(content.value());
    const Result<T> again = decode<T>(first);
    if (!again.ok() || encode(again.value()).body != first.body) std::abort();
}

template <typename... T>
void check_one(size_t choice, const std::vector<uint8_t>& body) {
    constexpr void (*kChecks[])(const std::vector<uint8_t>&) = {&check<T>...};
    kChecks[choice % sizeof...(T)](body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::vector<uint8_t> body(data + 1, data + size);
    namespace d = protocol::driver;
    namespace k = protocol::keeper;
    check_one<d::Reply, d::CheckIn, d::Load, d::Loaded, d::Instantiate, d::Call, d::CallResult,
              d::Drop, d::Create, d::Created, d::AttachClient, d::DetachClient, d::Log, d::Exit,
              d::Bind, k::Spawn, k::Spawned, k::Signal, k::Exited, k::Open, k::Opened, k::Hold,
              k::Fetch, k::Held, k::Release, k::PublishNode, k::RemoveNode, k::Refused>(data[0],
                                                                                        body);
    return 0;
}
