// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "bundle/elf.h"
#include "rpc/probe.h"
#include "rpc/whole_file.h"

namespace opendext::daemon {

std::string_view to_string(DaemonState state) {
    switch (state) {
        case DaemonState::starting:
            return "starting";
        case DaemonState::serving:
            return "serving";
        case DaemonState::ending:
            return "ending";
        case DaemonState::over:
            return "over";
    }
    return "unknown";
}

namespace {
/// ", from EscapeArtist::Start_Impl(IOService*) in EscapeArtist"
std::string refused_from(const std::string& bundle, const protocol::keeper::Refused& refused) {
    std::string place = bundle::function_at(bundle + "/" + refused.file, refused.offset);
    if (place.empty()) place = "offset " + std::to_string(refused.offset);
    return ", from " + place + " in " + refused.file;
}

/// How many daemons this realm has had: a client that rides out a restart must never meet an old id
/// again.
uint64_t next_generation(const std::filesystem::path& file) {
    uint64_t generation = 0;
    std::ifstream(file) >> generation;
    // As a whole, so that one that is killed here leaves a number. If it cannot be written, the
    // registry of a predecessor still keeps its ids apart.
    (void)write_whole_file(file, std::to_string(generation + 1)).ok();
    return generation;
}
}  // namespace

Daemon::Daemon(EventLoop& loop, Options options, Socket keeper)
    : loop_(loop),
      options_(std::move(options)),
      log_(options_.realm.log()),
      heap_trim_(loop_, registry_),
      keeper_(loop, options_.deadlines, std::move(keeper),
              {[this](int32_t pid, int32_t status) { lifecycle_.processes().exited(pid, status); },
               [this](const protocol::keeper::Refused& refused) { refused_call(refused); },
               [this](const protocol::keeper::LimitsHit& hit) { limits_hit(hit); },
               [this](const Error& error) { keeper_gone(error); }}),
      crashes_(loop_, log_, recorder_, options_.realm.crashes(),
               options_.restart.stacks_per_minute),
      debugging_(loop_),
      context_{loop_,
               options_.deadlines,
               log_,
               registry_,
               recorder_,
               classes_,
               keeper_,
               crashes_,
               debugging_,
               options_.policy,
               options_.restart,
               options_.realm.programs(),
               options_.clock != nullptr ? *options_.clock : loop_},
      families_(classes_),
      opens_(registry_, recorder_,
             [this](const Entry& provider, EntryId client, bool forced) {
                 provider_closed(provider, client, forced);
             }),
      lifecycle_(context_, families_,
                 {[this](const Instance& instance) {
                      matcher_.detached(instance);
                      loop_.post([this] {
                          catalogue_.check_waiting();
                          check_stopped();
                      });
                  },
                  [this](const DriverProcess&) {
                      loop_.post([this] {
                          catalogue_.check_waiting();
                          clients_.check_quiet();
                          check_stopped();
                      });
                  }}),
      supervisor_(context_, {[this](EntryId nub, const PersonalityPtr& personality) {
                                 matcher_.restart(nub, personality);
                             },
                             [this](EntryId nub) { matcher_.match(nub); },
                             [this](EntryId nub, const std::string& bundle_id) {
                                 families_.given_up(nub, bundle_id);
                             }}),
      matcher_(context_, families_, index_, lifecycle_, supervisor_),
      power_(context_, lifecycle_, {[this](bool asleep) {
                 matcher_.set_asleep(asleep);
                 lifecycle_.set_asleep(asleep);
             }}),
      catalogue_(context_, options_.realm.extensions(), index_, matcher_, lifecycle_),
      clients_(context_, lifecycle_, matcher_, catalogue_, power_, options_.realm.root().string(),
               options_.keeper_pid, options_.client_limits,
               {[this](std::function<void()> done) { stop(std::move(done)); },
                [this] { return processes_quiet(); }}) {
    link_.device_directory =
        options_.realm.is_system() ? "/dev" : options_.realm.devices().string();
    link_.adopts = adopts();
    if (adopts()) link_.held = &options_.inheritance->held;
    link_.opens = &opens_;
    link_.successor_expected = [this](EntryId nub) { return supervisor_.successor_expected(nub); };
    link_.message_clients = [this](EntryId id, uint32_t message, uint64_t argument) {
        clients_.message_clients(id, message, argument);
    };
}

Daemon::~Daemon() {
    loop_.forget_posted();
}

EntryId Daemon::publish(EntryId provider, const std::string& class_name, const std::string& name,
                        Dictionary properties) {
    Registry::Spec spec;
    spec.provider = provider;
    spec.classes = classes_.chain(class_name);
    spec.name = name;
    spec.properties = std::move(properties);
    spec.service = class_name != "IORegistryEntry";
    return registry_.add(std::move(spec)).id;
}

void Daemon::provider_closed(const Entry& provider, EntryId client, bool forced) {
    const Entry* entry = registry_.find(client);
    if (forced) {
        log_.write(LogLevel::notice, "lifecycle",
                   "force close: " + (entry == nullptr ? "a driver" : entry->name) + " had " +
                       provider.name + " open when it ended");
    }
    families_.closed(provider, client, forced);
}

void Daemon::publish_roots() {
    const EntryId root =
        publish(kNoEntry, "IORegistryEntry", "Root",
                {{"IORegistryPlanes",
                  Dictionary{{std::string(kServicePlane), kServicePlane},
                             {std::string(PowerTree::kPowerPlane), PowerTree::kPowerPlane}}},
                 {"OpenDextRealm", options_.realm.root().string()},
                 {"OpenDextPolicy", to_string(options_.policy)}});
    platform_ = publish(root, "IOPlatformExpertDevice", "OpenDext", {{"model", "OpenDext"}});
    resources_ = publish(platform_, "IOResources", "IOResources", {});
    lifecycle_.publish_servers_below(resources_);
    link_.user_resources = publish(platform_, "IOUserResources", "IOUserResources", {});
}

void Daemon::publish_resource(const std::string& name) {
    // IOResourceMatch asks for these before a driver starts; here they are there from the first
    // moment.
    for (const EntryId id : {resources_, link_.user_resources})
        registry_.set_property(id, name, "IOService");
}

Status Daemon::start() {
    OD_TRY(families_.add(std::make_unique<CoreFamily>(
        context_, lifecycle_, power_, [this](EntryId id, uint32_t message, uint64_t argument) {
            clients_.message_clients(id, message, argument);
        })));
    for (const RegisteredFamily& family : options_.families) {
        hosts_.push_back(std::make_unique<Host>(family.name, context_, lifecycle_, link_));
        Status added = families_.add(family.make(*hosts_.back()));
        if (!added.ok()) return std::move(added).error().in("family " + family.name);
    }
    changes_ = OD_TRY(ChangeBoard::create());
    registry_.count_changes(changes_.get());
    registry_.start_ids(next_generation(options_.realm.socket().parent_path() / "generation"));
    begin_records();
    OD_TRY(catalogue_.load());
    if (adopts()) {
        OD_TRY(restore());
    } else {
        publish_roots();
        publish_resource("IOKit");
        publish_resource("IOBSD");
    }
    families_.realm_started();
    if (adopts()) resume();
    const mode_t mode = options_.realm.is_system() ? 0666 : 0600;
    OD_TRY(clients_.listen(options_.realm.socket(), mode));
    state_ = DaemonState::serving;
    if (!adopts()) {
        for (const EntryId id : {platform_, resources_, link_.user_resources})
            lifecycle_.register_service(id);
    }
    OPENDEXT_PROBE(daemon_serving);
    lifecycle_.processes().spares().begin();
    keeper_.ready();
    if (adopts()) {
        // The predecessor died while the realm ended: that goes on, or is through.
        const Entry* platform = registry_.find(platform_);
        if (platform == nullptr || platform->activity != Activity::active) stop({});
    }
    log_.write(LogLevel::notice, "daemon",
               "the realm " + options_.realm.root().string() +
                   (adopts() ? " is up again, policy " : " is up, policy ") +
                   std::string(to_string(options_.policy)));
    return success();
}

void Daemon::stop(std::function<void()> stopped) {
    if (stopped) when_stopped_.push_back(std::move(stopped));
    if (state_ == DaemonState::ending || state_ == DaemonState::over) return;
    state_ = DaemonState::ending;
    log_.write(LogLevel::notice, "daemon", "the realm ends");
    matcher_.stop();
    clients_.stop_listening();
    lifecycle_.processes().spares().stop();
    OPENDEXT_PROBE(daemon_end);
    stop_deadline_ = loop_.after(options_.deadlines.of(Deadline::shut_down), [this] {
        log_.write(LogLevel::error, "daemon",
                   "not everything ended in time; the keeper ends the rest");
        finish();
    });
    if (platform_ != kNoEntry) lifecycle_.terminate(platform_);
    loop_.post([this] { check_stopped(); });
}

void Daemon::check_stopped() {
    if (state_ != DaemonState::ending) return;
    if (registry_.find(platform_) != nullptr || !lifecycle_.processes().all().empty()) return;
    finish();
}

void Daemon::finish() {
    if (state_ == DaemonState::over) return;
    state_ = DaemonState::over;
    stop_deadline_.reset();
    for (const auto& stopped : std::exchange(when_stopped_, {})) stopped();
    OPENDEXT_PROBE(daemon_over);
    keeper_.shut_down();
    // One more turn: the answers that were just queued go out.
    loop_.post([this] { loop_.exit(0); });
}

void Daemon::keeper_gone(const Error& error) {
    if (state_ == DaemonState::over) return;
    log_.write(LogLevel::error, "daemon", "the keeper is gone: " + error.text());
    state_ = DaemonState::over;
    loop_.exit(1);
}

void Daemon::refused_call(const protocol::keeper::Refused& refused) {
    crashes_.refused(refused.pid, refused);
    LogLine line;
    std::string from;
    line.level = LogLevel::error;
    line.pid = refused.pid;
    line.subsystem = "opendext";
    line.category = "sandbox";
    if (const ProcessPtr process = lifecycle_.processes().of_pid(refused.pid)) {
        line.bundle = process->spec().bundle_id;
        line.process = process->spec().server_name;
        if (!refused.file.empty()) from = refused_from(process->spec().bundle_path, refused);
    }
    line.message = line.bundle + "[" + std::to_string(refused.pid) + "]: refused: " + refused.call +
                   (refused.detail.empty() ? "" : " " + refused.detail) + " (sandbox)" + from;
    if (refused.suppressed > 0)
        line.message += "; " + std::to_string(refused.suppressed) + " more left out";
    log_.write(std::move(line));
}

void Daemon::limits_hit(const protocol::keeper::LimitsHit& hit) {
    crashes_.limits_hit(hit);
    const ProcessPtr process = lifecycle_.processes().of_pid(hit.pid);
    for (const std::string& limit : hit.limits) {
        log_.write(LogLevel::error, "sandbox",
                   (process ? process->spec().bundle_id : "") + "[" + std::to_string(hit.pid) +
                       "] ran into a limit of its sandbox: " + limit);
    }
}

bool Daemon::processes_quiet() const {
    const auto& all = lifecycle_.processes().all();
    return std::all_of(all.begin(), all.end(), [](const auto& process) {
        return process.second->state() == ProcessState::ready;
    });
}

}  // namespace opendext::daemon
