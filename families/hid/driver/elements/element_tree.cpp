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

/// Where a field or an array of a report lies.
struct Place {
    uint32_t first;  ///< byte
    uint32_t end;    ///< the byte behind the last one
    Cookie cookie;
    bool always;  ///< relative: the same movement twice is two
};

/// A report as it is now and as it was: where all values lie.
struct Image {
    std::vector<uint8_t> now;
    std::vector<uint8_t> before;
    std::vector<Place> places;
    uint64_t number = 0;  ///< how often it came
    // When it came last with all its bytes, and which one that was.
    uint64_t whole_at = 0;
    uint64_t whole_number = 0;
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
    [[nodiscard]] uint64_t brought_at(const IOHIDElement_IVars& own) const override;
    bool set_value(const Element& element, uint64_t value) override;
    bool set_data(const Element& element, std::span<const uint8_t> data) override;
    IOReturn exchange(IOHIDElement* element, IOHIDElementCommitDirection direction) override;

    [[nodiscard]] IOHIDElement_IVars& ivars(Cookie cookie) const {
        return *objects_[cookie - 1]->ivars;
    }
    [[nodiscard]] Image* find_image(ReportType type, uint8_t id);
    void add_places(Image& image, const std::vector<Cookie>& fields) const;
    bool brought(const Image& image, uint64_t timestamp, Cookie cookie,
                 size_t reported_bytes) const;
    void take_field(uint64_t timestamp, const Element& field, const Image& image,
                    const Changed& changed);
    void take_array(uint64_t timestamp, const Element& array, const Image& image,
                    const Changed& changed);

    const ReportDescriptor descriptor_;
    ElementHost& host_;
    OSArray* elements_ = nullptr;
    std::vector<IOHIDElement*> objects_;  // held by elements_
    std::array<std::map<uint8_t, Image>, report_types> images_;
    std::vector<Cookie> off_, on_;  // of take_array
};

Tree::~Tree() {
    // A driver may keep elements for longer.
    for (IOHIDElement* object : objects_) {
        object->ivars->timestamp = object->getTimeStamp();
        object->ivars->detach();
    }
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
            add_places(made, report.elements[type]);
        }
    }
    return true;
}

void Tree::add_places(Image& image, const std::vector<Cookie>& fields) const {
    image.places.reserve(fields.size());
    for (const Cookie cookie : fields) {
        const Element& field = *descriptor_.element(cookie);
        const uint64_t end = (field.bit_offset + field.total_bits() + 7) / 8;
        image.places.push_back({static_cast<uint32_t>(field.bit_offset / 8),
                                static_cast<uint32_t>(std::min<uint64_t>(end, image.now.size())),
                                cookie, field.is_relative()});
    }
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

uint64_t Tree::brought_at(const IOHIDElement_IVars& own) const {
    const Element& element = own.element;
    if (element.kind == ElementKind::array_item || element.is_collection()) return own.timestamp;
    const auto& images = images_[static_cast<size_t>(element.report_type)];
    const auto found = images.find(element.report_id);
    return found == images.end() || own.number > found->second.whole_number
               ? own.timestamp
               : found->second.whole_at;
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
    static const Changed nobody = [](const Element&, int64_t) {};
    const Changed& tell = changed ? changed : nobody;
    Image* image = find_image(type, id);
    if (image == nullptr) return;
    // What a short report does not have stays as it was.
    const auto reported = bytes.first(std::min(bytes.size(), image->now.size()));
    const bool whole = reported.size() == image->now.size();
    image->before.swap(image->now);
    // Most fields of most reports are as they were: only those are looked at that have bytes
    // between the first and the last one that changed.
    size_t first = reported.size();
    size_t end = 0;
    for (size_t at = 0; at < reported.size(); ++at) {
        image->now[at] = reported[at];
        if (reported[at] == image->before[at]) continue;
        first = std::min(first, at);
        end = at + 1;
    }
    if (!whole) {
        std::copy(image->before.begin() + static_cast<std::ptrdiff_t>(reported.size()),
                  image->before.end(),
                  image->now.begin() + static_cast<std::ptrdiff_t>(reported.size()));
    }
    ++image->number;
    if (whole) {
        image->whole_at = timestamp;
        image->whole_number = image->number;
    }
    for (const Place& place : image->places) {
        if (!whole && !brought(*image, timestamp, place.cookie, reported.size())) continue;
        if (place.always || (place.end > first && place.first < end))
            take_field(timestamp, *descriptor_.element(place.cookie), *image, tell);
    }
}

/// Whether a short report has the field, or slots of the array; it is marked then.
bool Tree::brought(const Image& image, uint64_t timestamp, Cookie cookie,
                   size_t reported_bytes) const {
    const Element& field = *descriptor_.element(cookie);
    const uint64_t reported = reported_bytes * 8;
    const bool has = field.kind == ElementKind::array
                         ? field.bit_offset < reported
                         : field.bit_offset + field.total_bits() <= reported;
    if (has) {
        ivars(cookie).timestamp = timestamp;
        ivars(cookie).number = image.number;
    }
    return has;
}

void Tree::take_field(uint64_t timestamp, const Element& field, const Image& image,
                      const Changed& changed) {
    if (field.kind == ElementKind::array) return take_array(timestamp, field, image, changed);
    if (field.count == 1 && field.bits <= 64) {
        const int64_t value = read_value(field, image.now).value_or(0);
        const bool moved = field.is_relative() && value != 0;
        if (moved || value != read_value(field, image.before)) changed(field, value);
    } else if (const std::vector<uint8_t> data = read_data(field, image.now);
               data != read_data(field, image.before)) {
        uint64_t value = 0;
        if (data.size() <= sizeof value)
            std::ranges::copy(data, reinterpret_cast<uint8_t*>(&value));
        changed(field, static_cast<int64_t>(value));
    }
}

void Tree::take_array(uint64_t timestamp, const Element& array, const Image& image,
                      const Changed& changed) {
    differing_items(descriptor_, array, image.before, image.now, off_, on_);
    const auto tell = [&](std::span<const Cookie> items, int64_t value) {
        for (const Cookie cookie : items) {
            ivars(cookie).timestamp = timestamp;
            changed(*descriptor_.element(cookie), value);
        }
    };
    tell(off_, 0);  // what went up first: a key that replaces another comes after it
    tell(on_, 1);
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
