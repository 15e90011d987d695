// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_CONNECTION_HPP_
#define OPENDEXT_CLIENT_CONNECTION_HPP_

#include <opendext/client/notifications.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <ranges>
#include <span>

namespace opendext::iokit {

/// The scalars that go into a call: {1, 2}, an array, a span. Used only during the call.
class Scalars {
  public:
    constexpr Scalars() = default;
    constexpr Scalars(std::initializer_list<uint64_t> words)
        : words_(words.begin(), words.size()) {}
    template <std::ranges::contiguous_range Range>
        requires(std::is_same_v<std::ranges::range_value_t<Range>, uint64_t>)
    constexpr Scalars(const Range& words)
        : words_(std::ranges::data(words), std::ranges::size(words)) {}  // NOLINT
    [[nodiscard]] constexpr std::span<const uint64_t> span() const { return words_; }

  private:
    std::span<const uint64_t> words_;
};

/// The structure that goes into a call: bytes, a contiguous range of plain values, or text without
/// its end. For one plain value: bytes_of(value). Used only during the call.
class Bytes {
  public:
    constexpr Bytes() = default;
    template <std::ranges::contiguous_range Range>
        requires(std::is_trivially_copyable_v<std::ranges::range_value_t<Range>> &&
                 !std::is_array_v<std::remove_reference_t<Range>>)
    Bytes(const Range& range)  // NOLINT
        : bytes_(std::as_bytes(std::span(std::ranges::data(range), std::ranges::size(range)))) {}
    Bytes(const char* text) : Bytes(std::string_view(text)) {}  // NOLINT
    [[nodiscard]] constexpr std::span<const std::byte> span() const { return bytes_; }

  private:
    std::span<const std::byte> bytes_;
};

template <typename T>
    requires(std::is_trivially_copyable_v<T>)
[[nodiscard]] std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
}
template <typename T>
    requires(std::is_trivially_copyable_v<T>)
[[nodiscard]] std::span<std::byte> room_for(T& value) {
    return std::as_writable_bytes(std::span(&value, 1));
}

/// What goes into a call: at most 16 scalars; a structure above 4096 bytes travels as memory.
struct Input {
    Scalars scalars;
    Bytes structure;
};
/// What came out of a call: the part of the caller's room that was used.
struct Output {
    std::span<uint64_t> scalars;
    std::span<std::byte> structure;
};
/// Where the caller wants what comes out.
using Room = Output;

/// One completion of an asynchronous call; the arguments live as long as the call-back runs.
struct Completion {
    IOReturn status = kIOReturnSuccess;
    std::span<const uint64_t> arguments;
};

namespace detail {

inline opendext_call make_call(uint64_t user, uint32_t selector, const Input& input,
                               const Room& room) {
    opendext_call call = {};
    call.user = user;
    call.selector = selector;
    call.input = input.scalars.span().data();
    call.inputCount = static_cast<uint32_t>(input.scalars.span().size());
    call.inputStruct = input.structure.span().data();
    call.inputStructCnt = input.structure.span().size();
    call.output = room.scalars.data();
    call.outputCount = static_cast<uint32_t>(room.scalars.size());
    call.outputStruct = room.structure.data();
    call.outputStructCnt = room.structure.size();
    return call;
}

}  // namespace detail

/// Memory of the driver in this process; unmapped by the destructor, or when the connection closes.
class MappedMemory {
  public:
    MappedMemory(MappedMemory&& other) noexcept { swap(other); }
    MappedMemory& operator=(MappedMemory&& other) noexcept {
        swap(other);
        return *this;
    }
    ~MappedMemory() {
        if (address_ != 0) IOConnectUnmapMemory64(connect_, type_, mach_task_self(), address_);
    }
    /// Only to be read if the driver or the caller made it read-only: a write is a SIGSEGV.
    [[nodiscard]] std::span<std::byte> bytes() const {
        return {reinterpret_cast<std::byte*>(address_), static_cast<size_t>(size_)};
    }
    /// The T at its beginning; nullptr if it is smaller.
    template <typename T>
    [[nodiscard]] T* as() const {
        return size_ >= sizeof(T) ? reinterpret_cast<T*>(address_) : nullptr;
    }
    /// Unmaps it now and says how that went.
    Result<void> unmap() {
        const mach_vm_address_t address = std::exchange(address_, 0);
        size_ = 0;
        return outcome(IOConnectUnmapMemory64(connect_, type_, mach_task_self(), address));
    }

  private:
    friend class Connection;
    MappedMemory(io_connect_t connect, uint32_t type, mach_vm_address_t address,
                 mach_vm_size_t size)
        : connect_(connect), type_(type), address_(address), size_(size) {}
    void swap(MappedMemory& other) {
        std::swap(connect_, other.connect_);
        std::swap(type_, other.type_);
        std::swap(address_, other.address_);
        std::swap(size_, other.size_);
    }
    io_connect_t connect_ = IO_OBJECT_NULL;
    uint32_t type_ = 0;
    mach_vm_address_t address_ = 0;
    mach_vm_size_t size_ = 0;
};

/// An open user client. Closed by the destructor; any thread may call.
class Connection {
  public:
    static Result<Connection> open(const Service& service, uint32_t type = 0) {
        io_connect_t connect = IO_OBJECT_NULL;
        const kern_return_t code = IOServiceOpen(service.get(), mach_task_self(), type, &connect);
        if (code != KERN_SUCCESS) return last_error(code);
        return Connection(connect);
    }
    Connection(Connection&& other) noexcept
        : connect_(std::exchange(other.connect_, IO_OBJECT_NULL)) {}
    Connection& operator=(Connection&& other) noexcept {
        std::swap(connect_, other.connect_);
        return *this;
    }
    ~Connection() {
        if (connect_ != IO_OBJECT_NULL) IOServiceClose(connect_);
    }
    /// Closes it now. The driver stops its user client soon after.
    Result<void> close() {
        return outcome(IOServiceClose(std::exchange(connect_, IO_OBJECT_NULL)));
    }
    [[nodiscard]] io_connect_t get() const { return connect_; }

    /// Whether it is still of use, without asking the driver: the error is what a call would give.
    [[nodiscard]] Result<void> status() const { return outcome(opendext_connect_status(connect_)); }

    /// The service that was opened.
    [[nodiscard]] Result<Service> service() const {
        io_service_t service = IO_OBJECT_NULL;
        const kern_return_t code = IOConnectGetService(connect_, &service);
        if (code != KERN_SUCCESS) return last_error(code);
        return Service(Object::adopt(service));
    }

    /// A call of the driver; the part of `room` that it used.
    Result<Output> call(uint32_t selector, const Input& input = {}, const Room& room = {}) const {
        const auto scalars = input.scalars.span();
        const auto structure = input.structure.span();
        auto scalar_count = static_cast<uint32_t>(room.scalars.size());
        size_t size = room.structure.size();
        const kern_return_t code = IOConnectCallMethod(
            connect_, selector, scalars.data(), static_cast<uint32_t>(scalars.size()),
            structure.data(), structure.size(), room.scalars.data(), &scalar_count,
            room.structure.data(), &size);
        if (code != KERN_SUCCESS) return last_error(code);
        return Output{room.scalars.first(scalar_count), room.structure.first(size)};
    }
    /// Scalars in, exactly N scalars out: `auto sum = connection.call_scalars<1>(kAdd, {40, 2});`
    template <size_t N = 0>
    Result<std::array<uint64_t, N>> call_scalars(uint32_t selector, Scalars scalars = {}) const {
        std::array<uint64_t, N> values = {};
        Result<Output> output = call(selector, {scalars, {}}, {values, {}});
        if (!output) return output.error();
        if (output->scalars.size() != N) return wrong_size("scalars", output->scalars.size(), N);
        return values;
    }
    /// A plain value in, one out, of exactly its size.
    template <typename Out, typename In>
        requires(std::is_trivially_copyable_v<Out> && std::is_trivially_copyable_v<In>)
    Result<Out> call_struct(uint32_t selector, const In& in) const {
        Out out = {};
        Result<Output> output = call(selector, {{}, bytes_of(in)}, {{}, room_for(out)});
        if (!output) return output.error();
        if (output->structure.size() != sizeof(Out))
            return wrong_size("bytes", output->structure.size(), sizeof(Out));
        return out;
    }
    /// A structure out of a size that the driver chooses (kIOConnectMethodVarOutputSize).
    Result<Data> call_data(uint32_t selector, const Input& input = {}) const {
        void* found = nullptr;
        auto size = static_cast<size_t>(kIOConnectMethodVarOutputSize);
        uint32_t no_scalars = 0;
        const auto scalars = input.scalars.span();
        const auto structure = input.structure.span();
        const kern_return_t code = IOConnectCallMethod(
            connect_, selector, scalars.data(), static_cast<uint32_t>(scalars.size()),
            structure.data(), structure.size(), nullptr, &no_scalars, &found, &size);
        if (code != KERN_SUCCESS) return last_error(code);
        const auto* bytes = static_cast<const std::byte*>(found);
        Data data(bytes, bytes + size);
        if (found != nullptr) {
            vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(found), size);
        }
        return data;
    }

    /// A call whose completions come to `callback(Completion)` on the port, as many as the driver
    /// sends. The callable may be move-only; it lives until the driver lets go of the completion or
    /// the connection ends. None comes if the call fails.
    template <std::invocable<Completion> Callback>
    Result<Output> call_async(NotificationPort& port, uint32_t selector, const Input& input,
                              Callback callback, const Room& room = {}) const {
        const opendext_call call = detail::make_call(0, selector, input, room);
        opendext_call_result result = {};
        auto box = std::make_unique<Callback>(std::move(callback));
        const kern_return_t code = opendext_connect_call_async(
            connect_, &call, port.get(),
            [](void* box, IOReturn status, const uint64_t* arguments, uint32_t count) {
                (*static_cast<Callback*>(box))(Completion{status, {arguments, count}});
            },
            [](void* box) { delete static_cast<Callback*>(box); }, box.get(), &result);
        if (code != KERN_SUCCESS) return last_error(code);
        (void)box.release();  // the library's now
        return Output{room.scalars.first(result.outputCount),
                      room.structure.first(result.outputStructCnt)};
    }

    /// One-way: the driver gets the call, nothing comes back. Waits only while the channel is full.
    Result<void> post(uint32_t selector, const Input& input = {}) const {
        const opendext_call call = detail::make_call(0, selector, input, {});
        return outcome(opendext_connect_post(connect_, &call, 1, 0, nullptr));
    }

    /// Maps the driver's memory of `type`.
    [[nodiscard]] Result<MappedMemory> map(uint32_t type, bool read_only = false) const {
        mach_vm_address_t address = 0;
        mach_vm_size_t size = 0;
        const kern_return_t code =
            IOConnectMapMemory64(connect_, type, mach_task_self(), &address, &size,
                                 kIOMapAnywhere | (read_only ? kIOMapReadOnly : 0U));
        if (code != KERN_SUCCESS) return last_error(code);
        return MappedMemory(connect_, type, address, size);
    }

  private:
    explicit Connection(io_connect_t connect) : connect_(connect) {}
    static Error wrong_size(const char* what, size_t given, size_t wanted) {
        return {kIOReturnUnderrun, OPENDEXT_ORIGIN_LIBRARY,
                "the driver gave " + std::to_string(given) + " of " + std::to_string(wanted) + " " +
                    what};
    }
    io_connect_t connect_ = IO_OBJECT_NULL;
};

inline Result<Connection> Service::open(uint32_t type) const {
    return Connection::open(*this, type);
}

}  // namespace opendext::iokit

#endif
