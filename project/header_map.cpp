// SPDX-License-Identifier: Apache-2.0
// The format is that which clang reads (clang/Lex/HeaderMapTypes.h tells it): a header of 24 bytes,
// a hash table of three string offsets an entry, and the strings; numbers in the machine's order.
#include "project/header_map.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

namespace opendext::project {
namespace {

struct Header {
    uint32_t magic = ('h' << 24) | ('m' << 16) | ('a' << 8) | 'p';
    uint16_t version = 1;
    uint16_t reserved = 0;
    uint32_t strings = 0;
    uint32_t entries = 0;
    uint32_t buckets = 0;
    uint32_t longest_value = 0;
};

struct Bucket {
    uint32_t key = 0;  // 0: free
    uint32_t prefix = 0;
    uint32_t suffix = 0;
};

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

uint32_t hash(const std::string& lower_key) {
    uint32_t result = 0;
    for (const char c : lower_key)
        result += static_cast<uint32_t>(static_cast<unsigned char>(c)) * 13;
    return result;
}

}  // namespace

std::string make_header_map(const std::map<std::string, std::string>& headers) {
    Header head;
    head.buckets = 8;
    while (head.buckets < headers.size() * 2) head.buckets *= 2;
    head.strings = static_cast<uint32_t>(sizeof head + head.buckets * sizeof(Bucket));
    std::vector<Bucket> buckets(head.buckets);
    std::string strings(1, '\0');  // offset 0 means "none"
    const auto add = [&strings](const std::string& text) {
        const auto offset = static_cast<uint32_t>(strings.size());
        strings += text;
        strings += '\0';
        return offset;
    };
    std::set<std::string> seen;
    for (const auto& [key, path] : headers) {
        const std::string folded = lower(key);
        if (!seen.insert(folded).second) continue;
        const size_t slash = path.rfind('/') + 1;  // 0 if there is none
        uint32_t at = hash(folded) & (head.buckets - 1);
        while (buckets[at].key != 0) at = (at + 1) & (head.buckets - 1);
        buckets[at] = {add(key), add(path.substr(0, slash)), add(path.substr(slash))};
        head.longest_value = std::max(head.longest_value, static_cast<uint32_t>(path.size()));
        ++head.entries;
    }
    std::string result(sizeof head + buckets.size() * sizeof(Bucket), '\0');
    std::memcpy(result.data(), &head, sizeof head);
    std::memcpy(result.data() + sizeof head, buckets.data(), buckets.size() * sizeof(Bucket));
    return result + strings;
}

}  // namespace opendext::project
