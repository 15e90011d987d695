// SPDX-License-Identifier: Apache-2.0
// Messages of drivers and clients, as bytes, against a whole daemon.
//
// Input: records of {side, kind, length low, length high, bytes…}. Side: bit 0 = client, else
// driver; bits 1-2 = how many descriptors come along. The daemon must survive; whoever sends
// nonsense may be ended.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <random>

#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

namespace client = protocol::client;

class Target {
  public:
    Target() {
        bed_.classes["Widget"] = "IOService";
        bed_.classes["WidgetClient"] = "IOUserClient";
        bed_.scripts["Widget"].register_in_start = true;
        bed_.options.restart.policy = RestartPolicy::driverkit;
        bed_.options.restart.relaunches = 1u << 30;
        bed_.start();
        const Dictionary user_client{{"IOClass", "IOUserUserClient"},
                                     {"IOUserClass", "WidgetClient"}};
        const auto bundle = bed_.write_bundle(
            "com.example.widget",
            {{"Widget", Testbed::personality("com.example.widget", "Widget", "IOUserResources",
                                             {{"Client", user_client}})}});
        if (!bed_.install(bundle).ok()) std::abort();
    }

    void run(std::span<const uint8_t> bytes) {
        while (bytes.size() >= 4) {
            const uint8_t side = bytes[0];
            Message message;
            message.kind = bytes[1] % 68;  // client::Kind has the most

            const size_t length = std::min<size_t>(bytes[2] | bytes[3] << 8, bytes.size() - 4);
            message.serial = length;
            message.body.assign(bytes.begin() + 4,
                                bytes.begin() + 4 + static_cast<std::ptrdiff_t>(length));
            for (int i = 0; i < (side >> 1 & 3); ++i) message.fds.emplace_back(::dup(2));
            bytes = bytes.subspan(4 + length);
            if ((side & 1) != 0) {
                to_client(std::move(message));
            } else {
                to_driver(std::move(message));
            }
        }
        bed_.settle();
        if (bed_.daemon->state() != DaemonState::serving) std::abort();
        // Dead drivers are of no further use and would pile up over millions of runs.
        while (!bed_.drivers.empty() && bed_.drivers.front().dead) bed_.drivers.pop_front();
    }

  private:
    void to_client(Message message) {
        if (message.kind == static_cast<uint32_t>(client::Kind::stop_realm)) return;
        if (!program_ || program_->closed) program_ = std::make_unique<FakeClient>(bed_);
        program_->send_raw(std::move(message));
        bed_.settle();
    }
    void to_driver(Message message) {
        const auto alive = bed_.alive();
        if (alive.empty()) {
            bed_.settle();
            return;
        }
        alive.front()->send(std::move(message));
        bed_.settle();
    }
    Testbed bed_;
    std::unique_ptr<FakeClient> program_;
};

}  // namespace
}  // namespace opendext::daemon::testing

#ifdef OPENDEXT_FUZZ
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static auto& target = *new opendext::daemon::testing::Target;
    target.run({data, size});
    return 0;
}
#else
/// Well-formed messages with a few bytes changed reach deeper than noise.
TEST(Messages, RandomAndDamagedOnesDoNotEndTheDaemon) {
    using namespace opendext;
    namespace driver = protocol::driver;
    namespace client = protocol::client;
    daemon::testing::Target target;
    std::mt19937 random(20260101);
    std::vector<std::pair<bool, Message>> seeds;
    const uint64_t entry = 0x100000104;
    protocol::Invocation invocation;
    invocation.object = entry;
    invocation.refs.resize(2);
    invocation.refs[0].kind = protocol::RefKind::memory;
    invocation.refs[1].kind = protocol::RefKind::object;
    invocation.refs[1].id = 0x100000103;
    for (const uint64_t id :
         {system::IOService_RegisterService::kMsgId, system::IOService_SetProperties::kMsgId,
          system::IOService_CopyProperties::kMsgId, system::IOService_SearchProperty::kMsgId,
          system::IOService_Terminate::kMsgId, uint64_t{0x1234}}) {
        invocation.msgid = id;
        seeds.emplace_back(false, encode(driver::Call{invocation}));
    }
    seeds.emplace_back(false, encode(driver::Create{entry, "Client"}));
    seeds.emplace_back(false, encode(driver::Drop{entry}));
    seeds.emplace_back(false, encode(driver::Log{0, 1, 2, "a", "b", "text"}));
    seeds.emplace_back(true,
                       encode(client::Match{
                           {{"IOProviderClass", "Widget"}, {"IOPropertyMatch", Dictionary{}}}, 0}));
    seeds.emplace_back(true, encode(client::GetEntry{entry, true}));
    seeds.emplace_back(true, encode(client::GetRelatives{entry, "IOService", true}));
    seeds.emplace_back(true,
                       encode(client::Subscribe{1, client::Subscription::matched, {}, entry}));
    seeds.emplace_back(true, encode(client::Open{entry, 0}));
    seeds.emplace_back(true, encode(client::SetProperties{entry, Dictionary{{"a", 1}}}));
    seeds.emplace_back(true, encode(client::FamilyRequest{entry, "Widget", "plug", {{"a", 1}}}));
    seeds.emplace_back(true, encode(client::Install{"/nowhere/x.dext"}));
    for (int round = 0; round < 3000; ++round) {
        std::vector<uint8_t> input;
        auto& [to_client, seed] = seeds[random() % seeds.size()];
        std::vector<uint8_t> body = seed.body;
        for (unsigned changes = random() % 4; changes > 0 && !body.empty(); --changes) {
            body[random() % body.size()] = static_cast<uint8_t>(random());
        }
        if (random() % 8 == 0) body.resize(random() % (body.size() + 1));
        input.push_back(static_cast<uint8_t>((to_client ? 1 : 0) | (random() % 3) << 1));
        input.push_back(static_cast<uint8_t>(random() % 6 == 0 ? random() % 26 : seed.kind));
        input.push_back(static_cast<uint8_t>(body.size()));
        input.push_back(static_cast<uint8_t>(body.size() >> 8));
        input.insert(input.end(), body.begin(), body.end());
        target.run(input);
    }
}
#endif
