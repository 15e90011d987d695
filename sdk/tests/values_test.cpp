// SPDX-License-Identifier: Apache-2.0
// Every constant, macro with a value and struct of docs/facts/driverkit-api.csv, read from the
// tables that sdk/facts/emit_values.py made: the SDK's value at run time beside the facts', and
// structs whose fields hold what is written to them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Value {
    unsigned long long bits;
    size_t size;
};
struct Number {
    int line;
    const char* name;
    Value have;
    unsigned long long want;
};
struct String {
    int line;
    const char* name;
    std::string_view have;
    std::string_view want;
};
struct Field {
    int line;
    const char* owner;
    const char* name;
    /// The bytes of the struct that change when the field is set to ones.
    std::vector<uint8_t> (*bits)();
};

/// Sets one field of a zeroed struct; `set` takes any reference to the struct.
template <typename Struct, typename Set>
std::vector<uint8_t> bits_of(Set set) {
    alignas(Struct) unsigned char storage[sizeof(Struct) + 1] = {};
    set(*reinterpret_cast<Struct*>(storage));
    return {storage, storage + sizeof(Struct)};
}

#define NUMBER(name)                                        \
    Value {                                                 \
        static_cast<unsigned long long>(name), sizeof(name) \
    }
#define FIELD(line, owner, name)                                            \
    Field {                                                                 \
        line, #owner, #name, [] {                                           \
            return bits_of<owner>([](auto& object) {                        \
                if constexpr (requires { &object.name; }) {                 \
                    memset((void*)&object.name, 0xff, sizeof(object.name)); \
                } else {                                                    \
                    object.name = ~0; /* a bit-field has no address */      \
                }                                                           \
            });                                                             \
        }                                                                   \
    }

}  // namespace

#include "facts_values.inc"

namespace {

/// The facts write 0xffffffff for the -1 of an int.
bool same(const Value& have, unsigned long long want) {
    const unsigned long long mask = have.size < 8 ? (1ull << (8 * have.size)) - 1 : ~0ull;
    const bool fits = (want & ~mask) == 0 || (want | mask) == ~0ull;
    return fits && (have.bits & mask) == (want & mask);
}

TEST(Values, NumbersAreThoseOfTheFacts) {
    EXPECT_GT(std::size(kNumbers), 1000u);
    for (const Number& number : kNumbers) {
        EXPECT_TRUE(same(number.have, number.want))
            << "docs/facts/driverkit-api.csv:" << number.line << ": " << number.name << " is "
            << number.have.bits << ", the facts have " << number.want;
    }
}

TEST(Values, ResultCodesAreThoseOfTheFacts) {
    EXPECT_GT(std::size(kResultCodes), 150u);
    for (const Number& code : kResultCodes) {
        EXPECT_TRUE(same(code.have, code.want))
            << "docs/facts/ioreturn.csv:" << code.line << ": " << code.name << " is "
            << code.have.bits << ", the facts have " << code.want;
    }
}

TEST(Values, StringsAreThoseOfTheFacts) {
    EXPECT_GT(std::size(kStrings), 200u);
    for (const String& text : kStrings) {
        EXPECT_EQ(text.have, text.want)
            << "docs/facts/driverkit-api.csv:" << text.line << ": " << text.name;
    }
}

TEST(Values, EveryFieldHasBitsOfItsOwn) {
    EXPECT_GT(std::size(kFields), 300u);
    std::map<std::string, std::vector<uint8_t>> taken;
    for (const Field& field : kFields) {
        const std::vector<uint8_t> bits = field.bits();
        auto& others = taken.try_emplace(field.owner, bits.size(), 0).first->second;
        for (size_t i = 0; i < bits.size(); ++i) {
            EXPECT_EQ(others[i] & bits[i], 0)
                << "docs/facts/driverkit-api.csv:" << field.line << ": " << field.owner
                << "::" << field.name << " shares byte " << i << " with another field";
            others[i] |= bits[i];
        }
    }
}

TEST(Values, VariablesOfTheLibraryAreSet) {
    EXPECT_EQ(IOVMPageSize, static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
    ASSERT_NE(kOSBooleanTrue, nullptr);
    ASSERT_NE(kOSBooleanFalse, nullptr);
    EXPECT_NE(kOSBooleanTrue, kOSBooleanFalse);
}

}  // namespace
