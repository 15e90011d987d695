// SPDX-License-Identifier: Apache-2.0
// ioreg: shows the registry. Options and form are those its users know.

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "bundle/plist.h"
#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"
#include "tools/ioreg/print.h"

namespace opendext::ioreg {
namespace {

struct Options {
    Style style;
    bool archive = false;
    bool json = false;
    bool roots = false;
    bool tree = false;
    int64_t width = -1;
    int64_t depth = 0;
    std::string plane = "IOService";
};

/// The terminal's width; where the output is no terminal, lines are whole.
size_t default_width() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

Result<std::string> render(const Node& tree, const Options& options) {
    std::vector<Way> ways;
    if (options.roots) {
        ways = find_roots(tree, options.style.criteria);
        if (!options.tree) {
            for (Way& way : ways) way = {way.back()};
        }
    } else {
        ways = {{&tree}};
    }
    if (options.archive || options.json) {
        const auto convert = options.archive ? to_archive : to_json_value;
        Value value;
        if (options.roots) {
            Array members;
            for (const Way& way : ways) members.push_back(convert(*way.back(), options.style, 1));
            value = std::move(members);
        } else {
            value = convert(tree, options.style, 1);
        }
        return options.archive ? OD_TRY(bundle::to_xml(value)) : tools::to_json(value, 2) + "\n";
    }
    std::string text;
    for (const Way& way : ways) {
        text += to_text(way, options.style);
        if (options.roots) text += '\n';
    }
    return text;
}

Result<std::string> run(const tools::CommandLine& line, const Options& options) {
    const Realm realm = line.realm();
    const auto tree = tools::until_answered(
        realm, tools::DaemonClient::kTimeout, [&]() -> Result<std::unique_ptr<Node>> {
            tools::DaemonClient daemon = OD_TRY(tools::DaemonClient::connect(realm, "ioreg"));
            return read_tree(daemon, options.plane);
        });
    if (!tree.ok()) return Error{tree.error()};
    return render(**tree, options);
}

int main(int argc, char** argv) {
    Options options;
    Style& style = options.style;
    tools::CommandLine line(
        "ioreg",
        "[-ailrtx] [-c CLASS] [-d DEPTH] [-k KEY] [-n NAME] [-p PLANE] [-w WIDTH] [--json]",
        "Shows the registry: every entry with its class, id and state, as a tree.");
    line.flag("-a", options.archive, "print an XML property list")
        .option("-c", "CLASS", style.criteria.class_name,
                "show properties of entries of this class or derived from it")
        .number("-d", "DEPTH", options.depth, 1, 10000, "show so many levels")
        .flag("-i", style.inheritance, "show the classes that an entry's class derives from")
        .option("-k", "KEY", style.criteria.key, "show properties of entries that have this one")
        .flag("-l", style.all_properties, "show properties of all entries")
        .option("-n", "NAME", style.criteria.name, "show properties of entries of this name")
        .option("-p", "PLANE", options.plane, "the plane to show; default: IOService")
        .flag("-r", options.roots, "show only the trees below entries that -c, -k and -n ask for")
        .flag("-t", options.tree, "with -r: show where each tree stands")
        .number("-w", "WIDTH", options.width, 0, 100000,
                "cut lines there; 0: never; default: the terminal's width")
        .flag("-x", style.hexadecimal, "show numbers in hexadecimal")
        .flag("--json", options.json, "print JSON (docs/schemas/ioreg.json)")
        .footer(
            "-c, -k and -n given together have to fit all. Flags may be put together: -rlc CLASS.");
    if (const auto status = line.parse(argc, argv)) return *status;
    if (options.roots && !style.criteria.any()) return line.usage_error("-r needs -c, -k or -n");
    if (options.tree && !options.roots) return line.usage_error("-t needs -r");
    if (options.archive && options.json)
        return line.usage_error("-a and --json exclude each other");
    style.width = options.width < 0 ? default_width() : static_cast<size_t>(options.width);
    style.depth = static_cast<int>(options.depth);
    const Result<std::string> text = run(line, options);
    if (!text.ok()) return line.failure(text.error());
    if (std::fwrite(text->data(), 1, text->size(), stdout) != text->size() ||
        std::fflush(stdout) != 0) {
        return line.failure(Error::system("cannot write"));
    }
    return tools::kExitSuccess;
}

}  // namespace
}  // namespace opendext::ioreg

int main(int argc, char** argv) {
    return opendext::ioreg::main(argc, argv);
}
