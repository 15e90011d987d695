// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/interrupts.h"

#include <algorithm>
#include <string>

#include "daemon/io_return.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

namespace {

void refuse(DriverProcess& process, uint64_t serial, const Error& error) {
    driver::Interrupt answer;
    answer.outcome.io_return =
        error.code == Errc::kern ? static_cast<int32_t>(error.number) : kIOReturnError;
    answer.outcome.reason = error.text();
    process.send(std::move(answer), serial);
}

}  // namespace

/// Only a driver of the nub may have its interrupts: one of its objects has the nub as provider.
Status Interrupts::allowed(const DriverProcess& process, EntryId nub) const {
    const Entry* entry = registry_.find(nub);
    const bool is_provider =
        std::any_of(process.objects.begin(), process.objects.end(), [&](EntryId object) {
            const Entry* own = registry_.find(object);
            return own != nullptr && own->provider() == nub;
        });
    if (entry == nullptr || !is_provider)
        return Error::kern(kIOReturnNotPermitted, "interrupts belong to the nub's own drivers");
    if (entry->activity != Activity::active)
        return Error::kern(kIOReturnOffline, entry->name + " is being terminated");
    return success();
}

void Interrupts::attach(DriverProcess& process, const driver::AttachInterrupt& request,
                        uint64_t serial) {
    if (const Status status = allowed(process, request.provider); !status.ok())
        return refuse(process, serial, status.error());
    const Entry& nub = *registry_.find(request.provider);
    const auto [family, type] = families_.interrupt_owner(nub, request.index);
    if (family == nullptr) {
        return refuse(process, serial,
                      Error::kern(kIOReturnNoInterrupt,
                                  nub.name + " has no interrupt " + std::to_string(request.index)));
    }
    if (!request.attach) {
        driver::Interrupt answer;
        answer.type = type;
        return process.send(std::move(answer), serial);
    }
    size_t of_process = 0;
    for (const auto& [handle, line] : lines_) {
        if (line.process == process.number()) ++of_process;
        if (line.nub == nub.id && line.index == request.index) {
            if (line.process == process.number() && line.serial == serial && line.adopted)
                return answer_again(process, serial, type, handle, *line.adopted);
            return refuse(
                process, serial,
                Error::kern(kIOReturnNoResources, "interrupt " + std::to_string(request.index) +
                                                      " of " + nub.name + " has a source already"));
        }
    }
    if (of_process >= kMaxOfProcess) {
        return refuse(process, serial,
                      Error::kern(kIOReturnNoResources, "the process has too many interrupts"));
    }
    const uint64_t handle = next_++;
    lines_.emplace(handle, Line{process.number(), nub.id, request.index, family, serial});
    family->attach_interrupt(
        nub, request.index,
        [this, weak = process.weak_from_this(), serial, handle, type](Result<InterruptLine> line) {
            attached(weak, serial, handle, type, std::move(line));
        });
}

void Interrupts::attached(const std::weak_ptr<DriverProcess>& process, uint64_t serial,
                          uint64_t handle, uint64_t type, Result<InterruptLine> line) {
    const auto place = lines_.find(handle);
    const ProcessPtr asker = process.lock();
    if (!line.ok()) {
        if (place != lines_.end()) lines_.erase(place);
        if (asker) refuse(*asker, serial, line.error());
        return;
    }
    if (place == lines_.end()) {  // the nub ended meanwhile
        if (asker)
            refuse(*asker, serial, Error::kern(kIOReturnOffline, "the provider is terminated"));
        return;
    }
    place->second.attached = true;
    if (!asker || !asker->usable()) {
        end(place);
        return;
    }
    keep(handle, *line);
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(line->events));
    if (line->unmask) fds.push_back(std::move(line->unmask));
    asker->send(driver::Interrupt{{}, type, handle}, serial, std::move(fds));
}

/// The family lets go of the interrupt; a line that it has not attached yet ends when it answers.
Interrupts::Lines::iterator Interrupts::end(Lines::iterator place) {
    if (!place->second.attached) return std::next(place);
    const Line line = place->second;
    forget(place->first, line);
    const auto next = lines_.erase(place);
    if (const Entry* nub = registry_.find(line.nub))
        line.family->detach_interrupt(*nub, line.index);
    return next;
}

bool Interrupts::detach(const DriverProcess& process, uint64_t handle) {
    const auto line = lines_.find(handle);
    if (line == lines_.end() || line->second.process != process.number()) return false;
    end(line);
    return true;
}

void Interrupts::process_gone(const DriverProcess& process) {
    for (auto line = lines_.begin(); line != lines_.end();) {
        line = line->second.process == process.number() ? end(line) : std::next(line);
    }
}

void Interrupts::entry_gone(EntryId nub) {
    std::erase_if(lines_, [&](const auto& line) {
        if (line.second.nub != nub) return false;
        forget(line.first, line.second);
        return true;
    });
}

}  // namespace opendext::daemon
