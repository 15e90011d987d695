// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IORPC.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

class OSMetaClass;
class OSObject;

/// Every class that a library of the process has registered, by name. Filled from constructors of
/// libraries, so it depends on no other object of the runtime. Any thread.
namespace opendext::runtime {

struct ClassSummary {
    std::string name;
    std::string super_name;
    uint64_t flags = 0;
};

/// kIOReturnSuccess, or kIOReturnBadArgument with a log line that names both classes of the same
/// name.
kern_return_t register_class(OSClassLoadInformation* info);

[[nodiscard]] OSMetaClass* find_class(std::string_view name);
/// The super class, or nullptr for a root or where its library is not loaded (said once in the
/// log).
[[nodiscard]] OSMetaClass* super_class(const OSMetaClass* meta);
[[nodiscard]] const char* class_name(const OSMetaClass* meta);
[[nodiscard]] const OSClassDescription* class_description(const OSMetaClass* meta);
[[nodiscard]] bool is_kind_of(const OSMetaClass* meta, const OSMetaClass* ancestor);
/// The class or its nearest ancestor that may stand for an object of another process.
[[nodiscard]] OSMetaClass* nearest_remotable(OSMetaClass* meta);
/// All classes in the order of registration, but for the first `known`.
[[nodiscard]] std::vector<ClassSummary> all_classes(size_t known = 0);

/// In the prepared process, once: classes that are registered from here on are kept apart, so that
/// the memory of those that are there stays as it is.
void share_classes();

/// What the most derived class that lists a method says of it.
struct MethodPlace {
    std::string_view queue;  ///< its name, "" = default queue
    bool at_once = false;    ///< on the caller's thread, whatever the queue does
};
/// nullptr if no class of the chain implements the method in this process. What is given stays.
[[nodiscard]] const MethodPlace* place_of(OSMetaClass* meta, uint64_t msgid);
/// The implementation that this class itself has of a method runs on the caller's thread. From
/// constructors of libraries; the name stays where it is.
void run_at_once(const char* class_name, uint64_t msgid);
/// The queue name that the most derived class listing `msgid` gives it ("" = default queue);
/// nullopt if no class of the chain implements the method in this process.
[[nodiscard]] std::optional<std::string_view> queue_name_of(OSMetaClass* meta, uint64_t msgid);
/// "Class::method" of an id that the chain lists, else the id in hexadecimal.
[[nodiscard]] std::string method_name(OSMetaClass* meta, uint64_t msgid);
/// A class of the chain declares a queue of this name.
[[nodiscard]] bool declares_queue(OSMetaClass* meta, std::string_view queue);

/// An object without init(): zeroed, constructed, one reference. nullptr where the class cannot be
/// instantiated. `more` bytes behind it, not zeroed, go with it.
[[nodiscard]] OSObject* allocate_object(OSMetaClass* meta, size_t more = 0);
/// Gives the memory of an object back; its free() has run.
void deallocate_object(OSObject* object);

/// Bits of OSMetaClassBase::reserved.
inline constexpr int32_t kObjectIsRemote = 1;
inline constexpr int32_t kObjectIsClass = 2;
/// Containers: nobody gets a reference to it but from one who has one (no try_retain()).
inline constexpr int32_t kObjectIsUnlisted = 4;
/// An OSAction that has the runtime's part of one.
inline constexpr int32_t kObjectIsAction = 8;
/// An IOService that has the runtime's part of one.
inline constexpr int32_t kObjectIsService = 16;

}  // namespace opendext::runtime
