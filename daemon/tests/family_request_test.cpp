// SPDX-License-Identifier: Apache-2.0
// What a program asks of a family: who is asked, what comes back, and what happens when nobody
// answers.
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/io_return.h"
#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

namespace client = protocol::client;

/// "mirror" gives back what came, "keep" waits for the test, "refuse" is refused.
class Attendant final : public Family {
  public:
    explicit Attendant(FamilyHost& family_host) : host(family_host) { latest = this; }
    [[nodiscard]] std::vector<ClassDeclaration> classes() const override {
        return {{"Counter", "IOService", {}, false, "org.opendext.test"},
                {"BigCounter", "Counter", {}, false, "org.opendext.test"}};
    }
    void realm_started() override {
        NewEntry entry;
        entry.provider = host.user_resources();
        entry.class_name = "BigCounter";
        device = *host.publish(std::move(entry));
    }
    [[nodiscard]] bool program_request(ProgramRequest& request) override {
        if (request.what == "mirror") {
            request.respond(ProgramAnswer{request.arguments, std::move(request.fds)});
        } else if (request.what == "refuse") {
            request.respond(Error::kern(kIOReturnExclusiveAccess, "somebody else has it"));
        } else if (request.what == "keep") {
            kept.push_back(std::move(request));
        } else {
            return false;
        }
        return true;
    }

    FamilyHost& host;
    EntryId device = kNoEntry;
    std::vector<ProgramRequest> kept;
    static Attendant* latest;
};
Attendant* Attendant::latest = nullptr;

class FamilyRequestTest : public ::testing::Test {
  protected:
    void SetUp() override {
        bed.options.families = {{"attendant", [](FamilyHost& host) -> std::unique_ptr<Family> {
                                     return std::make_unique<Attendant>(host);
                                 }}};
        bed.start();
        family = Attendant::latest;
        program = std::make_unique<FakeClient>(bed);
    }
    client::FamilyAnswer ask(EntryId entry, std::string class_name, std::string what,
                             Dictionary arguments = {}) {
        return program->ask<client::FamilyAnswer>(client::FamilyRequest{
            entry, std::move(class_name), std::move(what), std::move(arguments)});
    }
    Testbed bed;
    Attendant* family = nullptr;
    std::unique_ptr<FakeClient> program;
};

TEST_F(FamilyRequestTest, GoesToTheFamilyOfTheEntrysClassOrOfTheClassNamed) {
    for (const auto& [entry, name] : {std::pair<EntryId, std::string>{family->device, ""},
                                      {kNoEntry, "BigCounter"},
                                      {kNoEntry, "Counter"}}) {
        const client::FamilyAnswer answer = ask(entry, name, "mirror", {{"a", 1}});
        EXPECT_EQ(answer.outcome.io_return, 0) << name << ": " << answer.outcome.reason;
        EXPECT_EQ(answer.result, (Dictionary{{"a", 1}}));
    }
}

TEST_F(FamilyRequestTest, CarriesDescriptorsBothWays) {
    Message message = encode(client::FamilyRequest{family->device, "", "mirror", {}}, 77);
    const UniqueFd event(::eventfd(5, EFD_NONBLOCK | EFD_CLOEXEC));
    message.fds.emplace_back(::dup(event.get()));
    program->send_raw(std::move(message));
    ASSERT_TRUE(bed.run_until([&] { return program->answers.contains(77); }));
    const Message& answer = program->answers.at(77);
    ASSERT_EQ(answer.fds.size(), 1U);
    uint64_t count = 0;
    ASSERT_EQ(::read(answer.fds[0].get(), &count, sizeof count), ssize_t{sizeof count});
    EXPECT_EQ(count, 5U) << "another descriptor came back";
}

TEST_F(FamilyRequestTest, RefusesWithTheFamilysCodeAndWords) {
    const client::FamilyAnswer answer = ask(family->device, "", "refuse");
    EXPECT_EQ(answer.outcome.io_return, kIOReturnExclusiveAccess);
    EXPECT_EQ(answer.outcome.reason, "somebody else has it");
}

TEST_F(FamilyRequestTest, NamesWhatNobodyKnows) {
    client::FamilyAnswer answer = ask(family->device, "", "dance");
    EXPECT_EQ(answer.outcome.io_return, kIOReturnUnsupported);
    EXPECT_EQ(answer.outcome.reason, "BigCounter has no request \"dance\"");
    answer = ask(kNoEntry, "NoSuchClass", "mirror");
    EXPECT_EQ(answer.outcome.io_return, kIOReturnUnsupported);
    EXPECT_EQ(answer.outcome.reason, "NoSuchClass has no request \"mirror\"");
    answer = ask(0x1234, "Counter", "mirror");
    EXPECT_EQ(answer.outcome.io_return, kIOReturnNotFound);
    EXPECT_EQ(answer.outcome.reason, "there is no such entry");
}

TEST_F(FamilyRequestTest, SaysWhoAsks) {
    program->send(client::FamilyRequest{family->device, "", "keep", {}});
    ASSERT_TRUE(bed.run_until([&] { return family->kept.size() == 1; }));
    const ProgramRequest& request = family->kept.front();
    EXPECT_EQ(request.entry, family->device);
    EXPECT_EQ(request.class_name, "BigCounter");
    EXPECT_EQ(request.program.pid, ::getpid());
    EXPECT_EQ(request.program.uid, ::geteuid());
}

TEST_F(FamilyRequestTest, IsAnsweredLaterAndNotWhenTheProgramIsGone) {
    const uint64_t serial = program->send(client::FamilyRequest{family->device, "", "keep", {}});
    ASSERT_TRUE(bed.run_until([&] { return family->kept.size() == 1; }));
    EXPECT_FALSE(program->answers.contains(serial));
    family->kept.front().respond(ProgramAnswer{{{"late", true}}, {}});
    ASSERT_TRUE(bed.run_until([&] { return program->answers.contains(serial); }));
    program->send(client::FamilyRequest{family->device, "", "keep", {}});
    ASSERT_TRUE(bed.run_until([&] { return family->kept.size() == 2; }));
    program->close();
    bed.settle();
    family->kept.back().respond(ProgramAnswer{});
    bed.settle();
    EXPECT_EQ(bed.daemon->state(), DaemonState::serving);
}

TEST_F(FamilyRequestTest, BoundsWhatMayWait) {
    size_t sent = 0;
    uint64_t serial = 0;
    do {
        serial = program->send(client::FamilyRequest{family->device, "", "keep", {}});
        bed.settle();
    } while (!program->answers.contains(serial) && ++sent < 1000);
    EXPECT_LT(sent, 1000U);
    EXPECT_EQ(family->kept.size(), sent);
    const auto refused = decode<client::FamilyAnswer>(program->answers.at(serial));
    ASSERT_TRUE(refused.ok());
    EXPECT_EQ(refused->outcome.io_return, kIOReturnNoResources);
    family->kept.front().respond(ProgramAnswer{});
    EXPECT_EQ(ask(family->device, "", "mirror").outcome.io_return, 0) << "one place is free again";
}

}  // namespace
}  // namespace opendext::daemon::testing
