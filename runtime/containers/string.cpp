// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include <cstring>
#include <string>
#include <string_view>

#include "runtime/containers/container_class.h"

using namespace opendext::runtime;

OSMetaClass* gOSStringMetaClass;

struct OSString_IVars {
    std::string own;
    const char* text = nullptr;  // own.c_str(), or the caller's
    size_t length = 0;
    [[nodiscard]] std::string_view view() const { return {text, length}; }
};

namespace {

ContainerRegistration<OSString> g_string("OSString", "OSContainer", &gOSStringMetaClass);

OSString* make(std::string text) {
    auto* string = new_container<OSString>(gOSStringMetaClass);
    if (string == nullptr) return nullptr;
    string->ivars = new OSString_IVars{std::move(text), nullptr, 0};
    string->ivars->text = string->ivars->own.c_str();
    string->ivars->length = string->ivars->own.size();
    return string;
}

}  // namespace

OSStringPtr OSString::withString(const OSString* aString) {
    return aString == nullptr ? nullptr : make(std::string(aString->ivars->view()));
}
OSStringPtr OSString::withCString(const char* cString) {
    return cString == nullptr ? nullptr : make(cString);
}
OSStringPtr OSString::withCString(const char* cString, size_t length) {
    return cString == nullptr ? nullptr : make(std::string(cString, strnlen(cString, length)));
}
OSStringPtr OSString::withCStringNoCopy(const char* cString) {
    if (cString == nullptr) return nullptr;
    auto* string = new_container<OSString>(gOSStringMetaClass);
    if (string != nullptr) string->ivars = new OSString_IVars{{}, cString, strlen(cString)};
    return string;
}

size_t OSString::getLength() const {
    return ivars->length;
}
const char* OSString::getCStringNoCopy() const {
    return ivars->text;
}
bool OSString::isEqualTo(const OSString* aString) const {
    return aString != nullptr && ivars->view() == aString->ivars->view();
}
bool OSString::isEqualTo(const char* cString) const {
    return cString != nullptr && ivars->view() == cString;
}
bool OSString::isEqualTo(const OSData* data) const {
    if (data == nullptr) return false;
    // With or without the terminating zero, as device properties come in both forms.
    const auto* bytes = static_cast<const char*>(data->getBytesNoCopy());
    size_t length = data->getLength();
    if (length == ivars->length + 1 && bytes[length - 1] == '\0') --length;
    return length == ivars->length && (length == 0 || memcmp(bytes, ivars->text, length) == 0);
}
bool OSString::isEqualTo(const OSMetaClassBase* anObject) const {
    if (auto* string = OSDynamicCast(OSString, anObject)) return isEqualTo(string);
    if (auto* data = OSDynamicCast(OSData, anObject)) return isEqualTo(data);
    return false;
}
void OSString::free() {
    delete ivars;
    super::free();
}
