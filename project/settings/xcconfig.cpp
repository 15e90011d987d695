// SPDX-License-Identifier: Apache-2.0
#include "project/settings/xcconfig.h"

#include <algorithm>

#include "project/absent.h"
#include "project/document/node.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaximumIncludes = 32;
constexpr size_t kMaximumFiles = 1000;

class XcconfigParser {
  public:
    explicit XcconfigParser(const XcconfigReader& reader) : reader_(reader) {}

    Status parse(std::string_view text, const fs::path& file) {
        open_.push_back(file);
        result_.files.push_back(file);
        if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
        size_t number = 0;
        while (!text.empty()) {
            const size_t end = std::min(text.find('\n'), text.size());
            OD_TRY(line(text.substr(0, end), ++number));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        open_.pop_back();
        return success();
    }
    Xcconfig take() { return std::move(result_); }

  private:
    [[nodiscard]] std::string where(size_t number, size_t column) const {
        return open_.back().string() + ":" + std::to_string(number) + ":" +
               std::to_string(column + 1);
    }
    [[nodiscard]] Error fail(size_t number, size_t column, const std::string& message) const {
        return Error{Errc::malformed, 0, where(number, column) + ": " + message};
    }

    /// `//` begins a comment wherever it stands: a URL is written with $() between the slashes.
    static std::string_view without_comment(std::string_view text) {
        return text.substr(0, text.find("//"));
    }

    Status line(std::string_view text, size_t number) {
        text = without_comment(text);
        const size_t begin = text.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos) return success();
        const size_t last = text.find_last_not_of(" \t\r;");
        text = text.substr(0, last == std::string_view::npos ? begin : last + 1);
        if (text.size() <= begin) return success();
        if (text[begin] == '#') return include(text.substr(begin), number, begin);
        for (const char* mark : {"<<<<<<<", ">>>>>>>", "======="}) {
            if (text.substr(begin).starts_with(mark))
                return fail(number, begin, "a merge conflict was left here: resolve it");
        }
        // The '=' of a condition is not the one behind the name.
        size_t equals = begin;
        for (bool condition = false; equals < text.size(); ++equals) {
            if (text[equals] == '[') condition = true;
            if (text[equals] == ']') condition = false;
            if (text[equals] == '=' && !condition) break;
        }
        if (equals >= text.size())
            return fail(number, begin,
                        "\"" + std::string(text.substr(begin)) +
                            "\" is neither NAME = VALUE nor #include \"FILE\" nor a // comment");
        auto assignment = parse_assignment_name(text.substr(begin, equals - begin));
        if (!assignment.ok()) return fail(number, begin, assignment.error().message);
        std::string_view value = text.substr(equals + 1);
        const size_t first = value.find_first_not_of(" \t");
        assignment->value =
            first == std::string_view::npos ? std::string_view{} : value.substr(first);
        assignment->where = where(number, begin);
        result_.assignments.push_back(std::move(*assignment));
        return success();
    }

    Status include(std::string_view text, size_t number, size_t column) {
        const bool optional = text.starts_with("#include?");
        if (!text.starts_with("#include"))
            return fail(number, column,
                        "only #include \"FILE\" and #include? \"FILE\" begin with #");
        const size_t open = text.find('"');
        const size_t close = open == std::string_view::npos ? open : text.find('"', open + 1);
        if (close == std::string_view::npos) {
            return fail(
                number, column,
                "write the name of the included file in quotes: #include \"Base.xcconfig\"");
        }
        const fs::path name(text.substr(open + 1, close - open - 1));
        fs::path path = (open_.back().parent_path() / name).lexically_normal();
        auto bytes = reader_(path);
        if (!bytes.ok() && path.extension() != ".xcconfig") {
            const fs::path longer = path.string() + ".xcconfig";
            if (auto found = reader_(longer); found.ok()) {
                path = longer;
                bytes = std::move(found);
            }
        }
        if (!bytes.ok()) {
            if (optional) return success();
            return fail(number, column,
                        "includes " + name.string() + ", which is not there (" + path.string() +
                            "): " + why_absent(path, path.parent_path()) +
                            "; write #include? if it may be absent");
        }
        if (std::ranges::find(open_, path) != open_.end())
            return fail(number, column, name.string() + " includes itself: remove this line");
        if (open_.size() >= kMaximumIncludes || result_.files.size() >= kMaximumFiles)
            return fail(number, column, "files include each other too deeply");
        return parse(*bytes, path);
    }

    const XcconfigReader& reader_;
    std::vector<fs::path> open_;
    Xcconfig result_;
};

}  // namespace

Result<Xcconfig> parse_xcconfig(std::string_view text, const fs::path& file,
                                const XcconfigReader& reader) {
    XcconfigParser parser(reader);
    OD_TRY(parser.parse(text, file));
    return parser.take();
}

Result<Xcconfig> read_xcconfig(const fs::path& file) {
    const XcconfigReader reader = [](const fs::path& path) { return read_file(path.string()); };
    const std::string text = OD_TRY(reader(file));
    return parse_xcconfig(text, file, reader);
}

}  // namespace opendext::project
