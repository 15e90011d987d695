// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/elements/element_tree.h"

#include <algorithm>
#include <array>
#include <map>
#include <new>

#include "families/hid/driver/elements/element_ivars.h"
#include "families/hid/parse/report_fields.h"

namespace opendext::hid {

namespace {

/// A report as it is now and as it was: where all values lie.
struct Image {
    std::vector<uint8_t> now;
    std::vector<uint8_t> before;
};

class Tree final : public ElementTree, private ElementValues {
  public:
    Tree(ReportDescriptor descriptor, ElementHost& host)
        : descriptor_(std::move(descriptor)), host_(host) {}
    ~Tree() override;
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;
    bool make_elements();

    [[nodiscard]] const ReportDescriptor& descriptor() const override { return descriptor_; }
    [[nodiscard]] OSArray* elements() const override { return elements_; }
    [[nodiscard]] const Element* find(IOHIDElement* element) const override;
    void take(uint64_t timestamp, ReportType type, uint8_t id, std::span<const uint8_t> bytes,
              const Changed& changed) override;
    [[nodiscard]] std::vector<uint8_t> give(ReportType type, uint8_t id) const override;
    void calibrate(IOHIDElement* element, IOFixed minimum, IOFixed maximum, int64_t logical_minimum,
                   int64_t logical_maximum) override;

  private:
    [[nodiscard]] std::span<const uint8_t> image(const Element& element,
                                                 bool previous) const override;
    bool set_value(const Element& element, uint64_t value) override;
    bool set_data(const Element& element, std::span<const uint8_t> data) override;
    IOReturn exchange(IOHIDElement* element, IOHIDElementCommitDirection direction) override;

    [[nodiscard]] IOHIDElement_IVars& ivars(Cookie cookie) const {
        return *objects_[cookie - 1]->ivars;
    }
    [[nodiscard]] Image* find_image(ReportType type, uint8_t id);
    void take_field(uint64_t timestamp, const Element& field, const Image& image,
                    size_t reported_bytes, const Changed& changed);
    void take_array(uint64_t timestamp, const Element& array, const Image& image,
                    const Changed& changed);

    const ReportDescriptor descriptor_;
    ElementHost& host_;
    OSArray* elements_ = nullptr;
    std::vector<IOHIDElement*> objects_;  // held by elements_
    std::array<std::map<uint8_t, Image>, report_types> images_;
};

Tree::~Tree() {
    // A driver may keep elements for longer.
    for (IOHIDElement* object : objects_) object->ivars->detach();
    OSSafeReleaseNULL(elements_);
}

bool Tree::make_elements() {
    elements_ = OSArray::withCapacity(static_cast<uint32_t>(descriptor_.elements.size()));
    if (elements_ == nullptr) return false;
    objects_.reserve(descriptor_.elements.size());
    for (const Element& element : descriptor_.elements) {
        auto* object = OSTypeAlloc(IOHIDElement);
        const bool added = object != nullptr && elements_->setObject(object);
        if (added) objects_.push_back(object);
        OSSafeReleaseNULL(object);
        if (!added) return false;
        IOHIDElement_IVars& own = ivars(element.cookie);
        own.element = element;
        own.values = this;
        if (element.parent != no_cookie) own.parent = objects_[element.parent - 1];
        // An array's items are below the array, which lies in the same collection.
        const Cookie above = element.array != no_cookie ? element.array : element.parent;
        if (above == no_cookie) continue;
        OSArray*& children = ivars(above).children;
        if (children == nullptr) children = OSArray::withCapacity(4);
        if (children == nullptr || !children->setObject(objects_.back())) return false;
    }
    for (const Report& report : descriptor_.reports) {
        for (size_t type = 0; type < report_types; ++type) {
            if (report.bytes[type] == 0) continue;
            Image& made = images_[type][report.id];
            made.now.assign(report.bytes[type], 0);
            if (descriptor_.uses_report_ids) made.now[0] = report.id;
            made.before = made.now;
        }
    }
    return true;
}

const Element* Tree::find(IOHIDElement* element) const {
    if (element == nullptr || element->ivars->values != this) return nullptr;
    return &element->ivars->element;
}

Image* Tree::find_image(ReportType type, uint8_t id) {
    auto& images = images_[static_cast<size_t>(type)];
    const auto found = images.find(id);
    return found == images.end() ? nullptr : &found->second;
}

std::span<const uint8_t> Tree::image(const Element& element, bool previous) const {
    const auto& images = images_[static_cast<size_t>(element.report_type)];
    const auto found = images.find(element.report_id);
    if (found == images.end()) return {};
    return previous ? found->second.before : found->second.now;
}

bool Tree::set_value(const Element& element, uint64_t value) {
    Image* image = find_image(element.report_type, element.report_id);
    if (image == nullptr) return false;
    if (element.kind == ElementKind::field && element.count > 1) {
        std::array<uint8_t, sizeof value> bytes{};
        for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(value >> 8 * i);
        return write_data(element, image->now, bytes);
    }
    return write_value(descriptor_, element, image->now, static_cast<int64_t>(value));
}

bool Tree::set_data(const Element& element, std::span<const uint8_t> data) {
    Image* image = find_image(element.report_type, element.report_id);
    if (image == nullptr) return false;
    if (element.kind == ElementKind::array_item) {
        return set_value(element, data.empty() ? 0 : data[0]);
    }
    return write_data(element, image->now, data);
}

IOReturn Tree::exchange(IOHIDElement* element, IOHIDElementCommitDirection direction) {
    return host_.exchange(element, direction);
}

void Tree::take(uint64_t timestamp, ReportType type, uint8_t id, std::span<const uint8_t> bytes,
                const Changed& changed) {
    Image* image = find_image(type, id);
    const Report* report = descriptor_.report(id);
    if (image == nullptr || report == nullptr) return;
    const auto tell = [&](const Element& element, int64_t value) {
        if (changed) changed(element, value);
    };
    // What a short report does not have stays as it was.
    image->before = image->now;
    std::ranges::copy(bytes.first(std::min(bytes.size(), image->now.size())), image->now.begin());
    for (const Cookie cookie : report->elements[static_cast<size_t>(type)]) {
        const Element& element = *descriptor_.element(cookie);
        take_field(timestamp, element, *image, bytes.size(), tell);
    }
}

void Tree::take_field(uint64_t timestamp, const Element& field, const Image& image,
                      size_t reported_bytes, const Changed& changed) {
    const uint64_t end = field.bit_offset + field.total_bits();
    if (field.bit_offset >= reported_bytes * 8) return;
    const bool is_array = field.kind == ElementKind::array;
    if (!is_array && end > reported_bytes * 8) return;
    ivars(field.cookie).timestamp = timestamp;
    // Most fields of most reports are as they were.
    const auto first = static_cast<std::ptrdiff_t>(field.bit_offset / 8);
    const auto last =
        static_cast<std::ptrdiff_t>(std::min<uint64_t>((end + 7) / 8, image.now.size()));
    if (!field.is_relative() && std::equal(image.now.begin() + first, image.now.begin() + last,
                                           image.before.begin() + first))
        return;
    if (is_array) return take_array(timestamp, field, image, changed);
    if (field.count == 1 && field.bits <= 64) {
        const int64_t value = read_value(field, image.now).value_or(0);
        const bool moved = field.is_relative() && value != 0;  // the same movement twice is two
        if (moved || value != read_value(field, image.before)) changed(field, value);
    } else if (read_data(field, image.now) != read_data(field, image.before)) {
        changed(field, 0);
    }
}

void Tree::take_array(uint64_t timestamp, const Element& array, const Image& image,
                      const Changed& changed) {
    const std::vector<Cookie> before = selected_items(descriptor_, array, image.before);
    const std::vector<Cookie> now = selected_items(descriptor_, array, image.now);
    const auto differs = [&](std::span<const Cookie> these, std::span<const Cookie> others,
                             int64_t value) {
        for (const Cookie cookie : these) {
            if (std::ranges::binary_search(others, cookie)) continue;
            ivars(cookie).timestamp = timestamp;
            changed(*descriptor_.element(cookie), value);
        }
    };
    differs(before, now, 0);  // what went up first: a key that replaces another comes after it
    differs(now, before, 1);
}

std::vector<uint8_t> Tree::give(ReportType type, uint8_t id) const {
    const auto& images = images_[static_cast<size_t>(type)];
    const auto found = images.find(id);
    return found == images.end() ? std::vector<uint8_t>{} : found->second.now;
}

void Tree::calibrate(IOHIDElement* element, IOFixed minimum, IOFixed maximum,
                     int64_t logical_minimum, int64_t logical_maximum) {
    if (find(element) == nullptr) return;
    element->ivars->calibration = {minimum, maximum, logical_minimum, logical_maximum};
}

}  // namespace

std::unique_ptr<ElementTree> ElementTree::make(ReportDescriptor descriptor, ElementHost& host) {
    auto tree = std::make_unique<Tree>(std::move(descriptor), host);
    if (!tree->make_elements()) return nullptr;
    return tree;
}

}  // namespace opendext::hid
