// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/matching.h"

#include <optional>
#include <string>

namespace opendext::hid {
namespace {

using daemon::Entry;
using daemon::FamilyVerdict;

// What a key that agrees adds (docs/facts/plist-keys.csv).
constexpr int64_t kTransport = 1000, kLocation = 2000, kVendor = 5000;
constexpr int64_t kProduct = 1000, kProductArray = 975;
constexpr int64_t kProductMask = 950, kProductArrayMask = 925;
constexpr int64_t kModel = 1000, kText = 100;
constexpr int64_t kUsage = 1100, kUsageHit = 100, kPageHit = 50, kPrimaryUsage = 100;

std::string in_words(const Value* value) {
    if (value == nullptr) return "absent";
    if (value->string() != nullptr) return '"' + *value->string() + '"';
    if (value->number() != nullptr) return std::to_string(value->number()->as_signed());
    return std::string("a ") + std::string(to_string(value->kind()));
}

std::optional<uint64_t> number_of(const Value* value) {
    return value != nullptr && value->number() != nullptr ? std::optional(value->number()->raw)
                                                          : std::nullopt;
}

/// Goes through the table; stops at the first key that differs.
class Comparison {
  public:
    Comparison(const Entry& nub, const Dictionary& table) : nub_(nub), table_(table) {}

    FamilyVerdict run() {
        const Value* pairs = nub_.property("DeviceUsagePairs");
        if (pairs == nullptr || pairs->array() == nullptr)
            return {false, 0, "the device has no DeviceUsagePairs, such a nub matches nothing"};
        pairs_ = pairs->array();
        if (transport() && vendor() && usages() && primary_usage() &&
            agrees("BootProtocol").has_value() && exists("HIDDefaultBehavior") &&
            exists("HIDCompatibilityInterface"))
            return {true, score_, {}};
        return {false, 0, std::move(reason_)};
    }

  private:
    bool differs(std::string_view key, const Value* wanted, const Value* found) {
        reason_ = std::string(key) + " is " + in_words(found) + ", wanted " + in_words(wanted);
        return false;
    }

    /// Whether the table has the key and it agrees; nullopt if it differs.
    std::optional<bool> agrees(std::string_view key) {
        const Value* wanted = opendext::find(table_, key);
        if (wanted == nullptr) return false;
        const Value* found = nub_.property(key);
        if (found != nullptr && *found == *wanted) return true;
        differs(key, wanted, found);
        return std::nullopt;
    }

    bool counts(std::string_view key, int64_t points, bool counted = true) {
        const auto same = agrees(key);
        if (same && *same && counted) score_ += points;
        return same.has_value();
    }

    bool exists(std::string_view key) {
        if (opendext::find(table_, key) == nullptr || nub_.property(key) != nullptr) return true;
        reason_ = "the device has no property " + std::string(key);
        return false;
    }

    bool transport() {
        const bool named = opendext::find(table_, "Transport") != nullptr;
        return counts("Transport", kTransport) && counts("LocationID", kLocation, named);
    }

    bool vendor() {
        const bool named = opendext::find(table_, "VendorID") != nullptr;
        return counts("VendorID", kVendor) && product(named) &&
               counts("ModelNumber", kModel, named) && counts("VersionNumber", kText, named) &&
               counts("Manufacturer", kText, named) && counts("SerialNumber", kText, named) &&
               counts("PhysicalDeviceUniqueID", kText, named);
    }

    bool product(bool vendor_named) {
        const Value* one = opendext::find(table_, "ProductID");
        const Value* several = opendext::find(table_, "ProductIDArray");
        const Value* mask = opendext::find(table_, "ProductIDMask");
        if (one == nullptr && several == nullptr) return true;
        const Value* found = nub_.property("ProductID");
        const auto here = number_of(found);
        const uint64_t bits = number_of(mask).value_or(~uint64_t{0});
        const auto fits = [&](const Value& wanted) {
            const auto number = number_of(&wanted);
            return here && number && (*here & bits) == (*number & bits);
        };
        if (one != nullptr) {
            const bool any = one->string() != nullptr && *one->string() == "*";
            if (!any && !fits(*one)) return differs("ProductID", one, found);
            if (vendor_named) score_ += mask != nullptr ? kProductMask : kProduct;
        }
        if (several == nullptr) return true;
        bool hit = false;
        if (several->array() != nullptr) {
            for (const Value& wanted : *several->array()) hit = hit || fits(wanted);
        }
        if (!hit) {
            reason_ = "ProductID is " + in_words(found) + ", none of ProductIDArray";
            return false;
        }
        if (vendor_named && one == nullptr)
            score_ += mask != nullptr ? kProductArrayMask : kProductArray;
        return true;
    }

    /// What a pair of page and usage of the table hits among those of the device.
    int64_t hit(const Value* page, const Value* usage) const {
        const auto wanted_page = number_of(page);
        if (!wanted_page) return 0;
        for (const Value& pair : *pairs_) {
            if (pair.dictionary() == nullptr) continue;
            const Number* here = find_number(*pair.dictionary(), "DeviceUsagePage");
            if (here == nullptr || here->raw != *wanted_page) continue;
            if (usage == nullptr) return kPageHit;
            const Number* use = find_number(*pair.dictionary(), "DeviceUsage");
            if (use != nullptr && number_of(usage) == use->raw) return kUsageHit;
        }
        return 0;
    }

    bool usages() {
        int64_t hits = 0;
        if (const Value* wanted = opendext::find(table_, "DeviceUsagePairs"); wanted != nullptr) {
            if (wanted->array() != nullptr) {
                for (const Value& pair : *wanted->array()) {
                    if (pair.dictionary() == nullptr) continue;
                    hits += hit(opendext::find(*pair.dictionary(), "DeviceUsagePage"),
                                opendext::find(*pair.dictionary(), "DeviceUsage"));
                }
            }
            if (hits == 0) {
                reason_ = "none of DeviceUsagePairs is among those of the device";
                return false;
            }
        }
        // A usage without a page says nothing.
        if (const Value* page = opendext::find(table_, "DeviceUsagePage"); page != nullptr) {
            const Value* usage = opendext::find(table_, "DeviceUsage");
            const int64_t points = hit(page, usage);
            if (points == 0) {
                reason_ = "DeviceUsagePage " + in_words(page) +
                          (usage == nullptr ? "" : " with DeviceUsage " + in_words(usage)) +
                          " is not among the usage pairs of the device";
                return false;
            }
            hits += points;
        }
        if (hits > 0) score_ += kUsage + hits;
        usage_scored_ = hits > 0;
        return true;
    }

    bool primary_usage() {
        const auto page = agrees("PrimaryUsagePage");
        if (!page) return false;
        const auto usage = agrees("PrimaryUsage");
        if (!usage) return false;
        if (*page && !usage_scored_) score_ += kUsage + (*usage ? kPrimaryUsage : 0);
        return true;
    }

    const Entry& nub_;
    const Dictionary& table_;
    const Array* pairs_ = nullptr;
    int64_t score_ = 0;
    bool usage_scored_ = false;
    std::string reason_;
};

}  // namespace

FamilyVerdict match_hid(const Entry& nub, const Dictionary& table) {
    return Comparison(nub, table).run();
}

}  // namespace opendext::hid
