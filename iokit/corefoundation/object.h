// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CoreFoundation.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

/// What a CFTypeRef points to. Every CF object begins with an Object; the opaque types of the
/// public headers are never defined, `to<T>()` and `to_ref()` convert.
namespace opendext::cf {

enum class Type : CFTypeID {
    null = 1,
    allocator,
    boolean,
    number,
    string,
    data,
    array,
    dictionary,
    set,
    uuid,
    run_loop,
    run_loop_source,
    run_loop_timer,
    run_loop_observer,
    error,
    date,
    url,
    bundle,
    read_stream,
    write_stream,
    mach_port,
    system_extension_manager,
    system_extension_request,
    system_extension_properties,
    system_extension_info,
    system_extensions_workspace,
};
inline constexpr Type kLastType = Type::system_extensions_workspace;

/// "CFString" and so on.
[[nodiscard]] const char* name_of(Type type);
/// A type beyond those above, for the classes of a family; `name` lives as long as the process.
/// Give it to a static `const Type kType`.
[[nodiscard]] Type add_type(const char* name);

class Object {
  public:
    enum class Lifetime { counted, immortal };

    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    virtual ~Object() = default;

    [[nodiscard]] Type type() const { return type_; }
    [[nodiscard]] bool immortal() const { return lifetime_ == Lifetime::immortal; }
    [[nodiscard]] CFIndex retain_count() const {
        return retain_count_.load(std::memory_order_relaxed);
    }
    void retain() const {
        if (!immortal()) retain_count_.fetch_add(1, std::memory_order_relaxed);
    }
    /// A reference from whoever holds none (Weak): false if the last one is gone already.
    [[nodiscard]] bool retain_if_alive() const {
        CFIndex count = retain_count_.load(std::memory_order_relaxed);
        while (count > 0 &&
               !retain_count_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) {
        }
        return count > 0;
    }
    void release() const {
        if (immortal()) return;
        if (retain_count_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    /// `other` is of the same type and another object.
    [[nodiscard]] virtual bool equals(const Object& other) const { return this == &other; }
    [[nodiscard]] virtual CFHashCode hash() const {
        return reinterpret_cast<CFHashCode>(this) >> 4;
    }
    /// In UTF-8, for people.
    [[nodiscard]] virtual std::string describe() const;

  protected:
    explicit Object(Type type, Lifetime lifetime = Lifetime::counted)
        : type_(type), lifetime_(lifetime) {}

  private:
    const Type type_;
    const Lifetime lifetime_;
    mutable std::atomic<CFIndex> retain_count_ = 1;
};

/// Ends the program with a message: it broke a rule of the interface.
[[noreturn]] void misuse(const char* function, const std::string& what);

inline const Object* to_object(CFTypeRef ref) {
    return static_cast<const Object*>(ref);
}

/// The object behind `ref`, which must be of class T; anything else is misuse.
template <typename T>
const T& to(const void* ref, const char* function) {
    const Object* object = to_object(ref);
    if (object == nullptr) misuse(function, std::string("got NULL for a ") + name_of(T::kType));
    if (object->type() != T::kType) {
        misuse(function,
               std::string("got a ") + name_of(object->type()) + " for a " + name_of(T::kType));
    }
    return static_cast<const T&>(*object);
}
/// The same for a function that changes the object.
template <typename T>
T& to_mutable(const void* ref, const char* function) {
    auto& object = const_cast<T&>(to<T>(ref, function));
    if (!object.is_mutable)
        misuse(function, std::string("the ") + name_of(T::kType) + " is immutable");
    return object;
}

/// Any reference type from an object; the caller names the type that the public header promises.
template <typename Ref>
Ref to_ref(const Object* object) {
    return reinterpret_cast<Ref>(const_cast<Object*>(object));
}

/// A reference that is given back. `Owned<CFStringRef> name{CFStringCreate…}` takes over the
/// caller's.
template <typename Ref>
class Owned {
  public:
    Owned() = default;
    explicit Owned(Ref ref) : ref_(ref) {}
    /// A reference of its own to what somebody else holds.
    static Owned share(Ref ref) {
        if (ref != nullptr) to_object(ref)->retain();
        return Owned(ref);
    }
    Owned(const Owned& other) : Owned(share(other.ref_)) {}
    Owned(Owned&& other) noexcept : ref_(other.release()) {}
    Owned& operator=(Owned other) noexcept {
        std::swap(ref_, other.ref_);
        return *this;
    }
    ~Owned() {
        if (ref_ != nullptr) to_object(ref_)->release();
    }
    [[nodiscard]] Ref get() const { return ref_; }
    [[nodiscard]] explicit operator bool() const { return ref_ != nullptr; }
    [[nodiscard]] Ref release() { return std::exchange(ref_, nullptr); }

  private:
    Ref ref_ = nullptr;
};

/// Finds an object of class T as long as there is one, without keeping it. The object makes it and
/// forgets it first thing in its destructor; copies may be anywhere, on any thread.
template <typename T>
class Weak {
  public:
    Weak() = default;
    explicit Weak(T* object) : shared_(std::make_shared<Shared>(object)) {}
    /// A reference of the caller's own; empty if the object is gone.
    [[nodiscard]] Owned<T*> lock() const {
        if (shared_ == nullptr) return {};
        const std::lock_guard lock(shared_->mutex);
        if (shared_->object == nullptr || !shared_->object->retain_if_alive()) return {};
        return Owned<T*>(shared_->object);
    }
    void forget() {
        const std::lock_guard lock(shared_->mutex);
        shared_->object = nullptr;
    }

  private:
    struct Shared {
        explicit Shared(T* object) : object(object) {}
        std::mutex mutex;
        T* object;
    };
    std::shared_ptr<Shared> shared_;
};

[[nodiscard]] bool equal(CFTypeRef a, CFTypeRef b);
[[nodiscard]] CFHashCode hash(CFTypeRef ref);
[[nodiscard]] std::string describe(CFTypeRef ref);

}  // namespace opendext::cf
