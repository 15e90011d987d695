// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {

class Array final : public Object {
  public:
    static constexpr Type kType = Type::array;
    Array(const CFArrayCallBacks* callbacks, bool is_mutable);
    ~Array() override { clear(); }
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override { return values_.size(); }
    [[nodiscard]] std::string describe() const override;

    [[nodiscard]] const std::vector<const void*>& values() const { return values_; }
    [[nodiscard]] const CFArrayCallBacks& callbacks() const { return callbacks_; }
    [[nodiscard]] bool same(const void* a, const void* b) const;
    void insert(CFIndex index, const void* value);
    void append(const void* value) { insert(static_cast<CFIndex>(values_.size()), value); }
    void remove(CFIndex index);
    void clear();
    std::vector<const void*>& raw() { return values_; }

    const bool is_mutable;

  private:
    CFArrayCallBacks callbacks_{};
    std::vector<const void*> values_;
};

/// What std's hash containers need to use the call-backs of a CF collection.
struct KeyRules {
    CFDictionaryEqualCallBack equal = nullptr;
    CFDictionaryHashCallBack hash_of = nullptr;
    size_t operator()(const void* key) const {
        return hash_of != nullptr ? hash_of(key) : reinterpret_cast<size_t>(key) >> 4;
    }
    bool operator()(const void* a, const void* b) const {
        return a == b || (equal != nullptr && equal(a, b));
    }
};

class Dictionary final : public Object {
  public:
    static constexpr Type kType = Type::dictionary;
    using Map = std::unordered_map<const void*, const void*, KeyRules, KeyRules>;

    Dictionary(const CFDictionaryKeyCallBacks* keys, const CFDictionaryValueCallBacks* values,
               bool is_mutable);
    ~Dictionary() override { clear(); }
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override { return map_.size(); }
    [[nodiscard]] std::string describe() const override;

    [[nodiscard]] const Map& map() const { return map_; }
    [[nodiscard]] const CFDictionaryKeyCallBacks& key_callbacks() const { return keys_; }
    [[nodiscard]] const CFDictionaryValueCallBacks& value_callbacks() const { return values_; }
    [[nodiscard]] bool same_value(const void* a, const void* b) const;
    /// The value below `key` and whether there is one.
    [[nodiscard]] std::pair<const void*, bool> get(const void* key) const;
    enum class Put { if_new, always, if_there };
    void put(const void* key, const void* value, Put when);
    void remove(const void* key);
    void clear();

    const bool is_mutable;

  private:
    CFDictionaryKeyCallBacks keys_{};
    CFDictionaryValueCallBacks values_{};
    Map map_;
};

class Set final : public Object {
  public:
    static constexpr Type kType = Type::set;
    using Members = std::unordered_set<const void*, KeyRules, KeyRules>;

    Set(const CFSetCallBacks* callbacks, bool is_mutable);
    ~Set() override { clear(); }
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override { return members_.size(); }
    [[nodiscard]] std::string describe() const override;

    [[nodiscard]] const Members& members() const { return members_; }
    [[nodiscard]] const CFSetCallBacks& callbacks() const { return callbacks_; }
    void put(const void* value, Dictionary::Put when);
    void remove(const void* value);
    void clear();

    const bool is_mutable;

  private:
    CFSetCallBacks callbacks_{};
    Members members_;
};

}  // namespace opendext::cf
