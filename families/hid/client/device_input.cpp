// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "families/hid/client/device.h"
#include "families/hid/client/queue.h"
#include "families/hid/client/reader.h"
#include "families/hid/parse/report_fields.h"

namespace opendext::hid_client {
namespace {

/// So many reports wait for a program that does not run its call-backs.
constexpr size_t kMaxPending = 1024;

}  // namespace

void Device::read_link(const std::shared_ptr<Session>& session) {
    for (;;) {
        const auto report = session->link->next_input();
        if (!report.ok()) {
            // The device went, or spoke nonsense: what is asked from now on is told so by the link.
            Reader::instance().forget(session->watch.exchange(0));
            return;
        }
        if (!report->has_value()) return;
        take_input(**report);
    }
}

void Device::change_handlers(HandlersOf whose, const std::function<void(InputHandlers&)>& change) {
    const std::lock_guard lock(mutex_);
    change(handlers_[static_cast<size_t>(whose)]);
}

void Device::match_values(HandlersOf whose, const ElementMatching& matching) {
    std::optional<std::set<hid::Cookie>> values;
    if (!matching.empty()) {
        values.emplace();
        (void)descriptor();
        for (const auto& element : elements_) {
            if (std::ranges::any_of(matching, [&](const auto& wanted) {
                    return element.get()->fits(wanted.get());
                }))
                values->insert(element.get()->what.cookie);
        }
    }
    change_handlers(whose, [&](InputHandlers& handlers) { handlers.values = std::move(values); });
}

void Device::add_queue(Queue& queue) {
    const std::lock_guard lock(mutex_);
    queues_.push_back(queue.weak());
}

void Device::take_input(const ReportLink::InputReport& report) {
    const hid::ReportDescriptor& layout = descriptor();
    const uint32_t id = layout.uses_report_ids ? layout.id_of(report.bytes) : 0;
    Input input{report.timestamp, {report.bytes.begin(), report.bytes.end()}};
    std::vector<cf::Owned<Queue*>> queues;
    Input before;
    bool wants_report = false;
    bool wants_values = false;
    {
        const std::lock_guard lock(mutex_);
        Input& known = reports_[{ReportType::input, id}];
        before = std::exchange(known, input);
        std::erase_if(queues_, [&](const cf::Weak<Queue>& weak) {
            auto queue = weak.lock();
            if (!queue) return true;
            queues.push_back(std::move(queue));
            return false;
        });
        for (const InputHandlers& handlers : handlers_) {
            wants_report = wants_report || handlers.any();
            wants_values = wants_values || handlers.value != nullptr;
        }
    }
    const bool all = std::ranges::any_of(
        queues, [](const auto& queue) { return queue.get()->wants_unchanged(); });
    std::vector<Fresh> fresh;
    const hid::Report* fields = layout.report(static_cast<uint8_t>(id));
    if ((wants_values || !queues.empty()) && fields != nullptr)
        fresh = fresh_values(*fields, input, before, all);
    for (const auto& queue : queues) {
        for (const Fresh& value : fresh) queue.get()->offer(*value.value.get(), value.changed);
        queue.get()->offered();
    }
    if (!wants_report) return;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (pending_.size() >= kMaxPending) {
            ++dropped_;
            return;
        }
        Pending pending{std::move(input), id, {}};
        for (Fresh& value : fresh) {
            if (value.changed) pending.values.push_back(std::move(value.value));
        }
        first = pending_.empty();
        pending_.push_back(std::move(pending));
    }
    if (!first) return;
    schedule_.post([weak = weak_] {
        if (const auto device = weak.lock()) device.get()->deliver();
    });
}

void Device::add_fresh(std::vector<Fresh>& into, Element& element, int64_t value, uint64_t time,
                       bool changed) {
    into.push_back(
        {cf::Owned(new Value(cf::Owned<Element*>::share(&element), time, value)), changed});
}

std::vector<Device::Fresh> Device::fresh_values(const hid::Report& report, const Input& now,
                                                const Input& before, bool all) {
    std::vector<Fresh> fresh;
    for (const hid::Cookie cookie : report.elements[static_cast<size_t>(hid::ReportType::input)]) {
        Element& element = *elements_[cookie - 1].get();
        const hid::Element& what = element.what;
        if (what.kind == hid::ElementKind::field && what.count == 1 && what.bits <= 64) {
            const auto value = hid::read_value(what, now.bytes);
            if (!value) continue;
            const int64_t old = hid::read_value(what, before.bytes).value_or(0);
            const bool changed = what.is_relative() ? *value != 0 : *value != old;
            if (changed || all) add_fresh(fresh, element, *value, now.time, changed);
            continue;
        }
        std::vector<uint8_t> data = hid::read_data(what, now.bytes);
        if (data.empty()) continue;
        const std::vector<uint8_t> old = hid::read_data(what, before.bytes);
        const bool changed = old.empty()
                                 ? std::ranges::any_of(data, [](uint8_t byte) { return byte != 0; })
                                 : data != old;
        if (what.kind == hid::ElementKind::array && changed) {
            // What was let go and what was pressed, by cookie.
            const auto off = hid::selected_items(descriptor_, what, before.bytes);
            const auto on = hid::selected_items(descriptor_, what, now.bytes);
            std::vector<hid::Cookie> different;
            std::ranges::set_symmetric_difference(off, on, std::back_inserter(different));
            for (const hid::Cookie item : different) {
                const bool pressed = std::ranges::binary_search(on, item);
                add_fresh(fresh, *elements_[item - 1].get(), pressed ? 1 : 0, now.time, true);
            }
        }
        if (changed || all) {
            fresh.push_back({cf::Owned(new Value(cf::Owned<Element*>::share(&element), now.time,
                                                 std::move(data))),
                             changed});
        }
    }
    return fresh;
}

void Device::deliver() {
    for (;;) {
        Pending pending;
        {
            const std::lock_guard lock(mutex_);
            if (pending_.empty()) return;
            pending = std::move(pending_.front());
            pending_.pop_front();
        }
        deliver_one(pending, HandlersOf::manager);
        deliver_one(pending, HandlersOf::program);
    }
}

void Device::deliver_one(const Pending& pending, HandlersOf whose) {
    InputHandlers handlers;
    {
        const std::lock_guard lock(mutex_);
        handlers = handlers_[static_cast<size_t>(whose)];
    }
    if (!handlers.any()) return;
    std::vector<uint8_t> copy;
    const auto tell = [&](uint8_t* buffer, CFIndex room, const auto& call) {
        CFIndex length = static_cast<CFIndex>(pending.input.bytes.size());
        if (buffer == nullptr) {
            copy = pending.input.bytes;  // the call-back may write to it
            buffer = copy.data();
        } else {
            length = std::min(length, std::max<CFIndex>(room, 0));
            if (length > 0)
                std::memcpy(buffer, pending.input.bytes.data(), static_cast<size_t>(length));
        }
        call(buffer, length);
    };
    if (handlers.report != nullptr) {
        tell(handlers.report_buffer, handlers.report_room, [&](uint8_t* bytes, CFIndex length) {
            handlers.report(handlers.report_context, kIOReturnSuccess, ref_of(this),
                            kIOHIDReportTypeInput, pending.id, bytes, length);
        });
    }
    if (handlers.timed != nullptr) {
        tell(handlers.timed_buffer, handlers.timed_room, [&](uint8_t* bytes, CFIndex length) {
            handlers.timed(handlers.timed_context, kIOReturnSuccess, ref_of(this),
                           kIOHIDReportTypeInput, pending.id, bytes, length, pending.input.time);
        });
    }
    if (handlers.value == nullptr) return;
    for (const auto& value : pending.values) {
        if (handlers.values && !handlers.values->contains(value.get()->element.get()->what.cookie))
            continue;
        handlers.value(handlers.value_context, kIOReturnSuccess, ref_of(this), ref_of(value.get()));
    }
}

uint64_t Device::dropped() {
    const std::lock_guard lock(mutex_);
    return dropped_ + (session_ != nullptr ? session_->link->dropped() : 0);
}

IOHIDValueRef Device::known_value(Element& element) {
    (void)descriptor();
    const hid::Element& what = element.what;
    const std::lock_guard lock(mutex_);
    const auto report = reports_.find({what.report_type, what.report_id});
    const uint64_t time = report == reports_.end() ? 0 : report->second.time;
    const std::vector<uint8_t> none;
    const std::vector<uint8_t>& bytes = report == reports_.end() ? none : report->second.bytes;
    cf::Owned<Value*> made;
    if (what.kind == hid::ElementKind::array || what.count != 1 || what.bits > 64) {
        std::vector<uint8_t> data = hid::read_data(what, bytes);
        if (data.empty()) data.resize(static_cast<size_t>((what.total_bits() + 7) / 8));
        made = cf::Owned(new Value(cf::Owned<Element*>::share(&element), time, std::move(data)));
    } else {
        made = cf::Owned(new Value(cf::Owned<Element*>::share(&element), time,
                                   hid::read_value(what, bytes).value_or(0)));
    }
    cf::Owned<Value*>& known = values_[what.cookie];
    if (!known || known.get()->time != time ||
        !std::ranges::equal(known.get()->bytes(), made.get()->bytes()))
        known = std::move(made);
    return ref_of(known.get());
}

}  // namespace opendext::hid_client
