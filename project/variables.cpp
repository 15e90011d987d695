// SPDX-License-Identifier: Apache-2.0
#include "project/variables.h"

namespace opendext::project {
namespace {

/// Walks through a property list.
class PlistExpansion {
  public:
    PlistExpansion(const bundle::Plist& plist, const Settings& settings,
                   std::vector<std::string>* notes)
        : plist_(plist), settings_(settings), notes_(notes) {}

    Result<Value> value(const Value& value, const std::string& path) {
        const auto below = [&](const std::string& key) {
            return path.empty() ? key : path + "/" + key;
        };
        if (const std::string* string = value.string(); string != nullptr)
            return Value(OD_TRY(text(*string, path)));
        if (const Array* array = value.array(); array != nullptr) {
            Array result;
            for (size_t i = 0; i < array->size(); ++i)
                result.push_back(OD_TRY(this->value((*array)[i], below(std::to_string(i)))));
            return Value(std::move(result));
        }
        if (const Dictionary* dictionary = value.dictionary(); dictionary != nullptr) {
            Dictionary result;
            for (const auto& [key, member] : *dictionary)
                result.insert_or_assign(OD_TRY(text(key, below(key))),
                                        OD_TRY(this->value(member, below(key))));
            return Value(std::move(result));
        }
        return value;
    }

  private:
    Result<std::string> text(const std::string& text, const std::string& path) {
        auto expanded = settings_.expand(text);
        if (!expanded.ok()) return std::move(expanded).error().in(plist_.where(path) + ": " + path);
        if (notes_ != nullptr) {
            for (const auto& name : settings_.missing(text))
                notes_->push_back(
                    plist_.where(path) + ": " + path + ": $(" + name +
                    ") has no value and is replaced by nothing, as Xcode does: give it "
                    "one with --set " +
                    name + "=VALUE");
        }
        return expanded;
    }

    const bundle::Plist& plist_;
    const Settings& settings_;
    std::vector<std::string>* notes_;
};

}  // namespace

Settings settings_from(const Variables& variables) {
    Settings settings(Settings::Unknown::refused);
    for (const auto& [name, value] : variables) settings.push(name, value);
    return settings;
}

Result<std::string> expand(std::string_view text, const Variables& variables) {
    return settings_from(variables).expand(text);
}

Result<bundle::Plist> expand(bundle::Plist plist, const Settings& settings,
                             std::vector<std::string>* notes) {
    plist.root = OD_TRY(PlistExpansion(plist, settings, notes).value(plist.root, ""));
    return plist;
}

Result<bundle::Plist> expand(bundle::Plist plist, const Variables& variables) {
    return expand(std::move(plist), settings_from(variables));
}

}  // namespace opendext::project
