// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/chunks.h"

#include <algorithm>
#include <string_view>

namespace opendext::iig {

std::string without_empty_lines(const std::string& text) {
    std::string result;
    bool blank = false;
    for (size_t begin = 0; begin <= text.size();) {
        size_t end = text.find('\n', begin);
        if (end == std::string::npos) end = text.size();
        const std::string line = text.substr(begin, end - begin);
        const bool empty = line.find_first_not_of(" \t\r") == std::string::npos;
        if (!empty || !blank) result += (empty ? "" : line) + "\n";
        blank = empty;
        begin = end + 1;
    }
    return result;
}

namespace {

constexpr std::string_view kBegin = "@iig implementation";
constexpr std::string_view kEnd = "@iig end";

/// The lines of a block without the stars that decorate a comment.
std::string without_stars(std::string_view block) {
    std::string result;
    while (!block.empty()) {
        const size_t end = std::min(block.find('\n'), block.size());
        std::string_view line = block.substr(0, end);
        block.remove_prefix(std::min(end + 1, block.size()));
        const size_t star = line.find_first_not_of(" \t");
        if (star != std::string_view::npos && line[star] == '*') {
            line.remove_prefix(star + 1);
            if (line.starts_with(' ')) line.remove_prefix(1);
        }
        if (line.find_first_not_of(" \t\r") != std::string_view::npos)
            result += std::string(line) + "\n";
    }
    return result;
}

/// A piece of the source with its interface includes made into those of headers.
Chunk text_chunk(std::string text) {
    for (size_t line = 0; line < text.size();) {
        size_t next = text.find('\n', line);
        if (next == std::string::npos) next = text.size();
        std::string content = text.substr(line, next - line);
        const size_t hash = content.find_first_not_of(" \t");
        if (hash != std::string::npos && content[hash] == '#' &&
            (content.find("include") != std::string::npos ||
             content.find("import") != std::string::npos)) {
            for (const char* ending : {".iig>", ".iig\""}) {
                if (const size_t at = content.find(ending); at != std::string::npos)
                    content.replace(at, 4, ".h");
            }
            text.replace(line, next - line, content);
            next = line + content.size();
        }
        line = next + 1;
    }
    return {std::move(text), -1};
}

}  // namespace

void split(File& file, const Source& source, std::vector<std::pair<size_t, size_t>> cut,
           const std::string& path, Diagnostics& diagnostics) {
    for (const Token& token : source.tokens()) {
        if (token.kind != CXToken_Comment) continue;
        const size_t start = token.text.find(kBegin);
        if (start == std::string::npos) continue;
        const size_t stop = token.text.find(kEnd, start);
        if (stop == std::string::npos) {
            const auto& text = source.text();
            const auto lines =
                std::count(text.begin(), text.begin() + static_cast<long>(token.begin), '\n');
            diagnostics.error({path, static_cast<unsigned>(lines) + 1, 1},
                              "'@iig implementation' without '@iig end'",
                              "put '@iig end' before the end of the comment");
            continue;
        }
        const size_t content = start + kBegin.size();
        file.implementation +=
            without_stars(std::string_view(token.text).substr(content, stop - content));
        cut.emplace_back(token.begin, token.end);
    }
    for (const Class& owner : file.classes) cut.emplace_back(owner.begin, owner.end);
    std::sort(cut.begin(), cut.end());
    const auto add_text = [&](size_t begin, size_t end) {
        if (begin < end)
            file.chunks.push_back(text_chunk(source.text().substr(begin, end - begin)));
    };
    // A byte order mark may stand at the start of a file only, and ours does not start with this
    // text.
    size_t position = source.text().starts_with("\xEF\xBB\xBF") ? 3 : 0;
    for (const auto& [begin, end] : cut) {
        add_text(position, begin);
        for (size_t i = 0; i < file.classes.size(); ++i) {
            if (file.classes[i].begin == begin) file.chunks.push_back({"", static_cast<int>(i)});
        }
        position = end;
    }
    add_text(position, source.text().size());
}

}  // namespace opendext::iig
