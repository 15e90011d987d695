// SPDX-License-Identifier: Apache-2.0
#include "daemon/crashes/crash_report.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "crash/signals.h"
#include "daemon/crashes/message_names.h"
#include "daemon/log/log.h"
#include "rpc/json.h"

namespace opendext::daemon {

namespace {

constexpr size_t kMostProperties = 64;
constexpr size_t kLongestText = 200;
constexpr size_t kLongestData = 64;

bool is_text(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; });
}

std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text += kDigits[static_cast<uint8_t>(c) >> 4];
        text += kDigits[static_cast<uint8_t>(c) & 15];
    }
    return text;
}

std::string hex(uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
    return text;
}

/// For a terminal: a driver chose these bytes.
std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
    }
    return text;
}

std::string seconds(uint64_t milliseconds) {
    char text[40];
    std::snprintf(text, sizeof text, "%llu.%03llu s",
                  static_cast<unsigned long long>(milliseconds / 1000),
                  static_cast<unsigned long long>(milliseconds % 1000));
    return text;
}

bool is_short(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::boolean:
        case Value::Kind::number:
            return true;
        case Value::Kind::string:
            return value.string()->size() <= kLongestText;
        case Value::Kind::data:
            return value.data()->size() <= kLongestData;
        default:
            return false;
    }
}

/// Limits that the process ran into, or nearly: what it used when it died beside what it may.
std::vector<std::string> limits_hit(const CrashReport& report) {
    std::vector<std::string> hit;
    const crash::Usage& usage = report.stacks.usage;
    const auto check = [&](const char* what, uint64_t used, uint64_t limit) {
        if (limit == 0 || used < limit - limit / 20) return;
        hit.push_back(std::string(what) + ": " + std::to_string(used) + " of " +
                      std::to_string(limit));
    };
    check("descriptors", usage.descriptors, usage.descriptors_limit);
    check("bytes of address space", usage.address_space, usage.address_space_limit);
    hit.insert(hit.end(), report.limits.begin(), report.limits.end());
    for (const auto& [call, refusal] : report.refused) {
        hit.push_back("system call " + call + " refused by the sandbox" +
                      (refusal.count > 1 ? " " + std::to_string(refusal.count) + " times" : "") +
                      (refusal.detail.empty() ? "" : ": " + refusal.detail));
    }
    return hit;
}

Dictionary fault_dictionary(const crash::Fault& fault) {
    Dictionary out{{"signal", crash::signal_name(fault.signal)},
                   {"code", crash::code_name(fault.signal, fault.code)},
                   {"thread", static_cast<uint32_t>(fault.thread)},
                   {"words", crash::explain(fault)}};
    if (fault.code > 0) out.emplace("address", hex(fault.address));
    if (fault.sender != 0) out.emplace("sender", static_cast<uint32_t>(fault.sender));
    if (!fault.message.empty()) out.emplace("message", fault.message);
    return out;
}

Array object_list(const CrashReport& report) {
    Array list;
    for (const CrashReport::Object& object : report.objects) {
        Dictionary one{{"id", object.id},
                       {"class", object.class_name},
                       {"state", object.state},
                       {"personality", object.personality}};
        if (object.provider.id != kNoEntry) {
            one.emplace("provider", Dictionary{{"id", object.provider.id},
                                               {"class", object.provider.class_name},
                                               {"name", object.provider.name},
                                               {"properties", object.provider.properties}});
        }
        list.emplace_back(std::move(one));
    }
    return list;
}

Array attachment_list(const CrashReport& report) {
    Array list;
    for (const CrashReport::Attachment& each : report.panic_logs) {
        Dictionary one{{"uuid", each.uuid}, {"id", each.id}};
        if (is_text(each.bytes)) {
            one.emplace("text", each.bytes);
        } else {
            one.emplace("hex", hex(each.bytes));
        }
        list.emplace_back(std::move(one));
    }
    return list;
}

/// How long before the last of them each message was.
uint64_t before_end_us(const CrashReport& report, const Recent::Traffic& message) {
    return (report.recent.messages().back().time_ns - message.time_ns) / 1000;
}

std::string build_id(const CrashReport& report) {
    for (const crash::Module& module : report.stacks.modules) {
        if (module.path == report.executable) return module.build_id;
    }
    return "";
}

std::string what_happened(const CrashReport& report) {
    std::string text = report.end.text();
    if (report.fault) {
        const std::string words = crash::explain(*report.fault);
        if (!words.empty()) text += ": " + words;
    } else if (report.end.wait_status && WIFSIGNALED(*report.end.wait_status) &&
               WTERMSIG(*report.end.wait_status) == SIGKILL && report.end.killed_for.empty()) {
        const bool limit = std::ranges::any_of(
            report.limits, [](const std::string& each) { return each.starts_with("memory: "); });
        text += limit ? ": by the kernel, since it had used up the memory that it may have"
                      : ": by a person, another program, or the kernel for want of memory";
    }
    return text;
}

}  // namespace

std::string_view to_string(CrashReport::StacksState state) {
    switch (state) {
        case CrashReport::StacksState::missing:
            return "missing";
        case CrashReport::StacksState::pending:
            return "pending";
        case CrashReport::StacksState::taken:
            return "taken";
    }
    return "unknown";
}

std::optional<CrashReport::Attachment> read_panic_log(const PanicLog& log) {
    namespace driver = protocol::driver;
    driver::PanicLogHead head;
    const int fd = log.memory.get();
    if (::pread(fd, &head, sizeof head, 0) != sizeof head || head.active != 1 ||
        head.used > log.length) {
        return {};
    }
    CrashReport::Attachment attachment;
    attachment.uuid = hex({reinterpret_cast<const char*>(log.uuid.data()), log.uuid.size()});
    attachment.id = log.data_id;
    attachment.bytes.resize(head.used);
    const ssize_t got = ::pread(fd, attachment.bytes.data(), head.used, driver::kPanicLogData);
    attachment.bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return attachment;
}

Dictionary short_properties(const Dictionary& properties) {
    Dictionary chosen;
    for (const auto& [key, value] : properties) {
        if (is_short(value) && key.size() <= kLongestText && chosen.size() < kMostProperties)
            chosen.emplace(key, value);
    }
    return chosen;
}

Dictionary CrashReport::to_dictionary() const {
    Dictionary out = stacks.to_dictionary();
    out.emplace("id", id);
    out.emplace("time", iso_time(time_ns));
    out.emplace("bundle", bundle);
    out.emplace("version", version);
    out.emplace("process", process);
    out.emplace("executable", executable);
    out.emplace("build_id", build_id(*this));
    out.emplace("pid", static_cast<uint32_t>(pid));
    out.emplace("uptime_ms", uptime_ms);
    if (end.wait_status && WIFSIGNALED(*end.wait_status)) {
        out.emplace("signal", static_cast<uint32_t>(WTERMSIG(*end.wait_status)));
    } else if (end.wait_status) {
        out.emplace("exit_status", static_cast<uint32_t>(WEXITSTATUS(*end.wait_status)));
    }
    out.emplace("text", what_happened(*this));
    out.emplace("killed_for", end.killed_for);
    if (fault) out.emplace("fault", fault_dictionary(*fault));
    out.emplace("stacks", Dictionary{{"state", to_string(stacks_state)}, {"reason", no_stacks}});
    out.emplace("sandbox", sandbox);
    Array limits;
    for (std::string& each : limits_hit(*this)) limits.emplace_back(std::move(each));
    out.emplace("limits_hit", std::move(limits));
    Array refusals;
    for (const auto& [call, refusal] : refused) {
        refusals.emplace_back(
            Dictionary{{"call", call}, {"count", refusal.count}, {"detail", refusal.detail}});
    }
    out.emplace("refused", std::move(refusals));
    out.emplace("objects", object_list(*this));
    out.emplace("panic_logs", attachment_list(*this));
    Array lines;
    for (const Recent::Line& line : recent.lines()) {
        lines.emplace_back(Dictionary{{"time", iso_time(line.time_ns)},
                                      {"level", to_string(line.level)},
                                      {"message", line.text}});
    }
    out.emplace("log", std::move(lines));
    Array traffic;
    for (const Recent::Traffic& message : recent.messages()) {
        traffic.emplace_back(Dictionary{{"from", message.from_driver ? "driver" : "opendextd"},
                                        {"message", message_text(message)},
                                        {"before_last_us", before_end_us(*this, message)}});
    }
    out.emplace("messages", std::move(traffic));
    return out;
}

std::string CrashReport::to_text() const {
    std::string text;
    const auto line = [&](std::string_view key, const std::string& value) {
        if (value.empty()) return;
        std::string head(key);
        head.resize(12, ' ');
        text += head + printable(value) + "\n";
    };
    line("Report", id);
    line("Time", iso_time(time_ns));
    line("Driver", bundle + (version.empty() ? "" : " " + version));
    line("Executable", executable);
    line("Build id", build_id(*this));
    line("Process", process + "[" + std::to_string(pid) + "], up for " + seconds(uptime_ms));
    line("End", what_happened(*this));
    if (fault) {
        line("Fault", crash::signal_name(fault->signal) + ", " +
                          crash::code_name(fault->signal, fault->code) +
                          (fault->code > 0 ? ", address " + hex(fault->address) : "") +
                          ", thread " + std::to_string(fault->thread));
    }
    for (const Object& object : objects) {
        line("Object",
             object.class_name + " (entry " + hex(object.id) + "), " + object.state +
                 (object.personality.empty() ? "" : ", personality " + object.personality));
        if (object.provider.id == kNoEntry) continue;
        line("  on", object.provider.class_name + " " + object.provider.name + " (entry " +
                         hex(object.provider.id) + ")");
        for (const auto& [key, value] : object.provider.properties)
            line("", key + " = " + to_json(value));
    }
    line("Sandbox", sandbox);
    for (const std::string& each : limits_hit(*this)) line("Limit hit", each);
    text += "\n";
    if (stacks_state == StacksState::taken) {
        text += stacks.to_text();
        if (!stacks.threads.empty() && !stacks.threads.front().registers.empty()) {
            text += "\nRegisters of thread " + std::to_string(stacks.threads.front().id) + ":\n";
            size_t column = 0;
            for (const crash::Register& each : stacks.threads.front().registers) {
                std::string one = "  " + each.name + " " + hex(each.value);
                one.resize(28, ' ');
                text += one + (++column % 3 == 0 ? "\n" : "");
            }
            text += "\n\n";
        }
    } else {
        text += "No stacks: " +
                printable(stacks_state == StacksState::pending ? "they are being looked at"
                                                               : no_stacks) +
                "\n\n";
    }
    for (const Attachment& each : panic_logs) {
        text += "Panic log " + printable(each.id) + ":\n" +
                (is_text(each.bytes) ? each.bytes : hex(each.bytes)) + "\n\n";
    }
    if (!recent.lines().empty()) text += "Last lines of its log:\n";
    for (const Recent::Line& each : recent.lines())
        text += "  " + iso_time(each.time_ns) + " " + std::string(to_string(each.level)) + " " +
                printable(each.text) + "\n";
    if (!recent.messages().empty()) text += "\nLast messages:\n";
    for (const Recent::Traffic& each : recent.messages()) {
        char when[32];
        std::snprintf(when, sizeof when, "%10.3f ms ",
                      static_cast<double>(before_end_us(*this, each)) / -1000.0);
        text += "  " + std::string(when) + (each.from_driver ? "from it: " : "to it:   ") +
                printable(message_text(each)) + "\n";
    }
    if (!stacks.modules.empty()) text += "\nModules:\n";
    for (const crash::Module& module : stacks.modules) {
        text += "  " + hex(module.begin) + "-" + hex(module.end) + " " + module.path +
                (module.build_id.empty() ? "" : " (" + module.build_id + ")") + "\n";
    }
    return text;
}

std::string crash_id(const CrashReport& report) {
    std::string stamp = iso_time(report.time_ns);
    std::replace(stamp.begin(), stamp.end(), ':', '.');
    std::string bundle = report.bundle;
    std::replace(bundle.begin(), bundle.end(), '/', '_');
    return bundle + "-" + stamp + "-" + std::to_string(report.pid);
}

}  // namespace opendext::daemon
