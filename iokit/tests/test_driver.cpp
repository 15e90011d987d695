// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <tuple>

#include "iokit/tests/client_fixture.h"

namespace opendext::fakes {

/// Selector 1 sums scalars and turns the structure round, 3 completes three times, 5 answers more
/// than there is room for, 6 never answers, 7 answers garbage, 8 completes as often as its scalar
/// says; others are refused.
void test_driver(Channel& channel, Message message) {
    if (message.kind == static_cast<uint32_t>(uc::Kind::map_memory)) {
        const auto map = decode<uc::MapMemory>(message);
        uc::Mapped mapped;
        Message reply;
        if (map->type == 1 || map->type == 2) {
            UniqueFd memory = std::move(make_sealed_memory("shared", 12288)).value();
            const Mapping view =
                std::move(Mapping::map(memory.get(), 0, 12288, Mapping::Access::read_write))
                    .value();
            std::memcpy(view.data() + 5000, "hello", 6);
            mapped.offset = 5000;
            mapped.length = map->type == 1 ? 4096 : 8192;  // type 2 lies about its size
            reply = encode(mapped, message.serial);
            reply.fds.push_back(std::move(memory));
        } else if (map->type == 3) {  // a page of one memory, then two of another
            mapped.length = 4096;
            mapped.more = {{1, 4096, 8192}};
            UniqueFd first = std::move(make_sealed_memory("first", 4096)).value();
            UniqueFd second = std::move(make_sealed_memory("second", 12288)).value();
            for (const auto& [fd, offset, text] :
                 {std::tuple{first.get(), 0, "one"}, std::tuple{second.get(), 4096, "two"}}) {
                const Mapping view = std::move(Mapping::map(fd, static_cast<size_t>(offset), 4096,
                                                            Mapping::Access::read_write))
                                         .value();
                std::memcpy(view.data(), text, 4);
            }
            reply = encode(mapped, message.serial);
            reply.fds.push_back(std::move(first));
            reply.fds.push_back(std::move(second));
        } else {
            mapped.io_return = kIOReturnBadArgument;
            reply = encode(mapped, message.serial);
        }
        (void)channel.send(reply);
        return;
    }
    const auto call = decode<uc::Call>(message);
    uc::CallResult result;
    switch (call->selector) {
        case 1: {
            uint64_t sum = 0;
            for (const uint64_t scalar : call->scalars) sum += scalar;
            result.scalars = {sum};
            size_t next_fd = 0;
            std::vector<uint8_t> input = call->structure;
            if (call->input_memory_length > 0) {
                const Mapping view =
                    std::move(Mapping::map(message.fds[next_fd++].get(), 0,
                                           call->input_memory_length, Mapping::Access::read_only))
                        .value();
                input.resize(call->input_memory_length);
                std::memcpy(input.data(), view.data(), input.size());
            }
            std::reverse(input.begin(), input.end());
            if (call->output_memory_length > 0) {
                const Mapping view =
                    std::move(Mapping::map(message.fds[next_fd].get(), 0,
                                           call->output_memory_length, Mapping::Access::read_write))
                        .value();
                std::memcpy(view.data(), input.data(), input.size());
                result.output_memory_used = input.size();
            } else {
                result.structure = input;
            }
            break;
        }
        case 3:
            (void)channel.send(encode(result, message.serial));
            for (uint64_t i = 1; i <= 3; ++i) {
                uc::Async async{call->async_reference, kIOReturnSuccess,
                                std::vector<uint64_t>(i, i * 10)};
                (void)channel.send(encode(async));
            }
            // After the action is gone, and for a reference that nobody gave away, nothing may be
            // called.
            (void)channel.send(encode(uc::Released{call->async_reference}));
            (void)channel.send(encode(uc::Async{call->async_reference, 0, {99, 99, 99}}));
            (void)channel.send(encode(uc::Async{{0x4141414141414141, 1, 2, 3, 4, 5, 6, 7}, 0, {}}));
            return;
        case 5:
            result.scalars.assign(40, 7);
            break;
        case 8:  // as many completions as the first scalar says
            (void)channel.send(encode(result, message.serial));
            for (uint64_t i = 0; i < call->scalars[0]; ++i) {
                uc::Async async{call->async_reference, kIOReturnSuccess,
                                std::vector<uint64_t>(16, i)};
                if (!channel.send(encode(async)).ok()) return;
            }
            return;
        case 6:
            return;  // never answers
        case 7: {
            Message garbage;
            garbage.kind = static_cast<uint32_t>(uc::Kind::call_result);
            garbage.serial = message.serial;
            garbage.body = {1, 2, 3};
            (void)channel.send(garbage);
            return;
        }
        default:
            result.io_return = kIOReturnUnsupported;
            result.reason = "no such selector";
    }
    (void)channel.send(encode(result, message.serial));
}

}  // namespace opendext::fakes
