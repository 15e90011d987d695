// SPDX-License-Identifier: Apache-2.0
#include "crash/stacks.h"

#include <algorithm>
#include <concepts>
#include <cstdio>

#include "crash/limits.h"
#include "rpc/machine_registers.h"

namespace opendext::crash {
namespace {

std::string hex(uint64_t number, int digits = 0) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%0*llx", digits, static_cast<unsigned long long>(number));
    return text;
}

std::string file_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

std::string frame_text(const Frame& frame) {
    std::string text = hex(frame.address, 12) + " ";
    if (frame.function.empty()) {
        text += "??";
    } else {
        text += frame.function;
        if (frame.offset != 0 && frame.line == 0) text += " + " + std::to_string(frame.offset);
    }
    if (frame.line != 0) text += " at " + frame.file + ":" + std::to_string(frame.line);
    if (frame.inlined) return text + " (inlined)";
    if (!frame.module.empty())
        text += " (" + file_name(frame.module) + " + " + hex(frame.in_module) + ")";
    return text;
}

Dictionary frame_dictionary(const Frame& frame) {
    Dictionary out{{"address", hex(frame.address)}};
    if (!frame.function.empty()) out.emplace("function", frame.function);
    if (!frame.function.empty()) out.emplace("offset", frame.offset);
    if (frame.line != 0) {
        out.emplace("file", frame.file);
        out.emplace("line", frame.line);
    }
    if (!frame.module.empty()) {
        out.emplace("module", frame.module);
        out.emplace("module_offset", hex(frame.in_module));
    }
    if (frame.inlined) out.emplace("inlined", true);
    return out;
}

Dictionary thread_dictionary(const Thread& thread) {
    Dictionary out{{"id", static_cast<uint32_t>(thread.id)},
                   {"name", thread.name},
                   {"faulting", thread.faulting},
                   {"doing", thread.doing}};
    if (!thread.registers.empty()) {
        Dictionary registers;
        for (const Register& each : thread.registers) registers.emplace(each.name, hex(each.value));
        out.emplace("registers", std::move(registers));
    }
    Array frames;
    for (const Frame& frame : thread.frames) frames.emplace_back(frame_dictionary(frame));
    out.emplace("frames", std::move(frames));
    if (!thread.end.empty()) out.emplace("end", thread.end);
    return out;
}

/// Goes through all strings and lists of a struct by its `fields`.
class Cleaner {
  public:
    template <typename... T>
    void operator()(T&... fields) {
        (one(fields), ...);
    }

  private:
    template <typename T>
    void one(T& field) {
        if constexpr (std::same_as<T, std::string>) {
            if (field.size() > kLongestName) field.resize(kLongestName);
            for (char& c : field) {
                if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
            }
        } else if constexpr (requires { field.fields(*this); }) {
            field.fields(*this);
        } else if constexpr (requires { field.begin(); }) {
            for (auto& each : field) one(each);
        }
    }
};

}  // namespace

void Stacks::clean() {
    Cleaner cleaner;
    fields(cleaner);
    if (threads.size() > kMostThreads) threads.resize(kMostThreads);
    if (modules.size() > kMostModules) modules.resize(kMostModules);
    for (Thread& thread : threads) {
        if (thread.frames.size() > kMostFrames) thread.frames.resize(kMostFrames);
        if (thread.registers.size() > machine::kNames.size())
            thread.registers.resize(machine::kNames.size());
    }
}

std::vector<std::string> Stacks::summary(const std::string& folder) const {
    std::vector<std::string> own;
    std::vector<std::string> others;
    for (const Thread& thread : threads) {
        const auto inside = std::ranges::find_if(thread.frames, [&](const Frame& frame) {
            return frame.module.starts_with(folder + "/");
        });
        const bool is_own = inside != thread.frames.end();
        std::string text = "thread " + std::to_string(thread.id) + " (" + thread.name + ")";
        if (!thread.doing.empty()) text += " " + thread.doing;
        if (!thread.frames.empty())
            text += ": " + frame_text(is_own ? *inside : thread.frames.front());
        (is_own ? own : others).push_back(std::move(text));
    }
    return own.empty() ? others : own;
}

std::string Stacks::to_text() const {
    std::string text;
    for (const Thread& thread : threads) {
        text += "Thread " + std::to_string(thread.id) + " \"" + thread.name + "\"" +
                (thread.faulting ? ", which crashed" : "") +
                (thread.doing.empty() ? "" : ", " + thread.doing) + ":\n";
        for (size_t i = 0; i < thread.frames.size(); ++i) {
            char place[16];
            std::snprintf(place, sizeof place, "  #%-3zu ", i);
            text += place + frame_text(thread.frames[i]) + "\n";
        }
        if (!thread.end.empty()) text += "  (" + thread.end + ")\n";
        text += "\n";
    }
    for (const std::string& note : notes) text += "Note: " + note + "\n";
    return text;
}

Dictionary Stacks::to_dictionary() const {
    Array thread_list;
    for (const Thread& thread : threads) thread_list.emplace_back(thread_dictionary(thread));
    Array module_list;
    for (const Module& module : modules) {
        module_list.emplace_back(Dictionary{{"path", module.path},
                                            {"build_id", module.build_id},
                                            {"begin", hex(module.begin)},
                                            {"end", hex(module.end)}});
    }
    Dictionary used{{"address_space", usage.address_space},
                    {"resident", usage.resident},
                    {"descriptors", usage.descriptors},
                    {"threads", usage.threads}};
    if (usage.address_space_limit != 0)
        used.emplace("address_space_limit", usage.address_space_limit);
    if (usage.descriptors_limit != 0) used.emplace("descriptors_limit", usage.descriptors_limit);
    Array note_list;
    for (const std::string& note : notes) note_list.emplace_back(note);
    return {{"threads", std::move(thread_list)},
            {"modules", std::move(module_list)},
            {"usage", std::move(used)},
            {"notes", std::move(note_list)}};
}

}  // namespace opendext::crash
