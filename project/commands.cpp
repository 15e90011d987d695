// SPDX-License-Identifier: Apache-2.0
#include "project/commands.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>

#include "project/builder.h"
#include "project/header_map.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

// What the SDK's headers need at least; C++23 and what comes later pass through.
constexpr int kLeastStandard = 14;

template <typename... Lists>
std::vector<std::string> joined(const Lists&... lists) {
    std::vector<std::string> result;
    (result.insert(result.end(), lists.begin(), lists.end()), ...);
    return result;
}

std::string json_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (static_cast<unsigned char>(c) < 0x20) {
            constexpr std::string_view kDigits = "0123456789abcdef";
            result += std::string("\\u00") + kDigits[(c >> 4) & 15] + kDigits[c & 15];
        } else {
            result += c;
        }
    }
    return result + "\"";
}

/// "gnu++17" -> 17, "c++2b" -> 23; 0 for what is not understood.
int year_of(const std::string& standard) {
    const size_t plus = standard.find("++");
    if (plus == std::string::npos) return 0;
    const std::string year = standard.substr(plus + 2);
    for (const auto& [word, number] :
         {std::pair{"1y", 14}, {"1z", 17}, {"2a", 20}, {"2b", 23}, {"2c", 26}}) {
        if (year == word) return number;
    }
    const bool digits = year.size() == 2 && std::ranges::all_of(year, [](unsigned char c) {
                            return std::isdigit(c) != 0;
                        });
    const int number = digits ? std::stoi(year) : 0;
    return number == 98 || number == 3 ? 0 : number;
}

/// The standard of C++ that sources are compiled with: the project's, if the SDK can be read in it.
std::string cxx_standard(const std::string& wanted) {
    if (wanted.empty() || year_of(wanted) >= kLeastStandard) return wanted;
    return (wanted.starts_with("gnu") ? "gnu++" : "c++") + std::to_string(kLeastStandard);
}

/// A source outside the folder of the project gets a folder of its own among the objects.
fs::path object_path(const fs::path& source, const fs::path& folder) {
    const fs::path relative = source.lexically_relative(folder);
    if (!relative.empty() && *relative.begin() != "..") return relative.string() + ".o";
    const size_t hash = std::hash<std::string>{}(source.parent_path().string());
    return fs::path("outside") / std::to_string(hash) / (source.filename().string() + ".o");
}

enum class Language { cxx, c, assembler };

Language language_of(const fs::path& source, const std::vector<std::string>& flags) {
    const auto given = std::ranges::find(flags, "-x");
    if (given != flags.end() && given + 1 != flags.end()) {
        return *(given + 1) == "c"     ? Language::c
               : *(given + 1) == "c++" ? Language::cxx
                                       : Language::assembler;
    }
    const fs::path extension = source.extension();
    if (extension == ".c") return Language::c;
    return extension == ".s" || extension == ".S" ? Language::assembler : Language::cxx;
}

}  // namespace

/// Sources with one set of options: the dext itself or a library of it.
struct Commands::Unit {
    std::string prefix;  // of the objects
    fs::path folder;
    const std::vector<fs::path>* sources;
    const SourceFlags* source_flags;
    const std::vector<fs::path>* include_folders;
    const std::vector<std::string>* definitions;
    const CompileOptions* options;
    fs::path map;  // header map; empty: none
};

Commands::Commands(const Target& target, const Toolchain& toolchain, fs::path work, bool colored)
    : target_(target),
      toolchain_(toolchain),
      work_(std::move(work)),
      generated_(work_ / "generated"),
      framework_(target.framework_name.empty() ? target.name : target.framework_name),
      colored_(colored) {}

fs::path Commands::header_folder() const {
    return generated_ / framework_;
}

fs::path Commands::executable(const std::string& name) const {
    return work_ / "linked" / name;
}

Commands::Unit Commands::own_unit() const {
    Unit unit{"",
              target_.folder,
              &target_.sources,
              &target_.source_flags,
              &target_.include_folders,
              &target_.definitions,
              &target_.compile,
              {}};
    if (!target_.compile.named_headers.empty()) unit.map = work_ / "headers.hmap";
    return unit;
}

Commands::Unit Commands::unit_of(const Library& library) {
    return {"lib-" + library.name,    library.folder,       &library.sources, &library.source_flags,
            &library.include_folders, &library.definitions, &library.compile, {}};
}

/// A driver's sources and headers may include an interface file as such. While they are compiled,
/// clang finds the header that iig makes of it in its place.
std::string Commands::interface_overlay() const {
    std::map<fs::path, fs::path> headers;
    for (const auto& interface : target_.interfaces)
        headers[interface] = header_folder() / interface.filename().replace_extension(".h");
    std::error_code error;
    for (const auto& framework : fs::directory_iterator(toolchain_.sdk / "include", error)) {
        std::error_code inner;
        for (const auto& file : fs::directory_iterator(framework.path(), inner)) {
            if (file.path().extension() != ".iig") continue;
            headers[file.path()] = fs::path(file.path()).replace_extension(".h");
        }
    }
    std::string text = "{\"version\": 0, \"roots\": [";
    for (const auto& [interface, header] : headers) {
        text += text.ends_with('[') ? "\n" : ",\n";
        text += "{\"type\": \"file\", \"name\": " + json_text(interface.string()) +
                ", \"external-contents\": " + json_text(header.string()) + "}";
    }
    return text + "]}\n";
}

/// <NAME/X.h> for the headers that the target and its libraries list, as if they were installed.
std::map<std::string, std::string> Commands::product_headers() const {
    std::map<std::string, std::string> map;
    const auto add = [&map](const std::string& name, const std::vector<fs::path>& headers) {
        for (const auto& header : headers)
            map.emplace(name + "/" + header.filename().string(), header);
    };
    add(framework_, target_.headers);
    for (const auto& name : target_.header_names) add(name, target_.headers);
    for (const auto& library : target_.libraries) add(library.name, library.headers);
    return map;
}

Status Commands::prepare() {
    std::ifstream flags(toolchain_.sdk / "dext-flags.rsp");
    for (std::string word; flags >> word;) sdk_flags_.push_back(word);

    std::error_code error;
    fs::create_directories(header_folder(), error);
    for (const auto& name : target_.header_names) {
        const fs::path link = generated_ / name;
        if (!fs::exists(link, error)) fs::create_directory_symlink(framework_, link, error);
    }
    const auto write_map = [](const fs::path& path,
                              const std::vector<fs::path>& headers) -> Status {
        std::map<std::string, std::string> map;
        std::error_code ignored;
        for (const auto& header : headers) {
            if (fs::exists(header, ignored)) map.emplace(header.filename(), header);
        }
        return write_if_changed(path, make_header_map(map));
    };
    OD_TRY(write_if_changed(work_ / "interfaces.yaml", interface_overlay()));
    if (const Unit unit = own_unit(); !unit.map.empty())
        OD_TRY(write_map(unit.map, target_.compile.named_headers));
    for (const auto& library : target_.libraries) {
        if (!library.compile.named_headers.empty())
            OD_TRY(write_map(work_ / ("headers-" + library.name + ".hmap"),
                             library.compile.named_headers));
    }
    OD_TRY(find_unknown_flags());
    const auto listed = product_headers();
    if (!listed.empty())
        OD_TRY(write_if_changed(work_ / "product-headers.hmap", make_header_map(listed)));
    return success();
}

/// Asks the compiler about the flags that the project brings. What it says is kept beside the
/// objects, so that a build with nothing to do does not ask.
Status Commands::find_unknown_flags() {
    std::set<std::string> flags;
    const auto add = [&flags](const CompileOptions& options, const SourceFlags& source_flags) {
        flags.insert(options.c_flags.begin(), options.c_flags.end());
        flags.insert(options.cxx_flags.begin(), options.cxx_flags.end());
        for (const auto& [path, own] : source_flags) flags.insert(own.begin(), own.end());
    };
    add(target_.compile, target_.source_flags);
    for (const auto& library : target_.libraries) add(library.compile, library.source_flags);
    // Only what is one word can be asked about alone.
    std::erase_if(flags, [](const std::string& flag) {
        return !flag.starts_with("-f") && !flag.starts_with("-m") && !flag.starts_with("--");
    });
    if (flags.empty()) return success();
    std::vector<std::string> command = {toolchain_.compiler, "-###", "-x", "c++", "-fsyntax-only"};
    command.insert(command.end(), flags.begin(), flags.end());
    command.emplace_back("/dev/null");
    std::string key;
    for (const auto& word : command) key += word + "\n";

    const fs::path record = work_ / "flags.txt";
    std::ifstream file(record, std::ios::binary);
    const std::string known(std::istreambuf_iterator<char>(file), {});
    std::string said;
    if (known.starts_with(key)) {
        said = known.substr(key.size());
    } else {
        said = OD_TRY(output_of(command));
        OD_TRY(write_if_changed(record, key + said));
    }
    for (const auto& flag : flags) {
        for (const char* words :
             {"unknown argument: '", "unsupported option '", "unknown argument '"}) {
            if (said.find(words + flag + "'") != std::string::npos) unknown_flags_.insert(flag);
        }
    }
    return success();
}

std::vector<std::string> Commands::remarks() const {
    std::vector<std::string> result;
    for (const auto& flag : unknown_flags_)
        result.push_back("flag " + flag + " is left out: this compiler does not know it");
    const std::string& wanted = target_.compile.cxx_standard;
    if (const std::string used = cxx_standard(wanted); used != wanted)
        result.push_back("the project's " + wanted + " is read as " + used +
                         ": the SDK's headers need it");
    return result;
}

std::vector<std::string> Commands::sdk_includes() const {
    return {"-isystem", toolchain_.sdk / "platform", "-isystem", toolchain_.sdk / "include"};
}

std::vector<std::string> Commands::include_flags(const Unit& unit) const {
    std::vector<std::string> flags = {"-ivfsoverlay", work_ / "interfaces.yaml"};
    if (!unit.map.empty()) flags.insert(flags.end(), {"-iquote", unit.map});
    for (const auto& folder : unit.options->quote_folders)
        flags.insert(flags.end(), {"-iquote", folder});
    for (const auto& folder : *unit.include_folders) flags.push_back("-I" + folder.string());
    flags.push_back("-I" + header_folder().string());
    flags.push_back("-I" + generated_.string());
    if (!product_headers().empty())
        flags.push_back("-I" + (work_ / "product-headers.hmap").string());
    for (const auto& folder : unit.options->system_folders)
        flags.insert(flags.end(), {"-isystem", folder});
    return flags;
}

/// The SDK's flags, with what the project says about language and optimization in their place.
std::vector<std::string> Commands::language_flags(const Unit& unit, const fs::path& source) const {
    const CompileOptions& options = *unit.options;
    std::vector<std::string> own;
    if (const auto found = unit.source_flags->find(source); found != unit.source_flags->end())
        own = found->second;
    const Language language = language_of(source, own);
    std::vector<std::string> flags;
    if (language == Language::c) {
        if (std::ranges::find(own, "-x") == own.end()) flags = {"-x", "c"};
        flags.push_back("-std=" + (options.c_standard.empty() ? "gnu17" : options.c_standard));
    }
    for (const auto& word : sdk_flags_) {
        const bool only_cxx =
            word.starts_with("-std=") || word == "-fno-rtti" || word.starts_with("-stdlib=");
        if (language != Language::cxx && only_cxx) continue;
        if (word.starts_with("-std=") && !options.cxx_standard.empty()) {
            flags.push_back("-std=" + cxx_standard(options.cxx_standard));
        } else if (word.starts_with("-O") && !options.optimization.empty()) {
            flags.push_back("-O" + options.optimization);
        } else {
            flags.push_back(word);
        }
    }
    for (const auto& definition : *unit.definitions) flags.push_back("-D" + definition);
    if (language != Language::assembler) {
        if (!options.prefix_header.empty())
            flags.insert(flags.end(), {"-include", options.prefix_header});
        const auto& more = language == Language::c ? options.c_flags : options.cxx_flags;
        if (!more.empty()) flags.emplace_back("-Wno-unknown-warning-option");
        flags.insert(flags.end(), more.begin(), more.end());
    }
    flags.insert(flags.end(), own.begin(), own.end());
    std::erase_if(flags, [this](const std::string& flag) { return unknown_flags_.contains(flag); });
    return flags;
}

std::vector<Job> Commands::interfaces() const {
    const Unit unit = own_unit();
    std::vector<std::string> arguments;
    for (const auto& word : sdk_flags_) {
        if (word.starts_with("-D")) arguments.push_back(word);
        if (word.starts_with("-std=")) {
            const std::string& wanted = target_.compile.cxx_standard;
            arguments.push_back(wanted.empty() ? word : "-std=" + cxx_standard(wanted));
        }
    }
    for (const auto& definition : target_.definitions) arguments.push_back("-D" + definition);
    // What other interfaces become is read as they are written; folders of results are not needed.
    if (!unit.map.empty()) arguments.insert(arguments.end(), {"-iquote", unit.map});
    for (const auto& folder : unit.options->quote_folders)
        arguments.insert(arguments.end(), {"-iquote", folder});
    for (const auto& folder : target_.include_folders) arguments.push_back("-I" + folder.string());
    if (!product_headers().empty())
        arguments.push_back("-I" + (work_ / "product-headers.hmap").string());
    for (const auto& folder : unit.options->system_folders)
        arguments.insert(arguments.end(), {"-isystem", folder});

    std::vector<std::string> project;
    for (const auto& name : target_.header_names)
        project.insert(project.end(), {"--also-name", name});
    for (const auto& interface : target_.interfaces)
        project.insert(project.end(), {"--interface", interface});

    std::vector<Job> jobs;
    for (const auto& interface : target_.interfaces) {
        const std::string stem = interface.stem().string();
        Job job;
        job.title = "generate " + stem + ".h from " + interface.filename().string();
        job.outputs = {header_folder() / (stem + ".h"), generated_ / (stem + ".iig.cpp")};
        job.depfile = generated_ / (stem + ".iig.d");
        job.command = joined(
            std::vector<std::string>{toolchain_.iig, "--no-sdk", "--framework-name", framework_,
                                     "--def", interface, "--header", job.outputs[0], "--impl",
                                     job.outputs[1], "--depfile", job.depfile},
            project, std::vector<std::string>{"--"}, arguments, sdk_includes());
        job.inputs = {interface, toolchain_.iig};
        jobs.push_back(std::move(job));
    }
    return jobs;
}

Job Commands::compile(const Unit& unit, const fs::path& source) const {
    const bool generated = source.parent_path() == generated_;
    const fs::path relative =
        generated ? fs::path(source.filename().string() + ".o") : object_path(source, unit.folder);
    const fs::path object = work_ / "objects" / unit.prefix / relative;
    Job job;
    job.title = "compile " + fs::path(relative).replace_extension().string();
    job.outputs = {object};
    job.temporaries = {object.string() + ".new"};
    job.depfile = object.string() + ".d";
    job.inputs = {source};
    if (colored_) job.unrecorded = {"-fcolor-diagnostics"};
    job.command = joined(std::vector<std::string>{toolchain_.compiler},
                         language_flags(unit, source), include_flags(unit), sdk_includes(),
                         std::vector<std::string>{"-MD", "-MF", job.depfile, "-MT", "object", "-c",
                                                  source, "-o", job.temporaries.front()});
    return job;
}

std::vector<Job> Commands::compilations() const {
    std::vector<Job> jobs;
    const Unit own = own_unit();
    for (const auto& source : *own.sources) jobs.push_back(compile(own, source));
    for (const auto& interface : target_.interfaces)
        jobs.push_back(compile(own, generated_ / (interface.stem().string() + ".iig.cpp")));
    for (const auto& library : target_.libraries) {
        Unit unit = unit_of(library);
        if (!library.compile.named_headers.empty())
            unit.map = work_ / ("headers-" + library.name + ".hmap");
        for (const auto& source : library.sources) jobs.push_back(compile(unit, source));
    }
    return jobs;
}

Job Commands::link(const std::vector<Job>& compilations, const std::string& name) const {
    Job job;
    const fs::path output = executable(name);
    job.title = "link " + name;
    job.outputs = {output};
    job.temporaries = {output.string() + ".new"};
    job.command = {toolchain_.compiler, "-shared",     "-fuse-ld=lld",         "-Xlinker",
                   "-soname=" + name,   "-Wl,-z,defs", "-Wl,-z,relro,-z,now",  "-Wl,--build-id",
                   "-Wl,--as-needed",   "-o",          job.temporaries.front()};
    // Of a library only what is needed is linked, as if it were an archive.
    const size_t own = target_.sources.size() + target_.interfaces.size();
    for (size_t i = 0; i < compilations.size(); ++i) {
        if (i == own) job.command.emplace_back("-Wl,--start-lib");
        job.command.push_back(compilations[i].outputs.front());
        job.inputs.push_back(compilations[i].outputs.front());
    }
    if (compilations.size() > own) job.command.emplace_back("-Wl,--end-lib");
    for (const auto& library : toolchain_.libraries) {
        job.command.push_back(library);
        job.inputs.push_back(library);
    }
    job.command.insert(job.command.end(), target_.link_flags.begin(), target_.link_flags.end());
    // An OpenDext that was built with a sanitizer compiles dexts with it, and its libraries share
    // one runtime.
    for (const auto& flag : sdk_flags_) {
        if (flag.starts_with("-fsanitize="))
            job.command.insert(job.command.end(), {flag, "-shared-libsan"});
    }
    // Their own dependencies are found here at link time; the bundle itself gets no search path.
    job.command.push_back("-Wl,-rpath-link," + toolchain_.lib_folder.string());
    job.command.push_back("-lBlocksRuntime");
    return job;
}

std::string Commands::compile_commands(const std::vector<Job>& compilations) const {
    std::string text = "[";
    for (const auto& job : compilations) {
        text += text.size() > 1 ? ",\n " : "\n ";
        text += "{\"directory\": " + json_text(target_.folder.string()) +
                ", \"file\": " + json_text(job.inputs.front().string()) + ", \"arguments\": [";
        for (size_t i = 0; i < job.command.size(); ++i)
            text += (i == 0 ? "" : ", ") + json_text(job.command[i]);
        text += "]}";
    }
    return text + "\n]\n";
}

}  // namespace opendext::project
