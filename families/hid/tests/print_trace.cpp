// SPDX-License-Identifier: Apache-2.0
// print_trace ENTRY: what the event service of this entry does, one JSON object a line, until end
// of file on standard input. For tests: numbers only, no names to read.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "families/hid/driver/trace.h"
#include "tools/common/daemon_client.h"

using namespace opendext;
using namespace opendext::hid;

namespace {

void print(const TraceRecord& record) {
    std::printf("{\"kind\": \"%s\", \"time\": %llu, \"id\": %u, ",
                std::string(to_string(record.kind)).c_str(),
                static_cast<unsigned long long>(record.timestamp), record.report_id);
    switch (record.kind) {
        case TraceKind::report:
            std::printf("\"type\": %u, \"length\": %u, \"bytes\": \"", record.report_type,
                        record.length);
            for (const uint8_t byte : record.kept_bytes()) std::printf("%02x", byte);
            std::printf("\"");
            break;
        case TraceKind::element:
            std::printf("\"page\": %u, \"usage\": %u, \"value\": %lld", record.page, record.usage,
                        static_cast<long long>(record.value));
            break;
        case TraceKind::event:
            std::printf("\"event\": \"%s\", \"delivered\": %s",
                        std::string(to_string(record.event)).c_str(),
                        record.delivered ? "true" : "false");
            for (size_t i = 0; i < value_names(record.event).size(); ++i) {
                std::printf(", \"%s\": %lld", std::string(value_names(record.event)[i]).c_str(),
                            static_cast<long long>(record.values[i]));
            }
            break;
    }
    std::printf("}\n");
}

Status run(uint64_t entry) {
    auto daemon = OD_TRY(tools::DaemonClient::connect(Realm::select(), "print_trace"));
    protocol::client::FamilyRequest request;
    request.entry = entry;
    request.what = "trace";
    auto reply = OD_TRY(daemon.ask_family(std::move(request)));
    if (reply.fds.size() != 1) return Error{Errc::malformed, 0, "no trace came"};
    auto reader = OD_TRY(TraceReader::open(std::move(reply.fds[0])));
    std::printf("{\"kind\": \"open\"}\n");
    for (;;) {
        while (const auto record = reader.next()) print(*record);
        std::fflush(stdout);
        pollfd input{STDIN_FILENO, POLLIN, 0};
        if (::poll(&input, 1, 0) > 0) return success();
        reader.wait(std::chrono::milliseconds(100));
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    const Status status = run(std::strtoull(argv[1], nullptr, 0));
    if (!status.ok()) std::fprintf(stderr, "print_trace: %s\n", status.error().text().c_str());
    return status.ok() ? 0 : 1;
}
