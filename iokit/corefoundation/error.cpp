// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/error.h"

#include <system_error>

#include "iokit/corefoundation/string.h"

namespace opendext::cf {

bool ErrorObject::equals(const Object& other) const {
    const auto& error = static_cast<const ErrorObject&>(other);
    return code == error.code && equal(domain.get(), error.domain.get()) &&
           equal(info.get(), error.info.get());
}

CFHashCode ErrorObject::hash() const {
    return cf::hash(domain.get()) ^ static_cast<CFHashCode>(code);
}

std::string ErrorObject::describe() const {
    const Owned words(CFErrorCopyDescription(to_ref<CFErrorRef>(this)));
    return "Error Domain=" + std::string(text_of(domain.get())) + " Code=" + std::to_string(code) +
           " \"" + std::string(text_of(words.get())) + "\"";
}

CFErrorRef new_error(CFStringRef domain, CFIndex code, const std::string& words) {
    const Owned text(new_string(words));
    const void* key = kCFErrorLocalizedDescriptionKey;
    const void* value = text.get();
    return CFErrorCreateWithUserInfoKeysAndValues(nullptr, domain, code, &key, &value, 1);
}

CFErrorRef new_posix_error(int number, const std::string& what) {
    return new_error(kCFErrorDomainPOSIX, number,
                     what + ": " + std::generic_category().message(number));
}

void hand_out(CFErrorRef* error, CFErrorRef made) {
    if (error != nullptr) {
        *error = made;
    } else {
        CFRelease(made);
    }
}

namespace {

const ErrorObject& error_of(CFErrorRef err, const char* function) {
    return to<ErrorObject>(err, function);
}

/// The text below `key`, as a reference of the caller's; NULL where there is none.
CFStringRef copy_text(const ErrorObject& error, CFStringRef key) {
    const void* value = CFDictionaryGetValue(error.info.get(), key);
    if (value == nullptr || to_object(value)->type() != Type::string) return nullptr;
    return static_cast<CFStringRef>(CFRetain(value));
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

const CFErrorDomain kCFErrorDomainPOSIX = CFSTR("NSPOSIXErrorDomain");
const CFErrorDomain kCFErrorDomainOSStatus = CFSTR("NSOSStatusErrorDomain");
const CFErrorDomain kCFErrorDomainMach = CFSTR("NSMachErrorDomain");
const CFErrorDomain kCFErrorDomainCocoa = CFSTR("NSCocoaErrorDomain");
const CFStringRef kCFErrorLocalizedDescriptionKey = CFSTR("NSLocalizedDescription");
const CFStringRef kCFErrorLocalizedFailureKey = CFSTR("NSLocalizedFailure");
const CFStringRef kCFErrorLocalizedFailureReasonKey = CFSTR("NSLocalizedFailureReason");
const CFStringRef kCFErrorLocalizedRecoverySuggestionKey = CFSTR("NSLocalizedRecoverySuggestion");
const CFStringRef kCFErrorDescriptionKey = CFSTR("NSDescription");
const CFStringRef kCFErrorUnderlyingErrorKey = CFSTR("NSUnderlyingError");
const CFStringRef kCFErrorURLKey = CFSTR("NSURL");
const CFStringRef kCFErrorFilePathKey = CFSTR("NSFilePath");

CFTypeID CFErrorGetTypeID(void) {
    return static_cast<CFTypeID>(Type::error);
}

CFErrorRef CFErrorCreate(CFAllocatorRef, CFErrorDomain domain, CFIndex code,
                         CFDictionaryRef userInfo) {
    if (domain == nullptr) misuse("CFErrorCreate", "got NULL for the domain");
    Owned info(userInfo != nullptr ? CFDictionaryCreateCopy(nullptr, userInfo)
                                   : CFDictionaryCreate(nullptr, nullptr, nullptr, 0,
                                                        &kCFTypeDictionaryKeyCallBacks,
                                                        &kCFTypeDictionaryValueCallBacks));
    return to_ref<CFErrorRef>(
        new ErrorObject(Owned(CFStringCreateCopy(nullptr, domain)), code, std::move(info)));
}

CFErrorRef CFErrorCreateWithUserInfoKeysAndValues(CFAllocatorRef allocator, CFErrorDomain domain,
                                                  CFIndex code, const void* const* userInfoKeys,
                                                  const void* const* userInfoValues,
                                                  CFIndex numUserInfoValues) {
    const Owned info(CFDictionaryCreate(
        nullptr, const_cast<const void**>(userInfoKeys), const_cast<const void**>(userInfoValues),
        numUserInfoValues, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks));
    return CFErrorCreate(allocator, domain, code, info.get());
}

CFErrorDomain CFErrorGetDomain(CFErrorRef err) {
    return error_of(err, "CFErrorGetDomain").domain.get();
}

CFIndex CFErrorGetCode(CFErrorRef err) {
    return error_of(err, "CFErrorGetCode").code;
}

CFDictionaryRef CFErrorCopyUserInfo(CFErrorRef err) {
    return static_cast<CFDictionaryRef>(CFRetain(error_of(err, "CFErrorCopyUserInfo").info.get()));
}

CFStringRef CFErrorCopyDescription(CFErrorRef err) {
    const ErrorObject& error = error_of(err, "CFErrorCopyDescription");
    if (CFStringRef words = copy_text(error, kCFErrorLocalizedDescriptionKey)) return words;
    const Owned failure(copy_text(error, kCFErrorLocalizedFailureKey));
    const Owned reason(CFErrorCopyFailureReason(err));
    std::string text =
        failure ? std::string(text_of(failure.get())) : "The operation couldn\u2019t be completed.";
    if (reason) return new_string(text + " " + std::string(text_of(reason.get())));
    const Owned plain(copy_text(error, kCFErrorDescriptionKey));
    text +=
        " (" + std::string(text_of(error.domain.get())) + " error " + std::to_string(error.code);
    if (plain) text += " - " + std::string(text_of(plain.get()));
    return new_string(text + (plain ? ")" : ".)"));
}

CFStringRef CFErrorCopyFailureReason(CFErrorRef err) {
    const ErrorObject& error = error_of(err, "CFErrorCopyFailureReason");
    if (CFStringRef words = copy_text(error, kCFErrorLocalizedFailureReasonKey)) return words;
    if (!equal(error.domain.get(), kCFErrorDomainPOSIX)) return nullptr;
    return new_string(std::generic_category().message(static_cast<int>(error.code)));
}

CFStringRef CFErrorCopyRecoverySuggestion(CFErrorRef err) {
    return copy_text(error_of(err, "CFErrorCopyRecoverySuggestion"),
                     kCFErrorLocalizedRecoverySuggestionKey);
}
