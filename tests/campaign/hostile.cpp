// SPDX-License-Identifier: Apache-2.0
// A program that means harm, and speaks the protocols itself: to opendextd, and to drivers over the
// channels of user clients. It keeps to no rule, and says after each deed what it was answered.
//
// Standard input, one answer a line. NUMBER: of the subject whose driver it is done to.
//   do DEED NUMBER SEED MS     "ok RESULT DETAIL": what became of it, in words for people
//   say KIND SEED MS           a message of this kind, of random bytes, to opendextd: likewise.
//                              KIND 0: a request of a right form with a random content
// RESULT is `refused` (answered by a status that is no success), `ended` (the connection was, with
// a reason where there is one), `answered` (the bytes happened to mean something) or `silent` (no
// answer, and none is due). After a deed the same process of the driver serves a new connection;
// after a message opendextd answers, on the same link unless it has ended that one. Else the line
// says what is wrong.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rpc/channel.h"
#include "rpc/channel_layout.h"
#include "rpc/protocol/client.h"
#include "rpc/protocol/explain.h"
#include "rpc/protocol/supervision.h"
#include "rpc/protocol/user_client_frames.h"
#include "subject/SubjectProtocol.h"

namespace {

namespace oc = opendext::protocol::client;
namespace uc = opendext::protocol::user_client;
using opendext::Channel;
using opendext::Lane;
using opendext::Message;
using opendext::Socket;
using opendext::UniqueFd;
using std::chrono::milliseconds;
using Random = std::mt19937_64;

struct Wrong {
    std::string text;
};

template <typename T>
T must(opendext::Result<T> result, const char* what) {
    if (!result.ok()) throw Wrong{std::string(what) + ": " + result.error().text()};
    return std::move(result).value();
}

/// What was answered.
struct Outcome {
    std::string result;
    std::string detail;
};
Outcome by_status(int32_t status, const std::string& reason) {
    return {status == 0 ? "answered" : "refused", reason};
}

std::vector<uint8_t> random_bytes(Random& random, size_t size) {
    std::vector<uint8_t> bytes(size);
    // Small words look like lengths, numbers and flags that are right.
    const bool small = random() % 2 == 0;
    constexpr std::array<uint32_t, 9> kWords{0, 1, 2, 3, 8, 255, 65536, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < size; i += 4) {
        const auto word =
            small ? kWords[random() % kWords.size()] : static_cast<uint32_t>(random());
        std::memcpy(&bytes[i], &word, std::min<size_t>(4, size - i));
    }
    return bytes;
}

size_t random_size(Random& random) {
    constexpr std::array<size_t, 12> kSizes{0, 1, 4, 8, 12, 16, 24, 40, 64, 200, 3000, 30000};
    return kSizes[random() % kSizes.size()];
}

UniqueFd memory_file(size_t size) {
    UniqueFd file(::memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
        throw Wrong{"no memory file"};
    return file;
}

/// Descriptors that nobody should be sent.
UniqueFd random_descriptor(Random& random) {
    switch (random() % 4) {
        case 0:
            return memory_file(random() % 2 * 4096);
        case 1:
            return UniqueFd(::eventfd(0, EFD_CLOEXEC));
        case 2:
            return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        default:
            return UniqueFd(::dup(STDIN_FILENO));
    }
}

/// A link to opendextd.
class Link {
  public:
    explicit Link(milliseconds limit) : limit_(limit), socket_(connected(limit)) {
        welcome_ = ask<oc::Welcome>(oc::Hello{oc::kVersion, "hostile", 0, {}});
    }
    template <typename Answer, typename Request>
    Answer ask(Request request, std::vector<UniqueFd>* fds = nullptr) {
        const uint64_t serial = next_++;
        send(opendext::encode(std::move(request), serial));
        Message message = await(serial);
        if (const auto refused = opendext::decode<oc::Reply>(message);
            !std::same_as<Answer, oc::Reply> && refused.ok()) {
            throw Wrong{"refused: " + refused->reason};
        }
        Answer answer = must(opendext::decode<Answer>(message), "answer");
        if (fds != nullptr) *fds = std::move(message.fds);
        return answer;
    }
    void send(const Message& message) {
        const opendext::Status sent = socket_.send(message);
        if (!sent.ok()) throw Wrong{"opendextd takes nothing: " + sent.error().text()};
    }
    Message await(uint64_t serial) {
        for (;;) {
            Message message = must(socket_.receive_within(limit_), "opendextd does not answer");
            if (message.serial == serial) return message;
        }
    }
    [[nodiscard]] uint64_t serial() { return next_++; }
    [[nodiscard]] uint64_t root() const { return welcome_.root; }
    [[nodiscard]] Socket& socket() { return socket_; }
    /// The service of a subject, and who serves it.
    uint64_t subject(uint64_t number) {
        const auto found = ask<oc::Entries>(oc::Match{
            {{"IOProviderClass", "Subject"},
             {"IOPropertyMatch", opendext::Dictionary{{"SubjectNumber", opendext::Value(number)}}}},
            0});
        if (found.ids.size() != 1) throw Wrong{"there is no subject " + std::to_string(number)};
        return found.ids.front();
    }

    /// opendextd may have ended since the last deed.
    [[nodiscard]] bool open() const {
        pollfd end{socket_.fd(), POLLIN | POLLRDHUP, 0};
        return ::poll(&end, 1, 0) == 0 || (end.revents & (POLLHUP | POLLRDHUP | POLLERR)) == 0;
    }

  private:
    /// While opendextd is being started again nobody may listen.
    static Socket connected(milliseconds limit) {
        const auto path = std::string(std::getenv("OPENDEXT_REALM")) + "/run/opendextd.sock";
        const auto end = std::chrono::steady_clock::now() + limit;
        for (;;) {
            auto socket = Socket::connect(path);
            if (socket.ok() || std::chrono::steady_clock::now() > end)
                return must(std::move(socket), "connect");
            std::this_thread::sleep_for(milliseconds(5));
        }
    }
    milliseconds limit_;
    Socket socket_;
    uint64_t next_ = 1;
    oc::Welcome welcome_;
};

/// A user client of a subject, with nothing of a client library.
class Wire {
  public:
    Wire(Link& link, uint64_t service, milliseconds limit) : limit_(limit) {
        std::vector<UniqueFd> fds;
        const auto opened = link.ask<oc::Opened>(oc::Open{service, 0}, &fds);
        if (opened.outcome.io_return != 0 || fds.size() != 2)
            throw Wrong{"open: " + opened.outcome.reason};
        pid_ = opened.driver_pid;
        number_ = opened.connection;
        memory_ = must(fds[0].duplicate(), "duplicate");
        side_ = must(fds[1].duplicate(), "duplicate");
        channel_ = must(
            Channel::attach(std::move(fds[0]), Socket(std::move(fds[1])), Channel::Side::client),
            "channel");
    }
    [[nodiscard]] int pid() const { return pid_; }
    [[nodiscard]] uint64_t number() const { return number_; }
    [[nodiscard]] Channel& channel() { return *channel_; }
    [[nodiscard]] const UniqueFd& memory() const { return memory_; }
    [[nodiscard]] const UniqueFd& side() const { return side_; }
    void let_go() { channel_.reset(); }

    /// A frame as it is.
    opendext::Status put(uint16_t kind, uint64_t serial, std::span<const uint8_t> body,
                         std::span<const UniqueFd> fds = {}) {
        opendext::Result<opendext::Draft> draft =
            channel_->begin(Lane::calls, kind, serial, body.size(), Channel::Wait::dont_block);
        if (!draft.ok()) return draft.error();
        if (!body.empty()) std::memcpy(draft->bytes().data(), body.data(), body.size());
        return channel_->commit(std::move(draft).value(), Channel::Wake::at_once, fds);
    }
    opendext::Status call(uint64_t serial, const uc::CallFrame& call, const uint64_t* scalars,
                          std::span<const UniqueFd> fds = {}) {
        std::vector<uint8_t> body(uc::call_frame_size(call));
        uc::write_call(std::as_writable_bytes(std::span(body)), call, scalars);
        return put(static_cast<uint16_t>(uc::Kind::invoke), serial, body, fds);
    }
    opendext::Status echo(uint64_t serial, std::span<const uint8_t> bytes) {
        uc::CallFrame frame;
        frame.selector = kSubjectEcho;
        frame.flags = uc::call_flags::structure;
        frame.structure = std::as_bytes(bytes);
        frame.structure_room = static_cast<uint32_t>(bytes.size());
        return call(serial, frame, nullptr);
    }
    /// The reply to `serial`. Nothing: none came in time.
    std::optional<Outcome> reply(uint64_t serial, std::span<const uint8_t> echoed = {},
                                 std::optional<milliseconds> limit = {}) {
        const auto end = std::chrono::steady_clock::now() + limit.value_or(limit_);
        for (;;) {
            const auto left = end - std::chrono::steady_clock::now();
            if (left.count() <= 0) return std::nullopt;
            auto frame = channel_->receive(Lane::replies, {.limit = left});
            if (!frame.ok() && frame.error().code == opendext::Errc::timed_out) return std::nullopt;
            if (!frame.ok()) return Outcome{"ended", frame.error().text()};
            if (frame->serial() != serial) continue;
            if (frame->kind() != static_cast<uint16_t>(uc::Kind::outcome))
                return Outcome{"answered", "kind " + std::to_string(frame->kind())};
            std::array<uint64_t, uc::kMaxScalars> scalars{};
            uc::OutcomeFrame outcome;
            if (!uc::parse_outcome(frame->bytes(), outcome, scalars).ok())
                return Outcome{"answered", "an outcome that cannot be read"};
            if (!echoed.empty() && outcome.io_return == 0 &&
                (outcome.structure.size() != echoed.size() ||
                 std::memcmp(outcome.structure.data(), echoed.data(), echoed.size()) != 0)) {
                return Outcome{"wrong", "an echo of other bytes"};
            }
            return by_status(outcome.io_return, std::string(outcome.reason));
        }
    }
    /// After a deed that is answered, refused, or the end: the answer to it, or `silent` if that to
    /// a right call comes first.
    Outcome settle(uint64_t serial) {
        const uint64_t probe = serial + 1000;
        static constexpr std::array<uint8_t, 4> kBytes{1, 2, 3, 4};
        if (!echo(probe, kBytes).ok()) {
            const auto end = reply(serial);
            return end ? *end : Outcome{"silent", "the ring stays full"};
        }
        const auto end = std::chrono::steady_clock::now() + limit_;
        while (std::chrono::steady_clock::now() < end) {
            auto frame =
                channel_->receive(Lane::replies, {.limit = end - std::chrono::steady_clock::now()});
            if (!frame.ok()) {
                if (frame.error().code == opendext::Errc::timed_out) break;
                return {"ended", frame.error().text()};
            }
            if (frame->serial() == probe) return {"silent", ""};
            if (frame->serial() != serial ||
                frame->kind() != static_cast<uint16_t>(uc::Kind::outcome)) {
                continue;
            }
            std::array<uint64_t, uc::kMaxScalars> scalars{};
            uc::OutcomeFrame outcome;
            if (uc::parse_outcome(frame->bytes(), outcome, scalars).ok())
                return by_status(outcome.io_return, std::string(outcome.reason));
        }
        throw Wrong{"the driver neither answers nor ends the connection"};
    }

  private:
    milliseconds limit_;
    int pid_ = 0;
    uint64_t number_ = 0;
    UniqueFd memory_;
    UniqueFd side_;
    std::unique_ptr<Channel> channel_;
};

/// A second mapping of a channel's memory.
class Shared {
  public:
    explicit Shared(const UniqueFd& memory)
        : words_(static_cast<std::atomic<uint32_t>*>(
              ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0))) {
        if (words_ == MAP_FAILED) throw Wrong{"the channel cannot be mapped"};
    }
    ~Shared() { ::munmap(words_, kSize); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    void scribble(Random& random) {
        for (uint64_t i = 1 + random() % 40; i != 0; --i) {
            const size_t range = random() % 4 != 0 ? opendext::channel_layout::kControlSize : kSize;
            std::atomic<uint32_t>& word = words_[random() % (range / 4)];
            const uint32_t now = word;
            const std::array<uint32_t, 6> values{0,
                                                 UINT32_MAX,
                                                 now + 64,
                                                 now - 64,
                                                 now ^ 1U << random() % 32,
                                                 static_cast<uint32_t>(random())};
            word = values[random() % values.size()];
        }
    }

  private:
    static constexpr size_t kSize = opendext::channel_layout::kMemorySize;
    std::atomic<uint32_t>* words_;
};

/// Gives every field of a message something, so that its form is right and its content is not.
class Filler {
  public:
    Filler(Random& random, uint64_t root) : random_(random), root_(root) {}
    template <typename... T>
    void operator()(T&... fields) {
        (one(fields), ...);
    }

  private:
    template <typename T>
    void one(T& field) {
        if constexpr (std::same_as<T, bool>) {
            field = random_() % 2 == 0;
        } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
            field = static_cast<T>(number());
        } else if constexpr (std::same_as<T, std::string>) {
            field = text();
        } else if constexpr (std::same_as<T, opendext::Value>) {
            field = value(0);
        } else if constexpr (std::same_as<T, opendext::Dictionary>) {
            field = dictionary(0);
        } else if constexpr (requires { field.fields(*this); }) {
            field.fields(*this);
        } else {
            for (uint64_t i = random_() % 8; i != 0; --i) {
                typename T::value_type element{};
                one(element);
                field.push_back(std::move(element));
            }
        }
    }
    uint64_t number() {
        switch (random_() % 4) {
            case 0:
                return root_;
            case 1:
                return random_() % 16;
            case 2:
                return root_ + random_() % 300;
            default:
                return random_();
        }
    }
    std::string text() {
        constexpr std::array kTexts{"",     "Subject", "IOService",      "IOUserResources",
                                    "..",   "/",       "IODeviceTree:/", "org.example.nobody",
                                    "%s%n", "\xff\xfe"};
        return random_() % 4 == 0 ? std::string(random_() % 5000, 'x')
                                  : kTexts[random_() % kTexts.size()];
    }
    opendext::Value value(int depth) {
        switch (random_() % (depth < 3 ? 7 : 5)) {
            case 0:
                return {};
            case 1:
                return random_() % 2 == 0;
            case 2:
                return number();
            case 3:
                return text();
            case 4:
                return opendext::Data(random_() % 300);
            case 5:
                return dictionary(depth + 1);
            default: {
                opendext::Array array;
                for (uint64_t i = random_() % 4; i != 0; --i) array.push_back(value(depth + 1));
                return array;
            }
        }
    }
    opendext::Dictionary dictionary(int depth) {
        constexpr std::array kKeys{"IOProviderClass", "IOPropertyMatch", "IONameMatch",
                                   "IOParentMatch",   "IOMatchCategory", "IORegistryEntryID",
                                   "IOPathMatch",     "IOClass",         "Anything"};
        opendext::Dictionary made;
        for (uint64_t i = random_() % 4; i != 0; --i)
            made[kKeys[random_() % kKeys.size()]] = value(depth + 1);
        return made;
    }
    Random& random_;
    uint64_t root_;
};

/// Requests that are filled that way. Those that are for the owner to say are not among them: of
/// the right form they are right.
template <typename... T>
Message filled_one_of(Random& random, uint64_t root) {
    const std::array<Message (*)(Random&, uint64_t), sizeof...(T)> all{
        [](Random& chance, uint64_t base) {
            T request{};
            Filler filler(chance, base);
            request.fields(filler);
            return opendext::encode(std::move(request));
        }...};
    return all[random() % all.size()](random, root);
}
Message filled(Random& random, uint64_t root) {
    return filled_one_of<oc::Match, oc::GetEntry, oc::GetRelatives, oc::ReadEntries,
                         oc::GetSnapshots, oc::Walk, oc::Search, oc::Resolve, oc::Locate,
                         oc::MatchOne, oc::GetClass, oc::Subscribe, oc::Unsubscribe, oc::Open,
                         oc::Close, oc::Install, oc::Uninstall, oc::Report, oc::RequestExtension,
                         oc::AnswerReplacement, oc::ApproveExtension, oc::WatchExtensions,
                         oc::Explain, oc::LiftQuarantine, oc::Hello>(random, root);
}

// The deeds. Each gets a connection of its own.

struct Deed {
    Link& link;
    uint64_t service;
    Wire wire;
    Random& random;
    milliseconds limit;
};

constexpr uint64_t kSerial = 7;

uint64_t harmless_selector(Random& random) {
    for (;;) {
        const uint64_t selector = random() % 2 == 0 ? random() % 8 : random();
        if (selector != kSubjectArm && selector != kSubjectFault) return selector;
    }
}

/// A message of any kind that there is, and of some that there are not.
Outcome message(Deed& deed) {
    constexpr std::array kKinds{
        uc::Kind::map_memory,  uc::Kind::mapped,
        uc::Kind::copy_memory, uc::Kind::memory_copied,
        uc::Kind::invoke,      uc::Kind::outcome,
        uc::Kind::completion,  uc::Kind::completion_released,
        uc::Kind::slot_freed,  uc::Kind::arena,
        uc::Kind::events_bell,
    };
    Random& random = deed.random;
    const uint16_t kind = random() % 12 == 0
                              ? static_cast<uint16_t>(random())
                              : static_cast<uint16_t>(kKinds[random() % kKinds.size()]);
    std::vector<uint8_t> body = random_bytes(random, std::min<size_t>(random_size(random), 16000));
    if (kind == static_cast<uint16_t>(uc::Kind::invoke) && body.size() >= 8) {
        const uint64_t selector = harmless_selector(random);
        std::memcpy(body.data(), &selector, sizeof selector);
    }
    std::vector<UniqueFd> fds;
    if (random() % 4 == 0) {
        for (uint64_t i = 1 + random() % 3; i != 0; --i) fds.push_back(random_descriptor(random));
    }
    if (!deed.wire.put(kind, kSerial, body, fds).ok()) return {"refused", "not sent"};
    return deed.wire.settle(kSerial);
}

/// A call whose parts do not fit each other, or the driver.
Outcome call(Deed& deed) {
    Random& random = deed.random;
    uc::CallFrame frame;
    frame.selector = harmless_selector(random);
    const bool form = random() % 2 == 0;  // is right
    frame.flags = form ? uc::call_flags::structure : static_cast<uint8_t>(random());
    frame.completion = random();
    frame.input = {random() % 2 == 0 ? uc::Slot::kOwnMemory : static_cast<uint32_t>(random() % 3),
                   0, random() % 2 == 0 ? 0 : random(), random() % 2 == 0 ? 4096 : random()};
    frame.output = frame.input;
    frame.scalar_room = static_cast<uint8_t>(random());
    frame.structure_room = static_cast<uint32_t>(random());
    // More than there may be, too.
    const std::vector<uint8_t> structure =
        random_bytes(random, !form && random() % 8 == 0 ? 5000 : random() % 64);
    frame.structure = std::as_bytes(std::span(structure));
    std::array<uint64_t, 32> scalars{};
    for (uint64_t& scalar : scalars) scalar = random();
    frame.scalar_count = static_cast<uint8_t>(random() % scalars.size());
    if (frame.has(uc::call_flags::one_way) && frame.selector == kSubjectEcho) frame.selector = 9;
    std::vector<UniqueFd> fds;
    for (uint64_t i = form ? 0 : random() % 3; i != 0; --i)
        fds.push_back(random_descriptor(random));
    if (form) frame.scalar_count %= uc::kMaxScalars + 1;
    if (!deed.wire.call(kSerial, frame, scalars.data(), fds).ok()) return {"refused", "not sent"};
    return deed.wire.settle(kSerial);
}

/// A selector that the driver does not have: its own status comes back.
Outcome selector(Deed& deed) {
    uc::CallFrame frame;
    frame.selector = kSubjectSelectors + deed.random() % 1000;
    const uint64_t scalar = deed.random();
    frame.scalar_count = 1;
    if (!deed.wire.call(kSerial, frame, &scalar).ok()) return {"refused", "not sent"};
    const auto answer = deed.wire.reply(kSerial);
    constexpr auto kBadArgument = "refused";
    if (!answer || answer->result != kBadArgument)
        throw Wrong{"an unknown selector is not refused: " +
                    (answer ? answer->result : "no answer")};
    return *answer;
}

/// Memory for structures that is none, or becomes smaller while it is used.
Outcome arena(Deed& deed) {
    Random& random = deed.random;
    UniqueFd memory = random() % 2 == 0 ? memory_file(1 << 16) : random_descriptor(random);
    if (random() % 4 == 0) ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_GROW);
    Message arena = opendext::encode(
        uc::Arena{static_cast<uint32_t>(random() % 3), random() % 2 == 0 ? 1 << 16 : random()},
        kSerial);
    arena.fds.push_back(must(memory.duplicate(), "duplicate"));
    if (!deed.wire.channel().send(arena).ok()) return {"refused", "not sent"};
    if (random() % 2 == 0) (void)!::ftruncate(memory.get(), 0);
    uc::CallFrame frame;
    frame.flags =
        uc::call_flags::structure | uc::call_flags::input_memory | uc::call_flags::output_memory;
    frame.input = {0, 0, 0, 8192};
    frame.output = {0, 0, 16384, 8192};
    if (!deed.wire.call(kSerial, frame, nullptr).ok()) return deed.wire.settle(kSerial);
    return deed.wire.settle(kSerial);
}

/// Words of the shared memory change under both, then a call: right, refused, the end, or for ever.
Outcome rings(Deed& deed) {
    Shared shared(deed.wire.memory());
    const std::vector<uint8_t> bytes = random_bytes(deed.random, 1 + deed.random() % 2000);
    constexpr milliseconds kSilent{10};
    const bool before = deed.random() % 2 == 0;
    if (before) shared.scribble(deed.random);
    const opendext::Status sent = deed.wire.echo(kSerial, bytes);
    if (!before) shared.scribble(deed.random);
    if (!sent.ok()) return {"ended", sent.error().text()};
    const auto answer = deed.wire.reply(kSerial, {}, kSilent);
    return answer ? *answer : Outcome{"silent", "closed by the program"};
}

/// Nonsense on the socket beside the rings.
Outcome aside(Deed& deed) {
    Random& random = deed.random;
    for (uint64_t i = 1 + random() % 5; i != 0; --i) {
        const std::vector<uint8_t> bytes =
            random_bytes(random, std::min<size_t>(random_size(random), 4000));
        if (::send(deed.wire.side().get(), bytes.data(), bytes.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
    }
    // A frame that says that its body is there.
    const std::vector<uint8_t> bytes = random_bytes(random, 8);
    std::vector<UniqueFd> fds;
    fds.push_back(random_descriptor(random));
    (void)deed.wire.put(static_cast<uint16_t>(uc::Kind::invoke), kSerial, bytes, fds);
    return deed.wire.settle(kSerial);
}

/// Calls and calls, and takes no answer, then goes.
Outcome deaf(Deed& deed) {
    const std::vector<uint8_t> bytes = random_bytes(deed.random, 1 + deed.random() % 4000);
    uint64_t sent = 0;
    while (sent < 200 && deed.wire.echo(sent + 1, bytes).ok()) ++sent;
    deed.wire.let_go();
    return {"ended", "by the program"};
}

/// Goes in the middle of a stream of completions and calls.
Outcome leave(Deed& deed) {
    uc::CallFrame frame;
    frame.selector = kSubjectStream;
    frame.flags = uc::call_flags::completion;
    frame.completion = deed.random();
    const uint64_t interval = 50;
    frame.scalar_count = 1;
    (void)deed.wire.call(kSerial, frame, &interval);
    for (uint64_t i = deed.random() % 4; i != 0; --i)
        (void)deed.wire.echo(100 + i, random_bytes(deed.random, 100));
    if (deed.random() % 2 == 0) ::shutdown(deed.wire.side().get(), SHUT_RDWR);
    if (deed.random() % 2 == 0) deed.wire.let_go();
    return {"ended", "by the program"};
}

/// Closes what belongs to others, or to nobody.
Outcome close_others(Deed& deed) {
    const uint64_t number =
        deed.random() % 2 == 0 ? deed.wire.number() - 1 - deed.random() % 4 : deed.random();
    const auto answer = deed.link.ask<oc::Reply>(oc::Close{number});
    if (answer.io_return == 0) throw Wrong{"a connection of somebody else was closed"};
    return by_status(answer.io_return, answer.reason);
}

/// Opens what is not there, or is not for programs.
Outcome open_nothing(Deed& deed) {
    const uint64_t entry = deed.random() % 2 == 0 ? deed.link.root() : deed.random();
    const auto answer =
        deed.link.ask<oc::Opened>(oc::Open{entry, static_cast<uint32_t>(deed.random())});
    if (answer.outcome.io_return == 0) throw Wrong{"an entry that is none was opened"};
    return by_status(answer.outcome.io_return, answer.outcome.reason);
}

/// Says that it is another program after a restart of opendextd, with its connections.
Outcome pretend(Deed& deed) {
    Link other(deed.limit);
    const uint64_t serial = other.serial();
    other.send(opendext::encode(
        oc::Hello{oc::kVersion, "hostile", deed.random(), {deed.wire.number(), deed.random()}},
        serial));
    auto answer = other.socket().receive_within(deed.limit);
    if (!answer.ok() && answer.error().code == opendext::Errc::timed_out)
        throw Wrong{"a second Hello is not answered"};
    return answer.ok() ? Outcome{"answered", "kind " + std::to_string(answer->kind)}
                       : Outcome{"ended", ""};
}

const std::map<std::string, Outcome (*)(Deed&)>& deeds() {
    static const std::map<std::string, Outcome (*)(Deed&)> all{
        {"message", message},
        {"call", call},
        {"selector", selector},
        {"arena", arena},
        {"rings", rings},
        {"aside", aside},
        {"deaf", deaf},
        {"leave", leave},
        {"close-others", close_others},
        {"open-nothing", open_nothing},
        {"pretend", pretend},
    };
    return all;
}

class Program {
  public:
    void run() {
        for (std::string line; std::getline(std::cin, line);) {
            std::istringstream words(line);
            try {
                std::cout << "ok " << carry_out(words) << std::endl;
            } catch (const Wrong& wrong) {
                link_.reset();
                std::cout << wrong.text << std::endl;
            }
        }
    }

  private:
    static std::string one_line(const Outcome& outcome) {
        std::string text = outcome.result + " " + outcome.detail;
        for (char& letter : text) letter = letter == '\n' ? ' ' : letter;
        return text;
    }
    std::string carry_out(std::istringstream& words) {
        std::string order;
        std::string what;
        words >> order;
        uint64_t number = 0;
        uint64_t seed = 0;
        int64_t ms = 0;
        if (order == "do") words >> what;
        words >> number >> seed >> ms;
        const milliseconds limit(ms);
        Random random(seed);
        if (order == "say") return one_line(say(static_cast<uint32_t>(number), random, limit));
        const auto deed = deeds().find(what);
        if (deed == deeds().end()) throw Wrong{"there is no deed " + what};
        return one_line(carry_out(deed->second, number, random, limit));
    }
    Link& link(milliseconds limit) {
        if (!link_ || !link_->open()) link_.emplace(limit);
        return *link_;
    }
    Outcome carry_out(Outcome (*deed)(Deed&), uint64_t number, Random& random, milliseconds limit) {
        Link& own = link(limit);
        const uint64_t service = own.subject(number);
        Outcome outcome;
        int pid = 0;
        {
            Deed one{own, service, Wire(own, service, limit), random, limit};
            pid = one.wire.pid();
            outcome = deed(one);
            // Some go without a word; the link's end would do the same.
            if (random() % 4 != 0)
                (void)own.ask<oc::Reply>(oc::Close{one.wire.number()});
            else
                link_.reset();
        }
        Link& next = link(limit);
        Wire wire(next, next.subject(number), limit);
        const std::vector<uint8_t> bytes = random_bytes(random, 64);
        if (wire.pid() != pid)
            throw Wrong{"the driver died of it: " + std::to_string(pid) + ", now " +
                        std::to_string(wire.pid())};
        if (!wire.echo(1, bytes).ok()) throw Wrong{"a new connection takes nothing"};
        const auto answer = wire.reply(1, bytes);
        if (!answer || answer->result != "answered")
            throw Wrong{"a new connection does not serve: " +
                        (answer ? one_line(*answer) : "no answer")};
        const auto closed = next.ask<oc::Reply>(oc::Close{wire.number()});
        if (closed.io_return != 0) throw Wrong{"close: " + closed.reason};
        return outcome;
    }
    Outcome say(uint32_t kind, Random& random, milliseconds limit) {
        Link& own = link(limit);
        Message message;
        message.kind = kind;
        message.serial = own.serial();
        // Every kind is asked for; what stands in it is nonsense of its form, or of none.
        if (kind == 0) {
            const uint64_t own_serial = message.serial;
            message = filled(random, own.root());
            message.serial = own_serial;
        } else {
            message.body = random_bytes(random, random_size(random));
        }
        // What is for the owner to say is not said by chance: these are never right at this size.
        constexpr std::array kMeant{oc::Kind::stop_realm, oc::Kind::set_power,
                                    oc::Kind::developer_mode};
        for (const oc::Kind meant : kMeant) {
            if (kind == static_cast<uint32_t>(meant)) message.body.resize(message.body.size() + 3);
        }
        if (random() % 8 == 0) message.fds.push_back(random_descriptor(random));
        const uint64_t serial = message.serial;
        Outcome outcome{"silent", ""};
        bool alive = own.socket().send(message).ok();
        const uint64_t probe = own.serial();
        alive = alive &&
                own.socket().send(opendext::encode(oc::GetEntry{own.root(), false}, probe)).ok();
        const auto end = std::chrono::steady_clock::now() + limit;
        while (true) {
            auto answer = own.socket().receive_within(
                std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now()));
            if (!answer.ok()) {
                if (answer.error().code == opendext::Errc::timed_out)
                    throw Wrong{"opendextd neither answers nor ends the link"};
                outcome = {"ended", ""};
                break;
            }
            if (answer->serial == serial) outcome = status_of(*answer);
            if (answer->serial != probe) continue;
            if (answer->kind != static_cast<uint32_t>(oc::Kind::entry))
                throw Wrong{"the wrong answer"};
            return outcome;
        }
        link_.reset();
        (void)link(limit);
        return outcome;
    }
    /// Most answers begin with their outcome; those that do not are answers to what was right.
    static Outcome status_of(const Message& answer) {
        if (answer.body.size() < 4) return {"answered", ""};
        int32_t status = 0;
        std::memcpy(&status, answer.body.data(), sizeof status);
        // Of the form of a kern_return_t that is an error: its system's bits are set.
        return {(static_cast<uint32_t>(status) & 0xfc000000) == 0xe0000000 ? "refused" : "answered",
                "kind " + std::to_string(answer.kind)};
    }
    std::optional<Link> link_;
};

}  // namespace

int main() {
    Program().run();
    std::_Exit(0);
}
