// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_REGISTRY_HPP_
#define OPENDEXT_CLIENT_REGISTRY_HPP_

#include <opendext/client/result.hpp>
#include <opendext/client/value.hpp>

#include <chrono>
#include <iterator>
#include <optional>

namespace opendext::iokit {

class Connection;
class Services;

/// Owns one reference of a handle (io_object_t). Copies are further references of the same object.
class Object {
  public:
    Object() = default;
    /// Takes over the reference that a function of IOKitLib gave.
    static Object adopt(io_object_t handle) {
        Object object;
        object.handle_ = handle;
        return object;
    }
    /// One more reference of a borrowed handle, as call-backs get.
    static Object retain(io_object_t handle) {
        if (handle != IO_OBJECT_NULL) IOObjectRetain(handle);
        return adopt(handle);
    }
    Object(const Object& other) : Object(retain(other.handle_)) {}
    Object(Object&& other) noexcept : handle_(std::exchange(other.handle_, IO_OBJECT_NULL)) {}
    Object& operator=(Object other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Object() {
        if (handle_ != IO_OBJECT_NULL) IOObjectRelease(handle_);
    }

    [[nodiscard]] io_object_t get() const { return handle_; }
    explicit operator bool() const { return handle_ != IO_OBJECT_NULL; }
    /// Gives the reference away.
    [[nodiscard]] io_object_t release() { return std::exchange(handle_, IO_OBJECT_NULL); }

    /// The class of a registry entry; "" if the entry is gone.
    [[nodiscard]] std::string class_name() const {
        io_name_t name = "";
        return IOObjectGetClass(handle_, name) == KERN_SUCCESS ? name : "";
    }
    /// Whether it is of that class or of one below it.
    [[nodiscard]] bool conforms_to(const std::string& class_name) const {
        return IOObjectConformsTo(handle_, class_name.c_str()) != 0;
    }
    friend bool operator==(const Object& a, const Object& b) {
        return IOObjectIsEqualTo(a.handle_, b.handle_) != 0;
    }

  private:
    io_object_t handle_ = IO_OBJECT_NULL;
};

/// A registry entry, nearly always a service.
class Service : public Object {
  public:
    using Object::Object;
    explicit Service(Object object) : Object(std::move(object)) {}

    /// The root of the registry.
    static Result<Service> root() { return entry(IORegistryGetRootEntry(kIOMainPortDefault)); }
    /// By a path as path() gives it.
    static Result<Service> at_path(const std::string& path) {
        return entry(IORegistryEntryFromPath(kIOMainPortDefault, path.c_str()));
    }

    [[nodiscard]] std::string name() const {
        io_name_t name = "";
        return IORegistryEntryGetName(get(), name) == KERN_SUCCESS ? name : "";
    }
    /// The number that no other entry of the realm has or had; 0 if it cannot be asked.
    [[nodiscard]] uint64_t id() const {
        uint64_t id = 0;
        return IORegistryEntryGetRegistryEntryID(get(), &id) == KERN_SUCCESS ? id : 0;
    }
    [[nodiscard]] Result<std::string> path(const char* plane = kIOServicePlane) const {
        io_string_t path = "";
        const kern_return_t code = IORegistryEntryGetPath(get(), plane, path);
        if (code != KERN_SUCCESS) return last_error(code);
        return std::string(path);
    }
    /// The process that runs its driver, 0 if none does.
    [[nodiscard]] pid_t process() const { return opendext_service_process(get()); }

    [[nodiscard]] Result<Dictionary> properties() const {
        CFMutableDictionaryRef found = nullptr;
        const kern_return_t code =
            IORegistryEntryCreateCFProperties(get(), &found, kCFAllocatorDefault, 0);
        if (code != KERN_SUCCESS) return last_error(code);
        const auto owner = CF<CFMutableDictionaryRef>::adopt(found);
        const Value value = Value::from_cf(found);
        const Dictionary* dictionary = value.as<Dictionary>();
        return dictionary != nullptr ? *dictionary : Dictionary();
    }
    /// Nothing if there is no such property.
    [[nodiscard]] Value property(std::string_view key) const {
        const auto found = CF<CFTypeRef>::adopt(
            IORegistryEntryCreateCFProperty(get(), cf_string(key).get(), kCFAllocatorDefault, 0));
        return Value::from_cf(found.get());
    }
    /// The same of this entry or of the nearest one above it that has it.
    [[nodiscard]] Value search_property(std::string_view key,
                                        const char* plane = kIOServicePlane) const {
        const auto found = CF<CFTypeRef>::adopt(IORegistryEntrySearchCFProperty(
            get(), plane, cf_string(key).get(), kCFAllocatorDefault,
            kIORegistryIterateRecursively | kIORegistryIterateParents));
        return Value::from_cf(found.get());
    }
    /// Asks the driver to take properties: its SetProperties.
    Result<void> set_properties(const Dictionary& properties) const {
        return outcome(IORegistryEntrySetCFProperties(get(), Value(properties).to_cf().get()));
    }
    Result<void> set_property(std::string_view key, const Value& value) const {
        return outcome(
            IORegistryEntrySetCFProperty(get(), cf_string(key).get(), value.to_cf().get()));
    }

    [[nodiscard]] Result<Service> parent(const char* plane = kIOServicePlane) const {
        io_registry_entry_t found = IO_OBJECT_NULL;
        const kern_return_t code = IORegistryEntryGetParentEntry(get(), plane, &found);
        if (code != KERN_SUCCESS) return last_error(code);
        return Service(adopt(found));
    }
    /// The entries right below this one, or all below it.
    [[nodiscard]] Result<Services> children(const char* plane = kIOServicePlane) const;
    [[nodiscard]] Result<Services> descendants(const char* plane = kIOServicePlane) const;

    /// How much is being matched or started at this entry and below.
    [[nodiscard]] Result<uint32_t> busy_state() const {
        uint32_t busy = 0;
        const kern_return_t code = IOServiceGetBusyState(get(), &busy);
        if (code != KERN_SUCCESS) return last_error(code);
        return busy;
    }
    /// Until nothing is; kIOReturnTimeout when the time is over.
    Result<void> wait_quiet(std::chrono::nanoseconds timeout) const {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
        mach_timespec_t time = {static_cast<unsigned>(seconds.count()),
                                static_cast<int>((timeout - seconds).count())};
        return outcome(IOServiceWaitQuiet(get(), &time));
    }

    /// Makes the driver create a user client of `type`. The error says why it could not.
    [[nodiscard]] Result<Connection> open(uint32_t type = 0) const;

  private:
    static Result<Service> entry(io_registry_entry_t found) {
        if (found == IO_OBJECT_NULL) return last_error(kIOReturnNotFound);
        return Service(adopt(found));
    }
};

/// A walk over registry entries, for `for (Service service : services)`. One pass; reset() starts
/// it again.
class Services {
  public:
    explicit Services(Object iterator) : iterator_(std::move(iterator)) {}

    /// The next entry; nothing at the end, or when the registry changed under the walk (valid()).
    std::optional<Service> next() {
        const io_object_t found = IOIteratorNext(iterator_.get());
        if (found == IO_OBJECT_NULL) return std::nullopt;
        return Service(Object::adopt(found));
    }
    [[nodiscard]] bool valid() const { return IOIteratorIsValid(iterator_.get()) != 0; }
    void reset() { IOIteratorReset(iterator_.get()); }
    [[nodiscard]] io_iterator_t get() const { return iterator_.get(); }

    class Cursor {
      public:
        using value_type = Service;
        using difference_type = std::ptrdiff_t;
        Cursor() = default;
        explicit Cursor(Services* walk) : walk_(walk), current_(walk->next()) {}
        const Service& operator*() const { return *current_; }
        const Service* operator->() const { return &*current_; }
        Cursor& operator++() {
            current_ = walk_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Cursor& cursor, std::default_sentinel_t) {
            return !cursor.current_.has_value();
        }

      private:
        Services* walk_ = nullptr;
        std::optional<Service> current_;
    };
    Cursor begin() { return Cursor(this); }
    [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  private:
    Object iterator_;
};

inline Result<Services> Service::children(const char* plane) const {
    io_iterator_t found = IO_OBJECT_NULL;
    const kern_return_t code = IORegistryEntryGetChildIterator(get(), plane, &found);
    if (code != KERN_SUCCESS) return last_error(code);
    return Services(adopt(found));
}

inline Result<Services> Service::descendants(const char* plane) const {
    io_iterator_t found = IO_OBJECT_NULL;
    const kern_return_t code =
        IORegistryEntryCreateIterator(get(), plane, kIORegistryIterateRecursively, &found);
    if (code != KERN_SUCCESS) return last_error(code);
    return Services(adopt(found));
}

/// What to look for in the registry.
///
///     auto service = Matching::by_class("BlinkerDriver").property("Color", "red").first();
class Matching {
  public:
    /// Entries of a class or of one below it: of the driver's own class, too.
    static Matching by_class(const std::string& name) {
        return Matching(IOServiceMatching(name.c_str()));
    }
    static Matching by_name(const std::string& name) {
        return Matching(IOServiceNameMatching(name.c_str()));
    }
    static Matching by_id(uint64_t id) { return Matching(IORegistryEntryIDMatching(id)); }
    static Matching by_bsd_name(const std::string& name) {
        return Matching(IOBSDNameMatching(kIOMainPortDefault, 0, name.c_str()));
    }
    /// Any matching dictionary.
    static Matching from(const Dictionary& dictionary) {
        Matching matching(CFDictionaryCreateMutable(kCFAllocatorDefault, 0,
                                                    &kCFTypeDictionaryKeyCallBacks,
                                                    &kCFTypeDictionaryValueCallBacks));
        for (const auto& [key, value] : dictionary) matching.set(key, value);
        return matching;
    }

    /// Only entries with this property (IOPropertyMatch).
    Matching& property(std::string_view key, const Value& value) & {
        Dictionary wanted;
        const Value before = Value::from_cf(
            CFDictionaryGetValue(dictionary_.get(), cf_string(kIOPropertyMatchKey).get()));
        if (const Dictionary* found = before.as<Dictionary>()) wanted = *found;
        wanted.insert_or_assign(std::string(key), value);
        return set(kIOPropertyMatchKey, wanted);
    }
    Matching property(std::string_view key, const Value& value) && {
        return std::move(property(key, value));
    }
    /// Any key of the matching dictionary.
    Matching& set(std::string_view key, const Value& value) & {
        CFDictionarySetValue(dictionary_.get(), cf_string(key).get(), value.to_cf().get());
        return *this;
    }
    Matching set(std::string_view key, const Value& value) && { return std::move(set(key, value)); }

    /// One that matches now; kIOReturnNotFound if none does.
    [[nodiscard]] Result<Service> first() const {
        const io_service_t found = IOServiceGetMatchingService(kIOMainPortDefault, copy());
        if (found == IO_OBJECT_NULL) return last_error(kIOReturnNotFound);
        return Service(Object::adopt(found));
    }
    /// All that match now.
    [[nodiscard]] Result<Services> all() const {
        io_iterator_t found = IO_OBJECT_NULL;
        const kern_return_t code = IOServiceGetMatchingServices(kIOMainPortDefault, copy(), &found);
        if (code != KERN_SUCCESS) return last_error(code);
        return Services(Object::adopt(found));
    }
    /// A reference for a function that consumes one.
    [[nodiscard]] CFDictionaryRef copy() const {
        return CFDictionaryCreateCopy(kCFAllocatorDefault, dictionary_.get());
    }

  private:
    explicit Matching(CFMutableDictionaryRef dictionary)
        : dictionary_(CF<CFMutableDictionaryRef>::adopt(dictionary)) {}
    CF<CFMutableDictionaryRef> dictionary_;
};

}  // namespace opendext::iokit

#endif
