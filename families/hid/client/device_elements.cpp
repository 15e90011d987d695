// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "families/hid/client/device.h"
#include "iokit/client/reason.h"
#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/data.h"

namespace opendext::hid_client {

ElementMatching element_matching(CFDictionaryRef matching) {
    if (matching == nullptr) return {};
    return {cf::Owned<CFDictionaryRef>(CFDictionaryCreateCopy(nullptr, matching))};
}

ElementMatching element_matching(CFArrayRef multiple) {
    ElementMatching all;
    if (multiple == nullptr) return all;
    for (const void* matching : cf::to<cf::Array>(multiple, "matching of elements").values()) {
        all.push_back(cf::Owned<CFDictionaryRef>(
            CFDictionaryCreateCopy(nullptr, static_cast<CFDictionaryRef>(matching))));
    }
    return all;
}

const hid::ReportDescriptor& Device::descriptor() {
    std::call_once(parsed_, [this] {
        CFTypeRef data = property(CFSTR(kIOHIDReportDescriptorKey));
        if (data == nullptr || cf::to_object(data)->type() != cf::Type::data) {
            opendext::client::fail(kIOReturnUnsupported, name() + " has no ReportDescriptor");
            return;
        }
        Result<hid::ReportDescriptor> parsed =
            hid::parse_descriptor(static_cast<const cf::Data&>(*cf::to_object(data)).bytes);
        if (!parsed.ok()) {
            opendext::client::fail(
                std::move(parsed).error().in("the report descriptor of " + name()),
                OPENDEXT_ORIGIN_LIBRARY);
            return;
        }
        descriptor_ = std::move(parsed).value();
        elements_.reserve(descriptor_.elements.size());
        for (const hid::Element& what : descriptor_.elements) {
            cf::Owned<Element*> parent;
            if (what.parent != hid::no_cookie) parent = elements_[what.parent - 1];
            elements_.emplace_back(new Element(what, weak_, std::move(parent)));
        }
        for (const auto& element : elements_) {
            const hid::Element& what = element.get()->what;
            if (!what.is_collection() && what.kind != hid::ElementKind::array) continue;
            const std::vector<hid::Cookie> cookies = descriptor_.children(what.cookie);
            if (cookies.empty()) continue;
            const cf::Owned children(CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks));
            for (const hid::Cookie cookie : cookies)
                CFArrayAppendValue(children.get(), elements_[cookie - 1].get());
            element.get()->set_children(children.get());
        }
    });
    return descriptor_;
}

Element* Device::element(hid::Cookie cookie) {
    (void)descriptor();
    return cookie >= 1 && cookie <= elements_.size() ? elements_[cookie - 1].get() : nullptr;
}

CFArrayRef Device::copy_elements(CFDictionaryRef matching) {
    if (descriptor().elements.empty()) return nullptr;
    CFMutableArrayRef found = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    for (const auto& element : elements_) {
        if (element.get()->fits(matching)) CFArrayAppendValue(found, element.get());
    }
    return found;
}

bool Device::conforms_to(uint32_t page, uint32_t usage) {
    return std::ranges::find(descriptor().usage_pairs, hid::UsagePair{page, usage}) !=
           descriptor().usage_pairs.end();
}

}  // namespace opendext::hid_client
