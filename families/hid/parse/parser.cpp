// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "families/hid/parse/item_reader.h"
#include "families/hid/parse/report_descriptor.h"

namespace opendext::hid {

namespace {

constexpr uint32_t kGenericDesktopPage = 0x01;
constexpr uint32_t kFirstAxis = 0x30;  // X
constexpr uint32_t kLastAxis = 0x38;   // Wheel
constexpr uint32_t kKeyboardPage = 0x07;
constexpr uint32_t kUsagesOfPage = 0x10000;

/// The item state table's global part (6.2.2.7): what Push keeps.
struct Globals {
    uint32_t usage_page = 0;
    int32_t logical_min = 0;
    Item logical_max;
    int32_t physical_min = 0;
    Item physical_max;
    uint32_t unit_exponent = 0;
    uint32_t unit = 0;
    uint32_t report_size = 0;
    uint32_t report_count = 0;
    uint8_t report_id = 0;
};

/// Usages first to last, in this order. The page stands in the upper 16 bits where the item had
/// one there, else the Usage Page in force at the main item counts (6.2.2.8).
struct UsageRange {
    uint32_t first = 0;
    uint32_t last = 0;
};

/// The local part (6.2.2.8), forgotten after each main item.
struct Locals {
    std::vector<UsageRange> usages;
    std::optional<Item> minimum;
    std::optional<Item> maximum;
    uint32_t string_index = 0;
    bool in_set = false;       // between the delimiters of a set of alternative usages
    bool set_has_one = false;  // the first usage of a set is the one that counts
};

/// A maximum is unsigned where its minimum is not negative: many devices write 255 as one byte.
int64_t maximum_of(const Item& item, int32_t minimum) {
    return minimum < 0 ? int64_t{item.as_signed()} : int64_t{item.data};
}

class Parser {
  public:
    Result<ReportDescriptor> run(std::span<const uint8_t> bytes);

  private:
    Status take(const Item& item);
    Status take_main(const Item& item);
    Status take_global(const Item& item);
    Status take_local(const Item& item);

    Status begin_collection(const Item& item);
    Status end_collection(const Item& item);
    Status add_main(const Item& item, ReportType type);
    Status add_fields(const Item& item, Element common, const std::vector<UsageRange>& usages);
    Status add_array(const Item& item, Element common, const std::vector<UsageRange>& usages);
    Status add_element(const Item& item, Element element);
    Status add_range(const Item& item);
    void finish();

    [[nodiscard]] UsageRange with_page(UsageRange range) const;
    [[nodiscard]] Report& report(uint8_t id);

    static Error broken(const Item& item, const std::string& what) {
        return {Errc::malformed, 0,
                "report descriptor, offset " + std::to_string(item.offset) + ", " +
                    name_of(item.tag) + ": " + what};
    }
    static Error too_much(const Item& item, const std::string& what) {
        Error error = broken(item, what);
        error.code = Errc::unsupported;
        return error;
    }

    ReportDescriptor made_;
    Globals globals_;
    std::vector<Globals> pushed_;
    Locals locals_;
    std::vector<Cookie> open_;  // collections, the innermost last
    std::set<std::pair<uint32_t, uint32_t>> known_pairs_;
    std::map<uint8_t, Report> reports_;
    std::map<std::pair<uint8_t, ReportType>, uint64_t> bits_;
};

Result<ReportDescriptor> Parser::run(std::span<const uint8_t> bytes) {
    if (bytes.empty()) return Error{Errc::malformed, 0, "the report descriptor is empty"};
    if (bytes.size() > max_descriptor_bytes) {
        return Error{Errc::unsupported, 0,
                     "the report descriptor has " + std::to_string(bytes.size()) +
                         " bytes, at most " + std::to_string(max_descriptor_bytes) +
                         " are allowed"};
    }
    ItemReader reader(bytes);
    while (const std::optional<Item> item = OD_TRY(reader.next())) OD_TRY(take(*item));
    if (!open_.empty()) {
        return Error{
            Errc::malformed, 0,
            std::to_string(open_.size()) + " collections of the report descriptor are not ended"};
    }
    finish();
    return std::move(made_);
}

Status Parser::take(const Item& item) {
    if (item.tag == ItemTag::long_item) return success();
    switch (static_cast<uint8_t>(item.tag) >> 2 & 3) {
        case 0:
            return take_main(item);
        case 1:
            return take_global(item);
        case 2:
            return take_local(item);
        default:
            return success();  // of reserved type
    }
}

Status Parser::take_main(const Item& item) {
    Status taken = success();
    switch (item.tag) {
        case ItemTag::input:
            taken = add_main(item, ReportType::input);
            break;
        case ItemTag::output:
            taken = add_main(item, ReportType::output);
            break;
        case ItemTag::feature:
            taken = add_main(item, ReportType::feature);
            break;
        case ItemTag::collection:
            taken = begin_collection(item);
            break;
        case ItemTag::end_collection:
            taken = end_collection(item);
            break;
        default:
            break;
    }
    locals_ = {};
    return taken;
}

Status Parser::take_global(const Item& item) {
    switch (item.tag) {
        case ItemTag::usage_page:
            if (item.data >= kUsagesOfPage) return broken(item, "pages have 16 bits");
            globals_.usage_page = item.data;
            break;
        case ItemTag::logical_minimum:
            globals_.logical_min = item.as_signed();
            break;
        case ItemTag::logical_maximum:
            globals_.logical_max = item;
            break;
        case ItemTag::physical_minimum:
            globals_.physical_min = item.as_signed();
            break;
        case ItemTag::physical_maximum:
            globals_.physical_max = item;
            break;
        case ItemTag::unit_exponent:
            // A nibble; devices that write a whole byte mean it signed.
            globals_.unit_exponent =
                item.data < 16 ? item.data : static_cast<uint32_t>(item.as_signed());
            break;
        case ItemTag::unit:
            globals_.unit = item.data;
            break;
        case ItemTag::report_size:
            globals_.report_size = item.data;
            break;
        case ItemTag::report_count:
            globals_.report_count = item.data;
            break;
        case ItemTag::report_id:
            if (item.data == 0 || item.data > 0xff) {
                return broken(item, std::to_string(item.data) + " is not within 1 to 255");
            }
            globals_.report_id = static_cast<uint8_t>(item.data);
            made_.uses_report_ids = true;
            break;
        case ItemTag::push:
            if (pushed_.size() == max_push_depth) {
                return too_much(item,
                                "more than " + std::to_string(max_push_depth) + " in one another");
            }
            pushed_.push_back(globals_);
            break;
        case ItemTag::pop:
            if (pushed_.empty()) return broken(item, "there is no Push before it");
            globals_ = pushed_.back();
            pushed_.pop_back();
            break;
        default:
            break;  // reserved
    }
    return success();
}

Status Parser::take_local(const Item& item) {
    switch (item.tag) {
        case ItemTag::usage:
            if (locals_.in_set && std::exchange(locals_.set_has_one, true)) break;
            locals_.usages.push_back({item.data, item.data});
            break;
        case ItemTag::usage_minimum:
            locals_.minimum = item;
            if (locals_.maximum) return add_range(item);
            break;
        case ItemTag::usage_maximum:
            locals_.maximum = item;
            if (locals_.minimum) return add_range(item);
            break;
        case ItemTag::string_index:
        case ItemTag::string_minimum:
            locals_.string_index = item.data;
            break;
        case ItemTag::delimiter:
            if (item.data > 1) return broken(item, "neither 1 (open) nor 0 (close)");
            if (locals_.in_set == (item.data == 1)) {
                return broken(item, item.data == 1 ? "a set is open already" : "no set is open");
            }
            locals_.in_set = item.data == 1;
            locals_.set_has_one = false;
            break;
        default:
            break;  // designators, reserved
    }
    return success();
}

Status Parser::add_range(const Item& item) {
    const Item low = *std::exchange(locals_.minimum, std::nullopt);
    const Item high = *std::exchange(locals_.maximum, std::nullopt);
    if (locals_.in_set && std::exchange(locals_.set_has_one, true)) return success();
    const uint32_t low_page = low.data >> 16;
    const uint32_t high_page = high.data >> 16;
    if (low_page != 0 && high_page != 0 && low_page != high_page) {
        return broken(
            item, "the range goes from page " + hex(low_page, 4) + " to page " + hex(high_page, 4));
    }
    const uint32_t page = (low_page | high_page) << 16;
    const UsageRange range{page | (low.data & 0xffff), page | (high.data & 0xffff)};
    if (range.first > range.last) {
        return broken(item, "the range goes from " + hex(low.data & 0xffff, 4) + " down to " +
                                hex(high.data & 0xffff, 4));
    }
    locals_.usages.push_back(range);
    return success();
}

UsageRange Parser::with_page(UsageRange range) const {
    if (range.first >> 16 != 0) return range;
    return {range.first | globals_.usage_page << 16, range.last | globals_.usage_page << 16};
}

Report& Parser::report(uint8_t id) {
    Report& found = reports_[id];
    found.id = id;
    return found;
}

Status Parser::add_element(const Item& item, Element element) {
    if (made_.elements.size() == max_elements) {
        return too_much(item,
                        "the device has more than " + std::to_string(max_elements) + " elements");
    }
    element.cookie = static_cast<Cookie>(made_.elements.size() + 1);
    if (element.kind == ElementKind::field || element.kind == ElementKind::array) {
        report(element.report_id)
            .elements[static_cast<size_t>(element.report_type)]
            .push_back(element.cookie);
    }
    made_.elements.push_back(element);
    return success();
}

Status Parser::begin_collection(const Item& item) {
    if (open_.size() == max_collection_depth) {
        return too_much(item,
                        "more than " + std::to_string(max_collection_depth) + " in one another");
    }
    Element collection;
    collection.kind = ElementKind::collection;
    collection.type = ElementType::collection;
    collection.collection_type = static_cast<CollectionType>(item.data & 0xff);
    collection.parent = open_.empty() ? no_cookie : open_.back();
    collection.usage_page = globals_.usage_page;
    collection.string_index = locals_.string_index;
    if (!locals_.usages.empty()) {
        const UsageRange usage = with_page(locals_.usages.front());
        collection.usage_page = usage.first >> 16;
        collection.usage = usage.first & 0xffff;
    }
    OD_TRY(add_element(item, collection));
    open_.push_back(made_.elements.back().cookie);

    const bool application = collection.collection_type == CollectionType::application;
    const UsagePair pair{collection.usage_page, collection.usage};
    if (application && made_.primary_usage == UsagePair{}) made_.primary_usage = pair;
    // A pointer in a mouse can be matched too: users know devices by the collections that they see
    // or hold.
    if ((application || collection.collection_type == CollectionType::physical) &&
        pair.usage != 0 && known_pairs_.emplace(pair.page, pair.usage).second) {
        made_.usage_pairs.push_back(pair);
    }
    return success();
}

Status Parser::end_collection(const Item& item) {
    if (open_.empty()) return broken(item, "no collection is open");
    open_.pop_back();
    return success();
}

Status Parser::add_main(const Item& item, ReportType type) {
    if (locals_.in_set) return broken(item, "a set of usages is open; Delimiter 0 closes it");
    const uint64_t size = uint64_t{globals_.report_size} * globals_.report_count;
    const uint64_t offset = bits_[{globals_.report_id, type}];
    constexpr uint64_t kIdBits = 8;  // there may be one: later items say so
    if (size > max_report_bytes * 8 || offset + kIdBits + size > max_report_bytes * 8) {
        return too_much(item, "Report Size " + std::to_string(globals_.report_size) +
                                  " times Report Count " + std::to_string(globals_.report_count) +
                                  " makes the " + std::string(to_string(type)) + " report " +
                                  std::to_string(globals_.report_id) + " longer than " +
                                  std::to_string(max_report_bytes) + " bytes");
    }
    if (size == 0) return success();  // a null item (6.2.2.9)
    bits_[{globals_.report_id, type}] = offset + size;
    (void)report(globals_.report_id);

    Element common;
    common.parent = open_.empty() ? no_cookie : open_.back();
    common.report_type = type;
    common.report_id = globals_.report_id;
    common.flags = item.data & 0x1ff;
    common.bit_offset = static_cast<uint32_t>(offset);
    common.bits = globals_.report_size;
    common.count = globals_.report_count;
    common.usage_page = globals_.usage_page;
    common.logical_min = globals_.logical_min;
    common.logical_max = maximum_of(globals_.logical_max, globals_.logical_min);
    common.physical_min = globals_.physical_min;
    common.physical_max = maximum_of(globals_.physical_max, globals_.physical_min);
    if (common.physical_min == 0 && common.physical_max == 0) {
        common.physical_min = common.logical_min;
        common.physical_max = common.logical_max;
    }
    common.unit = globals_.unit;
    common.unit_exponent = globals_.unit_exponent;
    common.string_index = locals_.string_index;
    common.type = type == ReportType::output    ? ElementType::output
                  : type == ReportType::feature ? ElementType::feature
                                                : ElementType::input_misc;

    const bool constant = (common.flags & flag_constant) != 0;
    if (constant && locals_.usages.empty()) return success();  // padding
    if (!constant && common.logical_min > common.logical_max) {
        return broken(item, "Logical Minimum " + std::to_string(common.logical_min) +
                                " is above Logical Maximum " + std::to_string(common.logical_max));
    }
    std::vector<UsageRange> usages;
    usages.reserve(locals_.usages.size());
    for (const UsageRange& range : locals_.usages) usages.push_back(with_page(range));
    const bool variable = (common.flags & flag_variable) != 0;
    return variable || constant ? add_fields(item, common, usages)
                                : add_array(item, common, usages);
}

ElementType input_type(const Element& element) {
    if (element.type != ElementType::input_misc) return element.type;
    if (element.kind == ElementKind::array) return ElementType::input_scan_codes;
    if (element.kind == ElementKind::array_item) {
        return element.usage_page == kKeyboardPage ? ElementType::input_scan_codes
                                                   : ElementType::input_button;
    }
    if (element.bits == 1 && element.count == 1) return ElementType::input_button;
    const bool axis = element.usage_page == kGenericDesktopPage && element.usage >= kFirstAxis &&
                      element.usage <= kLastAxis;
    return axis ? ElementType::input_axis : ElementType::input_misc;
}

/// One field for each usage; the last usage stands for all fields that are left (6.2.2.8).
Status Parser::add_fields(const Item& item, Element common, const std::vector<UsageRange>& usages) {
    uint32_t left = common.count;
    const auto add = [&](uint32_t usage, uint32_t count) {
        Element field = common;
        field.usage_page = usage >> 16;
        field.usage = usage & 0xffff;
        field.count = count;
        field.type = input_type(field);
        common.bit_offset += count * common.bits;
        left -= count;
        return add_element(item, field);
    };
    if (usages.empty()) return add(common.usage_page << 16, left);
    const uint32_t last = usages.back().last;
    for (const UsageRange& range : usages) {
        for (uint64_t usage = range.first; usage <= range.last && left > 0; ++usage) {
            const bool is_last = &range == &usages.back() && usage == last;
            OD_TRY(add(static_cast<uint32_t>(usage), is_last ? left : 1));
        }
    }
    return success();
}

/// A slot's value is the place of a usage in the list, counted from the logical minimum on
/// (6.2.2.5).
Status Parser::add_array(const Item& item, Element common, const std::vector<UsageRange>& usages) {
    const int64_t selectors = common.logical_max - common.logical_min + 1;
    Element array = common;
    array.kind = ElementKind::array;
    array.usage = usage_of_array;
    if (!usages.empty()) array.usage_page = usages.front().first >> 16;
    array.type = input_type(array);
    OD_TRY(add_element(item, array));
    const Cookie cookie = made_.elements.back().cookie;

    Element choice = common;
    choice.kind = ElementKind::array_item;
    choice.array = cookie;
    int64_t place = 0;
    for (const UsageRange& range : usages) {
        for (uint64_t usage = range.first; usage <= range.last && place < selectors; ++usage) {
            choice.usage_page = static_cast<uint32_t>(usage >> 16);
            choice.usage = usage & 0xffff;
            choice.selector = common.logical_min + place++;
            choice.type = input_type(choice);
            OD_TRY(add_element(item, choice));
        }
    }
    Element& made = made_.elements[cookie - 1];
    made.item_count = static_cast<uint32_t>(place);
    made.first_item = place == 0 ? no_cookie : cookie + 1;
    return success();
}

/// Only now it is known whether reports start with an id.
void Parser::finish() {
    const uint32_t id_bits = made_.uses_report_ids ? 8 : 0;
    for (Element& element : made_.elements) {
        if (!element.is_collection()) element.bit_offset += id_bits;
    }
    for (const auto& [where, bits] : bits_) {
        if (bits == 0) continue;
        report(where.first).bytes[static_cast<size_t>(where.second)] =
            static_cast<uint32_t>((bits + id_bits + 7) / 8);
    }
    for (auto& [id, each] : reports_) made_.reports.push_back(std::move(each));
}

}  // namespace

Result<ReportDescriptor> parse_descriptor(std::span<const uint8_t> bytes) {
    return Parser().run(bytes);
}

}  // namespace opendext::hid
