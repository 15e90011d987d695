// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "runner.hpp"

namespace suite {
namespace {

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream rest(text);
    for (std::string word; std::getline(rest, word, ',');) words.push_back(word);
    return words;
}

}  // namespace

Request Runner::read_request(const Line& line, size_t first) {
    Request request;
    request.selector = static_cast<uint32_t>(line.number(first));
    for (const std::string& word : split(line.option("in"))) {
        if (word[0] != '&') {
            request.in.push_back(std::stoull(word, nullptr, 0));
            continue;
        }
        const size_t plus = word.find('+');
        const Buffer* buffer = find(names_->buffers, word.substr(1, plus - 1));
        const uint64_t offset =
            plus == std::string::npos ? 0 : std::stoull(word.substr(plus + 1), nullptr, 0);
        request.in.push_back(
            (buffer != nullptr ? reinterpret_cast<uint64_t>(buffer->memory.get()) : 0) + offset);
    }
    request.out.resize(std::stoul(line.option("out", "0")));
    const std::string text = line.option("text");
    const std::string data = line.option("data");
    if (!text.empty()) {
        const auto bytes = std::as_bytes(std::span(text));
        request.data.assign(bytes.begin(), bytes.end());
    } else if (!data.empty()) {
        const size_t colon = data.find(':');
        request.data =
            pattern(std::stoul(data), static_cast<unsigned>(std::stoul(data.substr(colon + 1))));
    }
    request.variable = line.option("room") == "variable";
    if (!request.variable) request.room.resize(std::stoul(line.option("room", "0")));
    request.saves = split(line.option("save"));
    return request;
}

std::string Runner::result_line(const Request& request, std::span<const uint64_t> scalars,
                                std::span<const std::byte> structure) {
    std::string text = "ok";
    if (!request.saves.empty()) {
        for (size_t i = 0; i < request.saves.size() && i < scalars.size(); ++i)
            saved_[request.saves[i]] = scalars[i];
        return text;
    }
    for (size_t i = 0; i < scalars.size(); ++i)
        text += (i == 0 ? " out=" : ",") + std::to_string(scalars[i]);
    if (!request.room.empty() || request.variable) text += " data=" + described(structure);
    return text;
}

std::string Runner::call_now(const io::Connection& connection, Request& request) {
    if (request.variable) {
        const io::Result<io::Data> data = connection.call_data(request.selector, request.input());
        return data ? result_line(request, {}, *data) : error_line(data.error());
    }
    const io::Result<io::Output> output =
        connection.call(request.selector, request.input(), request.output());
    return output ? result_line(request, output->scalars, output->structure)
                  : error_line(output.error());
}

void Runner::call(const Line& line) {
    io::Connection* connection = find(names_->connections, line.word(1));
    if (connection == nullptr) return;
    Request request = read_request(line, 2);
    say(call_now(*connection, request));
}

void Runner::same(const Line& line) {
    const uint64_t* a = find(saved_, line.word(1));
    const uint64_t* b = find(saved_, line.word(2));
    if (a != nullptr && b != nullptr) say(*a == *b ? "same" : "different");
}

/// until C SELECTOR INDEX NAME …: makes the call until its scalar INDEX is what was saved. What a
/// driver does at the end of a connection comes soon, not at once.
void Runner::until(const Line& line) {
    io::Connection* connection = find(names_->connections, line.word(1));
    const uint64_t* value = find(saved_, line.word(4));
    if (connection == nullptr || value == nullptr) return;
    Request request = read_request(line, 2);
    const auto is_so = [&] {
        call_now(*connection, request);
        return request.out.at(line.number(3)) == *value;
    };
    say(wait_until(nullptr, is_so) ? "same" : "different");
}

void Runner::async(const Line& line) {
    io::Connection* connection = find(names_->connections, line.word(2));
    std::shared_ptr<Port>* port = find(names_->ports, line.word(3));
    if (connection == nullptr || port == nullptr) return;
    Request request = read_request(line, 4);
    const auto record = std::make_shared<Record>(*port);
    names_->records.insert_or_assign(line.word(1), record);
    // Its end is that of the callable: a move-only one.
    std::unique_ptr<Record, void (*)(Record*)> guard(record.get(), [](Record* at) { at->end(); });
    const io::Result<io::Output> output = connection->call_async(
        (*port)->port, request.selector, request.input(),
        [record, guard = std::move(guard)](const io::Completion& completion) {
            std::string text = "done " + io::Error{completion.status, {}, {}}.name();
            const char* separator = " ";
            for (const uint64_t word : completion.arguments) {
                text += separator + std::to_string(word);
                separator = ",";
            }
            record->add(text);
        },
        request.output());
    say(output ? result_line(request, output->scalars, output->structure)
               : error_line(output.error()));
}

void Runner::start(const Line& line) {
    io::Connection* connection = find(names_->connections, line.word(2));
    if (connection == nullptr) return;
    auto call = std::make_unique<Call>();
    call->request = read_request(line, 3);
    call->thread = std::thread([this, connection, call = call.get()] {
        call->result = call_now(*connection, call->request);
    });
    names_->threads.insert_or_assign(line.word(1), std::move(call));
    say("started");
}

void Runner::join(const Line& line) {
    std::unique_ptr<Call>* call = find(names_->threads, line.word(1));
    if (call == nullptr) return;
    (*call)->thread.join();
    say((*call)->result);
    names_->threads.erase(line.word(1));
}

void Runner::calls(const Line& line) {
    io::Connection* connection = find(names_->connections, line.word(2));
    if (connection == nullptr) return;
    io::Result<io::Calls> calls =
        io::Calls::create(*connection, static_cast<uint32_t>(line.number(3)));
    say_outcome(calls);
    if (calls) names_->flights.emplace(line.word(1), Flight{std::move(*calls), {}, 0});
}

void Runner::add(const Line& line) {
    Flight* flight = find(names_->flights, line.word(1));
    if (flight == nullptr) return;
    const uint64_t user = line.number(2);
    Request& request = flight->requests[user] = read_request(line, 3);
    flight->calls.add(user, request.selector, request.input(), request.output());
    ++flight->added;
}

void Runner::submit(const Line& line) {
    Flight* flight = find(names_->flights, line.word(1));
    if (flight == nullptr) return;
    const uint32_t before = flight->calls.unsent();
    const io::Result<void> sent = flight->calls.submit();
    const uint32_t left = flight->calls.unsent();
    if (sent) return say("sent " + std::to_string(before - left));
    say("sent " + std::to_string(before - left) + ", left " + std::to_string(left));
    say(error_line(sent.error()));
    flight->calls.drop_unsent();
}

void Runner::take(const Line& line) {
    Flight* flight = find(names_->flights, line.word(1));
    if (flight == nullptr) return;
    const auto results =
        flight->calls.wait(static_cast<uint32_t>(line.number(2)),
                           static_cast<uint32_t>(std::stoul(line.option("timeout", "600000"))));
    if (!results) {
        say(error_line(results.error()));
        return say("took 0");
    }
    say("took " + std::to_string(results->size()));
    for (const io::CallResult& result : *results) {
        Request& request = flight->requests[result.user];
        say(std::to_string(result.user) + " " +
            (result.result != kIOReturnSuccess
                 ? error_line(io::Calls::error(result))
                 : result_line(request, std::span(request.out).first(result.outputCount),
                               std::span(request.room).first(result.outputStructCnt))));
    }
}

void Runner::pending(const Line& line) {
    if (Flight* flight = find(names_->flights, line.word(1)))
        say(std::to_string(flight->calls.pending()));
}

void Runner::post(const Line& line) {
    io::Connection* connection = find(names_->connections, line.word(1));
    if (connection == nullptr) return;
    const Request request = read_request(line, 2);
    io::Result<void> posted;
    for (uint64_t i = std::stoull(line.option("times", "1")); i > 0 && posted; --i)
        posted = connection->post(request.selector, request.input());
    say_outcome(posted);
}

}  // namespace suite
