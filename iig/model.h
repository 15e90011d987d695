// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iig/diagnostics.h"

/// What a `.iig` file says, free of compiler types: the parser fills it, the emitters read it.
namespace opendext::iig {

/// A type whose bytes can be sent. Sizes and offsets are those of the target.
struct Plain {
    enum class Kind { boolean, integer, floating, record, array, opaque };
    struct Field;

    Kind kind = Kind::opaque;
    std::string cxx;   ///< spelling for the driver's side; of the element for arrays
    std::string name;  ///< of a record, without its scope
    size_t size = 0;
    size_t align = 1;
    bool is_signed = false;
    bool is_char = false;            ///< plain `char`
    std::vector<size_t> dimensions;  ///< arrays, outermost first
    std::vector<Plain> element;      ///< arrays: one
    std::vector<Field> fields;       ///< records
};

struct Plain::Field {
    std::string name;
    Plain type;
};

/// How a parameter travels.
enum class Passing {
    value,          ///< by value
    pointer_in,     ///< `const T *` to one plain T: by value
    pointer_inout,  ///< `T *` to one plain T: there and back
    array_in,       ///< `const T[N]`
    array_inout,    ///< `T[N]`
    string,         ///< `const char[N]`
    object,         ///< `Class *`
    object_array,   ///< `Class *[N]`
    object_result,  ///< `Class **`
    raw,            ///< a pointer that means something in this process only
    unsupported,    ///< `why` and `fix` say more
};

struct Parameter {
    std::string name;
    std::string declaration;    ///< with its name, without words and default argument
    std::string default_value;  ///< "" = none
    Passing passing = Passing::unsupported;
    std::string why;           ///< unsupported: the reason, for a message
    std::string fix;           ///< unsupported: the way out
    Plain plain;               ///< value and array types, and what pointers point at
    std::string object_class;  ///< object types
    std::string
        object_type;  ///< spelling of the pointer, e.g. "const OSData *"; of one element for arrays
    size_t object_count = 1;    ///< object_array
    bool target = false;        ///< TARGET
    std::string callback_type;  ///< TYPE(…) on the parameter
    Location where;

    [[nodiscard]] bool is_object() const {
        return passing == Passing::object || passing == Passing::object_array;
    }
    [[nodiscard]] bool comes_back() const {
        return passing == Passing::pointer_inout || passing == Passing::array_inout;
    }
    /// In the plain part of a request.
    [[nodiscard]] bool plain_in() const {
        return passing == Passing::value || passing == Passing::pointer_in ||
               passing == Passing::array_in || passing == Passing::string ||
               passing == Passing::raw || comes_back();
    }
};

/// What becomes of a method.
enum class MethodKind {
    verbatim,    ///< stays in the class body as it is, words removed: non-virtual, template, with a
                 ///< body
    local_only,  ///< virtual and never sent
    dispatched,  ///< has messages
};

/// Where a dispatched method runs.
enum class Side {
    process,   ///< X::m_Impl
    system,    ///< opendext_invoke_system
    callback,  ///< `= 0`: only implementers have a case
};

struct Method {
    std::string name;
    std::string result;  ///< spelling of the result type
    bool returns_void = false;
    bool returns_code = false;  ///< kern_return_t, IOReturn: the result code of the call itself
    /// Another plain result (bool, uint64_t …): it travels in the reply, as this.
    std::optional<Parameter> value;
    std::vector<Parameter> parameters;
    MethodKind kind = MethodKind::verbatim;
    Side side = Side::process;
    bool is_static = false;
    bool is_const = false;
    bool is_noexcept = false;
    bool is_variadic = false;
    bool is_virtual = false;
    bool is_pure = false;
    bool is_final = false;
    bool is_override = false;  ///< overrides something of a super class
    bool has_body = false;
    bool local_pointers = false;  ///< raw pointers may be sent: the message stays in the process
    bool names_nested_types = false;  ///< its signature needs the class to be complete
    bool reply = false;
    bool local_host = false;
    std::string root_class;      ///< class that declared it first; the own class if not an override
    bool root_kernel = false;    ///< id has the top bit
    std::string queue;           ///< QUEUENAME
    std::string callback_class;  ///< TYPE(callback_class::callback_name)
    std::string callback_name;
    Location where;
    size_t begin = 0, end = 0;  ///< the declaration in the source, words and ';' included

    [[nodiscard]] bool dispatched() const { return kind == MethodKind::dispatched; }
    /// First declaration of a message: it has an id and a forwarder.
    [[nodiscard]] bool is_new() const { return dispatched() && !is_override; }
    [[nodiscard]] bool implements_callback() const { return !callback_name.empty(); }
    /// Parameters that have a place in the plain part of the reply, `value` included.
    [[nodiscard]] std::vector<const Parameter*> plain_results() const {
        std::vector<const Parameter*> results;
        for (const Parameter& parameter : parameters) {
            if (parameter.comes_back() && !returns_void) results.push_back(&parameter);
        }
        if (value) results.push_back(&*value);
        return results;
    }
    /// The parameter that carries the receiver, or nullptr.
    [[nodiscard]] const Parameter* target() const {
        for (const Parameter& parameter : parameters) {
            if (parameter.target) return &parameter;
        }
        return nullptr;
    }
    /// The message can go to another process.
    [[nodiscard]] bool can_leave() const {
        if (is_static) return false;
        for (const Parameter& parameter : parameters) {
            if (parameter.passing == Passing::raw) return false;
        }
        return true;
    }
};

struct Class {
    std::string name;
    std::string super;
    std::string extends;  ///< EXTENDS(x): members of x
    bool is_struct = false;
    bool is_final = false;
    bool kernel = false;
    bool native = false;
    bool local = false;
    bool local_only = false;
    std::string body;  ///< what stays in the class body
    std::vector<Method> methods;
    Location where;
    size_t begin = 0, end = 0;  ///< in the source, ';' included

    [[nodiscard]] bool can_be_remote() const;
    /// Queue names, index 0 = "" = the default queue.
    [[nodiscard]] std::vector<std::string> queues() const;
};

/// A piece of the file in order: text to copy, or a class.
struct Chunk {
    std::string text;
    int class_index = -1;
};

struct File {
    std::string name;            ///< base name of the source
    std::vector<Class> classes;  ///< without EXTENDS ones, which are merged
    std::vector<Chunk> chunks;
    bool nullability = false;    ///< it says of pointers that they are not NULL, or may be
    std::string implementation;  ///< from `@iig implementation` blocks
};

/// The id of a message: a hash of "Class::method"; the top bit says that the system's side handles
/// it.
[[nodiscard]] uint64_t message_id(const std::string& class_name, const std::string& method,
                                  bool kernel);

}  // namespace opendext::iig
