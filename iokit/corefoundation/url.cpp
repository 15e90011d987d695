// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/url.h"

#include <algorithm>
#include <cstdio>

#include "iokit/corefoundation/percent.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

/// Everything before the last '/', with it.
std::string_view folder_of(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash + 1);
}

/// RFC 3986 section 5.2.4.
std::string without_dot_segments(std::string_view in) {
    std::string out;
    while (!in.empty()) {
        if (in.starts_with("../")) {
            in.remove_prefix(3);
        } else if (in.starts_with("./") || in.starts_with("/./")) {
            in.remove_prefix(2);
        } else if (in == "/.") {
            in = "/";
        } else if (in.starts_with("/../") || in == "/..") {
            in = in.size() > 3 ? in.substr(3) : std::string_view("/");
            const size_t slash = out.rfind('/');
            out.resize(slash == std::string::npos ? 0 : slash);
        } else if (in == "." || in == "..") {
            in = {};
        } else {
            const size_t end = in.find('/', 1);
            out += in.substr(0, end);
            in = end == std::string_view::npos ? std::string_view() : in.substr(end);
        }
    }
    return out;
}

}  // namespace

UrlParts UrlParts::split(std::string_view text) {
    UrlParts parts;
    const size_t colon = text.find_first_of(":/?#");
    if (colon != std::string_view::npos && colon > 0 && text[colon] == ':') {
        parts.scheme = std::string(text.substr(0, colon));
        text.remove_prefix(colon + 1);
    }
    if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
        parts.fragment = std::string(text.substr(hash + 1));
        text = text.substr(0, hash);
    }
    if (const size_t mark = text.find('?'); mark != std::string_view::npos) {
        parts.query = std::string(text.substr(mark + 1));
        text = text.substr(0, mark);
    }
    if (text.starts_with("//")) {
        const size_t end = std::min(text.find('/', 2), text.size());
        parts.authority = std::string(text.substr(2, end - 2));
        text = text.substr(end);
    }
    parts.path = std::string(text);
    return parts;
}

std::string UrlParts::text() const {
    std::string text;
    if (scheme) text += *scheme + ":";
    if (authority) text += "//" + *authority;
    text += path;
    if (query) text += "?" + *query;
    if (fragment) text += "#" + *fragment;
    return text;
}

bool UrlParts::hierarchical() const {
    return !scheme || authority || path.starts_with("/");
}

Url::Url(std::string_view text, Owned<CFURLRef> base)
    : Object(kType),
      parts(UrlParts::split(text)),
      string(new_string(text)),
      base_ref(std::move(base)) {}

const Url* Url::base() const {
    return base_ref ? static_cast<const Url*>(to_object(base_ref.get())) : nullptr;
}

UrlParts Url::resolved() const {
    if (base() == nullptr || parts.scheme) return parts;
    UrlParts whole = base()->resolved();
    whole.fragment = parts.fragment;
    if (parts.authority) {
        whole.authority = parts.authority;
        whole.path = without_dot_segments(parts.path);
        whole.query = parts.query;
    } else if (!parts.path.empty()) {
        if (parts.path.starts_with("/")) {
            whole.path = without_dot_segments(parts.path);
        } else {
            const std::string_view folder =
                whole.authority && whole.path.empty() ? "/" : folder_of(whole.path);
            whole.path = without_dot_segments(std::string(folder) + parts.path);
        }
        whole.query = parts.query;
    } else if (parts.query) {
        whole.query = parts.query;
    }
    return whole;
}

bool Url::equals(const Object& other) const {
    const auto& url = static_cast<const Url&>(other);
    return cf::equal(string.get(), url.string.get()) &&
           cf::equal(base_ref.get(), url.base_ref.get());
}

CFHashCode Url::hash() const {
    return cf::hash(string.get());
}

std::string Url::describe() const {
    const std::string text(text_of(string.get()));
    return base_ref ? text + " -- " + cf::describe(base_ref.get()) : text;
}

CFURLRef new_file_url(std::string_view path, bool folder) {
    std::string text = "file://" + escape_path(path);
    if (folder && !text.ends_with('/')) text += '/';
    return to_ref<CFURLRef>(new Url(text, {}));
}

std::optional<std::string> path_of(CFURLRef ref) {
    const UrlParts whole = to<Url>(ref, "CFURL").resolved();
    if (whole.scheme && *whole.scheme != "file") return std::nullopt;
    std::optional<std::string> path = unescape(whole.path, "");
    if (!path || path->find('\0') != std::string::npos) return std::nullopt;
    while (path->size() > 1 && path->ends_with('/')) path->pop_back();
    return path;
}

}  // namespace opendext::cf
